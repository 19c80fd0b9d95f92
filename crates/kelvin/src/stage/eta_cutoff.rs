//! Keep the tokens above a floor that falls as the entropy rises.

use alloc::boxed::Box;
use core::fmt;

use super::{Effect, Kind, Param, Stage, StageInfo, Step};
use crate::candidates::Candidates;
use crate::{Result, math};

pub(super) static INFO: StageInfo = StageInfo {
    name: "eta-cutoff",
    aliases: &[],
    summary: "keep the tokens above a floor that falls as the entropy rises",
    params: &[Param {
        name: "epsilon",
        aliases: &[],
        kind: Kind::Number,
        range: "0 ≤ epsilon < 1 (use 0 to keep every token)",
        default: None,
        neutral: "0",
    }],
    effect: Effect::Truncation,
    keeps_argmax: true,
    origin: "Hewitt, Manning and Liang 2022, arXiv 2210.15191",
    build: |arguments| {
        if arguments.is_off() {
            return Ok(Box::new(EtaCutoff::off()));
        }
        Ok(Box::new(EtaCutoff { epsilon: arguments.number(0, is_valid)? }))
    },
};

fn is_valid(epsilon: f64) -> bool {
    (0.0..1.0).contains(&epsilon)
}

/// Keeps the tokens above a floor that falls as the entropy rises.
///
/// *Formula*: p ≥ η with η = min(ε, √ε · e^−H), H the entropy in nats of the tokens alive at the current
/// temperature; or the best token alone.
///
/// *Parameters*: `epsilon` in [0, 1); 0 is neutral; the paper uses 3e-4 to 4e-3.
/// *Properties*: keeps the argmax; masks only; draws no coins.
/// *Cost*: two passes over the row for the entropy and the sum.
/// *Origin*: arXiv 2210.15191, as in Hugging Face transformers.
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "eta-cutoff(0.5)".parse()?;
/// let logits = [0.7_f32, 0.2, 0.1].map(f32::ln);
/// // H = 0.80 nats, so eta = min(0.5, 0.707 * 0.448) = 0.317
/// assert_eq!(Sampler::new(pipeline, 3)?.probabilities(&logits)?, [1.0, 0.0, 0.0]);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EtaCutoff {
    epsilon: f64,
}

impl EtaCutoff {
    /// The stage with this parameter.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] when it is outside its range.
    pub fn new(epsilon: f64) -> Result<Self> {
        if is_valid(epsilon) {
            return Ok(Self { epsilon });
        }
        Err(INFO.refuse(0, epsilon))
    }

    /// Every token is kept.
    pub const fn off() -> Self {
        Self { epsilon: 0.0 }
    }
}

impl Stage for EtaCutoff {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        let entropy = candidates.entropy_nats(candidates.temperature());
        let epsilon = self.epsilon;
        let floor = epsilon.min(math::sqrt(epsilon) * math::exp(-entropy));
        let least = floor * candidates.total() as f64;
        // the smallest whole weight that is not below the floor
        #[expect(clippy::cast_possible_truncation, reason = "0 ≤ least < 2^63")]
        #[expect(clippy::cast_sign_loss, reason = "0 ≤ least < 2^63")]
        let whole = least as u64;
        candidates.keep_weights(if (whole as f64) < least { whole + 1 } else { whole });
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.epsilon)
    }

    fn is_neutral(&self) -> bool {
        self.epsilon == 0.0
    }
}
