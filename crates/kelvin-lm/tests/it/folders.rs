//! Folders in Hugging Face layout: the logits and tokens of transformers.

mod expected;

use std::path::PathBuf;

use kelvin_lm::{Checkpoint, EngineOptions, Model, Session};

use self::expected::Expected;
use crate::real::say;

/// Those that have an F32 folder, and beside it `-bf16` and `-sharded`.
const FAMILIES: [&str; 3] = ["gpt2", "llama", "gemma3"];
/// Those that are kept in BF16 alone, and what transformers computed from them in f32.
const VARIANTS: [&str; 4] = ["gpt2-untied", "llama3", "gemma3-softcap", "gemma3-image"];

/// How far half precision may be, in standard deviations of a row (root mean square).
const HALF: f64 = 2e-2;

pub(crate) fn path(folder: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/folders")).join(folder)
}

pub(crate) fn open(folder: &str) -> Checkpoint {
    Checkpoint::open(&path(folder)).expect("the folder is sound")
}

fn model(folder: &str) -> Model {
    Model::open(&open(folder), EngineOptions::default()).expect("the folder holds a model")
}

/// Logits after each of `ids`.
pub(crate) fn logits(model: &Model, ids: &[u32]) -> Vec<Vec<f32>> {
    let mut rows = Vec::new();
    Session::new(model).feed_all(ids, |_, row| rows.push(row.to_vec())).expect("the ids fit");
    rows
}

/// The larger logit first, then the smaller id.
fn best(row: &[f32]) -> u32 {
    let better = |best: usize, id: usize| if row[id] > row[best] { id } else { best };
    u32::try_from((0..row.len()).fold(0, better)).expect("an id")
}

/// As many greedy tokens as transformers took, after the same prompt.
fn greedy(model: &Model, expected: &Expected) -> Vec<u32> {
    let (prompt, rest) = expected.halves();
    let mut session = Session::new(model);
    let mut next = best(session.feed(prompt).expect("it fits"));
    let mut ids = vec![next];
    while ids.len() < rest.len() {
        next = best(session.feed(&[next]).expect("it fits"));
        ids.push(next);
    }
    ids
}

#[test]
fn logits_and_greedy_tokens_are_those_of_transformers() {
    for folder in FAMILIES.into_iter().chain(VARIANTS) {
        let (model, expected) = (model(folder), Expected::read(&path(folder)));
        let found = logits(&model, &expected.ids);
        let worst = expected.deviation(&found, &expected.logits);
        say(&format!("{folder}: logits within {worst:.1e} of a row's spread"));
        assert!(worst < 1e-4, "{folder}: {worst:e}");
        assert_eq!(greedy(&model, &expected), expected.halves().1, "{folder}");
    }
}

#[test]
fn half_precision_folders_are_near_what_transformers_computes_in_half_precision() {
    for folder in ["gpt2-bf16", "llama-bf16", "gemma3-bf16", "llama-f16"] {
        let (model, expected) = (model(folder), Expected::read(&path(folder)));
        let found = logits(&model, &expected.ids);
        let upcast = expected.upcast.as_ref().expect("kept for these");
        let exact = expected.deviation(&found, upcast);
        let rms = expected.rms(&found, &expected.logits);
        let own = expected.rms(upcast, &expected.logits);
        let flips = expected.flips(&found, 2.0 * HALF);
        say(&format!(
            "{folder}: rms {rms:.1e} of a row's spread (transformers in f32: {own:.1e}), {flips} \
             flips; within {exact:.1e} of the same weights in f32"
        ));
        assert!(exact < 1e-4, "{folder}: {exact:e} from the same weights in f32");
        assert!(rms < HALF, "{folder}: {rms:e}");
    }
}

#[test]
fn a_model_in_several_files_is_the_model_in_one() {
    for family in FAMILIES {
        let (single, sharded) = (format!("{family}-bf16"), format!("{family}-sharded"));
        let ids = Expected::read(&path(&single)).ids;
        assert_eq!(logits(&model(&sharded), &ids), logits(&model(&single), &ids), "{family}");
    }
}
