//! The total order, and selection in it without sorting the vocabulary.

use core::cmp::Reverse;

use crate::TokenId;
use crate::simd::Law;

/// A token's place in the total order: a larger logit first, then a smaller id. The smallest rank is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(Reverse<u64>);

impl Rank {
    /// No place comes after this one.
    pub(super) const LAST: Self = Self(Reverse(0));

    pub(crate) fn new(logit: f32, token: TokenId) -> Self {
        let bits = (logit + 0.0).to_bits(); // −0 becomes +0: they are equal logits
        let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
        Self(Reverse(u64::from(ordered) << 32 | u64::from(!token)))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low half holds the id")]
    pub(crate) fn token(self) -> TokenId {
        !(self.0.0 as u32)
    }
}

/// The last item of the smallest prefix, in the order of `K`, whose weights reach `needed`.
///
/// Expected linear time: each round halves the part that holds the answer. `items` must not be empty;
/// if all of them together do not reach `needed`, the last one in order is returned.
pub(crate) fn reach<K: Ord + Copy>(items: &mut [(K, u64)], needed: u64) -> K {
    let mut rest = items;
    let mut needed = needed;
    while rest.len() > 24 {
        let middle = rest.len() / 2;
        rest.select_nth_unstable_by_key(middle - 1, |&(key, _)| key);
        let mass: u64 = rest[..middle].iter().map(|&(_, weight)| weight).sum();
        if mass >= needed {
            rest = &mut rest[..middle];
        } else {
            needed -= mass;
            rest = &mut rest[middle..];
        }
    }
    rest.sort_unstable_by_key(|&(key, _)| key);
    let mut mass = 0;
    let crossing = rest.iter().position(|&(_, weight)| {
        mass += weight;
        mass >= needed
    });
    rest[crossing.unwrap_or(rest.len() - 1)].0
}

/// The range of some logits cut into slices, the first at the top.
pub(super) struct Slices {
    top: f32,
    per_logit: f32,
}

impl Slices {
    pub(super) const COUNT: usize = 512;

    /// Slices from the law's maximum down to the least of `logits`, or to where weights end.
    #[expect(clippy::cast_possible_truncation, reason = "the maximum is one of the logits, an f32")]
    pub(super) fn new(law: Law, logits: &[f32]) -> Self {
        let worst = logits.iter().copied().fold(f32::INFINITY, f32::min);
        let span = (law.max - f64::from(worst)).min(50.0 / law.inverse_t);
        Self { top: law.max as f32, per_logit: (Self::COUNT as f64 / span) as f32 }
    }

    /// The slice of a logit. Rounding keeps order: a larger logit never has a later slice. What lies
    /// below the range is in the last one; 0 · ∞, when the range is empty, in the first.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    pub(super) fn of(&self, logit: f32) -> usize {
        let slice = ((self.top - logit) * self.per_logit) as u32;
        (slice as usize).min(Self::COUNT - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn rank_is_logit_then_id_and_zero_has_one_place() {
        assert!(Rank::new(2.0, 9) < Rank::new(1.0, 0));
        assert!(Rank::new(1.0, 0) < Rank::new(1.0, 1));
        assert!(Rank::new(-1.0, 5) < Rank::new(-2.0, 0));
        assert!(Rank::new(0.0, 0) < Rank::new(-0.0, 1));
        assert!(Rank::new(-0.0, 0) < Rank::new(0.0, 1));
        assert_eq!(Rank::new(1.5, 77).token(), 77);
    }

    #[test]
    fn reach_equals_a_sorted_walk() {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 40
        };
        for n in [1, 2, 23, 24, 25, 100, 1000] {
            let items: Vec<(u64, u64)> = (0..n).map(|i| (next() << 12 | i, next() % 50)).collect();
            let total: u64 = items.iter().map(|item| item.1).sum();
            for needed in [0, 1, total / 3, total / 2, total, total + 1] {
                let mut sorted = items.clone();
                sorted.sort_unstable();
                let mut mass = 0;
                let walked = sorted.iter().find(|item| {
                    mass += item.1;
                    mass >= needed
                });
                let wanted = walked.or(sorted.last()).expect("not empty").0;
                assert_eq!(reach(&mut items.clone(), needed), wanted, "n {n}, needed {needed}");
            }
        }
    }
}
