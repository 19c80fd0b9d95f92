//! A row of logits as the distribution it stands for, before any policy.

use crate::candidates::{Candidates, Workspace};
use crate::simd::{AtLeast, Level};
use crate::{Result, TokenId};

/// The softmax of a row of logits, summarised: enough to give any token's log-probability.
///
/// In f64, with the crate's own `exp` and `ln` and one fixed tree of sums, so with the same bits on every
/// machine. A trace's raw figures are these.
///
/// ```
/// use kelvin::Softmax;
///
/// let logits = [2.0, 1.0, f32::NEG_INFINITY, 1.0];
/// let softmax = Softmax::new(&logits)?;
/// let e = core::f64::consts::E;
/// assert!((softmax.logprob(logits[0]) - kelvin::math::ln(e / (e + 2.0))).abs() < 1e-15);
/// assert_eq!(softmax.logprob(logits[2]), f64::NEG_INFINITY);
/// assert_eq!(kelvin::softmax::rank(&logits, 3), 3); // after tokens 0 and 1
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Softmax {
    max: f64,
    /// ln Σ e^(z − max)
    log_sum: f64,
    entropy_nats: f64,
}

impl Softmax {
    /// Summarises a row in two passes; −∞ bans a token.
    ///
    /// # Errors
    ///
    /// [`NotANumber`](crate::Error::NotANumber) for NaN or +∞, [`NothingLeft`](crate::Error::NothingLeft) for a row without a finite logit.
    pub fn new(logits: &[f32]) -> Result<Self> {
        let mut workspace = Workspace::default();
        let candidates = Candidates::new(logits, &mut workspace, Level::detect());
        Ok(Self::of(&mut candidates.map_err(|fault| fault.explain(logits))?))
    }

    /// The summary of candidates that no stage has touched.
    pub(crate) fn of(candidates: &mut Candidates<'_>) -> Self {
        let (entropy_nats, log_sum) = candidates.entropy_and_log_sum(1.0);
        Self { max: candidates.best_logit(), log_sum, entropy_nats }
    }

    /// Entropy of what a pipeline made of this row, in nats.
    pub(crate) fn entropy_after(self, candidates: &mut Candidates<'_>) -> f64 {
        if candidates.is_untouched() && candidates.temperature().total_cmp(&1.0).is_eq() {
            return self.entropy_nats;
        }
        candidates.entropy_of_weights()
    }

    /// ln p of a token with this logit, in nats: 0 at most; −∞ for a banned one.
    pub fn logprob(self, logit: f32) -> f64 {
        (f64::from(logit) - self.max - self.log_sum).min(0.0)
    }

    /// Shannon entropy in nats, never below 0.
    pub fn entropy_nats(self) -> f64 {
        self.entropy_nats
    }
}

/// The place of a token in the total order, the first being 1: larger logits come before it, and equal
/// ones with smaller ids.
///
/// # Panics
///
/// If the row has no such token.
pub fn rank(logits: &[f32], token: TokenId) -> usize {
    let (before, rest) = logits.split_at(token as usize);
    let (&own, after) = rest.split_first().expect("a token of the row");
    let at_least = |least, logits| Level::detect().run(AtLeast { least, logits });
    1 + at_least(own, before) + at_least(own.next_up(), after)
}
