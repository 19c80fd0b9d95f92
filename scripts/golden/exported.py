#!/usr/bin/env python3
"""Writes crates/kelvin-lm/tests/golden/exported.json: what transformers makes of folders that Kelvin exported.
Needs torch, transformers and safetensors. The folders are those that the test leaves in target/tmp:

    cargo test -p kelvin-lm --test it transformers_reads_an_export
    scripts/golden/exported.py target/tmp/exported > crates/kelvin-lm/tests/golden/exported.json
"""

import hashlib
import json
import pathlib
import sys

import safetensors
import safetensors.torch
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

torch.set_num_threads(1)
TEXT = "teametoatomea"


def logits(folder, ids):
    """In f32, after each id, all at once; the weights are as they are stored."""
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    wrong = {kind: keys for kind, keys in info.items() if keys}
    assert not wrong, wrong
    assert type(model).__name__ == "GPT2LMHeadModel"
    with torch.no_grad():
        return model.eval()(torch.tensor([ids])).logits[0]


def tokens(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert isinstance(tokenizer, transformers.PreTrainedTokenizerFast), type(tokenizer)
    ids = tokenizer(TEXT)["input_ids"]
    assert tokenizer.decode(ids) == TEXT, tokenizer.decode(ids)
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=None) == TEXT
    return ids


def same_bytes(path):
    """Whether the format's own package writes these tensors as this file."""
    with safetensors.safe_open(path, "pt") as file:
        metadata = file.metadata()
    again = safetensors.torch.save(safetensors.torch.load_file(path), metadata)
    return again == path.read_bytes()


def entry(folder):
    ids = tokens(folder)
    config = AutoConfig.from_pretrained(folder)
    assert (config.bos_token_id, config.eos_token_id) == (None, None), config
    GenerationConfig.from_pretrained(folder).validate(strict=True)
    return {
        "sha256": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())},
        "python_writes_the_same_bytes": same_bytes(folder / "model.safetensors"),
        "dtype": str(config.dtype),
        "ids": ids,
        "logits": [[round(x, 6) for x in row] for row in logits(folder, ids).tolist()],
    }


def main(root):
    folders = sorted(path for path in pathlib.Path(root).iterdir() if path.is_dir())
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "safetensors": safetensors.__version__}
    golden = {"versions": versions, "models": {folder.name: entry(folder) for folder in folders}}
    print(json.dumps(golden))


if __name__ == "__main__":
    main(sys.argv[1])
