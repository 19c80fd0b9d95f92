//! One model in two layouts: the GGUF file, and what `scripts/gguf-to-hf` makes of it.

use kelvin_lm::kernel::{Activations, EngineOptions};
use kelvin_lm::tokenizer::{SpecialTokens, Tokenizer};
use kelvin_lm::{Checkpoint, Model, Session};

use crate::real;

const TEXT: &str = "The cat sat on the mat, and « il gatto » slept until 12:45.";

/// The bits of all logits after each token of the text.
fn bits(checkpoint: &Checkpoint, ids: &[u32]) -> Vec<u32> {
    let options = EngineOptions { activations: Activations::F32, ..EngineOptions::default() };
    let model = Model::open(checkpoint, options).expect("a model");
    let mut bits = Vec::new();
    let mut session = Session::new(&model);
    let kept = |_: usize, logits: &[f32]| bits.extend(logits.iter().map(|z| z.to_bits()));
    session.feed_all(ids, kept).expect("room");
    bits
}

fn hold(gguf: &str, folder: &str) {
    let (Some(gguf), Some(config)) =
        (real::path(gguf), real::path(&format!("{folder}/config.json")))
    else {
        return;
    };
    let file = Checkpoint::open(&gguf).expect("checked by its hash");
    let folder = Checkpoint::open(config.parent().expect("a folder")).expect("made by the script");
    let tokenizer = Tokenizer::open(&file).expect("inside");
    let ids = tokenizer.encode_prompt(TEXT, SpecialTokens::Text).expect("any text");
    let (one, other) = (bits(&file, &ids), bits(&folder, &ids));
    assert_eq!(one.len(), ids.len() * folder.config().expect("sound").vocab_size);
    let first = one.iter().zip(&other).position(|(a, b)| a != b);
    assert_eq!((first, one.len()), (None, other.len()), "the first logit that differs");
}

#[test]
#[ignore = "two real models, each in two layouts"]
fn smollm2_has_the_same_logit_bits_from_either_form() {
    hold("smollm2-135m-instruct-q4_1.gguf", "smollm2-135m-instruct-hf");
}

#[test]
#[ignore = "two real models, each in two layouts"]
fn gemma3_has_the_same_logit_bits_from_either_form() {
    hold("gemma-3-270m-q4_k_m.gguf", "gemma-3-270m-hf");
}
