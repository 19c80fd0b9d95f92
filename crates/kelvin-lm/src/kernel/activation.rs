//! Gated activations of the feed-forward block. Shazeer, arXiv 2002.05202.

use super::simd::{Kernel, LANES, Simd};
use super::{math, part};
use crate::config::Activation;

/// gate ← activation(gate) · up, number by number.
#[derive(Debug)]
pub(crate) struct Gated<'a> {
    pub(crate) activation: Activation,
    pub(crate) gate: &'a mut [f32],
    pub(crate) up: &'a [f32],
}

impl Kernel for Gated<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let parts = self.gate.chunks_mut(LANES).zip(self.up.chunks(LANES));
        match self.activation {
            Activation::SwiGlu => {
                for (gate, up) in parts {
                    let open = math::silu(simd, part::load(simd, gate));
                    part::store(simd, simd.mul(open, part::load(simd, up)), gate);
                }
            }
            Activation::GeGlu => {
                for (gate, up) in parts {
                    let open = math::gelu_tanh(simd, part::load(simd, gate));
                    part::store(simd, simd.mul(open, part::load(simd, up)), gate);
                }
            }
        }
    }
}
