//! What happens while text is generated.

use crate::{Error, TokenId};

/// Why a sequence ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model drew a token that ends a text.
    Eos,
    /// As many tokens as asked for, or as the context holds.
    Length,
    /// A stop string appeared; the text ends before it.
    Stop,
    /// The caller ended it.
    Interrupted,
}

impl Finish {
    /// The name in JSON: `eos`, `length`, `stop`, `interrupted`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eos => "eos",
            Self::Length => "length",
            Self::Stop => "stop",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Something that happened to the sequence of that number.
#[derive(Debug)]
pub enum Event {
    /// A token was drawn, for the absolute position `pos`. The one that ended the text included.
    Token {
        /// The sequence's number.
        sequence: usize,
        /// Position in the sequence, the prompt counted.
        pos: usize,
        /// The token.
        id: TokenId,
    },
    /// The context shifted: from the token at `pos` on, which comes next, fewer tokens are in view.
    Shift {
        /// The sequence's number.
        sequence: usize,
        /// Position of the first token chosen so.
        pos: usize,
        /// Tokens out of view, those of earlier shifts included.
        dropped: usize,
    },
    /// Text that no later token can change.
    Text {
        /// The sequence's number.
        sequence: usize,
        /// Never empty.
        text: String,
    },
    /// The last event of a sequence that ended well.
    Done {
        /// The sequence's number.
        sequence: usize,
        /// Why.
        finish: Finish,
    },
    /// The last event of a sequence that could not go on. Its neighbours are untouched.
    Failed {
        /// The sequence's number.
        sequence: usize,
        /// What went wrong.
        error: Error,
    },
}
