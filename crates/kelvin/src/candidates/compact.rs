//! The survivors of a cut.

use alloc::vec::Vec;

use super::order::{Rank, Slices, reach};
use crate::TokenId;
use crate::simd::{Found, Law};

/// The survivors of a cut, in id order.
#[derive(Debug, Clone, Default)]
pub(super) struct Compact {
    pub(super) ids: Vec<TokenId>,
    pub(super) logits: Vec<f32>,
    pub(super) weights: Vec<u64>,
}

impl Compact {
    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.logits.clear();
        self.weights.clear();
    }

    /// Starts over, to be filled by gathering.
    pub(super) fn refill(&mut self) -> Found<'_> {
        self.weights.clear();
        Found::new(&mut self.ids, &mut self.logits)
    }

    /// Keeps the tokens for which `keep` holds. Weights are kept along where they are computed.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(TokenId, f32, u64) -> bool) {
        let Self { ids, logits, weights } = self;
        let mut kept = 0;
        // every token is written and the place moves on if it stays: no branch that chance decides
        if weights.is_empty() {
            for at in 0..ids.len() {
                let (id, logit) = (ids[at], logits[at]);
                (ids[kept], logits[kept]) = (id, logit);
                kept += usize::from(keep(id, logit, 0));
            }
        } else {
            for at in 0..ids.len() {
                let (id, logit, weight) = (ids[at], logits[at], weights[at]);
                (ids[kept], logits[kept], weights[kept]) = (id, logit, weight);
                kept += usize::from(keep(id, logit, weight));
            }
        }
        self.ids.truncate(kept);
        self.logits.truncate(kept);
        self.weights.truncate(kept);
    }

    /// The last token of the smallest prefix of the total order whose mass reaches `needed` (at most the
    /// sum of the weights, which are computed). One pass finds the slice of logits in which it lies, and
    /// `ranks` takes the few tokens there.
    pub(super) fn reach(&self, law: Law, needed: u64, ranks: &mut Vec<(Rank, u64)>) -> Rank {
        let slices = Slices::new(law, &self.logits);
        let mut masses = [0; Slices::COUNT];
        for (&logit, &weight) in self.logits.iter().zip(&self.weights) {
            masses[slices.of(logit)] += weight;
        }
        let mut before = 0;
        let crossing = masses.iter().position(|&mass| {
            let reached = before + mass >= needed;
            before += if reached { 0 } else { mass };
            reached
        });
        let crossing = crossing.expect("the survivors' mass reaches what is needed");
        let tokens = self.ids.iter().zip(&self.logits).zip(&self.weights);
        let inside = tokens.filter(|&((_, &logit), _)| slices.of(logit) == crossing);
        ranks.clear();
        ranks.extend(inside.map(|((&id, &logit), &weight)| (Rank::new(logit, id), weight)));
        reach(ranks, needed - before)
    }
}
