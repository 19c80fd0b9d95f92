//! Whether a policy lets a given token come, and how likely.

use crate::candidates::Candidates;
use crate::observer::Observer;
use crate::stage::Stage;
use crate::{TokenId, math};

/// What a policy makes of one token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// It can come, with this logprob in nats; 0 where greedy takes it.
    Possible {
        /// Its logprob in the final distribution.
        logprob: f64,
    },
    /// This stage removed it, by its place in the pipeline.
    Removed {
        /// The place.
        stage: usize,
    },
    /// Greedy takes another.
    Outranked,
    /// No stage removed it, and its weight is 0: too rare to be drawn.
    TooRare,
    /// Its logit is −∞: the model itself, or whoever masked its logits, rules it out.
    Banned,
}

impl Verdict {
    /// The surprisal in nats; ∞ for what cannot come.
    ///
    /// ```
    /// use kelvin::Verdict;
    ///
    /// assert_eq!(Verdict::Possible { logprob: -0.5 }.surprisal_nats(), 0.5);
    /// assert_eq!(Verdict::Outranked.surprisal_nats(), f64::INFINITY);
    /// ```
    pub fn surprisal_nats(self) -> f64 {
        match self {
            Self::Possible { logprob } => -logprob,
            _ => f64::INFINITY,
        }
    }
}

/// Watches one token while a pipeline runs.
pub(crate) struct Watch {
    token: TokenId,
    n_stages: usize,
    removed_by: Option<usize>,
}

impl Watch {
    pub(crate) fn new(token: TokenId) -> Self {
        Self { token, n_stages: 0, removed_by: None }
    }

    /// What became of the token.
    pub(crate) fn verdict(self, mut candidates: Candidates<'_>, greedy: bool) -> Verdict {
        if candidates.raw()[self.token as usize] == f32::NEG_INFINITY {
            return Verdict::Banned;
        }
        if let Some(stage) = self.removed_by {
            return Verdict::Removed { stage };
        }
        if greedy {
            let is_first = candidates.first().token() == self.token;
            return if is_first { Verdict::Possible { logprob: 0.0 } } else { Verdict::Outranked };
        }
        let (weight, total) = (candidates.weight(self.token), candidates.total());
        if weight == 0 {
            return Verdict::TooRare;
        }
        Verdict::Possible { logprob: math::ln(weight as f64 / total as f64).min(0.0) }
    }
}

impl Observer for Watch {
    fn start(&mut self, _: &mut Candidates<'_>) {}

    fn before(&mut self, _: &dyn Stage, _: &mut Candidates<'_>) {}

    fn after(&mut self, _: &dyn Stage, candidates: &mut Candidates<'_>) {
        if self.removed_by.is_none() && !candidates.is_kept(self.token) {
            self.removed_by = Some(self.n_stages);
        }
        self.n_stages += 1;
    }
}
