//! How near the edges of a cut lie to where an engine's own floats could put them elsewhere.
//!
//! Kelvin's weights are exact, so the distance of an edge from its threshold is known; what an engine could
//! be wrong by is bounded, not measured. With u the unit roundoff, a running sum is wrong by at most u times
//! the sum of the running sums so far, and each probability in it by a few u: c = 8 + log2(n) + |z|/T, for
//! its exponential, its norm over n tokens and the logit divided by T.

use kelvin::TokenId;
use kelvin::dialect::Floats;

/// A token at the edge of a cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edge {
    /// The token.
    pub(super) token: TokenId,
    /// Whether the rule keeps it.
    pub(super) kept: bool,
    /// How far what decides about it lies from the threshold.
    pub(super) distance: f64,
    /// By how much the engine could be wrong there.
    pub(super) bound: f64,
    /// Whether it ties with the token on the other side, so that the engine's sort decides.
    pub(super) tied: bool,
}

impl Edge {
    /// Whether the engine could decide otherwise than its rule.
    pub(super) fn is_fragile(&self) -> bool {
        self.tied || self.distance <= self.bound
    }
}

/// The tokens that reach a cut, the most probable first.
#[derive(Debug)]
pub(super) struct Input {
    /// With their weights.
    tokens: Vec<(TokenId, u64)>,
    /// Their sum.
    total: f64,
    floats: Floats,
    /// Roundings of one probability, in units.
    roundings: f64,
}

impl Input {
    /// From the weights in id order; `largest` is the largest |z|/T among their logits.
    pub(super) fn new(weights: Vec<(TokenId, u64)>, largest: f64, floats: Floats) -> Self {
        let mut tokens = weights;
        tokens.sort_by_key(|&(token, weight)| (std::cmp::Reverse(weight), token));
        let total: u64 = tokens.iter().map(|&(_, weight)| weight).sum();
        let doublings = f64::from(usize::BITS - tokens.len().leading_zeros());
        Self { tokens, total: total as f64, floats, roundings: 8.0 + doublings + largest }
    }

    fn share(&self, at: usize) -> f64 {
        self.tokens[at].1 as f64 / self.total
    }

    /// The last token within the mass p and the first one beyond, where there are such.
    pub(super) fn of_mass(&self, p: f64, drops_crossing: bool, ties_stay: bool) -> Vec<Edge> {
        let n = self.tokens.len();
        let before: Vec<f64> = running((0..n).map(|at| self.share(at))).collect();
        // what decides about a token: the mass before it, or, where the crossing token goes, with it
        let decisive = |at: usize| before[at] + if drops_crossing { self.share(at) } else { 0.0 };
        let is_kept = |at: usize| {
            at == 0 || if drops_crossing { decisive(at) <= p } else { decisive(at) < p }
        };
        let kept = (0..n).take_while(|&at| is_kept(at)).count();
        let edge = |at: usize| Edge {
            token: self.tokens[at].0,
            kept: at < kept,
            distance: (decisive(at) - p).abs(),
            bound: self.sum_bound(at, p),
            tied: self.tie_across(kept, ties_stay),
        };
        // the first token stays whatever the sums say
        (kept.saturating_sub(1)..n.min(kept + 1)).filter(|&at| at > 0).map(edge).collect()
    }

    /// Whether the token at this place ties with the one before, and a sort decides which of them stays.
    fn tie_across(&self, at: usize, ties_stay: bool) -> bool {
        let weight = |at: usize| self.tokens.get(at).map(|token| token.1);
        !ties_stay && at > 0 && weight(at).is_some() && weight(at) == weight(at - 1)
    }

    /// What the sum that decides about the token at this place can be wrong by.
    fn sum_bound(&self, at: usize, p: f64) -> f64 {
        let n = self.tokens.len();
        let (parts, threshold): (Vec<f64>, f64) = if self.floats.upwards {
            ((at..n).rev().map(|at| self.share(at)).collect(), 1.0 - p)
        } else {
            ((0..=at).map(|at| self.share(at)).collect(), p)
        };
        let sum: f64 = parts.iter().sum();
        let sums: f64 = running(parts.iter().copied().chain([0.0])).sum();
        self.floats.unit * (sums + self.roundings * sum + threshold)
    }

    /// The tokens on both sides of a floor, which is a share of `whole` (the best token's, or all of the
    /// mass); distances are relative to the floor.
    pub(super) fn of_floor(&self, floor: f64, of_best: bool) -> Vec<Edge> {
        let whole = if of_best { self.share(0) } else { 1.0 };
        let ratio = |at: usize| self.share(at) / (floor * whole);
        let kept = (0..self.tokens.len()).take_while(|&at| at == 0 || ratio(at) >= 1.0).count();
        let edge = |at: usize| Edge {
            token: self.tokens[at].0,
            kept: at < kept,
            distance: (ratio(at) - 1.0).abs(),
            bound: 2.0 * self.floats.unit * self.roundings,
            tied: false, // they stay or go together
        };
        (kept.saturating_sub(1)..self.tokens.len().min(kept + 1))
            .filter(|&at| at > 0)
            .map(edge)
            .collect()
    }

    /// The k-th token and the next; distances are in nats. Tokens that tie stay together where
    /// `ties_stay`, and else the engine's sort decides between them.
    pub(super) fn of_count(&self, k: usize, ties_stay: bool) -> Vec<Edge> {
        let Some(&(_, next)) = self.tokens.get(k) else { return Vec::new() };
        let last = self.tokens[k - 1].1;
        if next == last && ties_stay {
            return Vec::new();
        }
        let distance = kelvin::math::ln(last as f64) - kelvin::math::ln(next as f64);
        let bound = 2.0 * self.floats.unit * self.roundings;
        let tied = self.tie_across(k, ties_stay);
        let edge =
            |at: usize| Edge { token: self.tokens[at].0, kept: at < k, distance, bound, tied };
        vec![edge(k - 1), edge(k)]
    }
}

/// The sum before each part.
fn running(parts: impl Iterator<Item = f64>) -> impl Iterator<Item = f64> {
    parts.scan(0.0, |sum, part| {
        let before = *sum;
        *sum += part;
        Some(before)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const F32: Floats = Floats { name: "f32", unit: 5.960_464_477_539_063e-8, upwards: true };

    fn input(weights: &[u64], floats: Floats) -> Input {
        Input::new((0..).zip(weights.iter().copied()).collect(), 1.0, floats)
    }

    fn fragile(edges: &[Edge]) -> Vec<TokenId> {
        edges.iter().filter(|edge| edge.is_fragile()).map(|edge| edge.token).collect()
    }

    #[test]
    fn an_edge_on_the_mass_is_fragile_and_a_clear_one_is_not() {
        let row = [3, 1, 1, 5]; // the two best have 0.8
        for upwards in [true, false] {
            let row = input(&row, Floats { upwards, ..F32 });
            assert_eq!(fragile(&row.of_mass(0.8, false, false)), [1]);
            assert_eq!(fragile(&row.of_mass(0.8, true, false)), [0]);
            assert!(fragile(&row.of_mass(0.72, false, false)).is_empty());
            let kept: Vec<bool> =
                row.of_mass(0.72, false, false).iter().map(|edge| edge.kept).collect();
            assert_eq!(kept, [true, false]);
        }
        let double = Floats { unit: F32.unit * F32.unit, ..F32 };
        let near = [3_000_000_001, 1_000_000_000, 1_000_000_000, 5_000_000_000];
        assert_eq!(fragile(&input(&near, F32).of_mass(0.8, false, false)), [1]);
        assert!(fragile(&input(&near, double).of_mass(0.8, false, false)).is_empty());
    }

    #[test]
    fn a_tie_across_the_edge_is_left_to_a_sort() {
        let row = input(&[2, 1, 1, 1], F32);
        assert_eq!(fragile(&row.of_mass(0.5, false, false)), [1, 2]);
        assert!(fragile(&row.of_mass(0.5, false, true)).is_empty());
        assert!(fragile(&row.of_mass(0.3, false, false)).is_empty());
    }

    #[test]
    fn the_first_token_has_no_edge() {
        let row = input(&[1, 1], F32);
        assert!(row.of_mass(0.5, false, false).iter().all(|edge| edge.token == 1));
        assert!(input(&[1], F32).of_mass(0.5, false, false).is_empty());
    }

    #[test]
    fn a_floor_is_fragile_at_equality() {
        let row = input(&[4, 2, 1], F32);
        assert_eq!(fragile(&row.of_floor(0.5, true)), [1]);
        assert!(fragile(&row.of_floor(0.4, true)).is_empty());
        assert_eq!(fragile(&row.of_floor(2.0 / 7.0, false)), [1]);
    }

    #[test]
    fn ties_at_the_kth_place_are_fragile_unless_all_stay() {
        let row = input(&[4, 2, 2, 1], F32);
        assert_eq!(fragile(&row.of_count(2, false)), [1, 2]);
        assert!(row.of_count(2, true).is_empty());
        assert!(fragile(&row.of_count(1, true)).is_empty());
        assert!(row.of_count(4, false).is_empty() && row.of_count(9, false).is_empty());
    }
}
