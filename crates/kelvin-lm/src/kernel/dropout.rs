//! Dropout: which numbers survive is named by a counter, so nothing is carried or stored.
//!
//! Srivastava et al., *Dropout: a simple way to prevent neural networks from overfitting* (JMLR 2014).

use kelvin::Seed;
use kelvin::rng::{Domain, philox4x32};

use super::part;
use super::simd::{Kernel, LANES, Simd};

/// Numbers that one block of random words decides: sixteen bits each.
const PER_BLOCK: usize = 8;
/// Blocks made together.
const BLOCKS: usize = 16;
/// Numbers made together.
pub(crate) const RUN: usize = BLOCKS * PER_BLOCK;

/// Where a mask is used: which step, and which of the model's places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mask {
    key: [u32; 2],
    step: u32,
    place: u32,
    /// Numbers whose 16 bits are below this are dropped.
    threshold: u32,
    /// What survives is multiplied by this: 1 / (1 − the share dropped).
    scale: f32,
}

impl Mask {
    /// The masks of one step: a share `p` is dropped, rounded to a multiple of 2⁻¹⁶. None where that
    /// is nothing.
    pub(crate) fn new(seed: u64, step: u32, p: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 65535")]
        let threshold = (p * 65_536.0).round().min(65_535.0) as u32;
        let share = threshold as f32 / 65_536.0;
        let key = Seed::new(seed).key();
        (threshold > 0).then(|| Self { key, step, place: 0, threshold, scale: 1.0 / (1.0 - share) })
    }

    /// The mask of another place.
    pub(crate) fn at(self, place: usize) -> Self {
        let place = u32::try_from(place).expect("a model has few places");
        Self { place, ..self }
    }

    /// The factors of the numbers from `first` on, a multiple of 8: 0, or the scale.
    #[inline(always)]
    pub(crate) fn factors(&self, first: usize, into: &mut [f32]) {
        for (run, into) in into.chunks_mut(RUN).enumerate() {
            let factors = self.run_of(first / PER_BLOCK + run * BLOCKS);
            let factors = factors.as_flattened();
            into.copy_from_slice(&factors[..into.len()]);
        }
    }

    /// Sixteen blocks at once, which the compiler turns into vector code.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "counters wrap, halves are taken apart")]
    fn run_of(&self, first: usize) -> [[f32; PER_BLOCK]; BLOCKS] {
        let words: [[u32; 4]; BLOCKS] = std::array::from_fn(|i| {
            philox4x32(
                self.key,
                [self.step, (first + i) as u32, self.place, Domain::Dropout as u32],
            )
        });
        words.map(|words| {
            std::array::from_fn(|i| {
                let half = words[i / 2] >> (16 * (i % 2)) & 0xffff;
                if half < self.threshold { 0.0 } else { self.scale }
            })
        })
    }
}

/// x ← x · mask, number by number; x begins with number `first` of the place, a multiple of 8.
#[derive(Debug)]
pub(crate) struct Drop<'a> {
    pub(crate) mask: Mask,
    pub(crate) first: usize,
    pub(crate) x: &'a mut [f32],
}

impl Kernel for Drop<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut factors = [0.0; RUN];
        for (run, x) in self.x.chunks_mut(RUN).enumerate() {
            self.mask.factors(self.first + run * RUN, &mut factors[..x.len()]);
            for (x, factor) in x.chunks_mut(LANES).zip(factors.as_chunks::<LANES>().0) {
                part::store(simd, simd.mul(part::load(simd, x), simd.load(factor)), x);
            }
        }
    }
}
