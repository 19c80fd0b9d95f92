//! Root-mean-square norm. Zhang and Sennrich, arXiv 1910.07467.

use super::part;
use super::simd::{Kernel, LANES, Simd};

/// x · weight / √(mean x² + eps), for each row of `weight.len()` numbers.
///
/// The squares are added in sixteen lanes, number i in lane i mod 16.
#[derive(Debug)]
pub(crate) struct RmsNorm<'a> {
    /// `[width]`, the + 1 of Gemma included.
    pub(crate) weight: &'a [f32],
    pub(crate) eps: f32,
    /// `[rows, width]`
    pub(crate) rows: &'a mut [f32],
}

impl Kernel for RmsNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for row in self.rows.chunks_exact_mut(self.weight.len()) {
            norm_row(simd, row, self.weight, self.eps);
        }
    }
}

#[inline(always)]
fn norm_row<S: Simd>(simd: S, row: &mut [f32], weight: &[f32], eps: f32) {
    let mut squares = simd.splat(0.0);
    for x in row.chunks(LANES) {
        let x = part::load(simd, x);
        squares = simd.mul_add(x, x, squares);
    }
    let mean = simd.sum(squares) / row.len() as f32;
    let scale = simd.splat(1.0 / (mean + eps).sqrt());
    for (x, weight) in row.chunks_mut(LANES).zip(weight.chunks(LANES)) {
        let scaled = simd.mul(part::load(simd, x), scale);
        part::store(simd, simd.mul(scaled, part::load(simd, weight)), x);
    }
}

#[cfg(test)]
mod tests {
    use super::RmsNorm;
    use crate::kernel::simd::{Level, Profile};

    fn normed(level: Level, rows: &[f32], weight: &[f32]) -> Vec<f32> {
        let mut out = rows.to_vec();
        level.dispatch(Profile::Fast, RmsNorm { weight, eps: 1e-5, rows: &mut out });
        out
    }

    #[test]
    fn each_row_has_root_mean_square_one_before_its_weights() {
        let out = normed(Level::Scalar, &[3.0, -4.0, 0.0, 300.0], &[1.0, 2.0]);
        let rms = 12.5_f32.sqrt();
        let expected = [3.0 / rms, -8.0 / rms, 0.0, 2.0 * 2.0_f32.sqrt()];
        for (found, expected) in out.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }

    #[test]
    fn every_level_gives_the_same_bits_at_any_width() {
        for width in [1, 2, 15, 16, 17, 48, 100] {
            let rows: Vec<f32> = (0..3 * width).map(|i| (i * i % 17) as f32 - 7.3).collect();
            let weight: Vec<f32> = (0..width).map(|i| 0.5 + i as f32 / 8.0).collect();
            let scalar = normed(Level::Scalar, &rows, &weight);
            for level in Level::available() {
                assert_eq!(normed(level, &rows, &weight), scalar, "{level}, width {width}");
            }
        }
    }
}
