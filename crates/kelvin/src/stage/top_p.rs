//! Keep the fewest tokens that together reach the probability p.

use alloc::boxed::Box;
use core::fmt;

use super::{CROSSING, Effect, Kind, Param, Stage, StageInfo, Step, TIES};
use crate::candidates::Candidates;
use crate::{Crossing, Decimal, Result, Ties};

pub(super) static INFO: StageInfo = StageInfo {
    name: "top-p",
    aliases: &["nucleus"],
    summary: "keep the fewest tokens that together reach the probability p",
    params: &[
        Param {
            name: "p",
            aliases: &[],
            kind: Kind::Number,
            range: "0 < p ≤ 1 (use 1 to keep every token)",
            default: None,
            neutral: "1",
        },
        CROSSING,
        TIES,
    ],
    effect: Effect::Truncation,
    keeps_argmax: true,
    origin: "Holtzman et al. 2019, arXiv 1904.09751",
    build: |arguments| {
        let (crossing, ties) = (arguments.choice(1)?, arguments.choice(2)?);
        if arguments.is_off() {
            return Ok(Box::new(TopP::off()));
        }
        Ok(Box::new(TopP { p: arguments.decimal(0, is_valid)?, crossing, ties }))
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
/// neutral, exactly. `crossing`: `keep` (default), or `drop` for the longest prefix with at most ⌊p·W⌋, the
/// first token at least. `ties`: which stay of the tokens that tie with the last, `first` (default: the
/// smaller ids), `last` or `all`.
/// *Properties*: keeps the argmax (with `ties=last` a token that ties with it); masks only; draws no coins.
/// *Cost*: one pass that weighs the row, a gathering pass, and a selection; no sort of the vocabulary.
/// *Edge cases*: at equality no further token is kept; at least one always is.
/// *Origin*: arXiv 1904.09751. *Differs*: engines disagree on equality and on where the float sum ends;
/// Hugging Face sorts upwards, so that of tied tokens the larger ids stay (`ties=last`).
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
    crossing: Crossing,
    ties: Ties,
}

impl TopP {
    /// The stage with this parameter, read as the shortest decimal that prints it.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] when it is outside its range.
    pub fn new(p: f64) -> Result<Self> {
        let decimal = Decimal::nearest(p).filter(|_| is_valid(p));
        Ok(Self { p: decimal.ok_or_else(|| INFO.refuse(0, p))?, ..Self::off() })
    }

    /// Every token is kept.
    pub const fn off() -> Self {
        Self { p: Decimal::ONE, crossing: Crossing::Keep, ties: Ties::First }
    }

    /// The same stage with another rule for the token that crosses the mass.
    #[must_use]
    pub const fn with_crossing(self, crossing: Crossing) -> Self {
        Self { crossing, ..self }
    }

    /// The same stage with another rule for tokens that tie with the last.
    #[must_use]
    pub const fn with_ties(self, ties: Ties) -> Self {
        Self { ties, ..self }
    }
}

impl Stage for TopP {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        match (self.crossing, self.ties) {
            (Crossing::Keep, Ties::First) => candidates.keep_mass(self.p),
            (crossing, ties) => candidates.keep_mass_by(self.p, crossing, ties),
        }
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.p)?;
        if self.is_neutral() {
            return Ok(()); // nothing crosses, nothing ties
        }
        if self.crossing == Crossing::Drop {
            write!(out, ", crossing={}", self.crossing)?;
        }
        super::write_ties(out, self.ties)
    }

    fn is_neutral(&self) -> bool {
        self.p == Decimal::ONE
    }
}
