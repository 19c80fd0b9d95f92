#!/usr/bin/env python3
"""Golden logits, self-noise and perplexity of llama.cpp for the two real models.

    scripts/golden/llama_cpp_logits.py quant path/to/the-verdict.txt
    LLAMA_CPP_LIB_PATH=EXACT scripts/golden/llama_cpp_logits.py f32 path/to/the-verdict.txt

EXACT is a folder that scripts/golden/build-llama-cpp-exact-gelu filled; it says why. Needs numpy,
gguf and llama-cpp-python. Writes crates/kelvin-lm/tests/golden/llama-cpp-{model}-{f32,quant}.json
(MADE.md beside them says what each field is), and for f32 the F32 copies of both models into the
model cache (0.5 and 1.1 GB).
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import gguf
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from peer_llama_cpp import F32_COPIES, MODELS, Context, Model, build_info, lib, model_folder  # noqa: E402

OUT = ROOT / "crates/kelvin-lm/tests/golden"
STEPS = 64
TOP = 10
CHUNK = 64
SCORED_IDS = 2048
SPAN = 256

PROMPTS = {
    "english": "The lighthouse keeper climbed the stairs, lit the lamp and",
    "italian": "Racconta una breve storia su un gatto magico.",
    "french": "Il était une fois, dans un village au bord de la mer, une petite fille qui",
    "code": "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n    if n < 2:\n",
    "list": "Shopping list:\n1. 12 eggs\n2. 3.5 kg of flour\n3. 250 ml of milk\n4.",
    "scripts": "今天的天气很好，我们一起去公园吧。Сегодня хорошая погода, и мы идём",
    "chat": "User: Hi! Can you tell me why the sky is blue?\nAssistant:",
    "passage": (
        "Tea was served on the veranda at five, as it had been every day since the house was built. "
        "The older of the two sisters poured; the younger read aloud from a letter that had come that "
        "morning, stopping now and then to laugh at the spelling. Below them the river moved slowly "
        "past the mill, brown after three days of rain, and on the far bank a man with a red dog was "
        "walking towards the bridge. Neither of them knew him. When he reached the gate he took off "
        "his hat, looked up and"
    ),
}


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fnv1a(ids):
    """FNV-1a-64 over the ids as little-endian u32: names a sequence without spelling it out."""
    value = 0xCBF29CE484222325
    for byte in np.asarray(ids, "<u4").tobytes():
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return f"{value:016x}"


def make_f32_copy(quantised, copy):
    """The library's own quantize call with the target ALL_F32: every tensor dequantised to F32."""
    if copy.exists():
        return
    need = 8 * quantised.stat().st_size
    if shutil.disk_usage(copy.parent).free < need:
        raise SystemExit(f"{copy}: needs up to {need >> 20} MiB of free disk")
    params = lib.llama_model_quantize_default_params()
    params.ftype = lib.LLAMA_FTYPE_ALL_F32
    params.allow_requantize = True
    partial = copy.with_suffix(".partial")
    if lib.llama_model_quantize(str(quantised).encode(), str(partial).encode(), params):
        raise SystemExit(f"{quantised}: llama_model_quantize failed")
    partial.rename(copy)


def check_f32_copy(quantised, copy):
    """The copy's bits are the dequantised bits, so a test may run on the quantised file instead."""
    made = {tensor.name: tensor for tensor in gguf.GGUFReader(copy).tensors}
    types = {}
    for tensor in gguf.GGUFReader(quantised).tensors:
        kind = tensor.tensor_type.name
        types[kind] = types.get(kind, 0) + 1
        other = made.pop(tensor.name)
        assert other.tensor_type.name == "F32", other.name
        expected = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        assert np.array_equal(expected.reshape(-1), other.data.reshape(-1)), tensor.name
    assert not made, f"only in the copy: {sorted(made)}"
    return types


def top(row):
    """The ten largest logits: larger first, then the smaller id, as Kelvin orders them."""
    some = np.argpartition(row, -4 * TOP)[-4 * TOP :]
    order = np.lexsort((some, -row[some]))
    return some[order][:TOP]


def decode_prompt(context, prompt_ids):
    """The prompt in one batch, then 64 greedy tokens one by one (EOS does not stop it)."""
    context.clear()
    row = context.feed(prompt_ids)[0]
    ids, top_ids, top_logits = [], [], []
    for step in range(STEPS):
        best = top(row)
        top_ids.append([int(token) for token in best])
        top_logits.append(row[best].astype(np.float64))
        ids.append(int(best[0]))
        if step + 1 < STEPS:
            row = context.feed([ids[-1]])[0]
    return ids, top_ids, np.array(top_logits)


def rows_in_chunks(context, ids):
    """Logits at every position, fed in chunks of 64."""
    context.clear()
    chunks = (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
    return np.concatenate([context.feed(chunk, every_row=True).copy() for chunk in chunks])


def perplexity(context, ids):
    """Mean negative log-probability of ids[1..] given all before; also its sum per span."""
    context.clear()
    losses = []
    for start in range(0, len(ids), 512):
        rows = context.feed(ids[start : start + 512], every_row=True)
        for row, target in zip(rows, ids[start + 1 : start + 513]):
            row = row.astype(np.float64)
            peak = row.max()
            losses.append(peak + np.log(np.exp(row - peak).sum()) - row[target])
    spans = [float(f"{sum(losses[at : at + SPAN]):.7g}") for at in range(0, len(losses), SPAN)]
    return float(f"{np.exp(np.mean(losses)):.9g}"), len(losses), spans


def measure_prompts(model, kv_type, threads):
    """Every prompt's record, and llama.cpp's difference from itself over all of them."""
    context = Context(model, 512, threads, kv_type)
    records, squares, flips, flip_gap = [], 0.0, 0, 0.0
    for name, text in PROMPTS.items():
        prompt_ids = model.tokenize(text)
        ids, top_ids, top_logits = decode_prompt(context, prompt_ids)
        rows = rows_in_chunks(context, prompt_ids + ids[:-1])[-STEPS:]
        again = np.array([row[best] for row, best in zip(rows, top_ids)])
        squares += float(((again - top_logits) ** 2).sum())
        gaps = top_logits[:, 0] - top_logits[:, 1]
        flipped = np.array([top(row)[0] for row in rows]) != np.array(ids)
        flips += int(flipped.sum())
        flip_gap = max(flip_gap, float(gaps[flipped].max(initial=0)))
        records.append(
            {
                "name": name,
                "text": text,
                "prompt_ids": prompt_ids,
                "ids": ids,
                "top_ids": top_ids,
                "top_logits": [[float(f"{x:.7g}") for x in row] for row in top_logits],
            }
        )
    context.close()
    steps = STEPS * len(PROMPTS)
    noise = {
        "chunk": CHUNK,
        "rms": float(f"{(squares / (steps * TOP)) ** 0.5:.4g}"),
        "flip_rate": round(flips / steps, 5),
        "largest_gap_at_a_flip": float(f"{flip_gap:.4g}"),
    }
    return records, noise


def dump(value):
    """Compact JSON, with one line per list of a prompt."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for key in ('"', "{"):
        body = body.replace(f"],{key}", f"],\n{key}")
    return body.replace("]],", "]],\n").replace("},{", "},\n{") + "\n"


def make(name, kind, path, text, threads):
    kv_type = lib.GGML_TYPE_F32 if kind == "f32" else lib.GGML_TYPE_F16
    model = Model(path)
    records, noise = measure_prompts(model, kv_type, threads)
    if kind == "f32" and noise["rms"] > 1e-4:
        raise SystemExit(f"{noise}: this build rounds GELU to half precision; see EXACT above")
    scored = model.tokenize(text)[:SCORED_IDS]
    assert len(scored) == SCORED_IDS, "the text is too short"
    context = Context(model, SCORED_IDS, threads, kv_type)
    value, positions, spans = perplexity(context, scored)
    context.close()
    golden = {
        "model": MODELS[name],
        "sha256": sha256(model_folder() / MODELS[name]),
        "weights": kind,
        "llama_cpp": build_info()
        | {
            "n_threads": threads,
            "kv_cache": "f32" if kind == "f32" else "f16",
            "flash_attention": False,
            "gelu": "f32" if "LLAMA_CPP_LIB_PATH" in os.environ else "f16 table",
            "add_bos": model.adds_bos(),
        },
        "self_noise": noise,
        "perplexity": {
            "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
            "ids": SCORED_IDS,
            "ids_fnv1a64": fnv1a(scored),
            "scored": positions,
            "value": value,
            "span": SPAN,
            "span_losses": spans,
        },
        "prompts": records,
    }
    target = OUT / f"llama-cpp-{name}-{kind}.json"
    target.write_text(dump(golden), encoding="utf-8")
    print(f"{target.relative_to(ROOT)}: perplexity {value}, self-noise {noise}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", choices=["f32", "quant"])
    parser.add_argument("text", type=Path, help="the-verdict.txt (not part of the repository)")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    text = arguments.text.read_text(encoding="utf-8")
    OUT.mkdir(parents=True, exist_ok=True)
    for name, file in MODELS.items():
        path = model_folder() / file
        if arguments.weights == "f32":
            quantised, path = path, model_folder() / F32_COPIES[name]
            make_f32_copy(quantised, path)
            print(f"{file}: {check_f32_copy(quantised, path)} tensors, dequantised bit for bit")
        make(name, arguments.weights, path, text, arguments.threads)


if __name__ == "__main__":
    main()
