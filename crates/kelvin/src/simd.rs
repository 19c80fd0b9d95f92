//! The passes over many logits, compiled once for each instruction set.
//!
//! A pass is plain element-wise Rust. `Level::run` enters it through a function that enables an
//! instruction set, and the compiler makes wide code of it there. Rust neither reorders floating-point
//! operations nor fuses them, so every level gives the same bits; tests compare them.
#![cfg_attr(
    all(feature = "std", target_arch = "x86_64"),
    expect(unsafe_code, reason = "calling a function compiled for a detected instruction set")
)]
#![expect(
    clippy::inline_always,
    reason = "a pass is compiled inside the function that enables its level"
)]

use alloc::vec::Vec;
use core::array::from_fn;

use crate::TokenId;
use crate::math::{EXP_POLYNOMIAL, LN_2_HIGH, LN_2_LOW, LOG2_E, ROUNDER};

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the target always has.
    Scalar,
    /// 256-bit vectors.
    Avx2,
    /// 512-bit vectors.
    Avx512,
}

impl Level {
    /// The widest level this machine has. Without the feature `std` it is [`Level::Scalar`].
    pub fn detect() -> Self {
        Self::available().last().unwrap_or(Self::Scalar)
    }

    /// Every level this machine has, narrowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        [Self::Scalar, Self::Avx2, Self::Avx512].into_iter().filter(|level| level.is_here())
    }

    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    fn is_here(self) -> bool {
        match self {
            Self::Scalar => true,
            Self::Avx2 => std::is_x86_feature_detected!("avx2"),
            Self::Avx512 => {
                std::is_x86_feature_detected!("avx512f")
                    && std::is_x86_feature_detected!("avx512bw")
                    && std::is_x86_feature_detected!("avx512dq")
                    && std::is_x86_feature_detected!("avx512vl")
            }
        }
    }

    #[cfg(not(all(feature = "std", target_arch = "x86_64")))]
    fn is_here(self) -> bool {
        self == Self::Scalar
    }

    /// Runs a pass with this level's instructions; with plain ones where the machine lacks them.
    pub(crate) fn run<P: Pass>(self, pass: P) -> P::Output {
        match self {
            // SAFETY: `is_here` has just detected every feature that the callee enables.
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Self::Avx512 if self.is_here() => unsafe { run_avx512(pass) },
            // SAFETY: as above.
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Self::Avx2 if self.is_here() => unsafe { run_avx2(pass) },
            Self::Scalar | Self::Avx2 | Self::Avx512 => pass.run(),
        }
    }
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[target_feature(enable = "avx2")]
fn run_avx2<P: Pass>(pass: P) -> P::Output {
    pass.run()
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn run_avx512<P: Pass>(pass: P) -> P::Output {
    // SAFETY: this function enables the features that the method asks for.
    unsafe { pass.run_avx512() }
}

/// A loop over logits. Its methods must be `#[inline(always)]`, so that they are compiled inside the
/// function that enables an instruction set.
pub(crate) trait Pass: Sized {
    type Output;
    fn run(self) -> Self::Output;

    /// The same with AVX-512, for the few loops that the compiler does not see through.
    ///
    /// # Safety
    ///
    /// The caller enables avx512f, avx512bw, avx512dq and avx512vl.
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    #[inline(always)]
    unsafe fn run_avx512(self) -> Self::Output {
        self.run()
    }
}

/// How logits become weights: w = round(2^bits · exp((z − max) · `inverse_t`)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Law {
    pub(crate) max: f64,
    pub(crate) inverse_t: f64,
    pub(crate) bits: u32,
}

/// x = (z − max) / T, cut at −50: below that every weight is 0, because bits ≤ 45.
#[inline(always)]
fn tempered(law: Law, logit: f32) -> f64 {
    let x = (f64::from(logit) - law.max) * law.inverse_t;
    if x > -50.0 { x } else { -50.0 }
}

/// exp(x) · 2^bits for −50 ≤ x ≤ 0, with the steps of [`crate::math::exp`].
#[inline(always)]
fn scaled_exp(x: f64, bits: u32) -> f64 {
    let shifted = x * LOG2_E + ROUNDER;
    let n = shifted - ROUNDER;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut tail = EXP_POLYNOMIAL[8];
    tail = tail * r + EXP_POLYNOMIAL[7];
    tail = tail * r + EXP_POLYNOMIAL[6];
    tail = tail * r + EXP_POLYNOMIAL[5];
    tail = tail * r + EXP_POLYNOMIAL[4];
    tail = tail * r + EXP_POLYNOMIAL[3];
    tail = tail * r + EXP_POLYNOMIAL[2];
    tail = tail * r + EXP_POLYNOMIAL[1];
    tail = tail * r + EXP_POLYNOMIAL[0];
    let e_to_r = 1.0 + (r + (r * r) * tail);
    // the low bits of `shifted` hold n: adding n + bits to the exponent multiplies by 2^(n + bits)
    f64::from_bits(
        e_to_r.to_bits().wrapping_add((shifted.to_bits().wrapping_add(u64::from(bits))) << 52),
    )
}

#[inline(always)]
fn weight(law: Law, logit: f32) -> u64 {
    const TWO_TO_52: f64 = 4_503_599_627_370_496.0;
    let y = scaled_exp(tempered(law, logit), law.bits) + TWO_TO_52; // rounds, ties to even
    y.to_bits() & 0x000f_ffff_ffff_ffff
}

/// Writes the weight of each logit.
pub(crate) struct Weigh<'a> {
    pub(crate) law: Law,
    pub(crate) logits: &'a [f32],
    pub(crate) weights: &'a mut [u64],
}

impl Pass for Weigh<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (weight_of, &logit) in self.weights.iter_mut().zip(self.logits) {
            *weight_of = weight(self.law, logit);
        }
    }
}

/// The sum of the weights of some logits. It cannot overflow: see [`Law`] and the choice of `bits`.
pub(crate) struct Mass<'a> {
    pub(crate) law: Law,
    pub(crate) logits: &'a [f32],
}

impl Pass for Mass<'_> {
    type Output = u64;

    #[inline(always)]
    fn run(self) -> u64 {
        self.logits.iter().map(|&logit| weight(self.law, logit)).fold(0, u64::wrapping_add)
    }
}

/// Σ eˣ and Σ x·eˣ over some logits, in eight lanes folded by one tree.
pub(crate) struct Moments<'a> {
    pub(crate) law: Law,
    pub(crate) logits: &'a [f32],
}

impl Pass for Moments<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run(self) -> (f64, f64) {
        let (mut sum, mut first) = ([0.0; 8], [0.0; 8]);
        // two loops: the first is element-wise, which the compiler makes wide, the second has the lanes
        let (mut terms, mut products) = ([0.0; 64], [0.0; 64]);
        for chunk in self.logits.chunks(64) {
            let mut logits = [f32::NEG_INFINITY; 64];
            logits[..chunk.len()].copy_from_slice(chunk);
            for at in 0..64 {
                let x = tempered(self.law, logits[at]);
                let e = scaled_exp(x, 0);
                terms[at] = if logits[at] > f32::NEG_INFINITY { e } else { 0.0 };
                products[at] = terms[at] * x;
            }
            // as many as there are: over a number known beforehand the lanes would be taken apart
            let eights = chunk.len().div_ceil(8);
            for terms in &terms.as_chunks::<8>().0[..eights] {
                sum = from_fn(|lane| sum[lane] + terms[lane]);
            }
            for products in &products.as_chunks::<8>().0[..eights] {
                first = from_fn(|lane| first[lane] + products[lane]);
            }
        }
        (fold(sum), fold(first))
    }
}

/// How many logits are at least `least` (finite).
pub(crate) struct AtLeast<'a> {
    pub(crate) least: f32,
    pub(crate) logits: &'a [f32],
}

impl Pass for AtLeast<'_> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let mut lanes = [0_u32; 16];
        let (chunks, rest) = self.logits.as_chunks::<16>();
        for chunk in chunks {
            // whole arrays, so that the lanes stay in registers
            lanes = from_fn(|lane| lanes[lane] + u32::from(chunk[lane] >= self.least));
        }
        let rest = rest.iter().filter(|&&logit| logit >= self.least).count();
        rest + lanes.iter().map(|&lane| lane as usize).sum::<usize>()
    }
}

/// Number, sum of z − origin, and sum of its squares over the finite logits, in eight lanes.
pub(crate) struct Spread<'a> {
    pub(crate) origin: f64,
    pub(crate) logits: &'a [f32],
}

impl Pass for Spread<'_> {
    type Output = (f64, f64, f64);

    #[inline(always)]
    fn run(self) -> (f64, f64, f64) {
        let (mut count, mut sum, mut squares) = ([0.0; 8], [0.0; 8], [0.0; 8]);
        for_eights(self.logits, |lanes| {
            for lane in 0..8 {
                let live = lanes[lane] > f32::NEG_INFINITY;
                let d = if live { f64::from(lanes[lane]) - self.origin } else { 0.0 };
                count[lane] += if live { 1.0 } else { 0.0 };
                sum[lane] += d;
                squares[lane] += d * d;
            }
        });
        (fold(count), fold(sum), fold(squares))
    }
}

/// Calls `visit` with eight logits at a time, the last ones filled up with −∞.
#[inline(always)]
fn for_eights(logits: &[f32], mut visit: impl FnMut(&[f32; 8])) {
    let (eights, rest) = logits.as_chunks::<8>();
    for eight in eights {
        visit(eight);
    }
    if !rest.is_empty() {
        let mut last = [f32::NEG_INFINITY; 8];
        last[..rest.len()].copy_from_slice(rest);
        visit(&last);
    }
}

#[inline(always)]
fn fold(lanes: [f64; 8]) -> f64 {
    let pair = |lane: usize| lanes[lane] + lanes[lane + 4];
    (pair(0) + pair(2)) + (pair(1) + pair(3))
}

/// The maximum of each block of [`BLOCK`] logits. Returns whether any is NaN.
pub(crate) struct BlockMaxima<'a> {
    pub(crate) logits: &'a [f32],
    pub(crate) maxima: &'a mut [f32],
}

/// Logits in a block: small enough to skip much, large enough that the maxima stay in the L1 cache.
pub(crate) const BLOCK: usize = 256;

impl Pass for BlockMaxima<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let mut nan = [0_u32; 32];
        for (maximum, block) in self.maxima.iter_mut().zip(self.logits.chunks(BLOCK)) {
            let (chunks, rest) = block.as_chunks::<32>();
            let mut last = [f32::NEG_INFINITY; 32];
            last[..rest.len()].copy_from_slice(rest);
            let mut lanes = last;
            nan = from_fn(|lane| nan[lane] | u32::from(last[lane].is_nan()));
            for chunk in chunks {
                // whole arrays, so that the lanes stay in registers
                lanes = from_fn(
                    |lane| if chunk[lane] > lanes[lane] { chunk[lane] } else { lanes[lane] },
                );
                nan = from_fn(|lane| nan[lane] | u32::from(chunk[lane].is_nan()));
            }
            for half in [16, 8, 4, 2, 1] {
                for lane in 0..half {
                    let other = lanes[lane + half];
                    lanes[lane] = if other > lanes[lane] { other } else { lanes[lane] };
                }
            }
            *maximum = lanes[0];
        }
        nan.into_iter().any(|seen| seen != 0)
    }
}

/// Appends the tokens whose logit is at least `least` (finite), in id order.
pub(crate) struct Gather<'a, 'f> {
    pub(crate) first_id: TokenId,
    pub(crate) logits: &'a [f32],
    pub(crate) least: f32,
    pub(crate) found: &'a mut Found<'f>,
}

/// Where gathered tokens go: the first `count` items of two lists that may be longer.
pub(crate) struct Found<'a> {
    ids: &'a mut Vec<TokenId>,
    logits: &'a mut Vec<f32>,
    count: usize,
}

impl<'a> Found<'a> {
    /// Starts with two lists whose items no longer count.
    pub(crate) fn new(ids: &'a mut Vec<TokenId>, logits: &'a mut Vec<f32>) -> Self {
        Self { ids, logits, count: 0 }
    }

    /// Grows the lists by a good deal where fewer than `more` places are left.
    fn make_room(&mut self, more: usize) {
        if self.ids.len().min(self.logits.len()) < self.count + more {
            self.ids.resize(self.count + more + 4096, 0);
            self.logits.resize(self.count + more + 4096, 0.0);
        }
    }

    /// Cuts the lists to what was found.
    pub(crate) fn finish(self) {
        self.ids.truncate(self.count);
        self.logits.truncate(self.count);
    }
}

impl Gather<'_, '_> {
    /// Goes over the logits, sixteen at a time: `compress` writes an id and a logit for each hit, in
    /// order, to the front of what it is lent, whatever behind them, and says how many. The last
    /// chunk is filled up with −∞, which is no hit.
    #[inline(always)]
    fn by_sixteens(
        self,
        compress: impl Fn(Chunk<'_>, &mut [TokenId; 16], &mut [f32; 16]) -> usize,
    ) {
        let Self { first_id, logits, least, found } = self;
        found.make_room(logits.len() + 16);
        let Found { ids, logits: values, count } = found;
        let mut take = |first_id: TokenId, logits: &[f32; 16]| {
            let ids = ids[*count..].first_chunk_mut().expect("room was made");
            let values = values[*count..].first_chunk_mut().expect("room was made");
            *count += compress(Chunk { first_id, logits, least }, ids, values);
        };
        let (chunks, rest) = logits.as_chunks::<16>();
        let mut id = first_id;
        for chunk in chunks {
            take(id, chunk);
            id += 16;
        }
        let mut last = [f32::NEG_INFINITY; 16];
        last[..rest.len()].copy_from_slice(rest);
        take(id, &last);
    }
}

/// Sixteen neighbouring logits.
#[derive(Clone, Copy)]
struct Chunk<'a> {
    first_id: TokenId,
    logits: &'a [f32; 16],
    least: f32,
}

impl Pass for Gather<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.by_sixteens(|Chunk { first_id, logits, least }, ids, found| {
            let mut hits = 0;
            if logits.iter().fold(0, |any, &z| any | u32::from(z >= least)) != 0 {
                // every token is written and the place moves on for a hit: no branch for chance to decide
                for (id, &z) in (first_id..).zip(logits) {
                    (ids[hits & 15], found[hits & 15]) = (id, z);
                    hits += usize::from(z >= least);
                }
            }
            hits
        });
    }

    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    #[inline(always)]
    unsafe fn run_avx512(self) {
        // SAFETY: the caller enables avx512f.
        self.by_sixteens(|chunk, ids, found| unsafe { compress_avx512(chunk, ids, found) });
    }
}

/// What [`Gather::by_sixteens`] asks for, in one instruction each for ids and logits.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[target_feature(enable = "avx512f")]
fn compress_avx512(chunk: Chunk<'_>, ids: &mut [TokenId; 16], found: &mut [f32; 16]) -> usize {
    use core::arch::x86_64::{
        _CMP_GE_OQ, _mm512_add_epi32, _mm512_cmp_ps_mask, _mm512_loadu_ps,
        _mm512_maskz_compress_epi32, _mm512_maskz_compress_ps, _mm512_set1_epi32, _mm512_set1_ps,
        _mm512_setr_epi32, _mm512_storeu_epi32, _mm512_storeu_ps,
    };
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
