//! `config.json` of models that cannot be.

use kelvin_lm::Config;
use kelvin_lm::ErrorKind::{Format, Shape, Unsupported};

use super::{BESIDE, Case, case};

pub(super) const FORMAT: super::Format = super::Format {
    name: "config.json",
    cases: || [grammar(), types(), sizes(), positions(), unknown()].concat(),
    beside: BESIDE,
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
        case("", Format,
         "config.json: EOF while parsing a value (byte 0)"),
        case("{", Format,
         "config.json: EOF while parsing an object (byte 0)"),
        case("{}", Format,
         "config.json lacks model_type"),
        case("null", Format,
         "config.json: invalid type: null, expected an object (byte 3)"),
        case(*b"\x80\x04}\x94.", Format,
         "config.json: expected value (byte 0)").known("pickle"),
        case("{\"model_type\":\"gpt2\"}{}", Format,
         "config.json: trailing characters (byte 21)"),
        case("{'model_type':'gpt2'}", Format,
         "config.json: key must be a string (byte 1)"),
        case("{\"model_type\":\"gpt2\",}", Format,
         "config.json: trailing comma (byte 21)"),
        case("{\"model_type\":\"gpt2\"} // tiny", Format,
         "config.json: trailing characters (byte 22)"),
        case(gpt2(r#""n_layer":1,"n_layer":2"#), Format,
         "config.json: an object has a key twice (byte 44)").known("JSON duplicate keys"),
        case(gpt2(r#""n_layer":1,"n_\u006cayer":2"#), Format,
         "config.json: an object has a key twice (byte 49)").known("JSON duplicate keys"),
        case(gpt2(&format!(r#""x":{}"#, "[".repeat(100_000))), Format,
         "config.json: nested deeper than 64 (byte 88)").known("JSON depth"),
        case(gpt2(&format!(r#""x":{}1"#, "{\"a\":".repeat(100))), Format,
         "config.json: nested deeper than 64 (byte 343)").known("JSON depth"),
        case(gpt2(&format!(r#""x":"{}""#, "x".repeat(300_000))), Unsupported,
         "config.json: a string of more than 262144 bytes (byte 25)"),
        case(gpt2(&format!(r#""x":[{}1]"#, "1,".repeat(20_000))), Unsupported,
         "config.json: an array of more than 16384 (byte 32795)"),
        case(gpt2(&format!(r#""x":"{}""#, " ".repeat(1 << 20))), Unsupported,
         "config.json has 1048604 bytes, more than the limit of 1048576"),
    ]
}

/// Values of another type.
#[rustfmt::skip]
fn types() -> Vec<Case> {
    vec![
        case(r#"{"model_type":1}"#, Format,
         "config.json: invalid type: integer `1`, expected a string (byte 14)"),
        case(gpt2(r#""n_layer":"12""#), Format,
         "config.json: invalid type: string \"12\", expected usize (byte 34)"),
        case(gpt2(r#""n_layer":-1"#), Format,
         "config.json: invalid value: integer `-1`, expected usize (byte 32)"),
        case(gpt2(r#""n_layer":1.5"#), Format,
         "config.json: invalid type: floating point `1.5`, expected usize (byte 33)"),
        case(gpt2(r#""n_layer":18446744073709551616"#), Format,
         "config.json: invalid type: floating point `1.8446744073709552e+19`, expected usize (byte 50)"),
        case(gpt2(r#""layer_norm_epsilon":1e999"#), Format,
         "config.json: number out of range (byte 46)"),
        case(gpt2(r#""layer_norm_epsilon":NaN"#), Format,
         "config.json: expected value (byte 42)"),
        case(llama(r#""rope_scaling":"linear""#), Format,
         "config.json: invalid type: string \"linear\", expected an object (byte 44)"),
        case(llama(r#""tie_word_embeddings":1"#), Format,
         "config.json: invalid type: integer `1`, expected a boolean (byte 44)"),
        case(gemma(r#""layer_types":"full_attention""#), Format,
         "config.json: invalid type: string \"full_attention\", expected a sequence (byte 57)"),
        case(r#"{"model_type":"gemma3","text_config":[]}"#, Format,
         "config.json: invalid type: sequence, expected an object (byte 36)"),
    ]
}

/// Sizes that are none, or contradict each other.
#[rustfmt::skip]
fn sizes() -> Vec<Case> {
    vec![
        case(gpt2(r#""n_layer":0"#), Shape,
         "n_layers = 0 is outside 1 to 1024"),
        case(gpt2(r#""n_layer":18446744073709551615"#), Shape,
         "n_layers = 18446744073709551615 is outside 1 to 1024"),
        case(gpt2(r#""n_embd":10,"n_head":3"#), Shape,
         "d_model = 10 is not a multiple of n_heads = 3"),
        case(gpt2(r#""n_head":0"#), Shape,
         "d_model = 768 is not a multiple of n_heads = 0"),
        case(gpt2(r#""n_embd":9223372036854775808,"n_head":1"#), Shape,
         "d_model = 9223372036854775808 is outside 1 to 131072"),
        case(gpt2(r#""vocab_size":0"#), Shape,
         "vocab_size = 0 is outside 1 to 16777216"),
        case(gpt2(r#""layer_norm_epsilon":-1"#), Shape,
         "norm_eps = -1 is outside 0 to 1"),
        case(llama(r#""num_key_value_heads":0"#), Shape,
         "n_kv_heads = 0 is outside 1 to 1024"),
        case(llama(r#""num_attention_heads":6,"hidden_size":96,"num_key_value_heads":4"#), Shape,
         "n_heads = 6 is not a multiple of n_kv_heads = 4"),
        case(llama(r#""head_dim":63"#), Shape,
         "head_dim = 63 is odd, but rotary positions turn pairs"),
        case(llama(r#""vocab_size":4294967296"#), Shape,
         "vocab_size = 4294967296 is outside 1 to 16777216"),
        case(llama(r#""max_position_embeddings":1e6"#), Format,
         "config.json: invalid type: floating point `1000000.0`, expected usize (byte 50)"),
        case(llama(r#""max_position_embeddings":9007199254740993"#), Shape,
         "max_seq = 9007199254740993 is outside 1 to 1048576"),
        case(gemma(r#""num_hidden_layers":4294967295"#), Shape,
         "n_layers = 4294967295 is outside 1 to 1024"),
        case(gemma(r#""query_pre_attn_scalar":-256"#), Shape,
         "query_scale = NaN is not finite and above 0"),
        case(gemma(r#""query_pre_attn_scalar":0"#), Shape,
         "query_scale = inf is not finite and above 0"),
        case(gemma(r#""num_hidden_layers":2,"layer_types":["full_attention","sliding_attention","full_attention"]"#), Shape,
         "3 layers slide or do not, but there are 2"),
        case(gemma(r#""final_logit_softcapping":-1"#), Shape,
         "logit_softcap = -1 is not finite and above 0"),
        case(gemma(r#""sliding_window":0"#), Shape,
         "window = 0 is outside 1 to 1048576"),
        case(gemma(r#""sliding_window_pattern":0"#), Shape,
         "window pattern = 0, expected at least 1"),
    ]
}

/// Rotary positions.
#[rustfmt::skip]
fn positions() -> Vec<Case> {
    vec![
        case(llama(r#""rope_theta":0"#), Shape,
         "rope base 0 is not finite and at least 1"),
        case(llama(r#""rope_theta":1e39"#), Format,
         "config.json: number out of range (byte 38)"),
        case(llama(r#""rope_scaling":{"rope_type":"linear"}"#), Format,
         "the scaling of rotary positions lacks factor"),
        case(llama(r#""rope_scaling":{"rope_type":"linear","factor":0}"#), Shape,
         "rope factor 0 is not finite and at least 1"),
        case(llama(r#""rope_scaling":{"rope_type":"linear","factor":-1e-40}"#), Shape,
         "rope factor -0.0000000000000000000000000000000000000001 is not finite and at least 1"),
        case(llama(r#""rope_scaling":{"rope_type":"yarn","factor":2}"#), Unsupported,
         "rope_type = \"yarn\", but only default, linear, llama3 is known"),
        case(llama(r#""rope_scaling":{"rope_type":"llama3","factor":8}"#), Format,
         "the scaling of rotary positions lacks low_freq_factor"),
        case(llama(r#""rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4}"#), Shape,
         "rope scaling between 4 and 4 turns, expected the second above the first and both above 0"),
        case(llama(r#""rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":0}"#), Shape,
         "rope scaling from 0 positions, outside 1 to 2^20"),
        case(gemma(r#""rope_parameters":{"rope_type":"default","rope_theta":1e6}"#), Format,
         "rope_parameters are those of one kind of layer, expected full_attention and sliding_attention"),
    ]
}

/// What this version does not know.
#[rustfmt::skip]
fn unknown() -> Vec<Case> {
    vec![
        case(r#"{"model_type":"mamba"}"#, Unsupported,
         "architecture \"mamba\" is not one of those known: gpt2, llama, gemma3_text, gemma3"),
        case(r#"{"model_type":"\u001b[2Jgpt2"}"#, Unsupported,
         "architecture \"\\u{1b}[2Jgpt2\" is not one of those known: gpt2, llama, gemma3_text, gemma3"),
        case(format!(r#"{{"model_type":"{}"}}"#, "x".repeat(10_000)), Unsupported,
         "architecture \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\" is not one of those known: gpt2, llama, gemma3_text, gemma3"),
        case(llama(r#""quantization_config":{"bits":4}"#), Unsupported,
         "quantization_config = a table, but only null is known"),
        case(llama(r#""hidden_act":"\n""#), Unsupported,
         "hidden_act = \"\\n\" is not one of those known: gelu_new, gelu_pytorch_tanh, gelu_fast, gelu, gelu_python, silu, swish, relu"),
        case(llama(r#""sliding_window":1024"#), Unsupported,
         "sliding_window = 1024, but only null is known"),
        case(gpt2(r#""add_cross_attention":true"#), Unsupported,
         "add_cross_attention = true, but only false is known"),
        case(gemma(r#""layer_types":["chunked_attention"]"#), Unsupported,
         "layer_types = \"chunked_attention\", but only sliding_attention, full_attention is known"),
        case(gemma(r#""use_bidirectional_attention":true"#), Unsupported,
         "use_bidirectional_attention = true, but only false is known"),
    ]
}
