//! Cross-entropy of rows of logits, and its gradient.

use super::simd::{Kernel, LANES, Simd};
use super::{math, part};

/// logits ← e^(logit − largest).
#[derive(Debug)]
pub(crate) struct Exponentials<'a>(pub(crate) &'a mut [f32]);

/// What the exponentials were taken from, and their sum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peak {
    pub(crate) largest: f32,
    pub(crate) sum: f32,
}

impl Kernel for Exponentials<'_> {
    type Output = Peak;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Peak {
        let mut largest = simd.splat(f32::NEG_INFINITY);
        for x in self.0.chunks(LANES) {
            largest = simd.max(part::load_or(simd, x, f32::NEG_INFINITY), largest);
        }
        let largest = simd.largest(largest);
        let mut sum = simd.splat(0.0);
        for x in self.0.chunks_mut(LANES) {
            let logits = part::load_or(simd, x, f32::NEG_INFINITY);
            let weights = math::exp(simd, simd.sub(logits, simd.splat(largest)));
            part::store(simd, weights, x);
            sum = simd.add(sum, weights);
        }
        Peak { largest, sum: simd.sum(sum) }
    }
}

/// x ← x · factor, number by number.
#[derive(Debug)]
pub(crate) struct Scale<'a> {
    pub(crate) x: &'a mut [f32],
    pub(crate) factor: f32,
}

impl Kernel for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for x in self.x.chunks_mut(LANES) {
            part::store(simd, simd.mul(part::load(simd, x), simd.splat(self.factor)), x);
        }
    }
}
