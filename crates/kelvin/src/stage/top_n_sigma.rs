//! Top-n-sigma: the tokens within n standard deviations of the best logit.

use alloc::boxed::Box;
use core::fmt;

use super::{Effect, Kind, Param, Stage, StageInfo, Step};
use crate::Result;
use crate::candidates::Candidates;

pub(super) static INFO: StageInfo = StageInfo {
    name: "top-n-sigma",
    aliases: &[],
    summary: "keep the logits within n standard deviations of the best one",
    params: &[Param {
        name: "n",
        aliases: &[],
        kind: Kind::Number,
        range: "0 < n < ∞ (off or -1 keeps every token)",
        default: None,
        neutral: "off",
    }],
    effect: Effect::Truncation,
    keeps_argmax: true,
    origin: "Tang et al. 2024, arXiv 2411.07641; llama.cpp",
    build: |arguments| {
        if arguments.is_off() || arguments.is_word(0, "-1") {
            return Ok(Box::new(TopNSigma::off()));
        }
        Ok(Box::new(TopNSigma { n: Some(arguments.number(0, is_valid)?) }))
    },
};

fn is_valid(n: f64) -> bool {
    n.is_finite() && n > 0.0
}

/// Keeps the tokens whose logit lies within n standard deviations of the best one.
///
/// *Formula*: z ≥ max − n·σ, σ the population standard deviation of the finite logits of the row after
/// masks and penalties, before temperature, whatever was cut before.
///
/// *Parameters*: `n` > 0; `off` is neutral (−1, llama.cpp's word for off, is understood in text).
/// *Properties*: keeps the argmax; masks only; draws no coins; the same set at every temperature.
/// *Cost*: two passes over the row for σ. *Edge cases*: σ = 0 keeps all that tie with the best.
/// *Origin*: arXiv 2411.07641, llama.cpp.
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "top-n-sigma(1)".parse()?;
/// // the deviation of 4, 2.5, 1 is 1.22, so the threshold is 2.78
/// assert_eq!(Sampler::new(pipeline, 3)?.probabilities(&[4.0, 2.5, 1.0])?, [1.0, 0.0, 0.0]);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopNSigma {
    n: Option<f64>,
}

impl TopNSigma {
    /// Within `n` standard deviations.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] when `n` is not finite and positive.
    pub fn new(n: f64) -> Result<Self> {
        if is_valid(n) {
            return Ok(Self { n: Some(n) });
        }
        Err(INFO.refuse(0, n))
    }

    /// Every token is kept.
    pub const fn off() -> Self {
        Self { n: None }
    }
}

impl Stage for TopNSigma {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        let Some(n) = self.n else { return };
        let least = candidates.best_logit() - n * candidates.row_deviation();
        candidates.keep_logits(least);
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        match self.n {
            Some(n) => write!(out, "{n}"),
            None => out.write_str("off"),
        }
    }

    fn is_neutral(&self) -> bool {
        self.n.is_none()
    }
}
