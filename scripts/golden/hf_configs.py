#!/usr/bin/env python3
"""Writes crates/kelvin-lm/tests/golden/hf-configs.json: texts of config.json, as versions of transformers
before and since 5 write them, and what transformers makes of each. Needs torch and transformers."""

import json
import sys

import torch
import transformers
from transformers.models.gemma3.modeling_gemma3 import Gemma3RotaryEmbedding
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

LLAMA31 = {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
           "original_max_position_embeddings": 8192, "rope_type": "llama3"}
SMALL_GEMMA = {"model_type": "gemma3_text", "hidden_size": 64, "num_hidden_layers": 7, "head_dim": 16}

CONFIGS = [
    # defaults
    {"model_type": "gpt2"},
    {"model_type": "llama"},
    {"model_type": "gemma3_text"},
    {"model_type": "gemma3"},
    # GPT-2 1,558M and variants
    {"model_type": "gpt2", "n_ctx": 1024, "n_embd": 1600, "n_head": 25, "n_layer": 48, "n_positions": 1024},
    {"model_type": "gpt2", "n_inner": 100, "activation_function": "relu", "tie_word_embeddings": False,
     "layer_norm_epsilon": 1e-6, "scale_attn_by_inverse_layer_idx": True, "reorder_and_upcast_attn": True},
    {"model_type": "gpt2", "hidden_size": 96, "num_attention_heads": 6, "num_hidden_layers": 2,
     "max_position_embeddings": 33, "scale_attn_weights": False},
    # TinyLlama, SmolLM2, Llama 3.1, Llama 3.2 as they are on the hub
    {"model_type": "llama", "attention_bias": False, "hidden_act": "silu", "hidden_size": 2048,
     "intermediate_size": 5632, "max_position_embeddings": 2048, "num_attention_heads": 32, "num_hidden_layers": 22,
     "num_key_value_heads": 4, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": None,
     "rope_theta": 10000.0, "tie_word_embeddings": False, "vocab_size": 32000},
    {"model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "max_position_embeddings": 8192,
     "num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3, "rms_norm_eps": 1e-05,
     "rope_interleaved": False, "rope_theta": 100000, "tie_word_embeddings": True, "vocab_size": 49152},
    {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 131072,
     "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "mlp_bias": False,
     "rms_norm_eps": 1e-05, "rope_scaling": LLAMA31, "rope_theta": 500000.0, "vocab_size": 128256},
    {"model_type": "llama", "head_dim": 64, "hidden_size": 2048, "intermediate_size": 8192,
     "max_position_embeddings": 131072, "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8,
     "rms_norm_eps": 1e-05, "rope_scaling": LLAMA31 | {"factor": 32.0}, "rope_theta": 500000.0,
     "tie_word_embeddings": True, "vocab_size": 128256},
    # the same idea in other words
    {"model_type": "llama", "rope_parameters": LLAMA31 | {"rope_theta": 500000.0}, "max_position_embeddings": 65536},
    {"model_type": "llama", "rope_parameters": {"rope_type": "default", "rope_theta": 3e5}, "rope_theta": 7.0},
    {"model_type": "llama", "rope_scaling": {"type": "linear", "factor": 4.0}},
    {"model_type": "llama", "rope_scaling": {"type": "linear", "factor": 2}, "rope_theta": 5e5,
     "rope_parameters": {"rope_type": "default", "rope_theta": 3e5}},
    {"model_type": "llama", "rope_scaling": LLAMA31, "original_max_position_embeddings": 2048},
    {"model_type": "llama", "rope_scaling": {}, "rope_parameters": {"rope_type": "default", "rope_theta": 7e5}},
    {"model_type": "llama", "attention_bias": True, "mlp_bias": True, "hidden_act": "gelu", "head_dim": 96},
    # Gemma 3 1B, 270M, 4B and 27B
    {"model_type": "gemma3_text", "attention_bias": False, "attn_logit_softcapping": None, "cache_implementation": "hybrid",
     "final_logit_softcapping": None, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 1152,
     "intermediate_size": 6912, "max_position_embeddings": 32768, "num_attention_heads": 4, "num_hidden_layers": 26,
     "num_key_value_heads": 1, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_local_base_freq": 10000,
     "rope_scaling": None, "rope_theta": 1000000, "sliding_window": 512, "sliding_window_pattern": 6,
     "vocab_size": 262144},
    {"model_type": "gemma3", "mm_tokens_per_image": 256, "text_config": {
        "hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text", "num_hidden_layers": 34,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024}},
    {"model_type": "gemma3", "text_config": {
        "head_dim": 128, "hidden_size": 5376, "intermediate_size": 21504, "model_type": "gemma3_text",
        "num_attention_heads": 32, "num_hidden_layers": 62, "num_key_value_heads": 16, "query_pre_attn_scalar": 168,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024}},
    SMALL_GEMMA | {"sliding_window_pattern": 3},
    SMALL_GEMMA | {"layer_types": ["full_attention", "sliding_attention"] * 3 + ["sliding_attention"],
                   "_sliding_window_pattern": 6, "sliding_window": 100},
    SMALL_GEMMA | {"layer_types": ["full_attention"] * 7, "sliding_window": None},
    SMALL_GEMMA | {"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 2e6},
                                       "sliding_attention": {"rope_type": "default", "rope_theta": 2e4}}},
    SMALL_GEMMA | {"rope_parameters": {"full_attention": {"rope_type": "default"}}, "rope_theta": 5.0},
    SMALL_GEMMA | {"rope_scaling": LLAMA31, "original_max_position_embeddings": 4096},
    SMALL_GEMMA | {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "attention_bias": True},
]


def resolved(config):
    kind = config["model_type"]
    made = transformers.AutoConfig.for_model(**json.loads(json.dumps(config)))
    text = made.get_text_config()
    common = {
        "tied": made.tie_word_embeddings, "vocab_size": text.vocab_size, "d_model": text.hidden_size,
        "n_layers": text.num_hidden_layers, "n_heads": text.num_attention_heads,
        "max_seq": text.max_position_embeddings,
    }
    if kind == "gpt2":
        inner = text.n_inner if text.n_inner is not None else 4 * text.n_embd
        scale = (text.n_embd // text.n_head) ** -0.5 if text.scale_attn_weights else 1.0
        return common | {
            "n_kv_heads": text.n_head, "head_dim": text.n_embd // text.n_head, "d_ff": inner,
            "eps": text.layer_norm_epsilon, "activation": text.activation_function, "query_scale": scale,
            "by_depth": text.scale_attn_by_inverse_layer_idx}
    common |= {
        "n_kv_heads": text.num_key_value_heads, "head_dim": text.head_dim, "d_ff": text.intermediate_size,
        "eps": text.rms_norm_eps, "attention_bias": text.attention_bias}
    if kind == "llama":
        frequencies = LlamaRotaryEmbedding(text).inv_freq
        return common | {
            "activation": text.hidden_act, "query_scale": text.head_dim ** -0.5, "mlp_bias": text.mlp_bias,
            "global": frequencies.tolist()}
    rope = Gemma3RotaryEmbedding(text)
    return common | {
        "activation": text.hidden_activation, "query_scale": text.query_pre_attn_scalar ** -0.5,
        "sliding_layers": [i for i, kind in enumerate(text.layer_types) if kind == "sliding_attention"],
        "window": text.sliding_window, "attn_softcap": text.attn_logit_softcapping,
        "logit_softcap": text.final_logit_softcapping,
        "global": rope.full_attention_inv_freq.tolist(),
        "sliding": getattr(rope, "sliding_attention_inv_freq", torch.tensor([])).tolist()}


def main(path):
    transformers.logging.set_verbosity_error()
    entries = [json.dumps({"config": config, "resolved": resolved(config)}) for config in CONFIGS]
    with open(path, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(entries) + "\n]\n")
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")


main(sys.argv[1])
