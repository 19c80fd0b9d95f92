//! What one pass reads.

use crate::TokenId;

/// Windows of one length: tokens, and the tokens that follow them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Tokens of a window.
    pub(super) length: usize,
    /// `[windows, length]`
    pub(super) inputs: Vec<TokenId>,
    /// `[windows, length]`: the token after each.
    pub(super) targets: Vec<TokenId>,
}

impl Batch {
    /// The windows, each one token longer than `length`; at least one.
    pub(super) fn fill<'a>(&mut self, length: usize, windows: impl Iterator<Item = &'a [TokenId]>) {
        self.length = length;
        self.inputs.clear();
        self.targets.clear();
        for window in windows {
            self.inputs.extend_from_slice(&window[..length]);
            self.targets.extend_from_slice(&window[1..=length]);
        }
    }

    /// Tokens of all windows.
    pub(super) fn n_tokens(&self) -> usize {
        self.inputs.len()
    }
}
