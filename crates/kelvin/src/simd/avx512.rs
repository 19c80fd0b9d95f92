//! Loops that the compiler does not see through, in AVX-512. Each gives the bits of the plain one.

use core::arch::x86_64::{
    __m256d, __m512d, __m512i, _CMP_GE_OQ, _CMP_GT_OQ, _CMP_LE_OQ, _mm_loadu_ps, _mm256_add_pd,
    _mm256_blend_pd, _mm256_cmp_ps_mask, _mm256_cvtps_pd, _mm256_loadu_pd, _mm256_loadu_ps,
    _mm256_mul_pd, _mm256_permute2f128_pd, _mm256_set1_pd, _mm256_set1_ps, _mm256_setr_pd,
    _mm256_storeu_pd, _mm256_storeu_si256, _mm256_sub_pd, _mm256_unpackhi_pd, _mm256_unpacklo_pd,
    _mm512_add_epi32, _mm512_add_epi64, _mm512_add_pd, _mm512_add_ps, _mm512_and_si512,
    _mm512_castpd_si512, _mm512_castps_si512, _mm512_castsi512_pd, _mm512_cmp_ps_mask,
    _mm512_cvtepi32_epi16, _mm512_cvtps_pd, _mm512_loadu_epi64, _mm512_loadu_ps,
    _mm512_mask_blend_ps, _mm512_maskz_compress_epi32, _mm512_maskz_compress_ps,
    _mm512_maskz_mov_pd, _mm512_max_pd, _mm512_min_ps, _mm512_mul_pd, _mm512_mul_ps,
    _mm512_permutex2var_pd, _mm512_reduce_add_epi64, _mm512_set1_epi32, _mm512_set1_epi64,
    _mm512_set1_pd, _mm512_set1_ps, _mm512_setr_epi32, _mm512_setzero_pd, _mm512_setzero_si512,
    _mm512_slli_epi32, _mm512_slli_epi64, _mm512_storeu_epi32, _mm512_storeu_epi64,
    _mm512_storeu_pd, _mm512_storeu_ps, _mm512_sub_epi64, _mm512_sub_pd, _mm512_sub_ps,
};

use super::bins::{CHUNK, LAST, NOWHERE, PER_LOGIT, ROOM, TURNS, TWO_TO_23, Turns};
use super::{Chunk, DEEPEST, Law, TWO_TO_52, for_eights};
use crate::TokenId;
use crate::math::{POLYNOMIAL, POWERS, SIXTEENTHS};

/// What [`super::Gather::by_sixteens`] asks for, in one instruction each for ids and logits.
#[target_feature(enable = "avx512f")]
pub(super) fn compress(chunk: Chunk<'_>, ids: &mut [TokenId; 16], found: &mut [f32; 16]) -> usize {
    // SAFETY: the array holds the sixteen floats that are read.
    let logits = unsafe { _mm512_loadu_ps(chunk.logits.as_ptr()) };
    let hits = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(logits, _mm512_set1_ps(chunk.least));
    let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let tokens = _mm512_add_epi32(lanes, _mm512_set1_epi32(chunk.first_id.cast_signed()));
    // SAFETY: each array holds the sixteen items that are written.
    unsafe {
        _mm512_storeu_ps(found.as_mut_ptr(), _mm512_maskz_compress_ps(hits, logits));
        let tokens = _mm512_maskz_compress_epi32(hits, tokens);
        _mm512_storeu_epi32(ids.as_mut_ptr().cast(), tokens);
    }
    hits.count_ones() as usize
}

/// [`super::Weigh`]: writes the weight of each logit, of which there are as many as weights at most.
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
pub(super) fn weigh(law: Law, logits: &[f32], weights: &mut [u64]) {
    let (eights, rest) = logits.as_chunks::<8>();
    let (wide, narrow) = weights[..logits.len()].as_chunks_mut::<8>();
    let raised = _mm512_set1_epi64(TWO_TO_52.to_bits().cast_signed());
    for (eight, weights) in eights.iter().zip(wide) {
        let eight = _mm512_sub_epi64(raised_weights(law, eight), raised);
        // SAFETY: the array holds the eight integers that are written.
        unsafe { _mm512_storeu_epi64(weights.as_mut_ptr().cast(), eight) };
    }
    for (weight, &logit) in narrow.iter_mut().zip(rest) {
        *weight = super::weight(law, logit);
    }
}

/// [`super::Mass`]: the sum of the weights.
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
pub(super) fn mass(law: Law, logits: &[f32]) -> u64 {
    let mut sum = _mm512_setzero_si512();
    for_eights(logits, |eight| sum = _mm512_add_epi64(sum, raised_weights(law, eight)));
    lowered(sum, logits.len())
}

/// [`super::Moments`]: the lanes of Σ 2^y and of Σ y · 2^y.
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
pub(super) fn moments(law: Law, logits: &[f32]) -> ([f64; 8], [f64; 8]) {
    let (mut sum, mut first) = (_mm512_setzero_pd(), _mm512_setzero_pd());
    for_eights(logits, |eight| {
        let [y, power] = powers(law, eight);
        sum = _mm512_add_pd(sum, power);
        first = _mm512_add_pd(first, _mm512_mul_pd(power, y));
    });
    (lanes(sum), lanes(first))
}

/// [`super::MassAndMoments`]: both.
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
pub(super) fn mass_and_moments(law: Law, logits: &[f32]) -> (u64, [f64; 8], [f64; 8]) {
    let mut mass = _mm512_setzero_si512();
    let (mut sum, mut first) = (_mm512_setzero_pd(), _mm512_setzero_pd());
    let unit = _mm512_set1_pd((1_u64 << law.bits) as f64);
    for_eights(logits, |eight| {
        let [y, power] = powers(law, eight);
        mass = _mm512_add_epi64(mass, raised(_mm512_mul_pd(power, unit)));
        sum = _mm512_add_pd(sum, power);
        first = _mm512_add_pd(first, _mm512_mul_pd(power, y));
    });
    (lowered(mass, logits.len()), lanes(sum), lanes(first))
}

/// [`super::bins::Binned`]: adds logits to their bins, four with one pair of subtraction and product.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn add_to_bins(logits: &[f32; CHUNK], limit: f32, turns: &mut Turns) {
    let offsets = offsets(logits, limit);
    let first = turns.as_mut_ptr().cast::<f64>();
    let count = _mm256_setr_pd(1.0, 0.0, 1.0, 0.0);
    let limit = _mm256_set1_pd(f64::from(limit));
    let fours = logits.as_chunks::<4>().0.iter().zip(offsets.as_chunks::<4>().0);
    for (at, (logits, offsets)) in fours.enumerate() {
        // SAFETY: the array holds the four floats that are read.
        let logits = _mm256_cvtps_pd(unsafe { _mm_loadu_ps(logits.as_ptr()) });
        let depths = _mm256_sub_pd(limit, logits);
        let squares = _mm256_mul_pd(depths, depths);
        // depth and square of tokens 0 and 2, of 1 and 3
        let even = _mm256_unpacklo_pd(depths, squares);
        let odd = _mm256_unpackhi_pd(depths, squares);
        let added: [__m256d; 4] = [
            _mm256_blend_pd::<0b1100>(even, count),
            _mm256_blend_pd::<0b1100>(odd, count),
            _mm256_permute2f128_pd::<0x21>(even, count),
            _mm256_permute2f128_pd::<0x21>(odd, count),
        ];
        for (token, (&offset, added)) in offsets.iter().zip(added).enumerate() {
            let turn = (4 * at + token) % TURNS;
            // SAFETY: the offset is that of a place, and there this turn has the four floats that are
            // read and written.
            unsafe {
                let bin = first.byte_add(usize::from(offset)).add(4 * turn);
                _mm256_storeu_pd(bin, _mm256_add_pd(_mm256_loadu_pd(bin), added));
            }
        }
    }
}

/// How far the place of each logit lies from the first, in bytes: below the size of [`Turns`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn offsets(logits: &[f32; CHUNK], limit: f32) -> [u16; CHUNK] {
    const BYTES: usize = size_of::<Turns>() / ROOM;
    const { assert!(BYTES.is_power_of_two() && ROOM.is_power_of_two(), "by shifts and masks") };
    const { assert!(size_of::<Turns>() <= 1 << 16, "an offset has sixteen bits") };
    let mut offsets = [0; CHUNK];
    let wide = |x| _mm512_set1_ps(x);
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "as asserted")]
    let last = _mm512_set1_epi32(const { ROOM as i32 - 1 });
    let (sixteens, of_sixteens) = (logits.as_chunks::<16>().0, offsets.as_chunks_mut::<16>().0);
    for (logits, offsets) in sixteens.iter().zip(of_sixteens) {
        // SAFETY: the array holds the sixteen floats that are read.
        let logits = unsafe { _mm512_loadu_ps(logits.as_ptr()) };
        let place = _mm512_mul_ps(_mm512_sub_ps(wide(limit), logits), wide(PER_LOGIT));
        let place = _mm512_min_ps(place, wide(LAST));
        let is_in = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(logits, wide(limit))
            & _mm512_cmp_ps_mask::<_CMP_GT_OQ>(logits, wide(f32::NEG_INFINITY));
        let place = _mm512_mask_blend_ps(is_in, wide(NOWHERE), place);
        let place = _mm512_castps_si512(_mm512_add_ps(place, wide(TWO_TO_23)));
        let place = _mm512_and_si512(place, last);
        let offset = _mm512_slli_epi32::<{ BYTES.trailing_zeros() }>(place);
        // SAFETY: the array holds the sixteen integers that are written.
        unsafe { _mm256_storeu_si256(offsets.as_mut_ptr().cast(), _mm512_cvtepi32_epi16(offset)) };
    }
    offsets
}

#[target_feature(enable = "avx512f")]
fn lanes(wide: __m512d) -> [f64; 8] {
    let mut lanes = [0.0; 8];
    // SAFETY: the array holds the eight floats that are written.
    unsafe { _mm512_storeu_pd(lanes.as_mut_ptr(), wide) };
    lanes
}

/// y and 2^y of eight logits; 0 for banned ones.
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn powers(law: Law, logits: &[f32; 8]) -> [__m512d; 2] {
    let y = exponents(law, logits);
    // SAFETY: the array holds the eight floats that are read.
    let logits = unsafe { _mm256_loadu_ps(logits.as_ptr()) };
    let live = _mm256_cmp_ps_mask::<_CMP_GT_OQ>(logits, _mm256_set1_ps(f32::NEG_INFINITY));
    [y, _mm512_maskz_mov_pd(live, scaled_exp2(y, 0))]
}

/// [`super::weight`] of eight logits, [`raised`].
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn raised_weights(law: Law, logits: &[f32; 8]) -> __m512i {
    raised(scaled_exp2(exponents(law, logits), law.bits))
}

/// Integers, rounded, each with the bits of [`TWO_TO_52`] added.
#[target_feature(enable = "avx512f")]
fn raised(weights: __m512d) -> __m512i {
    _mm512_castpd_si512(_mm512_add_pd(weights, _mm512_set1_pd(TWO_TO_52)))
}

/// The sum of integers that were [`raised`], of so many logits in eights. What was added to them leaves
/// by one product, modulo 2^64 like the sum.
#[target_feature(enable = "avx512f")]
fn lowered(sum: __m512i, n_logits: usize) -> u64 {
    let n_raised = n_logits.next_multiple_of(8) as u64;
    let added = TWO_TO_52.to_bits().wrapping_mul(n_raised);
    _mm512_reduce_add_epi64(sum).cast_unsigned().wrapping_sub(added)
}

/// [`Law::exponent`] of eight logits.
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn exponents(law: Law, logits: &[f32; 8]) -> __m512d {
    // SAFETY: the array holds the eight floats that are read.
    let logits = _mm512_cvtps_pd(unsafe { _mm256_loadu_ps(logits.as_ptr()) });
    let depths = _mm512_sub_pd(logits, _mm512_set1_pd(law.max));
    let y = _mm512_mul_pd(depths, _mm512_set1_pd(law.scale()));
    _mm512_max_pd(y, _mm512_set1_pd(DEEPEST))
}

/// [`super::scaled_exp2`] of eight, the table's sixteen entries in two registers.
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn scaled_exp2(y: __m512d, bits: u32) -> __m512d {
    let rounder = _mm512_set1_pd(SIXTEENTHS + f64::from(bits));
    let shifted = _mm512_add_pd(y, rounder);
    let r = _mm512_sub_pd(y, _mm512_sub_pd(shifted, rounder));
    let [c0, c1, c2, c3, c4, c5] = POLYNOMIAL.map(|c| _mm512_set1_pd(c));
    let mut tail = c5;
    for coefficient in [c4, c3, c2, c1, c0] {
        tail = _mm512_add_pd(_mm512_mul_pd(tail, r), coefficient);
    }
    let sixteenths = _mm512_castpd_si512(shifted);
    let [low, high] = halves();
    let root = _mm512_castpd_si512(_mm512_permutex2var_pd(low, sixteenths, high));
    let root = _mm512_add_epi64(root, _mm512_slli_epi64::<48>(sixteenths));
    let root = _mm512_castsi512_pd(root);
    _mm512_add_pd(root, _mm512_mul_pd(root, _mm512_mul_pd(tail, r)))
}

/// The table [`POWERS`], for the instruction that looks up in two registers.
#[target_feature(enable = "avx512f")]
fn halves() -> [__m512d; 2] {
    let table = POWERS.as_ptr().cast();
    // SAFETY: the table holds the sixteen integers that are read.
    let halves = unsafe { [_mm512_loadu_epi64(table), _mm512_loadu_epi64(table.add(8))] };
    halves.map(|half| _mm512_castsi512_pd(half))
}
