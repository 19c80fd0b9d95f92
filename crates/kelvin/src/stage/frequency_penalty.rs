//! Frequency penalty: tokens lose an amount for each time they were seen.

use alloc::boxed::Box;
use core::fmt;

use super::{Effect, Kind, LAST, Param, SCOPE_OUTPUT, Stage, StageInfo, Step};
use crate::candidates::Candidates;
use crate::{Result, Scope};

pub(super) static INFO: StageInfo = StageInfo {
    name: "frequency-penalty",
    aliases: &[],
    summary: "subtract from the logits of tokens already seen, for each occurrence",
    params: &[
        Param {
            name: "penalty",
            aliases: &[],
            kind: Kind::Number,
            range: "-2 ≤ penalty ≤ 2 (use 0 for no penalty)",
            default: None,
            neutral: "0",
        },
        LAST,
        SCOPE_OUTPUT,
    ],
    effect: Effect::Logits,
    keeps_argmax: false,
    origin: "OpenAI API reference",
    build: |arguments| {
        let scope = arguments.scope()?;
        if arguments.is_off() {
            return Ok(Box::new(FrequencyPenalty { penalty: 0.0, scope }));
        }
        Ok(Box::new(FrequencyPenalty { penalty: arguments.number(0, is_valid)?, scope }))
    },
};

fn is_valid(penalty: f64) -> bool {
    (-2.0..=2.0).contains(&penalty)
}

/// Subtracts from the logits of tokens for each time they were seen.
///
/// *Formula*: z − count · penalty.
///
/// *Parameters*: `penalty` in [−2, 2]; 0 is neutral. `last` and `scope` as in
/// [`RepetitionPenalty`](super::RepetitionPenalty); the default scope is `output`.
/// *Properties*: may change the argmax; draws no coins. *Cost*: the distinct tokens of the scope.
/// *Origin*: the OpenAI API. *Differs*: TGI divides by the prompt's length in batches.
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "frequency-penalty(0.5, scope=all)".parse()?;
/// let mut sampler = Sampler::new(pipeline, 2)?.with_prompt(&[0, 0])?;
/// assert_eq!(sampler.probabilities(&[1.0, 0.0])?, [0.5, 0.5]);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrequencyPenalty {
    penalty: f64,
    scope: Scope,
}

impl FrequencyPenalty {
    /// The penalty over this scope.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] when `penalty` is outside its range.
    pub fn new(penalty: f64, scope: Scope) -> Result<Self> {
        if is_valid(penalty) {
            return Ok(Self { penalty, scope });
        }
        Err(INFO.refuse(0, penalty))
    }
}

impl Stage for FrequencyPenalty {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, step: &Step<'_>) {
        let counts = step.history.counts(self.scope).iter().copied();
        candidates.revise(counts, |z, count| z - f64::from(count) * self.penalty);
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        super::write_penalty(out, self.penalty, self.scope)
    }

    fn is_neutral(&self) -> bool {
        self.penalty == 0.0
    }

    fn scope(&self) -> Option<Scope> {
        Some(self.scope)
    }
}
