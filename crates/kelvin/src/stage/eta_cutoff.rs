//! Keep the tokens above a floor that falls as the entropy rises.

use alloc::boxed::Box;
use core::fmt;

use super::{Effect, Kind, Param, Stage, StageInfo, Step, TIES};
use crate::candidates::Candidates;
use crate::{Result, Ties, math};

pub(super) static INFO: StageInfo = StageInfo {
    name: "eta-cutoff",
    aliases: &[],
    summary: "keep the tokens above a floor that falls as the entropy rises",
    params: &[
        Param {
            name: "epsilon",
            aliases: &[],
            kind: Kind::Number,
            range: "0 ≤ epsilon < 1 (use 0 to keep every token)",
            default: None,
            neutral: "0",
        },
        TIES,
    ],
    effect: Effect::Truncation,
    keeps_argmax: true,
    origin: "Hewitt, Manning and Liang 2022, arXiv 2210.15191",
    build: |arguments| {
        let ties = arguments.choice(1)?;
        if arguments.is_off() {
            return Ok(Box::new(EtaCutoff::off()));
        }
        Ok(Box::new(EtaCutoff { epsilon: arguments.number(0, is_valid)?, ties }))
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
/// *Parameters*: `epsilon` in [0, 1); 0 is neutral; the paper uses 3e-4 to 4e-3. `ties`: where no
/// token reaches η, which stay of those that tie with the best, `first` (default), `last` or `all`.
/// *Properties*: keeps the argmax (with `ties=last` a token that ties with it); masks only; draws no coins.
/// *Cost*: two passes over the row for the entropy and the sum.
/// *Origin*: arXiv 2210.15191, as in Hugging Face transformers, but for ties there (`ties=all`).
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
    ties: Ties,
}

impl EtaCutoff {
    /// The stage with this parameter.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] when it is outside its range.
    pub fn new(epsilon: f64) -> Result<Self> {
        if is_valid(epsilon) {
            return Ok(Self { epsilon, ..Self::off() });
        }
        Err(INFO.refuse(0, epsilon))
    }

    /// Every token is kept.
    pub const fn off() -> Self {
        Self { epsilon: 0.0, ties: Ties::First }
    }

    /// The same stage with another rule for tokens that tie with the best where none reaches η.
    #[must_use]
    pub const fn with_ties(self, ties: Ties) -> Self {
        Self { ties, ..self }
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
        let least = if (whole as f64) < least { whole + 1 } else { whole };
        candidates.keep_weights_by(least, self.ties);
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.epsilon)?;
        if self.is_neutral() { Ok(()) } else { super::write_ties(out, self.ties) }
    }

    fn is_neutral(&self) -> bool {
        self.epsilon == 0.0
    }
}
