#!/usr/bin/env python3
"""Gradients and twenty steps of AdamW of a tiny GPT-2, by PyTorch.

    scripts/golden/training.py crates/kelvin-lm/tests/golden/training

Needs torch, transformers and safetensors. Two models, head tied to the embedding and not. All is computed in
float64 from the stored f32 weights, which is the truth, and again in float32, which says what f32 costs.
For each a folder:

    config.json, model.safetensors   the model before the first step, as save_pretrained writes it
    gradients.safetensors            f32: the gradient of the first batch, not clipped, by name
    trained.safetensors              f32: the weights after the last step, of the untied one
    expected.json                    settings, losses, norms, rates, and f32's distance from float64

and beside them `corpus.json`: the tokens, and where the windows of every step begin. Those are drawn by
Philox as Kelvin draws them, written down again below.
"""

import json
import math
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

N_TRAIN, VOCAB, STEPS = 300, 29, 20
SETTINGS = {
    "batch_size": 3, "block_size": 11, "grad_accum": 1, "learning_rate": 1e-2, "min_learning_rate": 1e-3,
    "warmup_steps": 5, "decay_steps": 20, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8,
    "max_grad_norm": 1.0, "dropout": 0.0, "seed": 20,
}
MASK = 2**64 - 1


def splitmix64(state):
    z = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def philox(key, counter):
    """Philox4x32-10."""
    (k0, k1), c = key, counter
    for _ in range(10):
        left, right = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(right >> 32) ^ c[1] ^ k0, right & 0xFFFFFFFF, (left >> 32) ^ c[3] ^ k1, left & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def window_start(index, seed, block_size):
    """Where window `index` of a run begins."""
    chain = splitmix64(splitmix64(splitmix64(seed)))  # stream 0, choice 0
    key, total, attempt = (chain & 0xFFFFFFFF, chain >> 32), N_TRAIN - block_size, 0
    epoch, position = divmod(index, math.ceil(N_TRAIN / block_size))
    while True:
        low, high = philox(key, [position, epoch, attempt, 7])[:2]
        product = (high << 32 | low) * total
        if product & MASK >= -total % 2**64 % total:
            return product >> 64
        attempt += 1


def model(tied):
    """GPT-2 with sizes that are no multiples of sixteen, biases that are not 0 and norms that are not 1."""
    config = transformers.GPT2Config(
        vocab_size=VOCAB, n_positions=16, n_embd=24, n_layer=2, n_head=3, bos_token_id=0, eos_token_id=0,
        activation_function="gelu_new", resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        tie_word_embeddings=tied, attn_implementation="eager")
    made = transformers.GPT2LMHeadModel(config)
    with torch.no_grad():
        for name, p in made.named_parameters():
            p.mul_(1.5 if "wte" in name or "lm_head" in name else 1.3)
            p.add_(0.2 * torch.randn_like(p) if p.dim() == 1 else 0.0)
    return made


def rate(step):
    """The rate of a 0-based step."""
    most, least = SETTINGS["learning_rate"], SETTINGS["min_learning_rate"]
    warmup, decay = SETTINGS["warmup_steps"], SETTINGS["decay_steps"]
    if step < warmup:
        return most * (step + 1) / warmup
    if step >= decay:
        return least
    return least + 0.5 * (1 + math.cos(math.pi * (step - warmup) / (decay - warmup))) * (most - least)


def loss(made, windows):
    """Mean cross-entropy of all tokens but the first of each window."""
    logits = made(windows[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.reshape(-1, VOCAB), windows[:, 1:].reshape(-1))


def gradients(made, windows):
    made.zero_grad()
    loss(made, windows).backward()
    return {name: p.grad.detach().clone() for name, p in made.named_parameters()}


def optimizer(made):
    s = SETTINGS
    groups = [
        {"params": [p for p in made.parameters() if p.dim() >= 2], "weight_decay": s["weight_decay"]},
        {"params": [p for p in made.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=(s["beta1"], s["beta2"]), eps=s["eps"])


def train(made, batches):
    """Loss, norm of the gradient before it is clipped, and rate of each step; ends with a loss of the first."""
    adamw, steps = optimizer(made), []
    for step, windows in enumerate(batches):
        for group in adamw.param_groups:
            group["lr"] = rate(step)
        adamw.zero_grad()
        here = loss(made, windows)
        here.backward()
        norm = torch.nn.utils.clip_grad_norm_(made.parameters(), SETTINGS["max_grad_norm"])
        adamw.step()
        steps.append({"loss": here.item(), "grad_norm": norm.item(), "learning_rate": rate(step)})
    with torch.no_grad():
        return steps, loss(made, batches[0]).item()


def weights(made):
    return {name: p.detach().clone() for name, p in made.named_parameters()}


def distances(found, truth):
    """Root mean square of found − truth over that of truth, for each tensor."""
    rms = lambda x: x.square().mean().sqrt().item()
    return {name: rms(found[name].double() - x) / rms(x) for name, x in truth.items()}


def f32(tensors):
    return {name: x.float().contiguous() for name, x in tensors.items()}


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def golden(folder, tied, batches):
    made = model(tied)
    made.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    double, single = (transformers.GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager", dtype=dtype)
                      for dtype in (torch.float64, torch.float32))
    gradient, in_f32 = gradients(double, batches[0]), gradients(single, batches[0])
    save_file(f32(gradient), folder / "gradients.safetensors")
    expected = {"tied": tied, "gradient_rms_f32": distances(in_f32, gradient)}
    steps, last = train(double, batches)
    steps_f32, last_f32 = train(single, batches)
    norms = [step["grad_norm"] for step in steps]
    assert min(norms) < 0.9 < 1.1 < max(norms), f"clipping should cut some steps and not others: {norms}"
    expected |= {"steps": steps, "steps_f32": steps_f32, "last_loss": last, "last_loss_f32": last_f32}
    expected["trained_rms_f32"] = distances(weights(single), weights(double))
    if not tied:
        save_file(f32(weights(double)), folder / "trained.safetensors")
    write_json(folder / "expected.json", expected)
    worst = max(abs(a["loss"] - b["loss"]) for a, b in zip(steps, steps_f32))
    print(folder.name, "norms", [round(x, 2) for x in norms], "losses", steps[0]["loss"], last, "f32 off by", worst)
    for name in ("gradient_rms_f32", "trained_rms_f32"):
        print("  ", name, max(expected[name].values()))


def main():
    root = Path(sys.argv[1])
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(4)
    # tokens that can be learned: each is most often three times the one before
    ids = [1]
    while len(ids) < N_TRAIN + 40:
        ids.append(int(torch.randint(VOCAB, ()).item()) if torch.rand(()) < 0.3 else 3 * ids[-1] % VOCAB)
    per_step, size = SETTINGS["batch_size"] * SETTINGS["grad_accum"], SETTINGS["block_size"]
    starts = [[window_start(s * per_step + i, SETTINGS["seed"], size) for i in range(per_step)] for s in range(STEPS)]
    batches = [torch.tensor([ids[at:at + size + 1] for at in row]) for row in starts]
    root.mkdir(parents=True, exist_ok=True)
    write_json(root / "corpus.json", {"n_train": N_TRAIN, "ids": ids, "settings": SETTINGS, "starts": starts})
    for name, tied in (("tied", True), ("untied", False)):
        golden(root / name, tied, batches)


if __name__ == "__main__":
    main()
