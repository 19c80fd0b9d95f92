//! Repetition penalty: tokens already seen become less likely, by a factor.

use alloc::boxed::Box;
use core::fmt;

use super::{Effect, Kind, LAST, Param, SCOPE_ALL, Stage, StageInfo, Step};
use crate::candidates::Candidates;
use crate::{Result, Scope};

pub(super) static INFO: StageInfo = StageInfo {
    name: "repetition-penalty",
    aliases: &["repeat-penalty", "penalty-repeat"],
    summary: "divide positive and multiply negative logits of tokens already seen",
    params: &[
        Param {
            name: "alpha",
            aliases: &[],
            kind: Kind::Number,
            range: "0 < alpha < ∞ (use 1 for no penalty; 1.1 to 1.3 are usual)",
            default: None,
            neutral: "1",
        },
        LAST,
        SCOPE_ALL,
    ],
    effect: Effect::Logits,
    keeps_argmax: false,
    origin: "Keskar et al. 2019, arXiv 1909.05858",
    build: |arguments| {
        let scope = arguments.scope()?;
        if arguments.is_off() {
            return Ok(Box::new(RepetitionPenalty { alpha: 1.0, scope }));
        }
        Ok(Box::new(RepetitionPenalty { alpha: arguments.number(0, is_valid)?, scope }))
    },
};

fn is_valid(alpha: f64) -> bool {
    alpha.is_finite() && alpha > 0.0
}

/// Makes tokens that were already seen less likely, by a factor.
///
/// *Formula*: z > 0 → z / α, else z · α, once for each distinct token of the scope.
///
/// *Parameters*: `alpha` finite, > 0; 1 is neutral. `last`: how many of the scope's last tokens count
/// (default all). `scope`: `prompt`, `output` or `all` (default; template tokens included).
/// *Properties*: may change the argmax; draws no coins. *Cost*: the distinct tokens of the scope.
/// *Edge cases*: depends on the logits' zero point, so it must see raw logits; a penalised token's
/// probability can still rise when others are penalised more, but its odds against every unpenalised
/// token fall. z = 0 stays 0.
/// *Origin*: arXiv 1909.05858, as in Hugging Face transformers.
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "repetition-penalty(1.5)".parse()?;
/// let mut sampler = Sampler::new(pipeline, 3)?.with_prompt(&[0, 2, 0])?;
/// let shares = sampler.probabilities(&[3.0, 1.0, -2.0])?; // as if 2, 1, -3
/// assert!((shares[0] / shares[1] - core::f64::consts::E).abs() < 1e-6);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RepetitionPenalty {
    alpha: f64,
    scope: Scope,
}

impl RepetitionPenalty {
    /// The penalty over this scope.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] when `alpha` is outside its range.
    pub fn new(alpha: f64, scope: Scope) -> Result<Self> {
        if is_valid(alpha) {
            return Ok(Self { alpha, scope });
        }
        Err(INFO.refuse(0, alpha))
    }
}

impl Stage for RepetitionPenalty {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, step: &Step<'_>) {
        let counts = step.history.counts(self.scope).iter().copied();
        candidates.revise(counts, |z, _| if z > 0.0 { z / self.alpha } else { z * self.alpha });
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        super::write_penalty(out, self.alpha, self.scope)
    }

    #[expect(clippy::float_cmp, reason = "exactly 1 changes nothing")]
    fn is_neutral(&self) -> bool {
        self.alpha == 1.0
    }

    fn scope(&self) -> Option<Scope> {
        Some(self.scope)
    }
}
