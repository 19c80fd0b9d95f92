"""What transformers' own processors keep, for the `hf` dialect.

Writes conformance/hf.json: random rows (many with ties) through random settings, in the order in which
`generate` puts the processors. Each case is asked in f32 and in f64; where the two keep other tokens, the
rounding decided, and the case is dropped and counted. The processors of top-p and typical-p leave the order of
tied tokens to `torch.sort`, which is stable on short rows and promises nothing; here it is asked to be.
Run it where torch and transformers are installed:

    python scripts/golden/hf_dialect.py
"""

import json
import math
import random
from pathlib import Path

import torch
import transformers
from transformers import LogitsProcessorList
from transformers.generation import logits_process as lp

sort = torch.sort
torch.sort = lambda *args, **kwargs: sort(*args, **kwargs, stable=True)

OUT = Path(__file__).parents[2] / "conformance/hf.json"
CASES = 600

# in the order of `generate`; a name of Kelvin's, and what makes a processor of the value
STAGES = [
    ("repetition-penalty", (0.8, 1.3), lp.RepetitionPenaltyLogitsProcessor),
    ("no-repeat-ngram-size", (1, 2), lp.NoRepeatNGramLogitsProcessor),
    ("temperature", (0.5, 0.7, 1.5, 2.0), lp.TemperatureLogitsWarper),
    ("top-k", (1, 2, 3, 5, 8, 50), lp.TopKLogitsWarper),
    ("top-p", (0.1, 0.3, 0.6, 0.8, 0.9, 0.95), lp.TopPLogitsWarper),
    ("min-p", (0.01, 0.1, 0.3), lp.MinPLogitsWarper),
    ("typical-p", (0.2, 0.5, 0.9), lp.TypicalLogitsWarper),
    ("epsilon-cutoff", (0.001, 0.02, 0.15, 0.6), lp.EpsilonLogitsWarper),
    ("eta-cutoff", (0.001, 0.02, 0.3, 0.9), lp.EtaLogitsWarper),
]


def row(rng):
    """Logits on a grid that f32 and short decimals both hold; on the coarse grids many tie."""
    size, grid = rng.choice([1, 2, 5, 12, 40]), rng.choice([1, 2, 64, 1024])
    spread = rng.choice([0.5, 1.5, 4])
    return [round(rng.gauss(0, spread) * grid) / grid for _ in range(size)]


def ask(logits, history, settings, dtype):
    """The ids kept and the probabilities of all."""
    made = {name: make for name, _, make in STAGES}
    processors = LogitsProcessorList([made[name](value) for name, value in settings])
    scores = torch.tensor([logits], dtype=dtype)
    scores = processors(torch.tensor([history], dtype=torch.long), scores)[0]
    kept = [i for i, z in enumerate(scores.tolist()) if z > -math.inf]
    return kept, scores.double().softmax(-1).tolist()


def main():
    rng, cases, undecided = random.Random(5), [], 0
    while len(cases) < CASES:
        logits = row(rng)
        history = [rng.randrange(len(logits)) for _ in range(rng.choice([0, 3, 6]))]
        settings = [
            (name, rng.choice(values)) for name, values, _ in STAGES if rng.random() < 0.3
        ]
        if not history:
            settings = [s for s in settings if not s[0].startswith(("repetition", "no-repeat"))]
        try:
            kept, _ = ask(logits, history, settings, torch.float32)
            exact, probs = ask(logits, history, settings, torch.float64)
        except ValueError:
            continue  # all banned: eta's entropy refuses the row; an error here too
        if kept != exact:
            undecided += 1
            continue
        if not kept:
            continue  # all banned: an error here
        cases.append({
            "logits": logits, "history": history, "given": [[n, str(v)] for n, v in settings],
            "kept": kept, "probs": [probs[i] for i in kept],
        })
    data = {"transformers": transformers.__version__, "undecided": undecided, "cases": cases}
    text = json.dumps(data, separators=(",", ":")).replace(',{"logits"', ',\n{"logits"')
    OUT.write_text(text.replace('[{"logits"', '[\n{"logits"') + "\n")
    print(f"{OUT.name}: {len(cases)} cases, {undecided} undecided")


main()
