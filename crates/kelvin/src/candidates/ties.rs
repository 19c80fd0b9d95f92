//! Cuts whose edge follows another rule than the native one: what ties there, what crosses a mass.

use super::Candidates;
use super::compact::Compact;
use super::order::Rank;
use crate::{Crossing, Decimal, Ties};

impl Candidates<'_> {
    /// Keeps the first `k` (≥ 1) of the total order; `ties` says which stay of those that tie with the
    /// k-th.
    pub fn keep_first_by(&mut self, k: usize, ties: Ties) {
        if let Some(last) = self.kth(k.max(1)) {
            self.keep_through_by(last, ties);
        }
    }

    /// Keeps a prefix of the total order with about the mass `p` of what is left: with the token that
    /// crosses it, or without (the first token stays). `ties` says which stay of those that tie with the
    /// last.
    pub fn keep_mass_by(&mut self, p: Decimal, crossing: Crossing, ties: Ties) {
        if p == Decimal::ONE {
            return;
        }
        let total = self.total();
        let last = match crossing {
            Crossing::Keep => self.reach_mass(p.ceil_of(total).max(1), total),
            Crossing::Drop => {
                let crossing = self.reach_mass(p.floor_of(total) + 1, total);
                self.place_before(crossing)
            }
        };
        self.keep_through_by(last, ties);
    }

    /// Keeps the prefix of the total order whose weights are all at least `least`. Where the first token
    /// has less, `ties` says which stay of those that tie with it.
    pub fn keep_weights_by(&mut self, least: u64, ties: Ties) {
        if ties == Ties::First || least <= self.best_weight() {
            return self.keep_weights(least);
        }
        let best = self.best_logit();
        self.keep_logits(best);
        let first = self.first();
        self.keep_through_by(first, ties);
    }

    /// Keeps the survivors up to and including this place of the total order; of those that tie with it,
    /// those that `ties` says.
    #[expect(clippy::float_cmp, reason = "tokens tie when their logits are equal")]
    fn keep_through_by(&mut self, last: Rank, ties: Ties) {
        let edge = self.logit(last.token());
        let Compact { ids, logits, .. } = &*self.compact;
        let at_edge = ids.iter().zip(logits).filter(|&(_, &logit)| logit == edge);
        let beyond = at_edge.filter(|&(&id, &logit)| Rank::new(logit, id) > last).count();
        let mut goes = if ties == Ties::Last { beyond } else { 0 };
        match ties {
            Ties::First => return self.keep_through(last),
            Ties::Last => self.compact.retain(|_, logit, _| {
                let tied_out = logit == edge && goes > 0;
                goes -= usize::from(tied_out);
                logit >= edge && !tied_out
            }),
            Ties::All => self.compact.retain(|_, logit, _| logit >= edge),
        }
        self.sum_compact();
    }

    /// The place just before this one among the survivors; this one where it is the first.
    fn place_before(&self, place: Rank) -> Rank {
        let Compact { ids, logits, .. } = &*self.compact;
        let ranks = ids.iter().zip(logits).map(|(&id, &logit)| Rank::new(logit, id));
        ranks.filter(|&rank| rank < place).max().unwrap_or(place)
    }

    /// Drops, of the tokens in `scores` that tie with `last`, the first ones, as many as come after it.
    pub(super) fn drop_first_of_tied(&mut self, last: (u64, Rank)) {
        let Self { compact, ranks, scores, .. } = self;
        let tied = scores.iter().filter(|((score, _), _)| *score == last.0);
        ranks.clear();
        ranks.extend(tied.map(|&((_, rank), weight)| (rank, weight)));
        let beyond = ranks.iter().filter(|(rank, _)| *rank > last.1).count();
        ranks.sort_unstable();
        let goes = &mut ranks[..beyond];
        goes.sort_unstable_by_key(|(rank, _)| rank.token());
        compact
            .retain(|id, _, _| goes.binary_search_by_key(&id, |(rank, _)| rank.token()).is_err());
    }
}
