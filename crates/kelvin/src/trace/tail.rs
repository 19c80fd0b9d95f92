//! What lies below the head of a distribution, in a few numbers.
#![expect(
    clippy::inline_always,
    reason = "a pass is compiled inside the function that enables its level"
)]

use alloc::vec::Vec;

use crate::candidates::Rank;
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

/// Bins of equal width that the tail's logits are sorted into.
const BINS: usize = 64;

/// Copies of the bins that take turns, so that neighbours in one bin do not wait for each other.
const TURNS: usize = 4;
/// Logits whose extremes are found side by side.
const LANES: usize = 16;

/// Tokens of a bin so far: their number, the sum of their depths below the best, that of the squares.
type Sums = [f64; 4];

/// The tokens that come after `last` in the total order, banned ones left out, in bins from the top
/// down; empty bins are left out.
pub(super) fn summarise(logits: &[f32], last: Option<Rank>, level: Level) -> Vec<TailBin> {
    let limit = last.map_or(f32::INFINITY, |last| logits[last.token() as usize]);
    // of those that tie with the last of the head, the ones behind it
    let ties = last.map_or(&[][..], |last| &logits[last.token() as usize + 1..]);
    let n_ties = ties.iter().filter(|&&logit| logit == limit).count();
    let (low, high) = level.run(Extremes { logits, limit });
    let (low, high) = if n_ties > 0 { (low.min(limit), limit) } else { (low, high) };
    if low > high {
        return Vec::new();
    }
    let high = f64::from(high);
    let scale = BINS as f64 / (high - f64::from(low)); // ∞ where all are equal: NaN, so the first bin
    let mut bins = level.run(Binned { logits, limit, high, scale });
    bins[0][0] += n_ties as f64;
    let filled = bins.into_iter().filter(|[count, ..]| *count > 0.0);
    let moments = filled.map(|[count, sum, squares, _]| {
        let mean = sum / count;
        let variance = (squares / count - mean * mean).max(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let count = count as usize;
        TailBin { count, mean: high - mean, variance }
    });
    moments.collect()
}

/// The smallest and the largest finite logit below a limit; (∞, −∞) where there is none.
struct Extremes<'a> {
    logits: &'a [f32],
    limit: f32,
}

impl Pass for Extremes<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn run(self) -> (f32, f32) {
        let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
        let chunks = self.logits.chunks_exact(LANES);
        let rest = chunks.remainder();
        let mut padded = [f32::NEG_INFINITY; LANES];
        padded[..rest.len()].copy_from_slice(rest);
        for chunk in chunks.chain([&padded[..]]) {
            for lane in 0..LANES {
                let logit = chunk[lane];
                let above = if logit < self.limit { logit } else { f32::NEG_INFINITY };
                let below = if above > f32::NEG_INFINITY { above } else { f32::INFINITY };
                high[lane] = if above > high[lane] { above } else { high[lane] };
                low[lane] = if below < low[lane] { below } else { low[lane] };
            }
        }
        (
            low.into_iter().fold(f32::INFINITY, f32::min),
            high.into_iter().fold(f32::NEG_INFINITY, f32::max),
        )
    }
}

/// The finite logits below a limit, in bins of equal width below `high`.
struct Binned<'a> {
    logits: &'a [f32],
    limit: f32,
    high: f64,
    /// Bins per unit of depth.
    scale: f64,
}

impl Pass for Binned<'_> {
    type Output = [Sums; BINS];

    #[inline(always)]
    fn run(self) -> [Sums; BINS] {
        let mut turns = [[[0.0; 4]; BINS]; TURNS];
        for chunk in self.logits.chunks(TURNS) {
            for (bins, &logit) in turns.iter_mut().zip(chunk) {
                if logit < self.limit && logit > f32::NEG_INFINITY {
                    let depth = self.high - f64::from(logit);
                    #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
                    #[expect(clippy::cast_sign_loss, reason = "no depth is negative")]
                    let bin = ((depth * self.scale) as usize).min(BINS - 1);
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
