"""What transformers does with logits, for the guide *Coming from transformers*.

Writes crates/kelvin-cli/tests/golden/transformers.json: rows of logits with the tokens that
transformers keeps and their probabilities, and one sampled run of a small random GPT-2 with its
logits, its scores and its transition scores. Run it where torch and transformers are installed:

    python scripts/golden/transformers_claims.py
"""

import json
import math
from pathlib import Path

import torch
import transformers
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel, LogitsProcessorList
from transformers.generation import logits_process as lp

OUT = Path(__file__).parents[2] / "crates/kelvin-cli/tests/golden/transformers.json"
PROMPT = [1, 7, 3, 9, 4]


def random_row(size, seed):
    """Normal logits with spread 3, on a grid that f32 and short decimals both hold."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(size, generator=generator) * 3 * 1024).round().div(1024).tolist()


def logs(probabilities):
    return [math.log(p) if p > 0 else -math.inf for p in probabilities]


def case(name, logits, processors, flags, history=()):
    """One row through transformers' own processors, in the order that `generate` puts them."""
    ids = torch.tensor([list(history)], dtype=torch.long)
    scores = LogitsProcessorList(processors)(ids, torch.tensor([logits]))[0]
    return {
        "name": name,
        "logits": [None if math.isinf(z) else z for z in logits],
        "history": list(history),
        "flags": flags,
        "kept": [i for i, z in enumerate(scores.tolist()) if z > -math.inf],
        "p": scores.double().softmax(-1).tolist(),
    }


def rows():
    row, seen = random_row(200, 1), [5, 9, 5, 9, 5]
    tied = logs([0.4, 0.3, 0.3, 0.0])
    return [
        case("sampling, nothing said", random_row(64, 2), [lp.TopKLogitsWarper(50)], ["--top-k", "50"]),
        case("ties at the edge of top-k", tied, [lp.TopKLogitsWarper(2)], ["--top-k", "2"]),
        case("ties at the edge of top-p", logs([0.5, 0.25, 0.25]), [lp.TopPLogitsWarper(0.75)], ["--top-p", "0.75"]),
        case("temperature before top-p", [3.0, 2.0, 1.0],
             [lp.TemperatureLogitsWarper(0.5), lp.TopPLogitsWarper(0.8)],
             ["--top-p", "0.8", "--temperature", "0.5"]),
        case("top-k before top-p", row, [lp.TopKLogitsWarper(10), lp.TopPLogitsWarper(0.7)],
             ["--top-p", "0.7", "--top-k", "10"]),
        case("min-p", row, [lp.TemperatureLogitsWarper(1.5), lp.MinPLogitsWarper(0.05)],
             ["--temperature", "1.5", "--min-p", "0.05"]),
        case("typical", row, [lp.TypicalLogitsWarper(0.6)], ["--typical-p", "0.6"]),
        case("epsilon", row, [lp.EpsilonLogitsWarper(0.01)], ["--epsilon-cutoff", "0.01"]),
        case("eta", row, [lp.EtaLogitsWarper(0.02)], ["--eta-cutoff", "0.02"]),
        case("repetition penalty", row, [lp.RepetitionPenaltyLogitsProcessor(1.3)],
             ["--repetition-penalty", "1.3"], seen),
        case("no repeated pairs", row, [lp.NoRepeatNGramLogitsProcessor(2)],
             ["--no-repeat-ngram-size", "2"], seen),
    ]


def small_gpt2():
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=64, n_positions=64, n_embd=32, n_layer=2, n_head=2,
                        initializer_range=0.3, bos_token_id=None, eos_token_id=None)
    return GPT2LMHeadModel._from_config(config, attn_implementation="eager").eval()


def run(model):
    """Six sampled tokens with all that transformers can say about them."""
    ids = torch.tensor([PROMPT])
    torch.manual_seed(5)
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=6,
                         do_sample=True, temperature=0.8, top_k=5,
                         output_scores=True, output_logits=True, return_dict_in_generate=True)
    transition = lambda normalize: model.compute_transition_scores(
        out.sequences, out.scores, normalize_logits=normalize)[0].tolist()
    return {
        "flags": ["--temperature", "0.8", "--top-k", "5"],
        "ids": out.sequences[0, len(PROMPT):].tolist(),
        "logits": [row[0].tolist() for row in out.logits],
        "scores_kept": [int((row[0] > -math.inf).sum()) for row in out.scores],
        "transition_scores": transition(False),
        "transition_scores_normalized": transition(True),
    }


def greedy(model):
    """What `generate` does when nothing is said: greedy, 20 tokens."""
    ids = torch.tensor([PROMPT])
    mask = torch.ones_like(ids)
    plain = model.generate(ids, attention_mask=mask)[0]
    stated = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=20)[0]
    with torch.no_grad():
        logits = model(plain[None]).logits[0]
    return {
        "sequence": plain.tolist(),
        "equals_do_sample_false": plain.tolist() == stated.tolist(),
        "logits": logits[len(PROMPT) - 1:-1].tolist(),
    }


def refusal(make):
    try:
        make()
    except ValueError as error:
        return str(error).split("\n")[0]
    return None


def main():
    model = small_gpt2()
    found = {
        "made_with": {"transformers": transformers.__version__, "torch": torch.__version__.split("+")[0]},
        "defaults": {key: GenerationConfig._get_default_generation_params()[key]
                     for key in ["do_sample", "max_length", "temperature", "top_k", "top_p"]},
        "temperature_0": refusal(lambda: lp.TemperatureLogitsWarper(0.0)),
        "rows": rows(),
        "run": run(model),
        "greedy": greedy(model),
    }
    OUT.write_text(json.dumps(found, separators=(",", ":"), allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
