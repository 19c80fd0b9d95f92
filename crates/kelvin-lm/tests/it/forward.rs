//! The forward pass against the plain one in f64.

use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::kernel::Activations;
use kelvin_lm::{EngineOptions, Model, Session};

use crate::reference;
use crate::tiny::{self, Shape, Stored, Tiny};

/// Ids that reach the third page of the cache.
pub(crate) fn ids(vocab_size: u32) -> Vec<u32> {
    (0..150_u32).map(|i| (i * i + 3 * i + 1) % vocab_size).collect()
}

/// The largest difference, relative to the spread of the row it is in.
fn distance(shape: Shape, stored: Stored, activations: Activations) -> f64 {
    let tiny = Tiny::new(shape).rounded(stored);
    let gguf = Gguf::parse(tiny.file(stored)).expect("the file is well formed");
    let options = EngineOptions { activations, ..EngineOptions::default() };
    let model = Model::from_gguf(&gguf, options).expect("the model is well formed");
    let ids = ids(shape.vocab_size);
    let expected = reference::logits(&tiny, &ids);
    let mut worst = 0.0_f64;
    let mut session = Session::new(&model);
    let compare = |pos: usize, found: &[f32]| {
        let expected = &expected[pos];
        let spread = expected.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        for (found, expected) in found.iter().zip(expected) {
            worst = worst.max((f64::from(*found) - expected).abs() / spread);
        }
    };
    session.feed_all(&ids, compare).expect("the ids fit");
    worst
}

#[test]
fn f32_weights_give_the_reference_logits() {
    for shape in [tiny::LLAMA, tiny::GEMMA] {
        let worst = distance(shape, Stored::F32, Activations::Int8);
        assert!(worst < 2e-5, "{}: {worst}", shape.architecture);
    }
}

#[test]
fn quantised_weights_with_f32_activations_give_the_reference_logits() {
    for shape in [tiny::LLAMA, tiny::GEMMA] {
        let worst = distance(shape, Stored::Q8, Activations::F32);
        assert!(worst < 2e-5, "{}: {worst}", shape.architecture);
    }
}

#[test]
fn int8_activations_stay_near_the_reference_logits() {
    for shape in [tiny::LLAMA, tiny::GEMMA] {
        let worst = distance(shape, Stored::Q8, Activations::Int8);
        assert!(worst < 0.1, "{}: {worst}", shape.architecture);
    }
}
