//! What PyTorch computed: the files of `tests/golden/training`, as `scripts/golden/training.py` writes them.

use std::fs;
use std::path::PathBuf;

use kelvin_lm::format::Safetensors;
use kelvin_lm::train::{Corpus, Settings};
use kelvin_lm::{Checkpoint, EngineOptions, Model, TokenId};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The two models: head tied to the embedding, and not.
pub(super) const MODELS: [&str; 2] = ["tied", "untied"];

/// Tokens, settings, and where the windows of each step begin.
#[derive(Deserialize)]
pub(super) struct Run {
    n_train: usize,
    ids: Vec<TokenId>,
    pub(super) settings: Settings,
    /// `[steps][windows_per_step]`
    pub(super) starts: Vec<Vec<usize>>,
}

/// One step, in float64.
#[derive(Deserialize)]
pub(super) struct Step {
    /// Mean nats of the batch, before the step.
    pub(super) loss: f64,
    /// Of the gradient, before it is clipped.
    pub(super) grad_norm: f64,
    pub(super) learning_rate: f64,
}

/// What is expected of one of the models.
#[derive(Deserialize)]
pub(super) struct Expected {
    pub(super) tied: bool,
    pub(super) steps: Vec<Step>,
    /// Of the first batch, after all steps.
    pub(super) last_loss: f64,
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/training")).join(name)
}

fn json<T: DeserializeOwned>(name: &str) -> T {
    let bytes = fs::read(path(name)).expect("a golden file of this repository");
    serde_json::from_slice(&bytes).expect("as the script writes it")
}

impl Run {
    pub(super) fn read() -> Self {
        json("corpus.json")
    }

    pub(super) fn corpus(&self) -> Corpus {
        Corpus::new(self.ids.clone(), self.n_train).expect("not empty")
    }

    /// The windows of a step, each of `block_size + 1` tokens.
    pub(super) fn windows(&self, step: usize) -> impl Iterator<Item = &[TokenId]> {
        self.starts[step].iter().map(|&at| &self.ids[at..=at + self.settings.block_size])
    }
}

impl Expected {
    pub(super) fn read(name: &str) -> Self {
        json(&format!("{name}/expected.json"))
    }
}

/// The model before the first step.
pub(super) fn model(name: &str) -> Model {
    let checkpoint = Checkpoint::open(&path(name)).expect("a sound folder");
    Model::open(&checkpoint, EngineOptions::default()).expect("the folder holds a model")
}

/// Tensors by name, with their shapes: `gradients` or `trained`.
pub(super) fn tensors(name: &str, what: &str) -> Vec<(String, Vec<u64>, Vec<f32>)> {
    let file = Safetensors::open(&path(&format!("{name}/{what}.safetensors"))).expect("sound");
    let read = |tensor: &kelvin_lm::format::Tensor| {
        let bytes = file.bytes(tensor).expect("readable");
        let numbers = bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
        (tensor.name().to_owned(), tensor.shape().to_vec(), numbers)
    };
    file.tensors().iter().map(read).collect()
}
