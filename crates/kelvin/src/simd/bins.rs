//! Logits in bins below a limit: what the tail of a trace is made of.

use core::array::from_fn;

use super::Pass;

/// Bins around the multiples of a width below the limit; the last one takes all that lies deeper.
pub(crate) const BINS: usize = 64;
/// Bins per unit of logit.
pub(super) const PER_LOGIT: f32 = 3.0;
/// The deepest bin.
pub(super) const LAST: f32 = (BINS - 1) as f32;
/// The place of what is in no bin: banned tokens, and those above the limit.
pub(super) const NOWHERE: f32 = BINS as f32;
/// Adding this rounds a place to an integer, ties to even, which then stands in the low byte.
pub(super) const TWO_TO_23: f32 = 8_388_608.0;

/// Tokens that are looked at together.
pub(super) const CHUNK: usize = 64;
/// Copies of the bins that take turns, so that neighbours in one bin do not wait for each other.
pub(super) const TURNS: usize = 4;
/// Places for bins and for what is in none: a power of 2, so that no place has to be checked.
pub(super) const ROOM: usize = 2 * BINS;
/// The turns of each place side by side.
pub(super) type Turns = [[Bin; TURNS]; ROOM];

/// Tokens of a bin: the sums of their depths below the limit and of the squares, their number, and 0.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))] // one that lies across two lines of the cache costs twice
pub(crate) struct Bin(pub(crate) [f64; 4]);

/// Sums up the finite logits up to a limit in bins below it.
pub(crate) struct Binned<'a> {
    pub(crate) logits: &'a [f32],
    pub(crate) limit: f32,
}

impl Binned<'_> {
    /// Adds chunk after chunk, the last filled up with −∞, and then the turns.
    #[inline(always)]
    fn by_chunks(self, add: impl Fn(&[f32; CHUNK], f32, &mut Turns)) -> [Bin; BINS] {
        let Self { logits, limit } = self;
        let mut turns = [[Bin::default(); TURNS]; ROOM];
        let (chunks, rest) = logits.as_chunks();
        for chunk in chunks {
            add(chunk, limit, &mut turns);
        }
        let mut last = [f32::NEG_INFINITY; CHUNK];
        last[..rest.len()].copy_from_slice(rest);
        add(&last, limit, &mut turns);
        let mut bins = [Bin::default(); BINS];
        for (bin, turns) in bins.iter_mut().zip(turns) {
            for Bin(added) in turns {
                bin.0 = from_fn(|at| bin.0[at] + added[at]);
            }
        }
        bins
    }
}

impl Pass for Binned<'_> {
    type Output = [Bin; BINS];

    #[inline(always)]
    fn run(self) -> [Bin; BINS] {
        self.by_chunks(add)
    }

    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    #[inline(always)]
    unsafe fn run_avx512(self) -> [Bin; BINS] {
        // SAFETY: the caller enables what these instructions need.
        self.by_chunks(|logits, limit, turns| unsafe {
            super::avx512::add_to_bins(logits, limit, turns);
        })
    }
}

/// Adds logits to their bins. The first two loops are element-wise, which the compiler makes wide; the
/// third goes where they say.
#[inline(always)]
fn add(logits: &[f32; CHUNK], limit: f32, turns: &mut Turns) {
    let (mut places, mut added) = ([0_u8; CHUNK], [[0.0; 2]; CHUNK]);
    for at in 0..CHUNK {
        places[at] = place(logits[at], limit);
    }
    for at in 0..CHUNK {
        let depth = f64::from(limit) - f64::from(logits[at]);
        added[at] = [depth, depth * depth];
    }
    for (at, [depth, square]) in added.into_iter().enumerate() {
        let Bin([sum, squares, count, _]) = &mut turns[usize::from(places[at]) % ROOM][at % TURNS];
        *sum += depth;
        *squares += square;
        *count += 1.0;
    }
}

/// The bin of a logit, by the multiple of the width that is nearest to its depth.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the low byte is the place")]
fn place(logit: f32, limit: f32) -> u8 {
    let place = (limit - logit) * PER_LOGIT;
    let place = if place < LAST { place } else { LAST };
    let is_in = logit <= limit && logit > f32::NEG_INFINITY;
    let place = if is_in { place } else { NOWHERE };
    (place + TWO_TO_23).to_bits() as u8
}
