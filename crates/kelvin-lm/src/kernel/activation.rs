//! Activations of the feed-forward block.

use super::simd::{Kernel, LANES, Simd};
use super::{math, part};
use crate::config::Activation;

/// gate ← activation(gate) · up, number by number. Shazeer, arXiv 2002.05202.
#[derive(Debug)]
pub(crate) struct Gated<'a> {
    pub(crate) activation: Activation,
    pub(crate) gate: &'a mut [f32],
    pub(crate) up: &'a [f32],
}

/// x ← activation(x), number by number.
#[derive(Debug)]
pub(crate) struct Plain<'a> {
    pub(crate) activation: Activation,
    pub(crate) x: &'a mut [f32],
}

/// An activation as a type, so that a loop is compiled for it.
trait Function {
    fn of<S: Simd>(simd: S, x: S::F32) -> S::F32;
}

/// Declares a zero-sized type per activation.
macro_rules! functions {
    ($($name:ident: $call:path;)+) => {$(
        struct $name;

        impl Function for $name {
            #[inline(always)]
            fn of<S: Simd>(simd: S, x: S::F32) -> S::F32 {
                $call(simd, x)
            }
        }
    )+};
}

functions! {
    Silu: math::silu;
    GeluTanh: math::gelu_tanh;
    GeluErf: math::gelu_erf;
    Relu: math::relu;
}

impl Kernel for Gated<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.activation {
            Activation::Silu => self.each::<S, Silu>(simd),
            Activation::GeluTanh => self.each::<S, GeluTanh>(simd),
            Activation::GeluErf => self.each::<S, GeluErf>(simd),
            Activation::Relu => self.each::<S, Relu>(simd),
        }
    }
}

impl Gated<'_> {
    #[inline(always)]
    fn each<S: Simd, F: Function>(self, simd: S) {
        for (gate, up) in self.gate.chunks_mut(LANES).zip(self.up.chunks(LANES)) {
            let open = F::of(simd, part::load(simd, gate));
            part::store(simd, simd.mul(open, part::load(simd, up)), gate);
        }
    }
}

impl Kernel for Plain<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.activation {
            Activation::Silu => self.each::<S, Silu>(simd),
            Activation::GeluTanh => self.each::<S, GeluTanh>(simd),
            Activation::GeluErf => self.each::<S, GeluErf>(simd),
            Activation::Relu => self.each::<S, Relu>(simd),
        }
    }
}

impl Plain<'_> {
    #[inline(always)]
    fn each<S: Simd, F: Function>(self, simd: S) {
        for x in self.x.chunks_mut(LANES) {
            part::store(simd, F::of(simd, part::load(simd, x)), x);
        }
    }
}

/// x ← GELU(x), and gradient ← gradient · GELU′(x), number by number; GELU by its tanh formula.
#[derive(Debug)]
pub(crate) struct GeluGradient<'a> {
    pub(crate) x: &'a mut [f32],
    pub(crate) gradient: &'a mut [f32],
}

impl Kernel for GeluGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (x, gradient) in self.x.chunks_mut(LANES).zip(self.gradient.chunks_mut(LANES)) {
            let (value, slope) = math::gelu_tanh_slope(simd, part::load(simd, x));
            part::store(simd, value, x);
            part::store(simd, simd.mul(part::load(simd, gradient), slope), gradient);
        }
    }
}

/// x ← c · tanh(x / c), number by number: what bounds scores and logits by ±c.
#[derive(Debug)]
pub(crate) struct Softcap<'a> {
    pub(crate) cap: f32,
    pub(crate) x: &'a mut [f32],
}

impl Kernel for Softcap<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let cap = simd.splat(self.cap);
        for x in self.x.chunks_mut(LANES) {
            let inside = simd.div(part::load(simd, x), cap);
            part::store(simd, simd.mul(cap, math::tanh(simd, inside)), x);
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the platform's f64 functions are the yardstick here"
)]
mod tests {
    use super::{Gated, Plain, Softcap};
    use crate::config::Activation;
    use crate::kernel::simd::{Level, Profile};

    const ALL: [Activation; 4] =
        [Activation::Silu, Activation::GeluTanh, Activation::GeluErf, Activation::Relu];

    fn numbers(n: i16) -> Vec<f32> {
        (0..n).map(|i| f32::from(i * 37 % 101) / 9.0 - 5.0).collect()
    }

    #[test]
    fn a_gate_of_ones_above_it_is_the_plain_activation() {
        for n in [1, 15, 16, 33] {
            for activation in ALL {
                let mut expected = numbers(n);
                let plain = Plain { activation, x: &mut expected };
                Level::Scalar.dispatch(Profile::Fast, plain);
                for level in Level::available() {
                    let mut x = numbers(n);
                    level.dispatch(Profile::Fast, Plain { activation, x: &mut x });
                    assert_eq!(x, expected, "{level}, {activation:?}");
                    let (mut gate, up) = (numbers(n), vec![1.0; x.len()]);
                    let gated = Gated { activation, gate: &mut gate, up: &up };
                    level.dispatch(Profile::Fast, gated);
                    assert_eq!(gate, expected, "{level}, {activation:?}, gated");
                }
            }
        }
    }

    #[test]
    fn each_activation_is_its_own() {
        let values = ALL.map(|activation| {
            let mut x = [-1.0, 1.0];
            Level::detect().dispatch(Profile::Fast, Plain { activation, x: &mut x });
            x
        });
        let expected = [
            [-0.268_941_4, 0.731_058_6],
            [-0.158_808, 0.841_192],
            [-0.158_655_3, 0.841_344_7],
            [0.0, 1.0],
        ];
        for (found, expected) in values.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }

    #[test]
    fn a_softcap_bends_what_is_large_and_leaves_what_is_small() {
        let before = [0.0, 1e-3, -3.0, 30.0, 1e6, f32::NEG_INFINITY];
        for level in Level::available() {
            let mut x = before;
            level.dispatch(Profile::Fast, Softcap { cap: 30.0, x: &mut x });
            for (before, after) in before.into_iter().zip(x) {
                let expected = 30.0 * (f64::from(before) / 30.0).tanh();
                assert!((f64::from(after) - expected).abs() < 4e-6, "{before} becomes {after}");
            }
        }
    }
}
