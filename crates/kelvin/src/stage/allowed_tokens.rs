//! Ban every token but these.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::{Effect, Kind, Param, Stage, StageInfo, Step};
use crate::TokenId;
use crate::candidates::Candidates;

pub(super) static INFO: StageInfo = StageInfo {
    name: "allowed-tokens",
    aliases: &["allowed-token-ids"],
    summary: "ban every token but these",
    params: &[Param {
        name: "ids",
        aliases: &[],
        kind: Kind::Tokens,
        range: "token ids from 0 to 4294967295 (off allows every token)",
        default: None,
        neutral: "off",
    }],
    effect: Effect::Mask,
    keeps_argmax: false,
    origin: "allowed_token_ids of vLLM",
    build: |arguments| {
        if arguments.is_off() {
            return Ok(Box::new(AllowedTokens { tokens: Vec::new() }));
        }
        Ok(Box::new(AllowedTokens { tokens: arguments.tokens()? }))
    },
};

/// Bans every token but these.
///
/// *Formula*: z = −∞ for all others. *Parameters*: token ids; none is neutral: every token is allowed.
/// *Properties*: may remove the argmax; draws no coins. *Cost*: the number of ids.
/// *Edge cases*: if all the allowed ones are banned too, the step ends with an error.
/// *Origin*: `allowed_token_ids` of vLLM.
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "allowed-tokens(1, 2)".parse()?;
/// assert_eq!(Sampler::new(pipeline, 3)?.probabilities(&[9.0, 0.0, 0.0])?, [0.0, 0.5, 0.5]);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedTokens {
    /// In id order, without repeats.
    tokens: Vec<TokenId>,
}

impl AllowedTokens {
    /// These tokens.
    pub fn new(tokens: impl IntoIterator<Item = TokenId>) -> Self {
        let mut tokens: Vec<_> = tokens.into_iter().collect();
        tokens.sort_unstable();
        tokens.dedup();
        Self { tokens }
    }
}

impl Stage for AllowedTokens {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        if !self.tokens.is_empty() {
            candidates.allow_only(&self.tokens);
        }
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
