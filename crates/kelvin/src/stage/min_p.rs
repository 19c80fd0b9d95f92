//! Keep the tokens at least m times as probable as the best one.

use alloc::boxed::Box;
use core::fmt;

use super::{Effect, Kind, Param, Stage, StageInfo, Step};
use crate::candidates::Candidates;
use crate::{Decimal, Result};

pub(super) static INFO: StageInfo = StageInfo {
    name: "min-p",
    aliases: &[],
    summary: "keep the tokens at least m times as probable as the best one",
    params: &[Param {
        name: "m",
        aliases: &[],
        kind: Kind::Number,
        range: "0 ≤ m ≤ 1 (use 0 to keep every token)",
        default: None,
        neutral: "0",
    }],
    effect: Effect::Truncation,
    keeps_argmax: true,
    origin: "Nguyen et al. 2024, arXiv 2407.01082; llama.cpp PR 3841",
    build: |arguments| {
        if arguments.is_off() {
            return Ok(Box::new(MinP::off()));
        }
        Ok(Box::new(MinP { m: arguments.decimal(0, is_valid)? }))
    },
};

fn is_valid(m: f64) -> bool {
    (0.0..=1.0).contains(&m)
}

/// Keeps the tokens at least m times as probable as the best one.
///
/// *Formula*: the prefix of the total order with w ≥ m · `w_max`, at equality too.
///
/// *Parameters*: `m` in [0, 1]; 0 is neutral.
/// *Properties*: keeps the argmax; masks only; draws no coins.
/// *Cost*: the maxima of the row's blocks and a pass over the blocks that reach the threshold.
/// *Edge cases*: 1 keeps the best token and what weighs the same.
/// *Origin*: llama.cpp PR 3841; arXiv 2407.01082. *Differs*: mistral.rs drops equality.
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "min-p(0.4)".parse()?;
/// let logits = [4.0_f32, 2.0, 1.0].map(f32::ln);
/// let shares = Sampler::new(pipeline, 3)?.probabilities(&logits)?;
/// assert!(shares[1] > 0.33 && shares[2] == 0.0);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MinP {
    m: Decimal,
}

impl MinP {
    /// The stage with this parameter, read as the shortest decimal that prints it.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] when it is outside its range.
    pub fn new(m: f64) -> Result<Self> {
        let decimal = Decimal::nearest(m).filter(|_| is_valid(m));
        Ok(Self { m: decimal.ok_or_else(|| INFO.refuse(0, m))? })
    }

    /// Every token is kept.
    pub const fn off() -> Self {
        Self { m: Decimal::ZERO }
    }
}

impl Stage for MinP {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        let best = candidates.best_weight();
        candidates.keep_weights(self.m.ceil_of(best));
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.m)
    }

    fn is_neutral(&self) -> bool {
        self.m == Decimal::ZERO
    }
}
