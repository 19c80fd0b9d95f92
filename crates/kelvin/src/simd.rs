//! The passes over many logits, compiled once for each instruction set.
//!
//! A pass is plain element-wise Rust. `Level::run` enters it through a function that enables an
//! instruction set, and the compiler makes wide code of it there. What the compiler does not see through
//! (a table in registers, compression, sums that go where another says) is written out for AVX-512. Neither
//! reorders floating-point operations nor fuses them, so every level gives the same bits; tests compare them.
#![cfg_attr(
    all(feature = "std", target_arch = "x86_64"),
    expect(unsafe_code, reason = "calling a function compiled for a detected instruction set")
)]
#![expect(
    clippy::inline_always,
    reason = "a pass is compiled inside the function that enables its level"
)]

#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod avx512;
pub(crate) mod bins;

use alloc::vec::Vec;
use core::array::from_fn;

use crate::TokenId;
use crate::math::{LOG2_E, POWERS, SIXTEENTHS, power_less_one};

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

/// How logits become weights: w = round(2^bits · exp((z − max) · `inverse_t`)), computed as a power of two:
/// y = (z − max) · (`inverse_t` · log₂ e), w = round(2^(y + bits)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Law {
    pub(crate) max: f64,
    pub(crate) inverse_t: f64,
    pub(crate) bits: u32,
}

impl Law {
    /// What y is for a unit of logit.
    #[inline(always)]
    fn scale(self) -> f64 {
        self.inverse_t * LOG2_E
    }

    /// y of a logit, cut at [`DEEPEST`].
    #[inline(always)]
    fn exponent(self, logit: f32) -> f64 {
        let y = (f64::from(logit) - self.max) * self.scale();
        if y > DEEPEST { y } else { DEEPEST }
    }
}

/// Where y is cut: below, every weight is 0, because bits ≤ 45.
const DEEPEST: f64 = -72.0;
/// Adding this rounds a weight to an integer, ties to even, which then stands in the lower bits.
const TWO_TO_52: f64 = 4_503_599_627_370_496.0;

/// 2^y · 2^bits for [`DEEPEST`] ≤ y ≤ 0, with the steps of [`crate::math::exp2`].
#[inline(always)]
fn scaled_exp2(y: f64, bits: u32) -> f64 {
    let rounder = SIXTEENTHS + f64::from(bits);
    let shifted = y + rounder;
    let r = y - (shifted - rounder);
    let sixteenths = shifted.to_bits();
    let root = POWERS[(sixteenths & 15) as usize].wrapping_add(sixteenths << 48);
    let root = f64::from_bits(root);
    root + root * power_less_one(r)
}

#[inline(always)]
fn weight(law: Law, logit: f32) -> u64 {
    let raised = scaled_exp2(law.exponent(logit), law.bits) + TWO_TO_52;
    raised.to_bits().wrapping_sub(TWO_TO_52.to_bits())
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

    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    #[inline(always)]
    unsafe fn run_avx512(self) {
        // SAFETY: the caller enables what these instructions need.
        unsafe { avx512::weigh(self.law, self.logits, self.weights) };
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

    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    #[inline(always)]
    unsafe fn run_avx512(self) -> u64 {
        // SAFETY: the caller enables what these instructions need.
        unsafe { avx512::mass(self.law, self.logits) }
    }
}

/// Σ 2^y and Σ y · 2^y over some logits, y as in [`Law`], in eight lanes folded by one tree.
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
                let y = self.law.exponent(logits[at]);
                let power = scaled_exp2(y, 0);
                terms[at] = if logits[at] > f32::NEG_INFINITY { power } else { 0.0 };
                products[at] = terms[at] * y;
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

    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    #[inline(always)]
    unsafe fn run_avx512(self) -> (f64, f64) {
        // SAFETY: the caller enables what these instructions need.
        let (sum, first) = unsafe { avx512::moments(self.law, self.logits) };
        (fold(sum), fold(first))
    }
}

/// [`Mass`] and [`Moments`] under one law, for the price of one where the loops are one.
pub(crate) struct MassAndMoments<'a> {
    pub(crate) law: Law,
    pub(crate) logits: &'a [f32],
}

impl Pass for MassAndMoments<'_> {
    type Output = (u64, (f64, f64));

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { law, logits } = self;
        (Mass { law, logits }.run(), Moments { law, logits }.run())
    }

    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    #[inline(always)]
    unsafe fn run_avx512(self) -> Self::Output {
        // SAFETY: the caller enables what these instructions need.
        let (mass, sum, first) = unsafe { avx512::mass_and_moments(self.law, self.logits) };
        (mass, (fold(sum), fold(first)))
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
        self.logits.iter().map(|&logit| u32::from(logit >= self.least)).sum::<u32>() as usize
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
    let (fours, eights) = eights.as_chunks::<4>();
    for four in fours {
        for eight in four {
            visit(eight);
        }
    }
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
            let mut lanes = [f32::NEG_INFINITY; 32];
            let (chunks, rest) = block.as_chunks();
            for chunk in chunks {
                climb(&mut lanes, &mut nan, chunk);
            }
            if !rest.is_empty() {
                let mut last = [f32::NEG_INFINITY; 32];
                last[..rest.len()].copy_from_slice(rest);
                climb(&mut lanes, &mut nan, &last);
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

/// Raises the maxima of 32 lanes to those of a chunk, and notes where it is NaN.
#[inline(always)]
fn climb(lanes: &mut [f32; 32], nan: &mut [u32; 32], chunk: &[f32; 32]) {
    // whole arrays, so that the lanes stay in registers
    *lanes = from_fn(|lane| if chunk[lane] > lanes[lane] { chunk[lane] } else { lanes[lane] });
    *nan = from_fn(|lane| nan[lane] | u32::from(chunk[lane].is_nan()));
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
        self.by_sixteens(|chunk, ids, found| unsafe { avx512::compress(chunk, ids, found) });
    }
}
