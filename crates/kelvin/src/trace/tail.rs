//! What lies below the head of a distribution, in a few numbers.

use alloc::vec::Vec;

use crate::candidates::Rank;

/// Some tokens of the tail whose logits lie close together.
///
/// Enough to estimate the tail's share at any temperature: the tokens of a bin weigh about
/// `count` · e^(`mean`/T) · (1 + `variance`/2T²).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TailBin {
    /// How many tokens.
    pub count: usize,
    /// The mean of their logits.
    pub mean: f64,
    /// The population variance of their logits.
    pub variance: f64,
}

/// Bins of equal width that the tail's logits are sorted into.
const BINS: usize = 64;

/// The tokens that come after `last` in the total order, banned ones left out, in bins from the top
/// down; empty bins are left out.
pub(super) fn summarise(logits: &[f32], last: Option<Rank>) -> Vec<TailBin> {
    let ranked = (0..).zip(logits).filter(|(_, logit)| **logit > f32::NEG_INFINITY);
    let tail = ranked.filter(|&(id, &logit)| last.is_none_or(|last| Rank::new(logit, id) > last));
    let tail = tail.map(|(_, &logit)| f64::from(logit));
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for logit in tail.clone() {
        (low, high) = (low.min(logit), high.max(logit));
    }
    let mut bins = [(0_usize, 0.0, 0.0); BINS];
    for depth in tail.map(|logit| high - logit) {
        // 0 / 0, where all are equal, is NaN and goes to the first bin
        #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
        #[expect(clippy::cast_sign_loss, reason = "no depth is negative")]
        let bin = (depth / (high - low) * BINS as f64) as usize;
        let (count, sum, squares) = &mut bins[bin.min(BINS - 1)];
        *count += 1;
        *sum += depth;
        *squares += depth * depth;
    }
    let filled = bins.into_iter().filter(|bin| bin.0 > 0);
    let moments = filled.map(|(count, sum, squares)| {
        let mean = sum / count as f64;
        let variance = (squares / count as f64 - mean * mean).max(0.0);
        TailBin { count, mean: high - mean, variance }
    });
    moments.collect()
}
