#!/usr/bin/env python3
"""Small random models in Hugging Face layout, and what transformers computes with them.

    scripts/golden/hf_folders.py crates/kelvin-lm/tests/golden/folders

Needs torch, transformers and safetensors. For each model a folder as `save_pretrained` writes it, and
beside it `expected.safetensors`:

    ids      [n] I32         48 random ids, then 64 greedy ones (larger logit, then smaller id)
    rows     [m] I32         the positions whose logits follow
    logits   [m, vocab] F32  given all ids up to that position, in one pass, eager attention

f32 models run in f32; `-bf16` and `-f16` folders hold the rounded weights of the model they are named
after, and `expected.safetensors` has what transformers computes in that format on the same ids,
beside `upcast`, the logits of the rounded weights in f32. Models of which only a half-precision
folder is kept run in f32, on its numbers.
"""

import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

N_PROMPT, N_GREEDY = 48, 64
VOCAB = 64


def gpt2(**settings):
    config = transformers.GPT2Config(
        vocab_size=VOCAB, n_positions=128, n_embd=24, n_layer=3, n_head=3, bos_token_id=0,
        eos_token_id=0, **settings)
    return transformers.GPT2LMHeadModel(config)


def llama(**settings):
    settings = {"hidden_size": 24, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8} | settings
    config = transformers.LlamaConfig(
        vocab_size=VOCAB, intermediate_size=64, num_hidden_layers=3, max_position_embeddings=128,
        **settings)
    return transformers.LlamaForCausalLM(config)


def gemma3_text(**settings):
    return dict(
        vocab_size=VOCAB, hidden_size=24, intermediate_size=40, num_hidden_layers=5, num_attention_heads=4,
        num_key_value_heads=1, head_dim=10, sliding_window=16, max_position_embeddings=128,
        layer_types=["sliding_attention", "sliding_attention", "full_attention",
                     "sliding_attention", "full_attention"],
        query_pre_attn_scalar=20, **settings)


def gemma3(**settings):
    return transformers.Gemma3ForCausalLM(transformers.Gemma3TextConfig(**gemma3_text(**settings)))


def gemma3_image():
    vision = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=8,
                  patch_size=4)
    text = gemma3_text(rope_scaling={"rope_type": "linear", "factor": 8.0})
    config = transformers.Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4,
                                       image_token_index=VOCAB - 1, boi_token_index=VOCAB - 2,
                                       eoi_token_index=VOCAB - 3)
    return transformers.Gemma3ForConditionalGeneration(config)


LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=32)

# name: (seed, spread of the weights, model, the formats whose folders are kept)
MODELS = {
    "gpt2": (3, (0.3, 1.6), gpt2, ["f32", "bf16"]),
    "gpt2-untied": (9, (0.3, 1.6), lambda: gpt2(
        tie_word_embeddings=False, scale_attn_by_inverse_layer_idx=True, activation_function="gelu",
        n_inner=72), ["bf16"]),
    "llama": (2, (0.6, 1.0), llama, ["f32", "bf16", "f16"]),
    "llama3": (3, (0.3, 1.6), lambda: llama(
        hidden_size=36, head_dim=16, num_attention_heads=3, num_key_value_heads=1,
        rope_parameters=LLAMA3 | {"rope_theta": 50.0}, tie_word_embeddings=True, attention_bias=True, mlp_bias=True), ["bf16"]),
    "gemma3": (26, (0.15, 1.0), gemma3, ["f32", "bf16"]),
    "gemma3-softcap": (25, (0.15, 1.0), lambda: gemma3(
        attn_logit_softcapping=2.0, final_logit_softcapping=3.0, attention_bias=True,
        rope_scaling={"rope_type": "linear", "factor": 8.0}), ["bf16"]),
    "gemma3-image": (20, (0.15, 1.0), gemma3_image, ["bf16"]),
}
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def randomise(model, seed, embedding, gain):
    """Numbers with enough spread that attention has preferences and logits are not flat.

    `embedding` is that of embeddings, `gain` that of a product with a row of norm 1.
    """
    generator = torch.Generator().manual_seed(seed)
    gemma = model.config.model_type.startswith("gemma")
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name or ".ln_" in name:
                is_weight = name.endswith("weight")
                noise = 0.3 * noise + (1.0 if is_weight and not gemma else 0.0)
            elif name.endswith("bias"):
                noise = 0.3 * noise
            elif "embed_tokens" in name or "wte" in name:
                noise = noise * embedding
            elif "wpe" in name:
                noise = noise * 0.5
            else:
                fan_in = parameter.shape[0] if "c_" in name else parameter.shape[-1]
                noise = gain * noise / fan_in ** 0.5
            parameter.copy_(noise)


def logits_of(model, ids):
    """`[n, vocab]` f32; transformers leaves Gemma 3's cap of the scores unused unless it is asked."""
    text = model.config.get_text_config()
    more = {}
    if getattr(text, "attn_logit_softcapping", None):
        more["softcap"] = text.attn_logit_softcapping
    with torch.no_grad():
        return model(torch.tensor([ids]), use_cache=False, **more).logits[0].float()


def greedy(model, prompt):
    ids, gaps = list(prompt), []
    for _ in range(N_GREEDY):
        row = logits_of(model, ids)[-1]
        first, second = torch.topk(row, 2).values
        gaps.append(((first - second) / row.std()).item())
        ids.append(int(row.argmax()))
    return ids, min(gaps)


def load(folder, dtype):
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    auto = transformers.Gemma3ForConditionalGeneration if kind == "gemma3" else transformers.AutoModelForCausalLM
    return auto.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()


def keep(folder, ids, rows, **logits):
    tensors = {"ids": torch.tensor(ids, dtype=torch.int32), "rows": torch.tensor(rows, dtype=torch.int32)}
    tensors |= {name: value[rows].contiguous() for name, value in logits.items()}
    save_file(tensors, folder / "expected.safetensors")


def make(root, name, seed, spread, build, formats):
    model = build().eval()
    randomise(model, seed, *spread)
    alone = formats == ["bf16"]
    prompt = torch.randint(0, VOCAB - 4, (N_PROMPT,), generator=torch.Generator().manual_seed(seed)).tolist()
    ids = None
    for form in formats:
        folder = root / (name if alone or form == "f32" else f"{name}-{form}")
        model.to(DTYPES[form]).save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        plain = load(folder, torch.float32)
        if ids is None:
            ids, gap = greedy(plain, prompt)
        upcast = logits_of(plain, ids)
        everywhere = list(range(len(ids)))
        if form == "f32":
            keep(folder, ids, everywhere, logits=upcast)
        elif alone:
            keep(folder, ids, everywhere[::6], logits=upcast)
        else:
            keep(folder, ids, everywhere, logits=logits_of(load(folder, DTYPES[form]), ids), upcast=upcast)
        spread = upcast.std(dim=-1)
        print(f"{folder.name}: logits have spread {spread.min():.2f} to {spread.max():.2f}, "
              f"smallest greedy gap {gap:.4f} of it, {len(set(ids[N_PROMPT:]))} different tokens")
    if formats[:2] == ["f32", "bf16"]:
        folder = root / f"{name}-sharded"
        model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="30KB")
        (folder / "generation_config.json").unlink(missing_ok=True)


def main():
    torch.set_num_threads(1)
    root = Path(sys.argv[1])
    root.mkdir(parents=True, exist_ok=True)
    for name, recipe in MODELS.items():
        make(root, name, *recipe)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")


main()
