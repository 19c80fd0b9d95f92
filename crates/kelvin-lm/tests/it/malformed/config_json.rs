//! `config.json` of models that cannot be.

use kelvin_lm::Config;
use kelvin_lm::ErrorKind::{Format, Shape, Unsupported};

use super::{Case, case};

pub(super) const FORMAT: super::Format = super::Format {
    name: "config.json",
    cases: || [grammar(), types(), sizes(), positions(), unknown()].concat(),
    read: |json| Config::from_json(&json).map(drop),
};

/// A Llama with these settings.
fn llama(settings: &str) -> String {
    format!(r#"{{"model_type":"llama",{settings}}}"#)
}

/// A Gemma 3 with these settings.
fn gemma(settings: &str) -> String {
    format!(r#"{{"model_type":"gemma3_text",{settings}}}"#)
}

/// A GPT-2 with these settings.
fn gpt2(settings: &str) -> String {
    format!(r#"{{"model_type":"gpt2",{settings}}}"#)
}

/// What is no JSON object, or more than one.
#[rustfmt::skip]
fn grammar() -> Vec<Case> {
    vec![
        case("", Format, ""),
        case("{", Format, ""),
        case("{}", Format, ""),
        case("null", Format, ""),
        case(*b"\x80\x04}\x94.", Format, "").known("pickle"),
        case("{\"model_type\":\"gpt2\"}{}", Format, ""),
        case("{'model_type':'gpt2'}", Format, ""),
        case("{\"model_type\":\"gpt2\",}", Format, ""),
        case("{\"model_type\":\"gpt2\"} // tiny", Format, ""),
        case(gpt2(r#""n_layer":1,"n_layer":2"#), Format, "").known("JSON duplicate keys"),
        case(gpt2(r#""n_layer":1,"n_\u006cayer":2"#), Format, "").known("JSON duplicate keys"),
        case(gpt2(&format!(r#""x":{}"#, "[".repeat(100_000))), Format, "").known("JSON depth"),
        case(gpt2(&format!(r#""x":{}1"#, "{\"a\":".repeat(100))), Format, "").known("JSON depth"),
        case(gpt2(&format!(r#""x":"{}""#, "x".repeat(300_000))), Unsupported, ""),
        case(gpt2(&format!(r#""x":[{}1]"#, "1,".repeat(20_000))), Unsupported, ""),
        case(gpt2(&format!(r#""x":"{}""#, " ".repeat(1 << 20))), Unsupported, ""),
    ]
}

/// Values of another type.
#[rustfmt::skip]
fn types() -> Vec<Case> {
    vec![
        case(r#"{"model_type":1}"#, Format, ""),
        case(gpt2(r#""n_layer":"12""#), Format, ""),
        case(gpt2(r#""n_layer":-1"#), Format, ""),
        case(gpt2(r#""n_layer":1.5"#), Format, ""),
        case(gpt2(r#""n_layer":18446744073709551616"#), Format, ""),
        case(gpt2(r#""layer_norm_epsilon":1e999"#), Format, ""),
        case(gpt2(r#""layer_norm_epsilon":NaN"#), Format, ""),
        case(llama(r#""rope_scaling":"linear""#), Format, ""),
        case(llama(r#""tie_word_embeddings":1"#), Format, ""),
        case(gemma(r#""layer_types":"full_attention""#), Format, ""),
        case(r#"{"model_type":"gemma3","text_config":[]}"#, Format, ""),
    ]
}

/// Sizes that are none, or contradict each other.
#[rustfmt::skip]
fn sizes() -> Vec<Case> {
    vec![
        case(gpt2(r#""n_layer":0"#), Shape, ""),
        case(gpt2(r#""n_layer":18446744073709551615"#), Shape, ""),
        case(gpt2(r#""n_embd":10,"n_head":3"#), Shape, ""),
        case(gpt2(r#""n_head":0"#), Shape, ""),
        case(gpt2(r#""n_embd":9223372036854775808,"n_head":1"#), Shape, ""),
        case(gpt2(r#""vocab_size":0"#), Shape, ""),
        case(gpt2(r#""layer_norm_epsilon":-1"#), Shape, ""),
        case(llama(r#""num_key_value_heads":0"#), Shape, ""),
        case(llama(r#""num_attention_heads":6,"hidden_size":96,"num_key_value_heads":4"#), Shape, ""),
        case(llama(r#""head_dim":63"#), Shape, ""),
        case(llama(r#""vocab_size":4294967296"#), Shape, ""),
        case(llama(r#""max_position_embeddings":1e6"#), Format, ""),
        case(llama(r#""max_position_embeddings":9007199254740993"#), Shape, ""),
        case(gemma(r#""num_hidden_layers":4294967295"#), Shape, ""),
        case(gemma(r#""query_pre_attn_scalar":-256"#), Shape, ""),
        case(gemma(r#""query_pre_attn_scalar":0"#), Shape, ""),
        case(gemma(r#""num_hidden_layers":2,"layer_types":["full_attention","sliding_attention","full_attention"]"#), Shape, ""),
        case(gemma(r#""final_logit_softcapping":-1"#), Shape, ""),
        case(gemma(r#""sliding_window":0"#), Shape, ""),
        case(gemma(r#""sliding_window_pattern":0"#), Shape, ""),
    ]
}

/// Rotary positions.
#[rustfmt::skip]
fn positions() -> Vec<Case> {
    vec![
        case(llama(r#""rope_theta":0"#), Shape, ""),
        case(llama(r#""rope_theta":1e39"#), Shape, ""),
        case(llama(r#""rope_scaling":{"rope_type":"linear"}"#), Format, ""),
        case(llama(r#""rope_scaling":{"rope_type":"linear","factor":0}"#), Shape, ""),
        case(llama(r#""rope_scaling":{"rope_type":"linear","factor":-1e-40}"#), Shape, ""),
        case(llama(r#""rope_scaling":{"rope_type":"yarn","factor":2}"#), Unsupported, ""),
        case(llama(r#""rope_scaling":{"rope_type":"llama3","factor":8}"#), Format, ""),
        case(llama(r#""rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4}"#), Shape, ""),
        case(llama(r#""rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":0}"#), Shape, ""),
        case(gemma(r#""rope_parameters":{"rope_type":"default","rope_theta":1e6}"#), Format, ""),
    ]
}

/// What this version does not know.
#[rustfmt::skip]
fn unknown() -> Vec<Case> {
    vec![
        case(r#"{"model_type":"mamba"}"#, Unsupported, ""),
        case(r#"{"model_type":"\u001b[2Jgpt2"}"#, Unsupported, ""),
        case(format!(r#"{{"model_type":"{}"}}"#, "x".repeat(10_000)), Unsupported, ""),
        case(llama(r#""quantization_config":{"bits":4}"#), Unsupported, ""),
        case(llama(r#""hidden_act":"\n""#), Unsupported, ""),
        case(llama(r#""sliding_window":1024"#), Unsupported, ""),
        case(gpt2(r#""add_cross_attention":true"#), Unsupported, ""),
        case(gemma(r#""layer_types":["chunked_attention"]"#), Unsupported, ""),
        case(gemma(r#""use_bidirectional_attention":true"#), Unsupported, ""),
    ]
}
