//! Two ymm registers of eight lanes each.

use std::arch::is_x86_feature_detected as has;
#[allow(clippy::wildcard_imports, reason = "the names are the instruction set")]
use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::{Kernel, LANES, Rounding, Simd};

/// Proof that the processor has AVX2, FMA and F16C.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2<P>(PhantomData<P>);

impl<P: Rounding> Avx2<P> {
    /// The token, where the processor has the instructions.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        (has!("avx2") && has!("fma") && has!("f16c")).then_some(Self(PhantomData))
    }

    /// Runs `kernel` compiled with these instructions.
    #[inline]
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma,f16c")]
        fn compiled<P: Rounding, K: Kernel>(simd: Avx2<P>, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `self` proves the features that `compiled` enables
        unsafe { compiled(self, kernel) }
    }
}

/// Calls an intrinsic that works on values only.
macro_rules! value {
    ($call:expr) => {{
        // SAFETY: the token `self` proves the instructions, and the call touches no memory
        unsafe { $call }
    }};
}

/// Calls an intrinsic of two values on both halves.
macro_rules! halves {
    ($call:ident, $a:expr, $b:expr) => {
        value!([$call($a[0], $b[0]), $call($a[1], $b[1])])
    };
}

/// [`Simd::dot4`] on eight lanes. `maddubs` would saturate; as 16-bit numbers, with even and odd
/// bytes apart, nothing can.
#[inline]
#[target_feature(enable = "avx2")]
fn dot4(acc: __m256i, unsigned: __m256i, signed: __m256i) -> __m256i {
    let even = _mm256_madd_epi16(
        _mm256_and_si256(unsigned, _mm256_set1_epi16(0xff)),
        _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(signed)),
    );
    let odd = _mm256_madd_epi16(_mm256_srli_epi16::<8>(unsigned), _mm256_srai_epi16::<8>(signed));
    _mm256_add_epi32(acc, _mm256_add_epi32(even, odd))
}

impl<P: Rounding> Simd for Avx2<P> {
    type F32 = [__m256; 2];
    type I32 = [__m256i; 2];

    const ROWS: usize = 4;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F32 {
        [value!(_mm256_set1_ps(x)); 2]
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F32 {
        let at = from.as_ptr();
        // SAFETY: the token proves the instruction; `from` is two times 32 readable bytes
        unsafe { [_mm256_loadu_ps(at), _mm256_loadu_ps(at.add(8))] }
    }

    #[inline(always)]
    fn store(self, x: Self::F32, to: &mut [f32; LANES]) {
        let at = to.as_mut_ptr();
        // SAFETY: the token proves the instruction; `to` is two times 32 writable bytes
        unsafe {
            _mm256_storeu_ps(at, x[0]);
            _mm256_storeu_ps(at.add(8), x[1]);
        }
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        halves!(_mm256_add_ps, a, b)
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        halves!(_mm256_sub_ps, a, b)
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        halves!(_mm256_mul_ps, a, b)
    }

    #[inline(always)]
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        halves!(_mm256_div_ps, a, b)
    }

    #[inline(always)]
    fn sqrt(self, x: Self::F32) -> Self::F32 {
        value!([_mm256_sqrt_ps(x[0]), _mm256_sqrt_ps(x[1])])
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        if P::FUSED {
            value!([_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])])
        } else {
            self.add(self.mul(a, b), c)
        }
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        halves!(_mm256_max_ps, a, b)
    }

    #[inline(always)]
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        halves!(_mm256_min_ps, a, b)
    }

    #[inline(always)]
    fn to_bits(self, x: Self::F32) -> Self::I32 {
        value!([_mm256_castps_si256(x[0]), _mm256_castps_si256(x[1])])
    }

    #[inline(always)]
    fn with_bits(self, x: Self::I32) -> Self::F32 {
        value!([_mm256_castsi256_ps(x[0]), _mm256_castsi256_ps(x[1])])
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> Self::I32 {
        [value!(_mm256_set1_epi32(x)); 2]
    }

    #[inline(always)]
    fn load_bytes(self, from: &[u8; 64]) -> Self::I32 {
        let at: *const __m256i = from.as_ptr().cast();
        // SAFETY: the token proves the instruction; `from` is two times 32 readable bytes
        unsafe { [_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1))] }
    }

    #[inline(always)]
    fn to_array(self, x: Self::I32) -> [i32; LANES] {
        let mut to = [0; LANES];
        let at: *mut __m256i = to.as_mut_ptr().cast();
        // SAFETY: the token proves the instruction; `to` is two times 32 writable bytes
        unsafe {
            _mm256_storeu_si256(at, x[0]);
            _mm256_storeu_si256(at.add(1), x[1]);
        }
        to
    }

    #[inline(always)]
    fn add_i32(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        halves!(_mm256_add_epi32, a, b)
    }

    #[inline(always)]
    fn sub_i32(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        halves!(_mm256_sub_epi32, a, b)
    }

    #[inline(always)]
    fn max_i32(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        halves!(_mm256_max_epi32, a, b)
    }

    #[inline(always)]
    fn and(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        halves!(_mm256_and_si256, a, b)
    }

    #[inline(always)]
    fn or(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        halves!(_mm256_or_si256, a, b)
    }

    #[inline(always)]
    fn shl(self, x: Self::I32, bits: u32) -> Self::I32 {
        halves!(_mm256_sllv_epi32, x, self.splat_i32(bits.cast_signed()))
    }

    #[inline(always)]
    fn shr(self, x: Self::I32, bits: u32) -> Self::I32 {
        halves!(_mm256_srlv_epi32, x, self.splat_i32(bits.cast_signed()))
    }

    #[inline(always)]
    fn to_f32(self, x: Self::I32) -> Self::F32 {
        value!([_mm256_cvtepi32_ps(x[0]), _mm256_cvtepi32_ps(x[1])])
    }

    #[inline(always)]
    fn low_bytes(self, x: Self::I32) -> [i8; LANES] {
        // one instruction packs within 128-bit lanes only; the compiler finds a good sequence
        self.to_array(x).map(|x| x.to_le_bytes()[0].cast_signed())
    }

    #[inline(always)]
    fn load_f16(self, from: &[u8; 32]) -> Self::F32 {
        let at: *const __m128i = from.as_ptr().cast();
        // SAFETY: the token proves the instructions; `from` is two times 16 readable bytes
        unsafe {
            [_mm256_cvtph_ps(_mm_loadu_si128(at)), _mm256_cvtph_ps(_mm_loadu_si128(at.add(1)))]
        }
    }

    #[inline(always)]
    fn load_u16(self, from: &[u8; 32]) -> Self::I32 {
        let at: *const __m128i = from.as_ptr().cast();
        // SAFETY: the token proves the instructions; `from` is two times 16 readable bytes
        let [low, high] = unsafe { [_mm_loadu_si128(at), _mm_loadu_si128(at.add(1))] };
        value!([_mm256_cvtepu16_epi32(low), _mm256_cvtepu16_epi32(high)])
    }

    #[inline(always)]
    fn load_u8(self, from: &[u8; 16]) -> Self::I32 {
        // SAFETY: the token proves the instruction; `from` is 16 readable bytes
        let bytes = unsafe { _mm_loadu_si128(from.as_ptr().cast()) };
        value!([_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128::<8>(bytes))])
    }

    #[inline(always)]
    fn load_i8(self, from: &[u8; 16]) -> Self::I32 {
        // SAFETY: the token proves the instruction; `from` is 16 readable bytes
        let bytes = unsafe { _mm_loadu_si128(from.as_ptr().cast()) };
        value!([_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128::<8>(bytes))])
    }

    #[inline(always)]
    fn dot4(self, acc: Self::I32, unsigned: Self::I32, signed: Self::I32) -> Self::I32 {
        value!([dot4(acc[0], unsigned[0], signed[0]), dot4(acc[1], unsigned[1], signed[1])])
    }

    #[inline(always)]
    fn dot4_u7(self, acc: Self::I32, unsigned: Self::I32, signed: Self::I32) -> Self::I32 {
        // two products are at most 2 · 127 · 128 < 2^15: `maddubs` does not saturate
        let pairs = halves!(_mm256_maddubs_epi16, unsigned, signed);
        let ones = [value!(_mm256_set1_epi16(1)); 2];
        self.add_i32(acc, halves!(_mm256_madd_epi16, pairs, ones))
    }
}
