//! Ban these tokens.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::{Effect, Kind, Param, Stage, StageInfo, Step};
use crate::TokenId;
use crate::candidates::Candidates;

pub(super) static INFO: StageInfo = StageInfo {
    name: "banned-tokens",
    aliases: &["suppress-tokens"],
    summary: "ban these tokens",
    params: &[Param {
        name: "ids",
        aliases: &[],
        kind: Kind::Tokens,
        range: "token ids from 0 to 4294967295 (off for none)",
        default: None,
        neutral: "off",
    }],
    effect: Effect::Logits,
    keeps_argmax: false,
    origin: "suppress_tokens of Hugging Face transformers",
    build: |arguments| {
        if arguments.is_off() {
            return Ok(Box::new(BannedTokens { tokens: Vec::new() }));
        }
        Ok(Box::new(BannedTokens { tokens: arguments.tokens()? }))
    },
};

/// Bans tokens.
///
/// *Formula*: z = −∞ for each. *Parameters*: token ids; none is neutral.
/// *Properties*: may remove the argmax; draws no coins. *Cost*: the number of ids.
/// *Edge cases*: a ban holds at any temperature; banning every token is an error at the step.
/// *Origin*: `suppress_tokens` of Hugging Face transformers.
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "banned-tokens(0)".parse()?;
/// assert_eq!(Sampler::new(pipeline, 3)?.probabilities(&[9.0, 0.0, 0.0])?, [0.0, 0.5, 0.5]);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BannedTokens {
    /// In id order, without repeats.
    tokens: Vec<TokenId>,
}

impl BannedTokens {
    /// These tokens.
    pub fn new(tokens: impl IntoIterator<Item = TokenId>) -> Self {
        let mut tokens: Vec<_> = tokens.into_iter().collect();
        tokens.sort_unstable();
        tokens.dedup();
        Self { tokens }
    }
}

impl Stage for BannedTokens {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        candidates.ban(self.tokens.iter().copied());
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        super::write_tokens(out, &self.tokens)
    }

    fn is_neutral(&self) -> bool {
        self.tokens.is_empty()
    }

    fn largest_token(&self) -> Option<TokenId> {
        self.tokens.last().copied()
    }
}
