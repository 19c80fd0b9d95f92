//! The bootstrap: which samples are picked again, and what lies between the percentiles.
//!
//! Source: Efron and Tibshirani, *An introduction to the bootstrap* (1993), chapter 13.

use kelvin::Seed;
use kelvin::rng::{Domain, philox4x32};

/// How often samples are picked again.
pub const N_RESAMPLES: u32 = 2000;

/// Picks samples with replacement, by counter: the same places for every metric, policy and run. So two
/// policies are resampled together, which is what common random numbers ask for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Resamples;

impl Resamples {
    /// Fills `places` with as many of 0 … n − 1 as it is long, those that resample number `resample`
    /// picks. Each has the same chance, up to n / 2³². The same for every prompt: samples of one number
    /// may share their random numbers across prompts, and so are picked together.
    pub fn fill(self, resample: u32, places: &mut [usize]) {
        let (key, n) = (Seed::default().key(), places.len() as u64);
        for (block, four) in (0..).zip(places.chunks_mut(4)) {
            let words = philox4x32(key, [resample, block, 0, Domain::Resample as u32]);
            for (place, word) in four.iter_mut().zip(words) {
                *place = ((u64::from(word) * n) >> 32) as usize;
            }
        }
    }
}

/// The number below which this share of the sorted values lies, between two of them in proportion
/// (definition 7 of Hyndman and Fan 1996). `None` of nothing.
///
/// ```
/// use kelvin_lab::compare::percentile;
///
/// assert_eq!(percentile(&[0.0, 10.0], 0.25), Some(2.5));
/// ```
pub fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = share.clamp(0.0, 1.0) * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the last place"
    )]
    let below = (at as usize).min(last);
    let above = (below + 1).min(last);
    let part = at - below as f64;
    if sorted[below].total_cmp(&sorted[above]).is_eq() {
        return Some(sorted[below]); // so that infinities stay what they are
    }
    Some(sorted[below] + part * (sorted[above] - sorted[below]))
}
