//! Dropout: which numbers survive is named by a counter, so nothing is carried or stored.
//!
//! Srivastava et al., *Dropout: a simple way to prevent neural networks from overfitting* (JMLR 2014).

use kelvin::Seed;
use kelvin::rng::Domain;

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

    /// The factors of the numbers from `first` on, a multiple of 128: 0, or the scale. Number i of a run of
    /// 128 is decided by a half of word ⌊i / 32⌋ of block i mod 16 of the run.
    #[inline(always)]
    pub(crate) fn factors(&self, first: usize, into: &mut [f32]) {
        debug_assert!(first.is_multiple_of(RUN), "{first} is amid a run, whose bits are others'");
        let (runs, rest) = into.as_chunks_mut::<RUN>();
        let mut block = first / PER_BLOCK;
        for run in runs {
            self.run_of(block, run);
            block += BLOCKS;
        }
        if !rest.is_empty() {
            let mut run = [0.0; RUN];
            self.run_of(block, &mut run);
            rest.copy_from_slice(&run[..rest.len()]);
        }
    }

    /// Philox4x32-10 of sixteen blocks at once, in loops that the compiler turns into vector code; equal
    /// to [`philox4x32`](kelvin::rng::philox4x32) of each.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "counters wrap, words are cut in halves")]
    fn run_of(&self, first: usize, into: &mut [f32; RUN]) {
        let mut words = [[0_u32; BLOCKS]; 4];
        for (i, counter) in words[1].iter_mut().enumerate() {
            *counter = (first + i) as u32;
        }
        words[0].fill(self.step);
        words[2].fill(self.place);
        words[3].fill(Domain::Dropout as u32);
        let [mut k0, mut k1] = self.key;
        for _ in 0..10 {
            let [w0, w1, w2, w3] = &mut words;
            for (((c0, c1), c2), c3) in w0.iter_mut().zip(w1).zip(w2).zip(w3) {
                let (a, b) = (u64::from(*c0) * 0xd251_1f53, u64::from(*c2) * 0xcd9e_8d57);
                *c0 = (b >> 32) as u32 ^ *c1 ^ k0;
                *c1 = b as u32;
                *c2 = (a >> 32) as u32 ^ *c3 ^ k1;
                *c3 = a as u32;
            }
            k0 = k0.wrapping_add(0x9e37_79b9);
            k1 = k1.wrapping_add(0xbb67_ae85);
        }
        for (word, halves) in words.iter().zip(into.as_chunks_mut::<{ 2 * BLOCKS }>().0) {
            let (low, high) = halves.split_at_mut(BLOCKS);
            for ((word, low), high) in word.iter().zip(low).zip(high) {
                *low = self.factor(word & 0xffff);
                *high = self.factor(word >> 16);
            }
        }
    }

    #[inline(always)]
    fn factor(&self, half: u32) -> f32 {
        if half < self.threshold { 0.0 } else { self.scale }
    }
}

/// x ← x · mask, number by number; x begins with number `first` of the place, a multiple of 128.
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

/// The block and which half of its words decide number `index` of those from `first` on.
#[cfg(test)]
pub(crate) fn coordinates(first: usize, index: usize) -> (usize, usize) {
    let (run, index) = (index / RUN, index % RUN);
    (first / PER_BLOCK + run * BLOCKS + index % BLOCKS, index / BLOCKS)
}

#[cfg(test)]
mod tests {
    use kelvin::Seed;
    use kelvin::rng::{Domain, philox4x32};

    use super::{Drop, Mask, RUN, coordinates};
    use crate::kernel::simd::{Level, Profile};

    #[test]
    fn a_mask_is_what_its_counters_say() {
        let mask = Mask::new(7, 3, 0.25).expect("something is dropped").at(5);
        let mut factors = [f32::NAN; 2 * RUN];
        mask.factors(4 * RUN, &mut factors);
        for (i, factor) in factors.into_iter().enumerate() {
            let (block, half) = coordinates(4 * RUN, i);
            assert_eq!((block, half), ((4 + i / 128) * 16 + i % 16, i % 128 / 16));
            let block = u32::try_from(block).expect("small");
            let words = philox4x32(Seed::new(7).key(), [3, block, 5, Domain::Dropout as u32]);
            let half = words[half / 2] >> (half % 2 * 16) & 0xffff;
            let expected = if half < 16_384 { 0.0 } else { 1.0 / 0.75 };
            assert_eq!(factor.to_bits(), f32::to_bits(expected), "{i}");
        }
    }

    #[test]
    fn a_mask_has_its_share_and_is_the_same_on_every_level() {
        let mask = Mask::new(1, 0, 0.1).expect("something is dropped");
        let mut expected = vec![1.0; 100_003];
        Level::Scalar.dispatch(Profile::Fast, Drop { mask, first: 0, x: &mut expected });
        let dropped = expected.iter().filter(|x| **x == 0.0).count();
        // 10,000 are expected, with a deviation of 95
        assert!((9_600..10_400).contains(&dropped), "{dropped}");
        for level in Level::available() {
            let mut x = vec![1.0; expected.len()];
            level.dispatch(Profile::Fast, Drop { mask, first: 0, x: &mut x });
            assert_eq!(x, expected, "{level}");
        }
    }

    #[test]
    fn steps_and_places_have_masks_of_their_own() {
        let mask = |step, place| {
            let mut factors = [0.0; RUN];
            Mask::new(1, step, 0.5).expect("half").at(place).factors(0, &mut factors);
            factors.map(f32::to_bits)
        };
        assert_eq!(mask(0, 0), mask(0, 0));
        assert_ne!(mask(0, 0), mask(1, 0));
        assert_ne!(mask(0, 0), mask(0, 1));
        assert!(Mask::new(1, 0, 0.0).is_none());
    }
}
