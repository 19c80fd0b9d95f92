//! Own elementary functions: the same bits on every machine.
//!
//! They are in f32, written once over [`Simd`], for one profile at a time. Those in f64, for tables that
//! are built once, are [`kelvin::math`]'s.

use super::simd::Simd;

/// Adding, then subtracting it rounds an f32 of magnitude < 2^22 to the nearest integer, ties to
/// even; and the sum's low bits are that integer.
pub(crate) const ROUNDER: f32 = 12_582_912.0; // 1.5 · 2^23

/// e^x, within 0.9 ulp. Overflows to ∞ above 88.72, underflows gradually to 0 below −103.97; NaN
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
    // ln 2 in two parts, the first with so few bits that n times it is exact, and so is `head`
    let head = simd.mul_add(n, simd.splat(-355.0 / 512.0), x);
    let tail = simd.mul(n, simd.splat(2.121_944_4e-4));
    let r = simd.add(head, tail);
    let mut poly = simd.splat(1.987_569_1e-4);
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        poly = simd.mul_add(poly, r, simd.splat(c));
    }
    // 1 + (head + (tail + r² · poly)): the small parts first, so that r's own rounding is no error
    let rest = simd.mul_add(poly, simd.mul(r, r), tail);
    let poly = simd.add(simd.splat(1.0), simd.add(head, rest));
    // 2^n as two factors within the normal range, so that only the last product rounds
    let n = simd.sub_i32(simd.to_bits(shifted), simd.to_bits(rounder));
    let bias = simd.splat_i32(254);
    let n = simd.add_i32(n, bias);
    let half = simd.shr(n, 1);
    let other = simd.sub_i32(n, half);
    let power = |n| simd.with_bits(simd.shl(n, 23));
    simd.mul(simd.mul(poly, power(half)), power(other))
}

/// x · σ(x) = x / (1 + e^−x), the `SiLU` (Swish) of Llama's feed-forward.
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
    let exponent = simd.mul(simd.mul(x, simd.splat(-1.595_769_2)), cubic);
    simd.div(x, simd.add(one, exp(simd, exponent)))
}

/// [`gelu_tanh`] and its derivative: σ + x · σ (1 − σ) · 2 u′, with σ = σ(2 u).
#[inline(always)]
pub(crate) fn gelu_tanh_slope<S: Simd>(simd: S, x: S::F32) -> (S::F32, S::F32) {
    let one = simd.splat(1.0);
    let square = simd.mul(x, x);
    let cubic = simd.mul_add(square, simd.splat(0.044_715), one);
    let exponent = simd.mul(simd.mul(x, simd.splat(-1.595_769_2)), cubic);
    let below = simd.add(one, exp(simd, exponent));
    let open = simd.div(one, below);
    let inner = simd.mul_add(square, simd.splat(0.134_145), one);
    let inner = simd.mul(simd.mul(x, simd.splat(1.595_769_2)), inner);
    let slope = simd.mul_add(simd.mul(open, simd.sub(one, open)), inner, open);
    (simd.div(x, below), slope)
}

/// The coefficients of p in [`gelu_erf`], the highest power first.
const GELU_TAIL: [f32; 10] = [
    -0.202_083_37,
    0.878_602_3,
    -1.361_097_8,
    0.878_356_15,
    -0.342_245_5,
    0.099_342_04,
    0.231_724_53,
    0.428_120_3,
    1.001_451_7,
    -2.305_317_6,
];

/// GELU itself, x · Φ(x): max(x, 0) − |x| · Φ(−|x|), so that nothing cancels.
///
/// Φ(−u) = s · e^(p(s) − u² / 2) with s = 1 / (1 + u / 4), the form that Numerical Recipes has for the
/// error function; p interpolates at the Chebyshev nodes for u ≤ 14.5, relative error 4.3e-8.
#[inline(always)]
pub(crate) fn gelu_erf<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    // beyond 20 the tail is 0; the constant stands first, so that NaN passes
    let magnitude = simd.max(simd.neg(x), x);
    let u = simd.min(simd.splat(20.0), magnitude);
    let one = simd.splat(1.0);
    let s = simd.div(one, simd.mul_add(u, simd.splat(0.25), one));
    let mut poly = simd.splat(GELU_TAIL[0]);
    for c in &GELU_TAIL[1..] {
        poly = simd.mul_add(poly, s, simd.splat(*c));
    }
    let half_square = simd.mul(simd.mul(u, u), simd.splat(-0.5));
    let tail = simd.mul(s, exp(simd, simd.add(half_square, poly)));
    simd.sub(relu(simd, x), simd.mul(u, tail))
}

/// max(x, 0); NaN stays NaN.
#[inline(always)]
pub(crate) fn relu<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    simd.max(simd.splat(0.0), x)
}

/// tanh x, within 2 ulp.
///
/// Below 0.625 by the polynomial of Cephes' `tanhf` (S. Moshier), above as 1 − 2 / (e^2x + 1).
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let square = simd.mul(x, x);
    let mut poly = simd.splat(-5.704_988_7e-3);
    for c in [2.063_908_8e-2, -5.373_971_5e-2, 0.133_314_42, -0.333_332_8] {
        poly = simd.mul_add(poly, square, simd.splat(c));
    }
    let near = simd.mul_add(simd.mul(poly, square), x, x);
    let sign = simd.splat_i32(i32::MIN);
    let magnitude = simd.with_bits(simd.and(simd.to_bits(x), simd.splat_i32(i32::MAX)));
    let one = simd.splat(1.0);
    let grown = simd.add(exp(simd, simd.add(magnitude, magnitude)), one);
    let far = simd.sub(one, simd.div(simd.splat(2.0), grown));
    let far = simd.or(simd.to_bits(far), simd.and(simd.to_bits(x), sign));
    // all ones where |x| < 0.625
    let below = simd.shr(simd.to_bits(simd.sub(magnitude, simd.splat(0.625))), 31);
    let below = simd.sub_i32(simd.splat_i32(0), below);
    let above = simd.sub_i32(simd.splat_i32(-1), below);
    simd.with_bits(simd.or(simd.and(below, simd.to_bits(near)), simd.and(above, far)))
}

#[cfg(test)]
mod tests;
