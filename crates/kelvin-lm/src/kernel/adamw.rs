//! One step of AdamW. Loshchilov and Hutter, *Decoupled weight decay regularization*, arXiv 1711.05101.

use super::part;
use super::simd::{Kernel, LANES, Simd};

/// What the step does to every number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    /// The gradient is multiplied by this first: what clipping leaves of it.
    pub(crate) clip: f32,
    /// 1 − `learning_rate` · `weight_decay`
    pub(crate) keep: f32,
    /// `learning_rate` / (1 − beta1^t)
    pub(crate) step: f32,
    /// 1 / √(1 − beta2^t)
    pub(crate) root: f32,
    /// 1 − beta1
    pub(crate) one_minus_beta1: f32,
    pub(crate) beta2: f32,
    /// 1 − beta2
    pub(crate) one_minus_beta2: f32,
    pub(crate) eps: f32,
}

/// Some parameters with their gradients and moments, all of one length.
#[derive(Debug)]
pub(crate) struct AdamW<'a> {
    pub(crate) rates: Rates,
    pub(crate) params: &'a mut [f32],
    pub(crate) gradients: &'a [f32],
    pub(crate) exp_avg: &'a mut [f32],
    pub(crate) exp_avg_sq: &'a mut [f32],
}

impl Kernel for AdamW<'_> {
    type Output = ();

    /// In the order of PyTorch: decay, then the moments, then
    /// p − step · m / (√v · root + eps).
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Rates { clip, keep, step, root, .. } = self.rates;
        let Rates { one_minus_beta1, beta2, one_minus_beta2, eps, .. } = self.rates;
        let parts = self.params.chunks_mut(LANES).zip(self.gradients.chunks(LANES));
        let moments = self.exp_avg.chunks_mut(LANES).zip(self.exp_avg_sq.chunks_mut(LANES));
        for ((p, g), (m, v)) in parts.zip(moments) {
            let gradient = simd.mul(part::load(simd, g), simd.splat(clip));
            let mean = part::load(simd, m);
            let change = simd.sub(gradient, mean);
            let mean = simd.mul_add(change, simd.splat(one_minus_beta1), mean);
            let square = simd.mul(simd.mul(gradient, gradient), simd.splat(one_minus_beta2));
            let square = simd.mul_add(part::load(simd, v), simd.splat(beta2), square);
            let below = simd.mul_add(simd.sqrt(square), simd.splat(root), simd.splat(eps));
            let kept = simd.mul(part::load(simd, p), simd.splat(keep));
            let update = simd.mul(simd.div(mean, below), simd.splat(step));
            part::store(simd, simd.sub(kept, update), p);
            part::store(simd, mean, m);
            part::store(simd, square, v);
        }
    }
}
