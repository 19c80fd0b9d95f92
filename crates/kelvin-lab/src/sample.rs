//! One text that a policy made of a prompt, with the numbers of each of its tokens.

use kelvin::TokenId;
use serde::{Deserialize, Serialize};

/// What names a sample: its policy, its prompt, and its place among their samples. In this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The place of its cell in the grid, or of its policy among those compared.
    pub cell: usize,
    /// The place of its prompt among the prompts.
    pub prompt: usize,
    /// Its place among the samples of its cell and prompt; its random numbers' `choice`.
    pub sample: u32,
}

/// One continuation: what comparisons and sweeps count, and what their files hold.
///
/// Every list of numbers has one entry for each token of `token_ids`, the one that ended the text
/// included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Which policy made it: the place of its cell in the grid, or among the policies compared.
    pub cell: usize,
    /// The place of its prompt among the prompts.
    pub prompt: usize,
    /// Its place among the samples of its cell and prompt; its random numbers' `choice`.
    pub sample: u32,
    /// The random stream that its draws came from.
    pub stream: u64,
    /// The continuation alone, without the prompt.
    pub text: String,
    /// Its tokens.
    pub token_ids: Vec<TokenId>,
    /// Why it ended: `eos`, `length`, `stop`, `interrupted`.
    pub finish: String,
    /// Logprob of each token in the model's distribution, in nats.
    pub raw_logprobs: Vec<f64>,
    /// Logprob of each token in the distribution it was drawn from, in nats.
    pub logprobs: Vec<f64>,
    /// Entropy of the model's distribution at each token, in nats.
    pub raw_entropies: Vec<f64>,
    /// Entropy of the distribution that each token was drawn from, in nats.
    pub entropies: Vec<f64>,
    /// Tokens left to draw from: the size of the nucleus.
    pub kept: Vec<u32>,
    /// What another model makes of the text, where one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
}

/// The surprisal of a text under another model than its own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// −Σ ln p, in nats.
    pub nats: f64,
    /// How many tokens the text is to that model.
    pub tokens: usize,
    /// How many bytes the text has.
    pub bytes: usize,
}

impl Sample {
    /// A sample without a token so far.
    pub fn new(key: Key, stream: u64) -> Self {
        let Key { cell, prompt, sample } = key;
        Self {
            cell,
            prompt,
            sample,
            stream,
            text: String::new(),
            token_ids: Vec::new(),
            finish: String::new(),
            raw_logprobs: Vec::new(),
            logprobs: Vec::new(),
            raw_entropies: Vec::new(),
            entropies: Vec::new(),
            kept: Vec::new(),
            judged: None,
        }
    }

    /// Its name.
    pub fn key(&self) -> Key {
        let Self { cell, prompt, sample, .. } = *self;
        Key { cell, prompt, sample }
    }

    /// Its tokens without the one that ended the text: what metrics of tokens look at.
    pub fn body(&self) -> &[TokenId] {
        match self.token_ids.split_last() {
            Some((_, body)) if self.finish == "eos" => body,
            _ => &self.token_ids,
        }
    }
}
