//! Activations, made ready for products.

use rayon::prelude::*;

use super::math::ROUNDER;
use super::matrix::BLOCK;
use super::simd::{Kernel, LANES, Level, Profile, Simd};

/// Numbers that one thread quantises at a time: with fewer, a fork costs more than it saves.
const PIECE: usize = 4096;

/// 32 activations of one row as 8-bit integers: x ≈ scale · quant.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct QuantBlock {
    /// Four quants a word, little-endian.
    pub(super) words: [i32; BLOCK / 4],
    /// The largest magnitude over 127; NaN where a number is not finite, so that the products say so.
    pub(super) scale: f32,
    /// scale · the sum of the quants: what a weight's minimum is multiplied by.
    pub(super) scaled_sum: f32,
    /// Minus the sum of the quants of the first and of the last 16: what a weight's offset is
    /// multiplied by.
    pub(super) minus_sums: [i32; 2],
}

/// The activations of one or more rows in the forms that matrices need; a reusable buffer.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    rows: usize,
    /// Columns, rounded up to whole blocks.
    stride: usize,
    cols: usize,
    /// `[rows, stride]`, padded with zeros; empty unless a matrix needs it.
    floats: Vec<f32>,
    /// `[rows, stride / 32]`; empty unless a matrix needs it.
    blocks: Vec<QuantBlock>,
}

impl Prepared {
    /// Bytes that preparing one number takes, at most: itself, its share of a block, and the room
    /// that a growing buffer leaves.
    pub(crate) const BYTES_PER_NUMBER: usize =
        2 * (size_of::<f32>() + size_of::<QuantBlock>() / BLOCK + 1);

    /// Bytes held.
    pub(crate) fn n_bytes(&self) -> usize {
        let blocks = self.blocks.capacity() * size_of::<QuantBlock>();
        self.floats.capacity() * size_of::<f32>() + blocks
    }

    /// Rows that were prepared.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers in a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Forgets what was there.
    pub(super) fn reset(&mut self, rows: usize, cols: usize) {
        (self.rows, self.cols, self.stride) = (rows, cols, cols.next_multiple_of(BLOCK));
        self.floats.clear();
        self.blocks.clear();
    }

    /// Whether [`Prepared::keep_floats`] was called.
    pub(super) fn has_floats(&self) -> bool {
        self.rows == 0 || !self.floats.is_empty()
    }

    /// Whether [`Prepared::quantise`] was called.
    pub(super) fn has_blocks(&self) -> bool {
        self.rows == 0 || !self.blocks.is_empty()
    }

    /// Copies the rows `x`, `[rows, cols]`.
    pub(super) fn keep_floats(&mut self, x: &[f32]) {
        for row in x.chunks_exact(self.cols) {
            self.floats.extend_from_slice(row);
            self.floats.resize(self.floats.len().next_multiple_of(BLOCK), 0.0);
        }
    }

    /// Quantises the rows `x`, `[rows, cols]`, where cols is a multiple of 32.
    pub(super) fn quantise(&mut self, level: Level, profile: Profile, x: &[f32]) {
        self.blocks.resize(x.len() / BLOCK, QuantBlock::default());
        let quantise = |(x, blocks): (&[f32], &mut [QuantBlock])| {
            level.dispatch(profile, Quantise { x, blocks });
        };
        if x.len() <= PIECE {
            quantise((x, &mut self.blocks));
        } else {
            x.par_chunks(PIECE).zip(self.blocks.par_chunks_mut(PIECE / BLOCK)).for_each(quantise);
        }
    }

    /// A row of floats, padded with zeros to whole blocks.
    #[inline(always)]
    pub(super) fn float_row(&self, row: usize) -> &[f32] {
        &self.floats[row * self.stride..][..self.stride]
    }

    /// A row of blocks.
    #[inline(always)]
    pub(super) fn block_row(&self, row: usize) -> &[QuantBlock] {
        let blocks = self.stride / BLOCK;
        &self.blocks[row * blocks..][..blocks]
    }
}

/// Quantises `x` to `blocks`.
struct Quantise<'a> {
    x: &'a [f32],
    blocks: &'a mut [QuantBlock],
}

impl Kernel for Quantise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let halves = self.x.as_chunks::<LANES>().0.as_chunks::<2>().0;
        for (block, [first, last]) in self.blocks.iter_mut().zip(halves) {
            *block = quantise(simd, [simd.load(first), simd.load(last)]);
        }
    }
}

/// One block: scale = max |x| / 127, quant = x / scale, rounded to nearest even.
#[inline(always)]
fn quantise<S: Simd>(simd: S, x: [S::F32; 2]) -> QuantBlock {
    // as integers, the bits of magnitudes are ordered like the magnitudes, NaN above all
    let magnitude = |x| simd.and(simd.to_bits(x), simd.splat_i32(i32::MAX));
    let largest = simd.max_i32(magnitude(x[0]), magnitude(x[1]));
    let largest = simd.to_array(largest).into_iter().fold(0, i32::max);
    let largest = f32::from_bits(largest.cast_unsigned());
    if !largest.is_finite() {
        return QuantBlock { scale: f32::NAN, scaled_sum: f32::NAN, ..QuantBlock::default() };
    }
    // below, 1 / scale would overflow; such a block is zero next to any other
    if largest < 1e-30 {
        return QuantBlock::default();
    }
    let scale = largest / 127.0;
    let inverse = simd.splat(1.0 / scale);
    let rounder = simd.splat(ROUNDER);
    let round = |x| {
        let shifted = simd.add(simd.mul(x, inverse), rounder);
        simd.sub_i32(simd.to_bits(shifted), simd.to_bits(rounder))
    };
    let (first, last) = (round(x[0]), round(x[1]));
    let sum = |quants| simd.to_array(quants).iter().sum::<i32>();
    let sums = [sum(first), sum(last)];
    let bytes = [simd.low_bytes(first), simd.low_bytes(last)];
    let mut words = [0; BLOCK / 4];
    for (word, &[a, b, c, d]) in words.iter_mut().zip(bytes.as_flattened().as_chunks::<4>().0) {
        let bytes = [a.cast_unsigned(), b.cast_unsigned(), c.cast_unsigned(), d.cast_unsigned()];
        *word = i32::from_le_bytes(bytes);
    }
    let scaled_sum = scale * (sums[0] + sums[1]) as f32;
    QuantBlock { words, scale, scaled_sum, minus_sums: [-sums[0], -sums[1]] }
}
