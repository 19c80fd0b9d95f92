#!/usr/bin/env python3
"""Writes crates/kelvin-lm/tests/golden/ggml-encoded.json: numbers, and their bytes in the formats that
weights are converted to, as gguf-py has them. Needs numpy and gguf."""

import json
import sys

import gguf
import numpy as np
from gguf.constants import GGMLQuantizationType as Type


def numbers(rng):
    """Blocks of 32: of many sizes, with ties between two quants, with zeros, nearly subnormal."""
    blocks = [rng.standard_normal(32) * scale for scale in (1, 1e-3, 100, 3e-7, 1e-30, 6e4, 1e-36)]
    ties = np.arange(32) - 15.5
    blocks += [np.append(ties[:-1], 127.0), np.append(ties[:-1] / 4, -127 / 4), np.zeros(32)]
    blocks += [rng.standard_normal(32) * 10.0 ** rng.uniform(-6, 3, 32) for _ in range(4)]
    return np.concatenate(blocks).astype(np.float32)


def main(path):
    values = numbers(np.random.default_rng(21))
    entry = {"numbers": values.astype("<f4").tobytes().hex()}
    for kind in (Type.F16, Type.BF16, Type.Q8_0):
        in_range = np.clip(values, -65504, 65504) if kind == Type.F16 else values
        entry[kind.name] = gguf.quants.quantize(in_range, kind).view(np.uint8).tobytes().hex()
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(entry, indent=0) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
