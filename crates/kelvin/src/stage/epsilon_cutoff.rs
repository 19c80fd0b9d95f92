//! Keep the tokens whose probability is at least epsilon.

use alloc::boxed::Box;
use core::fmt;

use super::{Effect, Kind, Param, Stage, StageInfo, Step, TIES};
use crate::candidates::Candidates;
use crate::{Decimal, Result, Ties};

pub(super) static INFO: StageInfo = StageInfo {
    name: "epsilon-cutoff",
    aliases: &[],
    summary: "keep the tokens whose probability is at least epsilon",
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
            return Ok(Box::new(EpsilonCutoff::off()));
        }
        Ok(Box::new(EpsilonCutoff { epsilon: arguments.decimal(0, is_valid)?, ties }))
    },
};

fn is_valid(epsilon: f64) -> bool {
    (0.0..1.0).contains(&epsilon)
}

/// Keeps the tokens whose probability is at least ε.
///
/// *Formula*: the prefix of the total order with w ≥ ⌈ε·W⌉, or the best token alone.
///
/// *Parameters*: `epsilon` in [0, 1); 0 is neutral; the paper uses 3e-4 to 9e-4. `ties`: where no
/// token reaches ε, which stay of those that tie with the best, `first` (default), `last` or `all`.
/// *Properties*: keeps the argmax (with `ties=last` a token that ties with it); masks only; draws no coins.
/// *Cost*: one pass that weighs the row and one over the blocks that reach the threshold.
/// *Origin*: arXiv 2210.15191, as in Hugging Face transformers, but for ties there (`ties=all`).
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "epsilon-cutoff(0.25)".parse()?;
/// let logits = [0.5_f32, 0.3, 0.2].map(f32::ln);
/// assert_eq!(Sampler::new(pipeline, 3)?.probabilities(&logits)?[2], 0.0);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpsilonCutoff {
    epsilon: Decimal,
    ties: Ties,
}

impl EpsilonCutoff {
    /// The stage with this parameter, read as the shortest decimal that prints it.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] when it is outside its range.
    pub fn new(epsilon: f64) -> Result<Self> {
        let decimal = Decimal::nearest(epsilon).filter(|_| is_valid(epsilon));
        Ok(Self { epsilon: decimal.ok_or_else(|| INFO.refuse(0, epsilon))?, ..Self::off() })
    }

    /// Every token is kept.
    pub const fn off() -> Self {
        Self { epsilon: Decimal::ZERO, ties: Ties::First }
    }

    /// The same stage with another rule for tokens that tie with the best where none reaches ε.
    #[must_use]
    pub const fn with_ties(self, ties: Ties) -> Self {
        Self { ties, ..self }
    }
}

impl Stage for EpsilonCutoff {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        let least = self.epsilon.ceil_of(candidates.total());
        candidates.keep_weights_by(least, self.ties);
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.epsilon)?;
        if self.is_neutral() { Ok(()) } else { super::write_ties(out, self.ties) }
    }

    fn is_neutral(&self) -> bool {
        self.epsilon == Decimal::ZERO
    }
}
