//! Keep the fewest tokens that together reach the probability p.

use alloc::boxed::Box;
use core::fmt;

use super::{Effect, Kind, Param, Stage, StageInfo, Step};
use crate::candidates::Candidates;
use crate::{Decimal, Result};

pub(super) static INFO: StageInfo = StageInfo {
    name: "top-p",
    aliases: &["nucleus"],
    summary: "keep the fewest tokens that together reach the probability p",
    params: &[Param {
        name: "p",
        aliases: &[],
        kind: Kind::Number,
        range: "0 < p ≤ 1 (use 1 to keep every token)",
        default: None,
        neutral: "1",
    }],
    effect: Effect::Truncation,
    keeps_argmax: true,
    origin: "Holtzman et al. 2019, arXiv 1904.09751",
    build: |arguments| {
        if arguments.is_off() {
            return Ok(Box::new(TopP::off()));
        }
        Ok(Box::new(TopP { p: arguments.decimal(0, is_valid)? }))
    },
};

fn is_valid(p: f64) -> bool {
    p > 0.0 && p <= 1.0
}

/// Keeps the fewest tokens that together reach the probability p: the nucleus.
///
/// *Formula*: the smallest prefix of the total order whose weights sum to at least ⌈p·W⌉, W the sum over
/// the tokens alive at this stage; the token that crosses is kept.
///
/// *Parameters*: `p` in (0, 1], read as the decimal that was typed (0.8 is 4/5), at most 17 digits; 1 is
/// neutral, exactly.
/// *Properties*: keeps the argmax; masks only; draws no coins.
/// *Cost*: one pass that weighs the row, a gathering pass, and a selection; no sort of the vocabulary.
/// *Edge cases*: at equality no further token is kept; at least one always is.
/// *Origin*: arXiv 1904.09751. *Differs*: engines disagree on equality and on where the float sum ends.
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "top-p(0.8)".parse()?;
/// let logits = [0.5_f32, 0.3, 0.2].map(f32::ln);
/// let shares = Sampler::new(pipeline, 3)?.probabilities(&logits)?;
/// assert_eq!(shares[2], 0.0); // 0.5 + 0.3 reaches 0.8
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopP {
    p: Decimal,
}

impl TopP {
    /// The stage with this parameter, read as the shortest decimal that prints it.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] when it is outside its range.
    pub fn new(p: f64) -> Result<Self> {
        let decimal = Decimal::nearest(p).filter(|_| is_valid(p));
        Ok(Self { p: decimal.ok_or_else(|| INFO.refuse(0, p))? })
    }

    /// Every token is kept.
    pub const fn off() -> Self {
        Self { p: Decimal::ONE }
    }
}

impl Stage for TopP {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        candidates.keep_mass(self.p);
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.p)
    }

    fn is_neutral(&self) -> bool {
        self.p == Decimal::ONE
    }
}
