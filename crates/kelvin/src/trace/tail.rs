//! What lies below the head of a distribution, in a few numbers.
#![expect(
    clippy::inline_always,
    reason = "a pass is compiled inside the function that enables its level"
)]

use alloc::vec::Vec;

use crate::simd::{Level, Pass};

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

/// Bins of equal width below the head; the last one takes all that lies deeper.
const BINS: usize = 64;
/// Bins per unit of logit.
const PER_LOGIT: f64 = 3.0;

/// Copies of the bins that take turns, so that neighbours in one bin do not wait for each other.
const TURNS: usize = 4;

/// Tokens of a bin so far: their number, the sum of their depths below the limit, that of the squares.
type Sums = [f64; 4];

/// The tokens that come after a head in the total order, banned ones left out, in bins from the top
/// down; empty bins are left out. `limit` is the logit of the head's last token, and `n_ties` how many
/// tokens of the head have it; without a head, the row's best and 0.
pub(super) fn summarise(logits: &[f32], limit: f32, n_ties: usize, level: Level) -> Vec<TailBin> {
    let mut bins = level.run(Binned { logits, limit });
    bins[0][0] -= n_ties as f64; // they lie at depth 0, so no other sum holds them
    let filled = bins.into_iter().filter(|[count, ..]| *count > 0.0);
    let moments = filled.map(|[count, sum, squares, _]| {
        let mean = sum / count;
        let variance = (squares / count - mean * mean).max(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let count = count as usize;
        TailBin { count, mean: f64::from(limit) - mean, variance }
    });
    moments.collect()
}

/// The finite logits up to a limit, in bins below it.
struct Binned<'a> {
    logits: &'a [f32],
    limit: f32,
}

impl Pass for Binned<'_> {
    type Output = [Sums; BINS];

    #[inline(always)]
    fn run(self) -> [Sums; BINS] {
        let mut turns = [[[0.0; 4]; BINS]; TURNS];
        let limit = f64::from(self.limit);
        for chunk in self.logits.chunks(TURNS) {
            for (bins, &logit) in turns.iter_mut().zip(chunk) {
                if logit <= self.limit && logit > f32::NEG_INFINITY {
                    let depth = limit - f64::from(logit);
                    #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
                    #[expect(clippy::cast_sign_loss, reason = "no depth is negative")]
                    let bin = ((depth * PER_LOGIT) as u32).min(BINS as u32 - 1) as usize;
                    let added = [1.0, depth, depth * depth, 0.0];
                    for (sum, added) in bins[bin].iter_mut().zip(added) {
                        *sum += added;
                    }
                }
            }
        }
        let [mut bins, rest @ ..] = turns;
        for (bin, sums) in rest.iter().flat_map(|turn| turn.iter().enumerate()) {
            for (sum, added) in bins[bin].iter_mut().zip(sums) {
                *sum += added;
            }
        }
        bins
    }
}
