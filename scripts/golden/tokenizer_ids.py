#!/usr/bin/env python3
"""What llama.cpp makes of ten thousand strings, as one hash for each hundred.

    python scripts/golden/tokenizer_ids.py [MODELS] [OUT]

MODELS is the folder of the two model files (default ~/.cache/kelvin/models), OUT the golden file (default
crates/kelvin-lm/tests/golden/tokenizer-ids.json). Needs llama-cpp-python and gguf; reads only the
vocabularies. The strings are those of crates/kelvin-lm/tests/it/strings.rs, drawn here a second time
("strings" are their hashes, so that a difference there shows as one).

For each model "text" and "parse": FNV-1a-64 over the ids of a hundred strings, control tokens as text or
parsed, no BOS. Of a string: how many ids, then the ids, each as four bytes, little-endian; 2^32 - 1 alone
where the vocabulary lacks a byte of it (llama.cpp drops such bytes, Kelvin refuses the string).
"""

import json
import os
import sys

import gguf
import llama_cpp

COUNT = 10_000
GROUP = 100
MASK = (1 << 64) - 1
FILES = {
    "smollm2": "smollm2-135m-instruct-q4_1.gguf",
    "gemma3": "gemma-3-270m-q4_k_m.gguf",
}


class Draw:
    """A linear congruential generator (Knuth's MMIX), started for each string."""

    def __init__(self, seed):
        self.state = seed * 0x9E3779B97F4A7C15 & MASK
        self.below(1)

    def below(self, n):
        self.state = (self.state * 0x5851F42D4C957F2D + 0x14057B7EF767814F) & MASK
        return (self.state >> 33) % n


def cut(draw, base, most):
    text = base[draw.below(len(base))]
    if not text:
        return ""
    start = draw.below(len(text))
    return text[start:start + 1 + draw.below(most)]


def wild(draw):
    while True:
        code = draw.below(0x110000)
        if not 0xD800 <= code < 0xE000:
            return chr(code)


def part(draw, base):
    kind = draw.below(10)
    if kind == 0:
        return wild(draw)
    if kind == 1:
        unit = cut(draw, base, 3)
        return unit * (1 + draw.below(60))
    return cut(draw, base, 24)


def string(number, base):
    if number < len(base):
        return base[number]
    draw = Draw(number)
    return "".join(part(draw, base) for _ in range(1 + draw.below(4)))


def fnv(data, state=0xCBF29CE484222325):
    for byte in data:
        state = (state ^ byte) * 0x100000001B3 & MASK
    return state


def hashes(values):
    """One hash for each hundred of the byte strings."""
    return [f"{fnv(b''.join(values[at:at + GROUP])):016x}" for at in range(0, len(values), GROUP)]


def row(ids):
    numbers = [0xFFFFFFFF] if ids is None else [len(ids), *ids]
    return b"".join(number.to_bytes(4, "little") for number in numbers)


def lacking_bytes(reader):
    """The bytes that a byte-level vocabulary has no token for."""
    if reader.fields["tokenizer.ggml.model"].contents() != "gpt2":
        return set()
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in plain]
    symbols = {byte: chr(byte) for byte in plain} | {byte: chr(0x100 + n) for n, byte in enumerate(rest)}
    tokens = set(reader.fields["tokenizer.ggml.tokens"].contents())
    return {byte for byte, symbol in symbols.items() if symbol not in tokens}


def golden(path, texts):
    model = llama_cpp.Llama(path, vocab_only=True, verbose=False)
    lacking = lacking_bytes(gguf.GGUFReader(path))

    def ids(text, parse):
        data = text.encode()
        return None if lacking.intersection(data) else model.tokenize(data, add_bos=False, special=parse)

    return {name: hashes([row(ids(text, parse)) for text in texts])
            for name, parse in (("text", False), ("parse", True))}


def main():
    models = sys.argv[1] if len(sys.argv) > 1 else os.path.expanduser("~/.cache/kelvin/models")
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../crates/kelvin-lm/tests/golden")
    out = sys.argv[2] if len(sys.argv) > 2 else os.path.join(folder, "tokenizer-ids.json")
    with open(os.path.join(folder, "tokenizer-strings.json"), encoding="utf-8") as file:
        base = json.load(file)
    # Gemma's </s> is an HTML tag that llama.cpp takes for an end of sequence: a test has its own word on it.
    texts = [string(number, base).replace("</s>", "</i>") for number in range(COUNT)]
    result = {"strings": hashes([text.encode() + b"\xff" for text in texts])}
    result |= {name: golden(os.path.join(models, file), texts) for name, file in FILES.items()}
    with open(out, "w", encoding="utf-8", newline="\n") as file:
        json.dump(result, file, indent=0)
        file.write("\n")


main()
