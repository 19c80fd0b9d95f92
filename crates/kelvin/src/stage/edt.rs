//! EDT: entropy-based dynamic temperature.

use alloc::boxed::Box;
use core::fmt;

use super::{Effect, Kind, Param, Stage, StageInfo, Step};
use crate::candidates::Candidates;
use crate::{Result, math};

pub(super) static INFO: StageInfo = StageInfo {
    name: "edt",
    aliases: &[],
    summary: "T = base · 0.8^(theta / H): colder where the model is sure",
    params: &[
        Param {
            name: "theta",
            aliases: &[],
            kind: Kind::Number,
            range: "0 ≤ theta < ∞ (0 gives T = base)",
            default: None,
            neutral: "off",
        },
        Param {
            name: "base",
            aliases: &[],
            kind: Kind::Number,
            range: "0 < base < ∞",
            default: Some("1"),
            neutral: "",
        },
    ],
    effect: Effect::Temperature,
    keeps_argmax: true,
    origin: "Zhang et al. 2024, arXiv 2403.14541",
    build: |arguments| {
        if arguments.is_off() {
            return Ok(Box::new(Edt { theta: 0.0, base: 1.0 }));
        }
        let theta = arguments.number(0, |theta| theta.is_finite() && theta >= 0.0)?;
        Ok(Box::new(Edt {
            theta,
            base: arguments.number(1, |base| base.is_finite() && base > 0.0)?,
        }))
    },
};

/// ln 0.8
const LN_OF_N: f64 = -0.223_143_551_314_209_76;

/// Entropy-based dynamic temperature: colder where the model is sure.
///
/// *Formula*: T = base · 0.8^(θ / H), H the entropy in nats of the row alive at temperature 1.
///
/// *Parameters*: `theta` ≥ 0; `base` > 0 (1). θ = 0 gives T = base, so with base 1 it is neutral.
/// *Properties*: keeps the argmax; draws no coins. *Cost*: one pass over the row.
/// *Edge cases*: H = 0 (one token alive) gives the limit T → 0.
/// *Origin*: arXiv 2403.14541; the paper does not say which logarithm H uses: nats here.
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "edt(0.5)".parse()?;
/// let shares = Sampler::new(pipeline, 2)?.probabilities(&[1.0, 0.0])?;
/// assert!(shares[0] > 1.0 / (1.0 + (-1.0_f64).exp())); // sharper than at T = 1
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edt {
    theta: f64,
    base: f64,
}

impl Edt {
    /// With the sensitivity `theta` and the temperature `base` of a flat row.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] when either is outside its range.
    pub fn new(theta: f64, base: f64) -> Result<Self> {
        if !(theta.is_finite() && theta >= 0.0) {
            return Err(INFO.refuse(0, theta));
        }
        if !(base.is_finite() && base > 0.0) {
            return Err(INFO.refuse(1, base));
        }
        Ok(Self { theta, base })
    }
}

impl Stage for Edt {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        let entropy = candidates.entropy_nats(1.0);
        let factor =
            if self.theta == 0.0 { 1.0 } else { math::exp(LN_OF_N * self.theta / entropy) };
        candidates.set_temperature(self.base * factor);
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}, base={}", self.theta, self.base)
    }

    #[expect(clippy::float_cmp, reason = "exactly these change nothing")]
    fn is_neutral(&self) -> bool {
        self.theta == 0.0 && self.base == 1.0
    }
}
