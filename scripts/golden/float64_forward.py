#!/usr/bin/env python3
"""How far llama.cpp's golden logits are from the same model in float64.

    scripts/golden/float64_forward.py [smollm2-f32 smollm2-quant gemma3-f32 gemma3-quant]

The plain formulas of both architectures over the dequantised weights, whole sequence at once, in
numpy; shares no code with llama.cpp or Kelvin. Prints, for each golden file, the largest and the
root mean square difference over its top tens. MADE.md quotes it. Needs numpy and gguf.
"""

import json
import os
import sys
from pathlib import Path

import gguf
import numpy as np

GOLDEN = Path(__file__).resolve().parents[2] / "crates/kelvin-lm/tests/golden"
MODELS = Path(os.environ.get("KELVIN_MODELS", Path.home() / ".cache/kelvin/models"))


class Weights:
    """Hyper-parameters and dequantised tensors of a GGUF file."""

    def __init__(self, path):
        self.file = gguf.GGUFReader(path)
        self.arch = self.file.fields["general.architecture"].contents()
        self.tensors = {tensor.name: tensor for tensor in self.file.tensors}
        self.embedding = self.raw("token_embd")

    def setting(self, key, default=None):
        field = self.file.fields.get(f"{self.arch}.{key}")
        return field.contents() if field else default

    def raw(self, name):
        tensor = self.tensors[f"{name}.weight"]
        return gguf.quants.dequantize(tensor.data, tensor.tensor_type)

    def __getitem__(self, name):
        return self.raw(name).astype(np.float64)


def rms_norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def rotate(x, base, halves):
    """Rotary positions on [positions, heads, dim]: pairs (i, i + dim/2) or (2i, 2i + 1)."""
    count, _, dim = x.shape
    angles = np.arange(count)[:, None] * base ** (-np.arange(0, dim, 2) / dim)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    first = np.s_[..., : dim // 2] if halves else np.s_[..., 0::2]
    second = np.s_[..., dim // 2 :] if halves else np.s_[..., 1::2]
    out = np.empty_like(x)
    out[first] = x[first] * cos - x[second] * sin
    out[second] = x[second] * cos + x[first] * sin
    return out


def attend(q, k, v, window):
    """Causal attention, each group of query heads on one key head; `window` positions in view."""
    count, heads, dim = q.shape
    distance = np.arange(count)[:, None] - np.arange(count)
    hidden = (distance < 0) | (distance >= window)
    out = np.empty_like(q)
    for head in range(heads):
        shared = head * k.shape[1] // heads
        scores = q[:, head] @ k[:, shared].T / np.sqrt(dim)
        scores[hidden] = -np.inf
        mass = np.exp(scores - scores.max(-1, keepdims=True))
        out[:, head] = mass / mass.sum(-1, keepdims=True) @ v[:, shared]
    return out.reshape(count, -1)


def gate(x, gemma):
    if gemma:
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * x * (1 + 0.044715 * x * x)))
    return x / (1 + np.exp(-x))


def layer(w, index, x):
    gemma, eps = w.arch == "gemma3", w.setting("attention.layer_norm_rms_epsilon")
    heads, kv_heads = w.setting("attention.head_count"), w.setting("attention.head_count_kv")
    slides = gemma and (index + 1) % 6 != 0
    base = 10000.0 if slides else w.setting("rope.freq_base")
    window = w.setting("attention.sliding_window") if slides else len(x)

    def weight(name):
        return w[f"blk.{index}.{name}"]

    h = rms_norm(x, weight("attn_norm"), eps)
    q, k, v = (
        (h @ weight(name).T).reshape(len(x), count, -1)
        for name, count in (("attn_q", heads), ("attn_k", kv_heads), ("attn_v", kv_heads))
    )
    if gemma:
        q = rms_norm(q, weight("attn_q_norm"), eps)
        k = rms_norm(k, weight("attn_k_norm"), eps)
    mixed = attend(rotate(q, base, gemma), rotate(k, base, gemma), v, window)
    out = mixed @ weight("attn_output").T
    x = x + (rms_norm(out, weight("post_attention_norm"), eps) if gemma else out)
    h = rms_norm(x, weight("ffn_norm"), eps)
    h = gate(h @ weight("ffn_gate").T, gemma) * (h @ weight("ffn_up").T)
    out = h @ weight("ffn_down").T
    return x + (rms_norm(out, weight("post_ffw_norm"), eps) if gemma else out)


def states(w, ids):
    """What the output head sees at each position."""
    x = w.embedding[ids].astype(np.float64)
    if w.arch == "gemma3":
        x *= np.sqrt(np.float32(x.shape[1]))
    for index in range(w.setting("block_count")):
        x = layer(w, index, x)
    return rms_norm(x, w["output_norm"], w.setting("attention.layer_norm_rms_epsilon"))


def main():
    for name in sys.argv[1:] or ["smollm2-f32", "smollm2-quant", "gemma3-f32", "gemma3-quant"]:
        golden = json.loads((GOLDEN / f"llama-cpp-{name}.json").read_text(encoding="utf-8"))
        w = Weights(MODELS / golden["model"])
        off = []
        for prompt in golden["prompts"]:
            ids = prompt["prompt_ids"] + prompt["ids"][:-1]
            seen = states(w, ids)[len(prompt["prompt_ids"]) - 1 :]
            head = w.embedding[np.array(prompt["top_ids"])].astype(np.float64)
            off.append(np.einsum("sd,std->st", seen, head) - np.array(prompt["top_logits"]))
        off = np.concatenate(off)
        print(f"{name}: largest {np.abs(off).max():.2e}, rms {np.sqrt((off**2).mean()):.2e}", flush=True)


if __name__ == "__main__":
    main()
