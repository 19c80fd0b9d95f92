//! The jackknife: what a number of a set loses when some of the samples are left out.
//!
//! A bootstrap cannot be used for how many different things a set holds: a resample holds 63 % of its
//! samples, some of them twice, so it is always less diverse than the set, and the interval misses the
//! number itself. Leaving samples out makes no copies.
//!
//! Source: Efron and Stein, *The jackknife estimate of variance* (1981): on average it is not too small,
//! for any function of the set that does not look at the order.

use kelvin::math::sqrt;

/// Most blocks of samples that are left out in turn; with no more samples than that, each alone.
pub const N_BLOCKS: usize = 64;

/// The block of the sample at this place, of `n_samples`.
pub(super) fn block(place: usize, n_samples: usize) -> usize {
    place % n_samples.min(N_BLOCKS)
}

/// How many blocks so many samples make.
pub(super) fn n_blocks(n_samples: usize) -> usize {
    n_samples.min(N_BLOCKS)
}

/// The standard error, from the number without each of the blocks in turn: √((m − 1)/m Σ (θᵢ − θ̄)²).
/// `None` for fewer than two.
///
/// ```
/// use kelvin_lab::compare::standard_error;
///
/// // the mean of 1, 2, 3 without each: √(s² / n)
/// let error = standard_error(&[2.5, 2.0, 1.5]).unwrap();
/// assert!((error - (1.0_f64 / 3.0).sqrt()).abs() < 1e-15);
/// ```
pub fn standard_error(without: &[f64]) -> Option<f64> {
    let m = without.len() as f64;
    let mean = crate::measure::mean(without.iter().copied()).filter(|_| without.len() > 1)?;
    let squares: f64 = without.iter().map(|value| (value - mean) * (value - mean)).sum();
    Some(sqrt((m - 1.0) / m * squares))
}
