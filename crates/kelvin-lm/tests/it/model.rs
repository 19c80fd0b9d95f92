//! Files whose metadata and tensors contradict the architecture are refused by name and place.

use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::{EngineOptions, Error, ErrorKind, Model, Positions, Result, RopeScaling, Session};

use crate::gguf::writer::{File, Piece, pair, piece, string_pair, tensor, u32_pair};
use crate::tiny::{self, Stored, Tiny};

fn load(file: &File) -> Result<Model> {
    Model::from_gguf(
        &Gguf::parse(file.bytes()).expect("a well-formed file"),
        EngineOptions::default(),
    )
}

fn llama() -> File {
    Tiny::new(tiny::LLAMA).parts(Stored::F32)
}

fn gemma() -> File {
    Tiny::new(tiny::GEMMA).parts(Stored::F32)
}

/// Exchanges the first part that holds `name`, or drops it.
fn exchange(parts: &mut Vec<Piece>, name: &str, new: Option<Piece>) {
    let holds = |part: &Piece| part.bytes.windows(name.len()).any(|bytes| bytes == name.as_bytes());
    let at = parts.iter().position(holds).expect("a part of that name");
    parts.splice(at..=at, new);
}

#[track_caller]
fn refused(file: &File, kind: ErrorKind, words: &[&str]) -> Error {
    let error = load(file).expect_err("a contradiction");
    assert_eq!(error.kind(), kind, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{error} does not say {word}");
    }
    error
}

#[test]
fn an_unknown_architecture_is_named_beside_the_known_ones() {
    let mut file = llama();
    let bert = string_pair("general.architecture", "bert");
    exchange(&mut file.pairs, "general.architecture", Some(bert));
    refused(&file, ErrorKind::Unsupported, &["bert", "llama, gemma3"]);
    exchange(&mut file.pairs, "general.architecture", None);
    refused(&file, ErrorKind::Format, &["general.architecture"]);
}

#[test]
fn hyper_parameters_are_held_to_their_ranges_and_to_each_other() {
    let with = |key: &str, n: u32| {
        let mut file = llama();
        exchange(&mut file.pairs, key, Some(u32_pair(&format!("llama.{key}"), n)));
        file
    };
    let shape = ErrorKind::Shape;
    refused(&with("block_count", 0), shape, &["n_layers = 0", "1 to 1024"]);
    refused(&with("block_count", u32::MAX), shape, &["n_layers = 4294967295"]);
    refused(&with("context_length", 0), shape, &["max_seq = 0"]);
    refused(&with("attention.head_count_kv", 4), shape, &["n_heads = 6", "n_kv_heads = 4"]);
    refused(&with("attention.head_count_kv", 0), shape, &["n_kv_heads = 0"]);
    refused(&with("attention.key_length", 24), ErrorKind::Unsupported, &["value_length", "16"]);
    let mut file = llama();
    exchange(&mut file.pairs, "feed_forward_length", None);
    refused(&file, ErrorKind::Format, &["llama.feed_forward_length"]);
    file.pairs.push(u32_pair("llama.feed_forward_length", 96));
    refused(&file, shape, &["blk.0.ffn_gate.weight", "[160, 96]", "[96, 96]"]);
}

#[test]
fn numbers_that_would_spoil_every_logit_are_refused() {
    let with = |key: &str, x: f32| {
        let mut file = llama();
        let new = pair(format!("llama.{key}"), 6, piece().number(&x.to_le_bytes()));
        exchange(&mut file.pairs, key, Some(new));
        file
    };
    refused(&with("rope.freq_base", f32::NAN), ErrorKind::Shape, &["rope base NaN"]);
    refused(&with("rope.freq_base", 0.5), ErrorKind::Shape, &["rope base 0.5"]);
    refused(&with("attention.layer_norm_rms_epsilon", -1.0), ErrorKind::Shape, &["norm_eps = -1"]);
}

/// The small Gemma with one more pair.
fn gemma_with(new: Piece) -> File {
    let mut file = gemma();
    file.pairs.push(new);
    file
}

fn number_pair(key: &str, x: f32) -> Piece {
    pair(key, 6, piece().number(&x.to_le_bytes()))
}

#[test]
fn settings_that_change_the_result_are_not_ignored() {
    let scaled = string_pair("gemma3.rope.scaling.type", "yarn");
    refused(&gemma_with(scaled), ErrorKind::Unsupported, &["rope.scaling.type = yarn", "linear"]);
    let experts = u32_pair("gemma3.expert_count", 8);
    refused(&gemma_with(experts), ErrorKind::Unsupported, &["expert_count = 8"]);
    let clamp = number_pair("gemma3.attention.clamp_kqv", 8.0);
    refused(&gemma_with(clamp), ErrorKind::Unsupported, &["clamp_kqv = 8"]);
    let soft = number_pair("gemma3.final_logit_softcapping", f32::NAN);
    refused(&gemma_with(soft), ErrorKind::Shape, &["logit_softcap = NaN"]);
    let factor = number_pair("gemma3.rope.scaling.factor", 0.25);
    refused(&gemma_with(factor), ErrorKind::Shape, &["rope factor 0.25", "at least 1"]);
}

#[test]
fn settings_that_are_known_reach_the_blueprint() {
    let config = |new: Piece| load(&gemma_with(new)).expect("sound").config().clone();
    let plain = load(&gemma()).expect("sound").config().clone();
    assert_eq!(config(string_pair("gemma3.rope.scaling.type", "none")), plain);
    let soft = config(number_pair("gemma3.final_logit_softcapping", 30.0));
    assert_eq!((soft.logit_softcap, soft.attn_softcap), (Some(30.0), None));
    let soft = config(number_pair("gemma3.attn_logit_softcapping", 50.0));
    assert_eq!((soft.logit_softcap, soft.attn_softcap), (None, Some(50.0)));
    for key in ["gemma3.rope.scaling.factor", "gemma3.rope.scale_linear"] {
        let Positions::Rotary(rope) = config(number_pair(key, 8.0)).positions else {
            panic!("Gemma's positions are rotary");
        };
        assert_eq!(rope.scaling, RopeScaling::Linear(8.0), "{key}");
    }
    // layers that slide are not stretched
    let window = config(number_pair("gemma3.rope.scaling.factor", 8.0)).window.expect("it slides");
    assert_eq!(window.rope.scaling, RopeScaling::None);
}

#[test]
fn the_expected_tensors_are_there_and_no_other() {
    let mut file = gemma();
    exchange(&mut file.tensors, "blk.6.attn_k_norm.weight", None);
    refused(&file, ErrorKind::Shape, &["lacks tensor blk.6.attn_k_norm.weight", "[24]"]);
}

#[test]
fn a_vocabulary_of_another_size_is_refused() {
    let mut file = llama();
    file.pairs.push(u32_pair("llama.vocab_size", 71));
    let error = refused(&file, ErrorKind::Shape, &["71 tokens", "token_embd.weight", "70 rows"]);
    assert!(error.offset().is_some());
}

/// The file with one more tensor of numbers.
fn with_tensor(mut file: File, name: &str, numbers: &[f32]) -> File {
    file.tensors.push(tensor(name, &[numbers.len() as u64], 0, file.data.len() as u64));
    file.data.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
    file.data.resize(file.data.len().next_multiple_of(32), 0);
    file
}

#[test]
fn a_tensor_that_would_stay_unused_is_refused() {
    for (file, family) in [(llama(), "llama"), (gemma(), "gemma3")] {
        let file = with_tensor(file, "blk.0.attn_rot_embd.weight", &[1.0; 8]);
        let error = refused(&file, ErrorKind::Unsupported, &["blk.0.attn_rot_embd.weight", family]);
        assert!(error.offset().is_some());
    }
    let gemma = with_tensor(gemma(), "rope_freqs.weight", &[1.0; 12]);
    refused(&gemma, ErrorKind::Unsupported, &["rope_freqs.weight", "gemma3"]);
}

#[test]
fn factors_of_rotary_frequencies_are_held_to_their_rules() {
    let with = |factors: &[f32]| with_tensor(llama(), "rope_freqs.weight", factors);
    refused(&with(&[1.0; 7]), ErrorKind::Shape, &["rope_freqs.weight", "[7]", "[8]"]);
    refused(&with(&[0.0; 8]), ErrorKind::Shape, &["rope factor 0"]);
    let mut stretched = with(&[1.0; 8]);
    stretched.pairs.push(number_pair("llama.rope.scaling.factor", 8.0));
    refused(&stretched, ErrorKind::Unsupported, &["llama.rope.scaling.factor = 8"]);
    let ids: Vec<u32> = (0..40).collect();
    let logits = |file: &File| {
        let model = load(file).expect("sound");
        Session::new(&model).feed(&ids).expect("it fits").to_vec()
    };
    let plain = logits(&llama());
    assert_eq!(logits(&with(&[1.0; 8])), plain);
    // all frequencies divided by one number is what linear scaling is
    let divided = logits(&with(&[4.0; 8]));
    let mut linear = llama();
    linear.pairs.push(number_pair("llama.rope.scaling.factor", 4.0));
    assert_eq!(divided, logits(&linear));
    assert_ne!(divided, plain);
}

#[test]
fn bad_tokens_leave_a_session_as_it_was() {
    let model = load(&llama()).expect("a sound model");
    let mut session = Session::new(&model);
    session.feed(&[1, 2, 3]).expect("it fits");
    for (ids, kind) in [
        (vec![], ErrorKind::Prompt),
        (vec![4, 70], ErrorKind::Prompt),
        (vec![5; 254], ErrorKind::Context),
    ] {
        assert_eq!(session.feed(&ids).expect_err("refused").kind(), kind);
        let visited = session.feed_all(&ids, |pos, _| panic!("position {pos} was visited"));
        assert_eq!(visited.map_err(|error| error.kind()).err(), (!ids.is_empty()).then_some(kind));
        assert_eq!((session.pos(), session.ids()), (3, &[1, 2, 3][..]));
    }
    session.feed(&[5; 253]).expect("the context is full");
    assert_eq!(session.pos(), 256);
}

#[test]
fn a_cache_grows_by_pages_and_forks_share_them() {
    let model = load(&llama()).expect("a sound model");
    let mut session = Session::new(&model);
    assert_eq!(session.cache_bytes(), 0);
    session.feed(&[1]).expect("it fits");
    let page = session.cache_bytes();
    assert_eq!(page, 3 * 2 * (16 + 16) * 64 * 4);
    session.feed(&[2; 63]).expect("it fits");
    assert_eq!(session.cache_bytes(), page);
    session.feed(&[3]).expect("it fits");
    assert_eq!(session.cache_bytes(), 2 * page);
    session.rewind(64);
    assert_eq!(session.cache_bytes(), page);
    assert_eq!(session.fork_at(1).ids(), [1]);
}
