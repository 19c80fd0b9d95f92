//! Own elementary functions: the same bits on every machine.
//!
//! Those in f32 are written once over [`Simd`], for one profile at a time. Those in f64 are made of
//! + − × ÷ only and serve tables that are built once; they know no profile.

use super::simd::Simd;

/// Adding, then subtracting it rounds an f32 of magnitude < 2^22 to the nearest integer, ties to
/// even; and the sum's low bits are that integer.
pub(crate) const ROUNDER: f32 = 12_582_912.0; // 1.5 · 2^23

/// e^x, within 1 ulp. Overflows to ∞ above 88.72, underflows gradually to 0 below −103.97; NaN
/// stays NaN.
///
/// x = n · ln 2 + r with |r| ≤ ln 2 / 2; e^r by the polynomial of Cephes' `expf` (S. Moshier).
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    // the constant stands first, so that NaN passes
    let x = simd.max(simd.splat(-104.0), simd.min(simd.splat(89.0), x));
    let rounder = simd.splat(ROUNDER);
    let shifted = simd.mul_add(x, simd.splat(std::f32::consts::LOG2_E), rounder);
    let n = simd.sub(shifted, rounder);
    // ln 2 in two parts, the first with so few bits that n times it is exact
    let r = simd.mul_add(n, simd.splat(-0.693_359_375), x);
    let r = simd.mul_add(n, simd.splat(2.121_944_4e-4), r);
    let mut poly = simd.splat(1.987_569_1e-4);
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        poly = simd.mul_add(poly, r, simd.splat(c));
    }
    let poly = simd.mul_add(poly, simd.mul(r, r), r);
    let poly = simd.add(poly, simd.splat(1.0));
    // 2^n as two factors within the normal range, so that only the last product rounds
    let n = simd.sub_i32(simd.to_bits(shifted), simd.to_bits(rounder));
    let bias = simd.splat_i32(254);
    let n = simd.add_i32(n, bias);
    let half = simd.shr(n, 1);
    let rest = simd.sub_i32(n, half);
    let power = |n| simd.from_bits(simd.shl(n, 23));
    simd.mul(simd.mul(poly, power(half)), power(rest))
}

/// x · σ(x) = x / (1 + e^−x), the SiLU (Swish) of Llama's feed-forward.
#[inline(always)]
pub(crate) fn silu<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let one = simd.splat(1.0);
    simd.div(x, simd.add(one, exp(simd, simd.neg(x))))
}

/// GELU by its tanh formula, ½ x (1 + tanh u) with u = √(2/π) (x + 0.044715 x³), as Gemma and GPT-2
/// use it. Written as x · σ(2 u), which is the same function.
#[inline(always)]
pub(crate) fn gelu_tanh<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let one = simd.splat(1.0);
    let cubic = simd.mul_add(simd.mul(x, x), simd.splat(0.044_715), one);
    // −2 √(2/π)
    let exponent = simd.mul(simd.mul(x, simd.splat(-1.595_769_1)), cubic);
    simd.div(x, simd.add(one, exp(simd, exponent)))
}
