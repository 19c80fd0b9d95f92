//! The lines of a trace.

use kelvin::TokenId;
use serde::{Deserialize, Serialize};

use super::{Header, Step};

/// One line, told apart by its key `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// A sequence begins.
    Header(Box<Header>),
    /// A token.
    Step(Box<Step>),
    /// From here on fewer tokens are in view.
    ContextShift(ContextShift),
    /// A sequence ended well.
    Done(Done),
    /// A sequence could not go on.
    Error(Failed),
}

/// The context shifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextShift {
    /// The place of its prompt among the prompts.
    pub prompt: usize,
    /// Its place among the samples of its prompt.
    pub sample: usize,
    /// The first token chosen so.
    pub pos: usize,
    /// Tokens out of view, those of earlier shifts included.
    pub dropped: usize,
}

/// The end of a sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The place of its prompt among the prompts.
    pub prompt: usize,
    /// Its place among the samples of its prompt.
    pub sample: usize,
    /// The continuation, cut at a stop string.
    pub text: String,
    /// Every token drawn, the one that ended it included.
    pub token_ids: Vec<TokenId>,
    /// The prompt's tokens.
    #[serde(default)]
    pub prompt_ids: Vec<TokenId>,
    /// `eos`, `length`, `stop` or `interrupted`.
    pub finish_reason: String,
    /// How often the context shifted.
    #[serde(default)]
    pub context_shifts: usize,
}

/// A sequence that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The place of its prompt among the prompts.
    pub prompt: usize,
    /// Its place among the samples of its prompt.
    pub sample: usize,
    /// What went wrong.
    pub message: String,
    /// The text so far.
    pub text: String,
    /// Its tokens so far.
    pub token_ids: Vec<TokenId>,
}

impl Line {
    /// Whose line it is: the places of prompt and sample.
    pub fn place(&self) -> (usize, usize) {
        match self {
            Self::Header(line) => (line.prompt, line.sample),
            Self::Step(line) => (line.prompt, line.sample),
            Self::ContextShift(line) => (line.prompt, line.sample),
            Self::Done(line) => (line.prompt, line.sample),
            Self::Error(line) => (line.prompt, line.sample),
        }
    }
}
