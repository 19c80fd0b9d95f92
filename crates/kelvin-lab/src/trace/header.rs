//! The first line of a sequence: everything that is needed to run it again.

use kelvin::TokenId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What ran: the model, the policy, the random numbers, the prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The place of its prompt among the prompts.
    pub prompt: usize,
    /// Its place among the samples of its prompt.
    pub sample: usize,
    /// [`SCHEMA`](super::SCHEMA).
    pub schema: String,
    /// Kelvin's version.
    pub kelvin: String,
    /// What the one who wrote the trace says of the model: name, file, hashes, numerics.
    pub model: Value,
    /// Which experiment of several it is, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<String>,
    /// Whose order, defaults and boundary rules.
    pub dialect: String,
    /// The policy, as text that parses.
    pub pipeline: String,
    /// Each value of it, and where it came from.
    #[serde(default)]
    pub settings: Vec<Setting>,
    /// The seed.
    pub seed: u64,
    /// The random stream.
    pub stream: u64,
    /// The sample's number in its stream.
    #[serde(default)]
    pub choice: u32,
    /// Most tokens that could follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_new_tokens: Option<usize>,
    /// How many tokens the model saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
    /// Tokens that stood behind the prompt and counted as output.
    #[serde(default)]
    pub history: Vec<TokenId>,
    /// The prompt, as it was typed.
    #[serde(default)]
    pub text: String,
    /// The conversation that the prompt was made of, where it was one.
    #[serde(default)]
    pub chat: Value,
    /// The prompt's tokens.
    pub prompt_ids: Vec<TokenId>,
}

impl Header {
    /// The header of a run of this model under the native dialect, with nothing else in it yet.
    pub fn new(model: Value) -> Self {
        Self {
            prompt: 0,
            sample: 0,
            schema: super::SCHEMA.to_owned(),
            kelvin: env!("CARGO_PKG_VERSION").to_owned(),
            model,
            experiment: None,
            dialect: "native".to_owned(),
            pipeline: "neutral".to_owned(),
            settings: Vec::new(),
            seed: 0,
            stream: 0,
            choice: 0,
            max_new_tokens: None,
            context: None,
            history: Vec::new(),
            text: String::new(),
            chat: Value::Null,
            prompt_ids: Vec::new(),
        }
    }
}

/// One value of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The stage, or the flag where it is none.
    pub name: String,
    /// The stage in its text form.
    pub value: String,
    /// Who set it.
    pub origin: String,
}

/// How much of a sequence the model saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Most tokens in view.
    pub limit: usize,
    /// What happened when there were more; where nothing, the sequence ended.
    pub shift: Option<Shift>,
}

/// What leaves the view when it is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// Tokens at the beginning that stay.
    pub keep: usize,
    /// Tokens behind them that leave at a time.
    pub drop: usize,
}
