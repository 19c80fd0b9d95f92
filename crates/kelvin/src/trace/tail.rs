//! What lies below the head of a distribution, in a few numbers.

use alloc::vec::Vec;

use crate::simd::Level;
use crate::simd::bins::{Bin, Binned};

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

/// The tokens that come after a head in the total order, banned ones left out, in bins from the top
/// down; empty bins are left out. `limit` is the logit of the head's last token, and `n_ties` how many
/// tokens of the head have it; without a head, the row's best and 0.
pub(super) fn summarise(logits: &[f32], limit: f32, n_ties: usize, level: Level) -> Vec<TailBin> {
    let mut bins = level.run(Binned { logits, limit });
    bins[0].0[2] -= n_ties as f64; // they lie at depth 0, so no other sum holds them
    let filled = bins.into_iter().filter(|Bin([_, _, count, _])| *count > 0.0);
    let moments = filled.map(|Bin([sum, squares, count, _])| {
        let mean = sum / count;
        let variance = (squares / count - mean * mean).max(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let count = count as usize;
        TailBin { count, mean: f64::from(limit) - mean, variance }
    });
    moments.collect()
}
