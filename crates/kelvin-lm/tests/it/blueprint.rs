//! `config.json`: what it says, what it leaves out, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use kelvin_lm::{
    Activation, Biases, Checkpoint, Config, Error, ErrorKind, FeedForward, NormKind, Positions,
    QueryScale, Result, Window,
};
use serde_json::{Value, json};

/// A folder with these settings, and with a file of no tensors.
fn folder(name: &str, config: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("blueprint").join(name);
    fs::create_dir_all(&folder).expect("the folder can be made");
    fs::write(folder.join("config.json"), config).expect("the file can be written");
    let empty = [&2_u64.to_le_bytes()[..], b"{}"].concat();
    fs::write(folder.join("model.safetensors"), empty).expect("likewise");
    folder
}

fn read(name: &str, config: &Value) -> Result<Config> {
    Checkpoint::open(&folder(name, &config.to_string()))?.config()
}

/// `golden/hf-configs.json`, by `scripts/golden/hf_configs.py`.
#[test]
fn settings_mean_what_transformers_makes_of_them() {
    let text = include_str!("../golden/hf-configs.json");
    let entries: Vec<Value> = serde_json::from_str(text).expect("JSON");
    assert_eq!(entries.len(), 28);
    for entry in entries {
        let (given, wanted) = (&entry["config"], &entry["resolved"]);
        let config = read("golden", given).unwrap_or_else(|error| panic!("{given}: {error}"));
        check_sizes(&config, wanted, given);
        check_numbers(&config, wanted, given);
        check_window(config.window.as_ref(), wanted, given);
    }
}

#[track_caller]
fn check_sizes(config: &Config, wanted: &Value, given: &Value) {
    let size = |name: &str| usize::try_from(wanted[name].as_u64().expect("a size")).expect("fits");
    let found = [
        ("vocab_size", config.vocab_size),
        ("d_model", config.d_model),
        ("n_layers", config.n_layers),
        ("n_heads", config.n_heads),
        ("n_kv_heads", config.n_kv_heads),
        ("head_dim", config.head_dim),
        ("d_ff", config.d_ff),
        ("max_seq", config.max_seq),
    ];
    for (name, found) in found {
        assert_eq!(found, size(name), "{name} of {given}");
    }
    assert_eq!(wanted["tied"], config.tied_head, "{given}");
    let gpt2 = config.norm == NormKind::Layer;
    let flag = |name: &str| gpt2 || wanted[name] == true;
    let (attention, feed_forward) = (flag("attention_bias"), flag("mlp_bias"));
    let biases = Biases { query_key_value: attention, attn_output: attention, feed_forward };
    assert_eq!(config.biases, biases, "{given}");
    let build = if gpt2 { FeedForward::Plain } else { FeedForward::Gated };
    assert_eq!(config.feed_forward, build, "{given}");
}

#[track_caller]
fn check_numbers(config: &Config, wanted: &Value, given: &Value) {
    let number = |name: &str| wanted[name].as_f64();
    let near = |found: f32, name: &str| {
        let wanted = number(name).expect("a number");
        assert!((f64::from(found) / wanted - 1.0).abs() < 1e-6, "{name} of {given}: {found}");
    };
    near(config.norm_eps, "eps");
    let (QueryScale::Uniform(scale) | QueryScale::ByDepth(scale)) = config.query_scale;
    near(scale, "query_scale");
    let by_depth = matches!(config.query_scale, QueryScale::ByDepth(_));
    assert_eq!(by_depth, wanted["by_depth"] == true, "{given}");
    let cap = |name| number(name).map(|cap| cap.to_string());
    assert_eq!(config.attn_softcap.map(|cap| cap.to_string()), cap("attn_softcap"), "{given}");
    assert_eq!(config.logit_softcap.map(|cap| cap.to_string()), cap("logit_softcap"), "{given}");
    let activation = match wanted["activation"].as_str().expect("a name") {
        "gelu_new" | "gelu_pytorch_tanh" => Activation::GeluTanh,
        "gelu" => Activation::GeluErf,
        "silu" => Activation::Silu,
        "relu" => Activation::Relu,
        other => panic!("{other}"),
    };
    assert_eq!(config.activation, activation, "{given}");
    match &config.positions {
        Positions::Learned => assert!(wanted["global"].is_null(), "{given}"),
        Positions::Rotary(rope) => {
            check_frequencies(&rope.frequencies(config.head_dim), &wanted["global"], given);
        }
    }
    if let Some(window) = &config.window {
        check_frequencies(&window.rope.frequencies(config.head_dim), &wanted["sliding"], given);
    }
}

/// transformers computes them in f32.
#[track_caller]
fn check_frequencies(found: &[f64], wanted: &Value, given: &Value) {
    let wanted: Vec<f64> = serde_json::from_value(wanted.clone()).expect("numbers");
    assert_eq!(found.len(), wanted.len(), "{given}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found / wanted - 1.0).abs() < 2e-6, "{found} is not {wanted}: {given}");
    }
}

#[track_caller]
fn check_window(window: Option<&Window>, wanted: &Value, given: &Value) {
    let layers: Vec<usize> =
        serde_json::from_value(wanted["sliding_layers"].clone()).unwrap_or_default();
    let Some(window) = window else {
        assert!(layers.is_empty(), "{given}");
        return;
    };
    assert_eq!(wanted["window"], window.size, "{given}");
    let sliding = window.slides.iter().enumerate().filter(|(_, slides)| **slides);
    assert_eq!(sliding.map(|(layer, _)| layer).collect::<Vec<_>>(), layers, "{given}");
}

#[track_caller]
fn refused(config: &Value, kind: ErrorKind, words: &[&str]) -> Error {
    // a folder for each test, which are threads of one process
    let folder = format!("refused-{:?}", std::thread::current().id());
    let error = read(&folder, config).expect_err("refused");
    assert_eq!(error.kind(), kind, "{error}");
    let text = error.to_string();
    for word in words.iter().chain(&["config.json"]) {
        assert!(text.contains(word), "{text} does not say {word}");
    }
    error
}

/// Settings with one more, or another.
fn with(mut config: Value, name: &str, value: Value) -> Value {
    config[name] = value;
    config
}

#[test]
fn an_unknown_architecture_is_refused_with_those_that_are_known() {
    let error = refused(
        &json!({"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}),
        ErrorKind::Unsupported,
        &["\"qwen3\"", "gpt2, llama, gemma3_text, gemma3"],
    );
    assert!(error.way_out().is_some());
    refused(&json!({"architectures": ["GPT2LMHeadModel"]}), ErrorKind::Format, &["model_type"]);
}

#[test]
fn settings_that_change_the_result_are_not_ignored() {
    let (gpt2, llama) = (json!({"model_type": "gpt2"}), json!({"model_type": "llama"}));
    let gemma = json!({"model_type": "gemma3_text"});
    let cases = [
        (&gpt2, "add_cross_attention", json!(true), "add_cross_attention = true"),
        (&gpt2, "activation_function", json!("mish"), "activation_function = \"mish\""),
        (&gpt2, "quantization_config", json!({"bits": 4}), "quantization_config"),
        (&llama, "hidden_act", json!("relu2"), "hidden_act = \"relu2\""),
        (&llama, "sliding_window", json!(100), "sliding_window = 100"),
        (&llama, "rope_scaling", json!({"rope_type": "yarn", "factor": 4.0}), "\"yarn\""),
        (&llama, "rope_scaling", json!({"type": "dynamic", "factor": 4.0}), "\"dynamic\""),
        (&llama, "rope_parameters", json!({"partial_rotary_factor": 0.5}), "partial_rotary_factor"),
        (&llama, "partial_rotary_factor", json!(0.5), "partial_rotary_factor = 0.5"),
        (&gemma, "partial_rotary_factor", json!(0.25), "partial_rotary_factor = 0.25"),
        (&gemma, "use_bidirectional_attention", json!(true), "use_bidirectional_attention"),
        (&gemma, "sliding_window", json!(null), "sliding_window = null"),
        (&gemma, "layer_types", json!(["linear_attention"]), "\"linear_attention\""),
        (&gemma, "hidden_activation", json!("quick_gelu"), "\"quick_gelu\""),
    ];
    for (base, name, value, words) in cases {
        refused(&with(base.clone(), name, value), ErrorKind::Unsupported, &[words]);
    }
    let both = json!({"model_type": "gemma3_text", "rope_scaling": {"rope_type": "linear", "factor": 2.0},
        "rope_parameters": {"full_attention": {"rope_type": "default"}}});
    refused(&both, ErrorKind::Unsupported, &["rope_scaling", "rope_parameters"]);
}

#[test]
fn what_changes_nothing_is_passed_over() {
    let plain = read("plain", &json!({"model_type": "llama"})).expect("sound");
    let more = json!({"model_type": "llama", "_name_or_path": "x", "torch_dtype": "bfloat16",
        "use_cache": false, "pretraining_tp": 2, "sliding_window": 4096, "task_specific_params": {"a": 1}});
    assert_eq!(read("more", &more).expect("sound"), plain);
}

#[test]
fn numbers_are_held_to_their_ranges_and_to_each_other() {
    let (gpt2, llama) = (json!({"model_type": "gpt2"}), json!({"model_type": "llama"}));
    let gemma = json!({"model_type": "gemma3_text"});
    let linear = |factor: f64| json!({"rope_type": "linear", "factor": factor});
    let llama3 = |low: f64, positions: u64| {
        json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": low, "high_freq_factor": 4.0,
            "original_max_position_embeddings": positions})
    };
    let cases = [
        (&gpt2, "n_layer", json!(0), "n_layers = 0"),
        (&gpt2, "n_head", json!(0), "n_heads = 0"),
        (&gpt2, "n_head", json!(7), "d_model = 768 is not a multiple of n_heads = 7"),
        (&gpt2, "n_embd", json!(u64::MAX), "d_model"),
        (&gpt2, "n_positions", json!(1 << 21), "max_seq = 2097152"),
        (&gpt2, "layer_norm_epsilon", json!(-1.0), "norm_eps = -1"),
        (&llama, "num_key_value_heads", json!(5), "n_kv_heads = 5"),
        (&llama, "num_key_value_heads", json!(0), "n_kv_heads = 0"),
        (&llama, "head_dim", json!(7), "head_dim = 7 is odd"),
        (&llama, "rope_theta", json!(0.5), "rope base 0.5"),
        (&llama, "rope_scaling", linear(0.5), "rope factor 0.5"),
        (&llama, "rope_scaling", llama3(4.0, 8192), "between 4 and 4 turns"),
        (&llama, "rope_scaling", llama3(1.0, 0), "from 0 positions"),
        (&gemma, "layer_types", json!(["sliding_attention"]), "1 layers slide or do not"),
        (&gemma, "num_hidden_layers", json!(u64::MAX), "n_layers = 18446744073709551615"),
        (&gemma, "sliding_window", json!(0), "window = 0"),
        (&gemma, "query_pre_attn_scalar", json!(-4.0), "query_scale = NaN"),
        (&gemma, "final_logit_softcapping", json!(0.0), "logit_softcap = 0"),
    ];
    for (base, name, value, words) in cases {
        refused(&with(base.clone(), name, value), ErrorKind::Shape, &[words]);
    }
}

#[test]
fn what_is_no_such_setting_is_refused_at_its_place() {
    let cases = [
        ("{\"model_type\": \"gpt2\", \"n_embd\": -1}", "invalid value: integer `-1`"),
        ("{\"model_type\": \"gpt2\", \"n_embd\": \"768\"}", "invalid type: string \"768\""),
        ("{\"model_type\": \"gpt2\", \"n_embd\": 768, \"hidden_size\": 768}", "duplicate field"),
        ("{\"model_type\": \"gpt2\", \"model_type\": \"llama\"}", "a key twice"),
        ("{\"model_type\": \"llama\", \"rope_scaling\": 4}", "invalid type: integer `4`"),
        ("{\"model_type\": \"llama\", \"rope_scaling\": {\"type\": \"linear\"}}", "lacks factor"),
        ("{\"model_type\": 5}", "invalid type: integer `5`"),
        ("[]", "config.json"),
        ("{\"model_type\": \"gpt2\"", "EOF while parsing an object"),
    ];
    for (text, words) in cases {
        let found = Checkpoint::open(&folder("no-setting", text)).and_then(|it| it.config());
        let error = found.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Format, "{text}");
        assert!(error.to_string().contains(words), "{error} does not say {words}");
    }
}
