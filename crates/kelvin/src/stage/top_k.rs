//! Top-k: the k most probable tokens.

use alloc::boxed::Box;
use core::fmt;
use core::num::NonZeroUsize;

use super::{Effect, Kind, Param, Stage, StageInfo, Step, TIES};
use crate::Ties;
use crate::candidates::Candidates;

pub(super) static INFO: StageInfo = StageInfo {
    name: "top-k",
    aliases: &[],
    summary: "keep the k most probable tokens, exactly k: ties go to the smaller id",
    params: &[
        Param {
            name: "k",
            aliases: &[],
            kind: Kind::Integer,
            range: "k ≥ 1 (off, 0 or -1 keeps every token)",
            default: None,
            neutral: "off",
        },
        TIES,
    ],
    effect: Effect::Truncation,
    keeps_argmax: true,
    origin: "Fan, Lewis and Dauphin 2018, arXiv 1805.04833",
    build: |arguments| {
        let ties = arguments.choice(1)?;
        if arguments.is_off() || arguments.is_word(0, "-1") {
            return Ok(Box::new(TopK::off()));
        }
        Ok(Box::new(TopK { k: NonZeroUsize::new(arguments.integer(0)?), ties }))
    },
};

/// Keeps the k most probable tokens.
///
/// *Formula*: rank ≤ k in the total order (larger logit, then smaller id).
///
/// *Parameters*: `k` ≥ 1; `off` is neutral, and so is any k ≥ V. 0 and −1, other engines' words for
/// off, are understood in text. `ties`: which stay of the tokens that tie with the k-th, `first` (default),
/// `last` or `all`; with `all` more than k can stay.
/// *Properties*: keeps the argmax (with `ties=last` a token that ties with it); masks only; draws no coins.
/// *Cost*: the maxima of the row's blocks, then a selection among the few blocks that can hold a
/// survivor; the vocabulary is never sorted.
/// *Edge cases*: of tied tokens the smaller ids stay, so exactly k do.
/// *Origin*: arXiv 1805.04833. *Differs*: Hugging Face keeps all that tie with the k-th (`ties=all`).
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "top-k(2)".parse()?;
/// let shares = Sampler::new(pipeline, 4)?.probabilities(&[2.0, 1.0, 1.0, 0.0])?;
/// assert_eq!(shares.iter().filter(|&&p| p > 0.0).count(), 2);
/// assert_eq!(shares[2], 0.0);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopK {
    k: Option<NonZeroUsize>,
    ties: Ties,
}

impl TopK {
    /// The `k` most probable.
    pub const fn new(k: NonZeroUsize) -> Self {
        Self { k: Some(k), ties: Ties::First }
    }

    /// Every token.
    pub const fn off() -> Self {
        Self { k: None, ties: Ties::First }
    }

    /// The same stage with another rule for tokens that tie with the k-th.
    #[must_use]
    pub const fn with_ties(self, ties: Ties) -> Self {
        Self { ties, ..self }
    }
}

impl Stage for TopK {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        match (self.k, self.ties) {
            (None, _) => (),
            (Some(k), Ties::First) => candidates.keep_first(k.get()),
            (Some(k), ties) => candidates.keep_first_by(k.get(), ties),
        }
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        match self.k {
            Some(k) => {
                write!(out, "{k}")?;
                super::write_ties(out, self.ties)
            }
            None => out.write_str("off"),
        }
    }

    fn is_neutral(&self) -> bool {
        self.k.is_none()
    }
}
