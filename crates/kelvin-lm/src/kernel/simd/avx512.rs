//! One zmm register of sixteen lanes.

use std::arch::is_x86_feature_detected as has;
#[allow(clippy::wildcard_imports, reason = "the names are the instruction set")]
use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::{Kernel, LANES, Rounding, Simd};

/// Proof that the processor has AVX-512 F, BW, DQ, VL and VNNI.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512<P>(PhantomData<P>);

impl<P: Rounding> Avx512<P> {
    /// The token, where the processor has the instructions.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        let all = has!("avx512f")
            && has!("avx512bw")
            && has!("avx512dq")
            && has!("avx512vl")
            && has!("avx512vnni");
        all.then_some(Self(PhantomData))
    }

    /// Runs `kernel` compiled with these instructions.
    #[inline]
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
        fn compiled<P: Rounding, K: Kernel>(simd: Avx512<P>, kernel: K) -> K::Output {
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

impl<P: Rounding> Simd for Avx512<P> {
    type F32 = __m512;
    type I32 = __m512i;

    const ROWS: usize = 8;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        value!(_mm512_set1_ps(x))
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> __m512 {
        // SAFETY: the token proves the instruction; `from` is 64 readable bytes
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, x: __m512, to: &mut [f32; LANES]) {
        // SAFETY: the token proves the instruction; `to` is 64 writable bytes
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), x) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        value!(_mm512_add_ps(a, b))
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        value!(_mm512_sub_ps(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        value!(_mm512_mul_ps(a, b))
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        value!(_mm512_div_ps(a, b))
    }

    #[inline(always)]
    fn sqrt(self, x: __m512) -> __m512 {
        value!(_mm512_sqrt_ps(x))
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        if P::FUSED { value!(_mm512_fmadd_ps(a, b, c)) } else { self.add(self.mul(a, b), c) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        value!(_mm512_max_ps(a, b))
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        value!(_mm512_min_ps(a, b))
    }

    #[inline(always)]
    fn to_bits(self, x: __m512) -> __m512i {
        value!(_mm512_castps_si512(x))
    }

    #[inline(always)]
    fn with_bits(self, x: __m512i) -> __m512 {
        value!(_mm512_castsi512_ps(x))
    }

    /// Exchanges blocks of one, two, four and eight lanes in turn.
    #[inline(always)]
    fn transpose(self, rows: [__m512; LANES]) -> [__m512; LANES] {
        let mut ones = rows;
        for i in 0..8 {
            let (a, b) = (rows[2 * i], rows[2 * i + 1]);
            ones[2 * i] = value!(_mm512_unpacklo_ps(a, b));
            ones[2 * i + 1] = value!(_mm512_unpackhi_ps(a, b));
        }
        let mut twos = rows;
        for i in 0..4 {
            for j in 0..2 {
                let (a, b) = (ones[4 * i + j], ones[4 * i + 2 + j]);
                let (a, b) = value!((_mm512_castps_pd(a), _mm512_castps_pd(b)));
                twos[4 * i + 2 * j] = value!(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)));
                twos[4 * i + 2 * j + 1] = value!(_mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
            }
        }
        let mut fours = rows;
        for i in 0..2 {
            for j in 0..4 {
                let (a, b) = (twos[8 * i + j], twos[8 * i + 4 + j]);
                fours[8 * i + j] = value!(_mm512_shuffle_f32x4::<0x88>(a, b));
                fours[8 * i + 4 + j] = value!(_mm512_shuffle_f32x4::<0xdd>(a, b));
            }
        }
        let mut columns = rows;
        for j in 0..8 {
            let (a, b) = (fours[j], fours[8 + j]);
            columns[j] = value!(_mm512_shuffle_f32x4::<0x88>(a, b));
            columns[8 + j] = value!(_mm512_shuffle_f32x4::<0xdd>(a, b));
        }
        columns
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> __m512i {
        value!(_mm512_set1_epi32(x))
    }

    #[inline(always)]
    fn load_bytes(self, from: &[u8; 64]) -> __m512i {
        // SAFETY: the token proves the instruction; `from` is 64 readable bytes
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn to_array(self, x: __m512i) -> [i32; LANES] {
        let mut to = [0; LANES];
        // SAFETY: the token proves the instruction; `to` is 64 writable bytes
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), x) };
        to
    }

    #[inline(always)]
    fn add_i32(self, a: __m512i, b: __m512i) -> __m512i {
        value!(_mm512_add_epi32(a, b))
    }

    #[inline(always)]
    fn sub_i32(self, a: __m512i, b: __m512i) -> __m512i {
        value!(_mm512_sub_epi32(a, b))
    }

    #[inline(always)]
    fn max_i32(self, a: __m512i, b: __m512i) -> __m512i {
        value!(_mm512_max_epi32(a, b))
    }

    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        value!(_mm512_and_si512(a, b))
    }

    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        value!(_mm512_or_si512(a, b))
    }

    #[inline(always)]
    fn shl(self, x: __m512i, bits: u32) -> __m512i {
        value!(_mm512_sllv_epi32(x, _mm512_set1_epi32(bits.cast_signed())))
    }

    #[inline(always)]
    fn shr(self, x: __m512i, bits: u32) -> __m512i {
        value!(_mm512_srlv_epi32(x, _mm512_set1_epi32(bits.cast_signed())))
    }

    #[inline(always)]
    fn to_f32(self, x: __m512i) -> __m512 {
        value!(_mm512_cvtepi32_ps(x))
    }

    #[inline(always)]
    fn low_bytes(self, x: __m512i) -> [i8; LANES] {
        let mut to = [0; LANES];
        // SAFETY: the token proves the instructions; `to` is 16 writable bytes
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(x)) };
        to
    }

    #[inline(always)]
    fn load_f16(self, from: &[u8; 32]) -> __m512 {
        // SAFETY: the token proves the instructions; `from` is 32 readable bytes
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn load_u16(self, from: &[u8; 32]) -> __m512i {
        // SAFETY: the token proves the instructions; `from` is 32 readable bytes
        unsafe { _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn load_u8(self, from: &[u8; 16]) -> __m512i {
        // SAFETY: the token proves the instructions; `from` is 16 readable bytes
        unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn load_i8(self, from: &[u8; 16]) -> __m512i {
        // SAFETY: the token proves the instructions; `from` is 16 readable bytes
        unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn dot4(self, acc: __m512i, unsigned: __m512i, signed: __m512i) -> __m512i {
        value!(_mm512_dpbusd_epi32(acc, unsigned, signed))
    }

    #[inline(always)]
    fn dot4_u7(self, acc: __m512i, unsigned: __m512i, signed: __m512i) -> __m512i {
        self.dot4(acc, unsigned, signed)
    }
}
