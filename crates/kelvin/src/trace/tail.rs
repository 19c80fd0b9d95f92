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

/// Bins around the multiples of a width below the head; the last one takes all that lies deeper.
const BINS: usize = 64;
/// Bins per unit of logit.
const PER_LOGIT: f64 = 3.0;

/// Places for bins and for what is in none: a power of 2, so that no place has to be checked.
const ROOM: usize = 2 * BINS;
/// Copies of the bins that take turns, so that neighbours in one bin do not wait for each other.
const TURNS: usize = 4;
/// Tokens that are looked at together.
const CHUNK: usize = 64;

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
        let mut turns = [[[0.0; 4]; ROOM]; TURNS];
        // two loops: the first is element-wise, which the compiler makes wide, the second goes where it says
        let (mut places, mut added) = ([0_u8; CHUNK], [[0.0; 4]; CHUNK]);
        for chunk in self.logits.chunks(CHUNK) {
            let mut logits = [f32::NEG_INFINITY; CHUNK];
            logits[..chunk.len()].copy_from_slice(chunk);
            for at in 0..CHUNK {
                let depth = f64::from(self.limit) - f64::from(logits[at]);
                places[at] = place(depth);
                added[at] = [1.0, depth, depth * depth, 0.0];
            }
            for (places, added) in
                places.as_chunks::<TURNS>().0.iter().zip(added.as_chunks::<TURNS>().0)
            {
                for turn in 0..TURNS {
                    let sums = &mut turns[turn][usize::from(places[turn]) % ROOM];
                    for lane in 0..4 {
                        sums[lane] += added[turn][lane];
                    }
                }
            }
        }
        let mut bins = [[0.0; 4]; BINS];
        for (bin, sums) in turns.iter().flat_map(|turn| turn[..BINS].iter().enumerate()) {
            for (sum, added) in bins[bin].iter_mut().zip(sums) {
                *sum += added;
            }
        }
        bins
    }
}

/// The bin of a depth, the nearest multiple of its width; [`BINS`] for what is in none.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "at most BINS")]
fn place(depth: f64) -> u8 {
    const TWO_TO_52: f64 = 4_503_599_627_370_496.0;
    let bin = depth * PER_LOGIT;
    let bin = if bin < (BINS - 1) as f64 { bin } else { (BINS - 1) as f64 };
    let bin = if (0.0..f64::INFINITY).contains(&depth) { bin } else { BINS as f64 };
    (bin + TWO_TO_52).to_bits() as u8 // rounds, ties to even
}
