#!/usr/bin/env python3
"""Golden surprisals of a short text under the two real models, in float64.

    scripts/golden/float64_scores.py

The text is the prompt "passage" of the llama.cpp golden files, with llama.cpp's ids. The forward pass
is float64_forward.py's; the windows are the loop of Hugging Face's guide to perplexity, with a BOS kept
in front of each. Writes crates/kelvin-lm/tests/golden/float64-scores.json. Needs numpy and gguf.
"""

import json

import numpy as np
from float64_forward import GOLDEN, MODELS, Weights, states

WINDOWS = [(512, 256), (40, 20), (17, 4)]


def spans(count, kept, size, stride):
    """(begin, end, first scored) of each window over `count` tokens behind `kept` others."""
    room, previous = size - kept, 0
    for begin in range(0, count, stride):
        end = min(begin + room, count)
        yield begin, end, previous
        previous = end
        if end == count:
            break


def row_figures(row, target):
    """Surprisal, place (larger logit, then smaller id) and entropy, in nats."""
    logprobs = row - row.max()
    logprobs = logprobs - np.log(np.exp(logprobs).sum())
    place = 1 + int((row > row[target]).sum()) + int((row[:target] == row[target]).sum())
    entropy = float(-(np.exp(logprobs) * logprobs).sum())
    return -float(logprobs[target]), place, entropy


def scores(w, ids, kept, size, stride):
    """The figures of every token that has one before it."""
    text, head, found = ids[kept:], w.embedding.astype(np.float64), []
    for begin, end, previous in spans(len(text), kept, size, stride):
        window = ids[:kept] + text[begin:end]
        seen = states(w, window)
        for at in range(previous, end):
            place = kept + at - begin  # of the token in its window
            if place > 0:
                found.append(row_figures(seen[place - 1] @ head.T, text[at]))
    return found


def main():
    records = []
    for name, kept in (("smollm2", 0), ("gemma3", 1)):
        golden = json.loads((GOLDEN / f"llama-cpp-{name}-f32.json").read_text(encoding="utf-8"))
        passage = next(prompt for prompt in golden["prompts"] if prompt["name"] == "passage")
        ids, w = passage["prompt_ids"], Weights(MODELS / golden["model"])
        windows = []
        for size, stride in WINDOWS:
            surprisals, ranks, entropies = zip(*scores(w, ids, kept, size, stride))
            windows.append(
                {
                    "size": size,
                    "stride": stride,
                    "surprisal_nats": [float(f"{x:.9g}") for x in surprisals],
                    "rank": ranks,
                    "entropy_nats": [float(f"{x:.9g}") for x in entropies],
                }
            )
            print(name, size, stride, len(ranks), np.exp(np.mean(surprisals)), flush=True)
        record = {"model": golden["model"], "bos": ids[0] if kept else None, "text": passage["text"]}
        records.append(record | {"ids": ids[kept:], "windows": windows})
    body = json.dumps(records, ensure_ascii=False, separators=(",", ":")).replace('],"', '],\n"')
    (GOLDEN / "float64-scores.json").write_text(body + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
