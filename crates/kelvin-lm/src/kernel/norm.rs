//! Norms: rows brought to one size.
//!
//! Sums over a row are taken in sixteen lanes, number i in lane i mod 16, and folded by one tree.

use super::part;
use super::simd::{Kernel, LANES, Simd};

/// x · weight / √(mean x² + eps), for each row of `weight.len()` numbers. Zhang and Sennrich,
/// arXiv 1910.07467.
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
    let scale = simd.splat(1.0 / (mean_square(simd, row) + eps).sqrt());
    for (x, weight) in row.chunks_mut(LANES).zip(weight.chunks(LANES)) {
        let scaled = simd.mul(part::load(simd, x), scale);
        part::store(simd, simd.mul(scaled, part::load(simd, weight)), x);
    }
}

#[inline(always)]
fn mean_square<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let mut squares = simd.splat(0.0);
    for x in row.chunks(LANES) {
        let x = part::load(simd, x);
        squares = simd.mul_add(x, x, squares);
    }
    simd.sum(squares) / row.len() as f32
}

/// (x − mean) · weight / √(mean (x − mean)² + eps) + bias, for each row of `weight.len()` numbers. Ba,
/// Kiros and Hinton, arXiv 1607.06450.
#[derive(Debug)]
pub(crate) struct LayerNorm<'a> {
    /// `[width]`
    pub(crate) weight: &'a [f32],
    /// `[width]`
    pub(crate) bias: &'a [f32],
    pub(crate) eps: f32,
    /// `[rows, width]`
    pub(crate) rows: &'a mut [f32],
}

impl Kernel for LayerNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for row in self.rows.chunks_exact_mut(self.weight.len()) {
            centre(simd, row);
            // what a last, partial vector lacks is read as zero, here and after centring
            let scale = simd.splat(1.0 / (mean_square(simd, row) + self.eps).sqrt());
            let learned = self.weight.chunks(LANES).zip(self.bias.chunks(LANES));
            for (x, (weight, bias)) in row.chunks_mut(LANES).zip(learned) {
                let scaled = simd.mul(part::load(simd, x), scale);
                let (weight, bias) = (part::load(simd, weight), part::load(simd, bias));
                part::store(simd, simd.mul_add(scaled, weight, bias), x);
            }
        }
    }
}

/// The gradient of [`LayerNorm`] by what went into it.
#[derive(Debug)]
pub(crate) struct LayerNormGradient<'a> {
    /// `[width]`
    pub(crate) weight: &'a [f32],
    pub(crate) eps: f32,
    /// What went in, `[rows, width]`; becomes each number's share of the weight's gradient.
    pub(crate) x: &'a mut [f32],
    /// The gradient by what came out, `[rows, width]`.
    pub(crate) output: &'a [f32],
    /// The gradient by what went in is added here, `[rows, width]`.
    pub(crate) input: &'a mut [f32],
}

impl Kernel for LayerNormGradient<'_> {
    type Output = ();

    /// With n = (x − mean) / deviation and g = output · weight: (g − mean g − n · mean (g n)) / deviation.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.weight.len();
        let rows = self.x.chunks_exact_mut(width).zip(self.output.chunks_exact(width));
        for ((x, output), input) in rows.zip(self.input.chunks_exact_mut(width)) {
            centre(simd, x);
            let inverse = 1.0 / (mean_square(simd, x) + self.eps).sqrt();
            let (mean, along) = means(simd, x, output, (self.weight, inverse));
            let scale = simd.splat(inverse);
            let parts = x.chunks_mut(LANES).zip(output.chunks(LANES));
            let parts = parts.zip(self.weight.chunks(LANES)).zip(input.chunks_mut(LANES));
            for (((x, output), weight), input) in parts {
                let normed = simd.mul(part::load(simd, x), scale);
                let output = part::load(simd, output);
                part::store(simd, simd.mul(output, normed), x);
                let inside = simd.mul_add(output, part::load(simd, weight), mean);
                let inside = simd.mul_add(normed, along, inside);
                part::store(simd, simd.mul_add(inside, scale, part::load(simd, input)), input);
            }
        }
    }
}

/// −mean g and −mean (g n) of a row that is centred, with the weight and 1 / deviation.
#[inline(always)]
fn means<S: Simd>(
    simd: S,
    x: &[f32],
    output: &[f32],
    (weight, inverse): (&[f32], f32),
) -> (S::F32, S::F32) {
    let (mut sum, mut along) = (simd.splat(0.0), simd.splat(0.0));
    let parts = x.chunks(LANES).zip(output.chunks(LANES)).zip(weight.chunks(LANES));
    for ((x, output), weight) in parts {
        let g = simd.mul(part::load(simd, output), part::load(simd, weight));
        sum = simd.add(sum, g);
        along = simd.mul_add(g, part::load(simd, x), along);
    }
    let width = x.len() as f32;
    (simd.splat(-simd.sum(sum) / width), simd.splat(-simd.sum(along) * inverse / width))
}

/// Takes the mean of a row from each of its numbers.
#[inline(always)]
fn centre<S: Simd>(simd: S, row: &mut [f32]) {
    let mut sum = simd.splat(0.0);
    for x in row.chunks(LANES) {
        sum = simd.add(sum, part::load(simd, x));
    }
    let mean = simd.splat(simd.sum(sum) / row.len() as f32);
    for x in row.chunks_mut(LANES) {
        part::store(simd, simd.sub(part::load(simd, x), mean), x);
    }
}

#[cfg(test)]
mod tests {
    use super::{LayerNorm, RmsNorm};
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

    fn layer_normed(level: Level, rows: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
        let mut out = rows.to_vec();
        level.dispatch(Profile::Fast, LayerNorm { weight, bias, eps: 1e-5, rows: &mut out });
        out
    }

    #[test]
    fn each_row_has_mean_zero_and_variance_one_before_its_weights() {
        let rows = [1.0, 2.0, 6.0, 1e3, 1e3 + 3.0, 1e3 - 3.0];
        let out = layer_normed(Level::Scalar, &rows, &[1.0, 2.0, 3.0], &[0.0, 0.5, -0.5]);
        let (first, second) = ((14.0_f32 / 3.0).sqrt(), 6.0_f32.sqrt());
        let expected = [
            -2.0 / first,
            -2.0 / first + 0.5,
            9.0 / first - 0.5,
            0.0,
            6.0 / second + 0.5,
            -9.0 / second - 0.5,
        ];
        for (found, expected) in out.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }

    #[test]
    fn layer_norms_have_the_same_bits_on_every_level_and_the_width_they_have() {
        for width in [1, 2, 15, 16, 17, 48, 100] {
            let rows: Vec<f32> = (0..3 * width).map(|i| (i * i % 17) as f32 + 70.7).collect();
            let weight: Vec<f32> = (0..width).map(|i| 0.5 + i as f32 / 8.0).collect();
            let bias: Vec<f32> = (0..width).map(|i| i as f32 / 3.0 - 1.0).collect();
            let scalar = layer_normed(Level::Scalar, &rows, &weight, &bias);
            for level in Level::available() {
                let found = layer_normed(level, &rows, &weight, &bias);
                assert_eq!(found, scalar, "{level}, width {width}");
            }
            // the plain definition, in f64
            for (row, found) in rows.chunks(width).zip(scalar.chunks(width)) {
                let n = width as f64;
                let mean = row.iter().copied().map(f64::from).sum::<f64>() / n;
                let square = |x: &f32| (f64::from(*x) - mean).powi(2);
                let scale = 1.0 / (row.iter().map(square).sum::<f64>() / n + 1e-5).sqrt();
                for (i, found) in found.iter().enumerate() {
                    let centred = (f64::from(row[i]) - mean) * scale;
                    let expected = centred * f64::from(weight[i]) + f64::from(bias[i]);
                    assert!((f64::from(*found) - expected).abs() < 3e-4, "width {width}: {i}");
                }
            }
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
