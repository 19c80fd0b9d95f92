#!/usr/bin/env python3
"""Writes crates/kelvin-lm/tests/golden/ggml-blocks.json: random blocks of each of ggml's formats,
and what gguf-py (which does not share code with ggml's C) says they mean. Needs numpy and gguf."""

import json
import sys

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as Type

# offsets of the f16 factors in a block; everything else may be any byte
FORMATS = {
    Type.F16: [0],
    Type.BF16: [],
    Type.Q8_0: [0],
    Type.Q4_0: [0],
    Type.Q4_1: [0, 2],
    Type.Q5_0: [0],
    Type.Q5_1: [0, 2],
    Type.Q4_K: [0, 2],
    Type.Q5_K: [0, 2],
    Type.Q6_K: [208],
}


def blocks(rng, kind, factors):
    if kind in (Type.F16, Type.BF16):
        values = rng.standard_normal(96, dtype=np.float32)
        return gguf.quants.quantize(values, kind).view(np.uint8).reshape(-1)
    n_blocks = 3 if GGML_QUANT_SIZES[kind][0] == 256 else 8
    raw = rng.integers(0, 256, (n_blocks, GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
    for at in factors:
        values = rng.standard_normal(n_blocks).astype(np.float16)
        values[-1] = np.float16(3e-6)  # subnormal
        raw[:, at : at + 2] = values.view(np.uint8).reshape(-1, 2)
    return raw.reshape(-1)


def main(path):
    rng = np.random.default_rng(20)
    formats = []
    for kind, factors in FORMATS.items():
        raw = blocks(rng, kind, factors)
        values = gguf.quants.dequantize(raw, kind).astype("<f4")
        formats.append({"dtype": kind.name, "bytes": raw.tobytes().hex(), "values": values.tobytes().hex()})
    with open(path, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(f) for f in formats) + "\n]\n")


if __name__ == "__main__":
    main(sys.argv[1])
