//! Temperature: divides the logits.

use alloc::boxed::Box;
use core::fmt;

use super::{Effect, Kind, Param, Stage, StageInfo, Step};
use crate::candidates::Candidates;
use crate::{History, Result};

pub(super) static INFO: StageInfo = StageInfo {
    name: "temperature",
    aliases: &["temp"],
    summary: "divide the logits by T: below 1 sharper, above 1 flatter, 0 is greedy",
    params: &[Param {
        name: "T",
        aliases: &[],
        kind: Kind::Number,
        range: "0 ≤ T < ∞ (0 is greedy, 1 changes nothing)",
        default: None,
        neutral: "1",
    }],
    effect: Effect::Temperature,
    keeps_argmax: true,
    origin: "Ackley, Hinton and Sejnowski 1985; every engine",
    build: |arguments| {
        if arguments.is_off() {
            return Ok(Box::new(Temperature { t: 1.0 }));
        }
        Ok(Box::new(Temperature { t: arguments.number(0, is_valid)? }))
    },
};

fn is_valid(t: f64) -> bool {
    t.is_finite() && t >= 0.0
}

/// Divides the logits by T.
///
/// *Formula*: p ∝ exp(z / T). The logits themselves are never rewritten: T is a scale that the weights
/// use, so the total order cannot change, whatever T.
///
/// *Parameters*: `T` finite, ≥ 0; 1 is neutral; 0 is greedy.
/// *Properties*: keeps the argmax; draws no coins. *Cost*: constant.
/// *Edge cases*: two temperatures multiply; the smallest positive T gives the limit, the argmax.
/// *Origin*: Boltzmann's distribution.
/// *Differs*: llama.cpp applies it after the truncations; place it last for that order.
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let cold: Pipeline = "temperature(0.5)".parse()?;
/// let shares = Sampler::new(cold, 2)?.probabilities(&[1.0, 0.0])?;
/// assert!((shares[0] - 1.0 / (1.0 + (-2.0_f64).exp())).abs() < 1e-12);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Temperature {
    t: f64,
}

impl Temperature {
    /// A temperature; 0 is greedy.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] when `t` is negative or not finite.
    pub fn new(t: f64) -> Result<Self> {
        if is_valid(t) {
            return Ok(Self { t });
        }
        Err(INFO.refuse(0, t))
    }
}

impl Stage for Temperature {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        candidates.set_temperature(self.t);
    }

    fn temperature(&self, _: &History) -> Option<f64> {
        Some(self.t)
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.t)
    }

    #[expect(clippy::float_cmp, reason = "exactly 1 changes nothing")]
    fn is_neutral(&self) -> bool {
        self.t == 1.0
    }

    fn is_greedy(&self) -> bool {
        self.t == 0.0
    }
}
