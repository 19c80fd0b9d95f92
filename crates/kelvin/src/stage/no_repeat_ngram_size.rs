//! No-repeat n-gram: no run of n tokens occurs twice.

use alloc::boxed::Box;
use core::fmt;
use core::num::NonZeroUsize;

use super::{Effect, Kind, Param, Stage, StageInfo, Step};
use crate::candidates::Candidates;

pub(super) static INFO: StageInfo = StageInfo {
    name: "no-repeat-ngram-size",
    aliases: &[],
    summary: "ban the tokens that would complete a run of n tokens seen before",
    params: &[Param {
        name: "n",
        aliases: &[],
        kind: Kind::Integer,
        range: "n ≥ 1 (use 0 to allow repeats)",
        default: None,
        neutral: "0",
    }],
    effect: Effect::Logits,
    keeps_argmax: false,
    origin: "Paulus, Xiong and Socher 2017, arXiv 1705.04304; Hugging Face transformers",
    build: |arguments| {
        if arguments.is_off() {
            return Ok(Box::new(NoRepeatNgramSize { n: None }));
        }
        Ok(Box::new(NoRepeatNgramSize { n: NonZeroUsize::new(arguments.integer(0)?) }))
    },
};

/// Bans the tokens that would complete an n-gram that the sequence already holds.
///
/// *Formula*: z = −∞ for every token t such that the last n − 1 tokens followed by t occur in the prompt
/// or output.
///
/// *Parameters*: `n` ≥ 1; 0 or `off` is neutral. 1 bans every token seen.
/// *Properties*: may remove the argmax; draws no coins. *Cost*: one walk over the sequence.
/// *Edge cases*: if every token is banned the step ends with an error that names this stage.
/// *Origin*: as in Hugging Face transformers.
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "no-repeat-ngram-size(2)".parse()?;
/// let mut sampler = Sampler::new(pipeline, 3)?.with_prompt(&[0, 1, 0])?;
/// assert_eq!(sampler.probabilities(&[0.0, 5.0, 0.0])?, [0.5, 0.0, 0.5]); // 0 1 is taken
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRepeatNgramSize {
    n: Option<NonZeroUsize>,
}

impl NoRepeatNgramSize {
    /// No run of `n` tokens occurs twice.
    pub const fn new(n: NonZeroUsize) -> Self {
        Self { n: Some(n) }
    }
}

impl Stage for NoRepeatNgramSize {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, step: &Step<'_>) {
        let Some(n) = self.n else { return };
        let tokens = step.history.tokens();
        let Some(start) = (tokens.len() + 1).checked_sub(n.get()) else { return };
        let ending = &tokens[start..];
        let completing = tokens.windows(n.get()).filter(|run| run.starts_with(ending));
        candidates.ban(completing.map(|run| run[run.len() - 1]));
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.n.map_or(0, NonZeroUsize::get))
    }

    fn is_neutral(&self) -> bool {
        self.n.is_none()
    }
}
