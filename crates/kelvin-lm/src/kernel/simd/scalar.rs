//! Sixteen lanes as an array: the definition that the other levels are tested against.

use std::marker::PhantomData;

use super::{LANES, Rounding, Simd};

/// The token of plain code; every machine has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scalar<P>(PhantomData<P>);

impl<P> Scalar<P> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

#[inline(always)]
fn map<A: Copy, B>(a: [A; LANES], f: impl Fn(A) -> B) -> [B; LANES] {
    a.map(f)
}

#[inline(always)]
fn zip<A: Copy, B>(a: [A; LANES], b: [A; LANES], f: impl Fn(A, A) -> B) -> [B; LANES] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

/// The f32 of a half-precision number's bits; a signalling NaN turns quiet, as in hardware.
#[inline(always)]
fn f32_from_f16(bits: u16) -> f32 {
    let bits = u32::from(bits);
    let (sign, exponent, fraction) = ((bits & 0x8000) << 16, (bits >> 10) & 0x1f, bits & 0x3ff);
    match (exponent, fraction) {
        (0x1f, 0) => f32::from_bits(sign | 0x7f80_0000),
        (0x1f, _) => f32::from_bits(sign | 0x7fc0_0000 | (fraction << 13)),
        // a multiple of 2^-24: both factors are exact, and so is the product
        (0, _) => f32::from_bits(sign | (fraction as f32 / 16_777_216.0).to_bits()),
        _ => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}

#[inline(always)]
fn u16_at(from: &[u8; 32], lane: usize) -> u16 {
    u16::from_le_bytes([from[2 * lane], from[2 * lane + 1]])
}

impl<P: Rounding> Simd for Scalar<P> {
    type F32 = [f32; LANES];
    type I32 = [i32; LANES];

    const ROWS: usize = 1;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F32 {
        [x; LANES]
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F32 {
        *from
    }

    #[inline(always)]
    fn store(self, x: Self::F32, to: &mut [f32; LANES]) {
        *to = x;
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        zip(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn sqrt(self, x: Self::F32) -> Self::F32 {
        map(x, f32::sqrt)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        if P::FUSED {
            std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
        } else {
            std::array::from_fn(|i| a[i] * b[i] + c[i])
        }
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        zip(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn to_bits(self, x: Self::F32) -> Self::I32 {
        map(x, |x| x.to_bits().cast_signed())
    }

    #[inline(always)]
    fn with_bits(self, x: Self::I32) -> Self::F32 {
        map(x, |x| f32::from_bits(x.cast_unsigned()))
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> Self::I32 {
        [x; LANES]
    }

    #[inline(always)]
    fn load_bytes(self, from: &[u8; 64]) -> Self::I32 {
        let (words, _) = from.as_chunks::<4>();
        std::array::from_fn(|i| i32::from_le_bytes(words[i]))
    }

    #[inline(always)]
    fn to_array(self, x: Self::I32) -> [i32; LANES] {
        x
    }

    #[inline(always)]
    fn add_i32(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        zip(a, b, i32::wrapping_add)
    }

    #[inline(always)]
    fn sub_i32(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        zip(a, b, i32::wrapping_sub)
    }

    #[inline(always)]
    fn max_i32(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        zip(a, b, i32::max)
    }

    #[inline(always)]
    fn and(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        zip(a, b, |a, b| a & b)
    }

    #[inline(always)]
    fn or(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        zip(a, b, |a, b| a | b)
    }

    #[inline(always)]
    fn shl(self, x: Self::I32, bits: u32) -> Self::I32 {
        map(x, |x| x << bits)
    }

    #[inline(always)]
    fn shr(self, x: Self::I32, bits: u32) -> Self::I32 {
        map(x, |x| (x.cast_unsigned() >> bits).cast_signed())
    }

    #[inline(always)]
    fn to_f32(self, x: Self::I32) -> Self::F32 {
        map(x, |x| x as f32)
    }

    #[inline(always)]
    fn low_bytes(self, x: Self::I32) -> [i8; LANES] {
        map(x, |x| x.to_le_bytes()[0].cast_signed())
    }

    #[inline(always)]
    fn load_f16(self, from: &[u8; 32]) -> Self::F32 {
        std::array::from_fn(|i| f32_from_f16(u16_at(from, i)))
    }

    #[inline(always)]
    fn load_u16(self, from: &[u8; 32]) -> Self::I32 {
        std::array::from_fn(|i| i32::from(u16_at(from, i)))
    }

    #[inline(always)]
    fn load_u8(self, from: &[u8; 16]) -> Self::I32 {
        map(*from, i32::from)
    }

    #[inline(always)]
    fn load_i8(self, from: &[u8; 16]) -> Self::I32 {
        map(*from, |x| i32::from(x.cast_signed()))
    }

    #[inline(always)]
    fn dot4(self, acc: Self::I32, unsigned: Self::I32, signed: Self::I32) -> Self::I32 {
        std::array::from_fn(|i| {
            let (u, s) = (unsigned[i].to_le_bytes(), signed[i].to_le_bytes());
            (0..4).fold(acc[i], |acc, j| {
                acc.wrapping_add(i32::from(u[j]) * i32::from(s[j].cast_signed()))
            })
        })
    }

    #[inline(always)]
    fn dot4_u7(self, acc: Self::I32, unsigned: Self::I32, signed: Self::I32) -> Self::I32 {
        self.dot4(acc, unsigned, signed)
    }
}
