//! Products of activations with weight matrices.

use super::Activations;
use std::marker::PhantomData;

use super::matrix::layout::{Format, GROUPS, Quantised, with_format};
use super::matrix::{BLOCK, Line, Matrix, TILE};
use super::prepared::{Prepared, QuantBlock};
use super::simd::{Kernel, Simd};
use crate::dtype::Dtype;

/// Rows of activations that a piece works on while they stay in the cache.
const ROW_BLOCK: usize = 64;

/// A run of tiles of one matrix, with all rows of activations: what one thread computes.
pub(super) struct Piece<'a, 'b> {
    pub(super) matrix: &'a Matrix,
    pub(super) first_tile: usize,
    pub(super) x: &'a Prepared,
    pub(super) activations: Activations,
    /// Per row of `x`, the outputs of these tiles.
    pub(super) out: &'a mut [&'b mut [f32]],
}

/// Whether products with `dtype` read activations as 8-bit integers.
pub(super) fn reads_int8(dtype: Dtype, activations: Activations) -> bool {
    let quantised = !matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16);
    quantised && activations == Activations::Int8
}

impl Kernel for Piece<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let int8 = reads_int8(self.matrix.dtype(), self.activations);
        with_format!(
            self.matrix.dtype(),
            F => if int8 { self.each::<S, Int8<F>>(simd) } else { self.each::<S, Float<F>>(simd) },
            float F => self.each::<S, Float<F>>(simd)
        );
    }
}

impl Piece<'_, '_> {
    /// All tiles for a block of rows, then for the next.
    #[inline(always)]
    fn each<S: Simd, P: Product>(mut self, simd: S) {
        let rows = self.x.rows();
        let n_tiles = self.out.first().map_or(0, |out| out.len().div_ceil(TILE));
        for first in (0..rows).step_by(ROW_BLOCK) {
            let end = rows.min(first + ROW_BLOCK);
            for tile in 0..n_tiles {
                let mut row = first;
                while row < end {
                    row += match end - row {
                        8.. if S::ROWS >= 8 => self.tile::<S, P, 8>(simd, tile, row),
                        4.. if S::ROWS >= 4 => self.tile::<S, P, 4>(simd, tile, row),
                        _ => self.tile::<S, P, 1>(simd, tile, row),
                    };
                }
            }
        }
    }

    /// One tile for `R` rows from `row`; returns R.
    #[inline(always)]
    fn tile<S: Simd, P: Product, const R: usize>(
        &mut self,
        simd: S,
        tile: usize,
        row: usize,
    ) -> usize {
        let lines = self.matrix.tile(self.first_tile + tile);
        let sums = P::tile::<S, R>(simd, lines, P::rows::<R>(self.x, row));
        for (sum, out) in sums.into_iter().zip(&mut self.out[row..]) {
            let out = &mut out[tile * TILE..];
            if let Some(out) = out.first_chunk_mut() {
                simd.store(sum, out);
            } else {
                let mut outputs = [0.0; TILE];
                simd.store(sum, &mut outputs);
                out.copy_from_slice(&outputs[..out.len()]);
            }
        }
        R
    }
}

/// How a tile meets its activations. The order of operations per output is one and the same for
/// every number of rows.
trait Product {
    /// What a block of 32 activations is.
    type Block;

    /// `R` rows of activations, from `row`.
    fn rows<const R: usize>(x: &Prepared, row: usize) -> [&[Self::Block]; R];

    /// The sixteen sums of a tile for each row.
    fn tile<S: Simd, const R: usize>(simd: S, tile: &[Line], x: [&[Self::Block]; R])
    -> [S::F32; R];
}

/// Block `index` of each row.
///
/// A loop: the compiler does not inline `map` over an array here, and calls it for every block.
#[inline(always)]
fn blocks<B, const R: usize>(x: [&[B]; R], index: usize) -> [&B; R] {
    let mut blocks = [&x[0][index]; R];
    for (block, x) in blocks.iter_mut().zip(x) {
        *block = &x[index];
    }
    blocks
}

/// Integer dot products per block, scaled and added in f32, block after block.
struct Int8<F>(F);

impl<F: Quantised> Product for Int8<F> {
    type Block = QuantBlock;

    #[inline(always)]
    fn rows<const R: usize>(x: &Prepared, row: usize) -> [&[QuantBlock]; R] {
        std::array::from_fn(|i| x.block_row(row + i))
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize>(simd: S, tile: &[Line], x: [&[QuantBlock]; R]) -> [S::F32; R] {
        let n_blocks = x[0].len();
        let mut sums = [simd.splat(0.0); R];
        for (index, record) in tile.chunks_exact(F::LINES).enumerate() {
            let first = index * F::BLOCKS;
            for block in 0..F::BLOCKS.min(n_blocks - first) {
                let x = blocks(x, first + block);
                for index in 0..F::PARTS {
                    Part::<F>::of(record, block, index).add(simd, x, &mut sums);
                }
                if F::AFFINE {
                    let minimum = F::minimum(simd, record, block);
                    for (sum, x) in sums.iter_mut().zip(x) {
                        *sum = simd.mul_add(minimum, simd.splat(x.scaled_sum), *sum);
                    }
                }
            }
        }
        sums
    }
}

/// The groups of a block that share a scale.
struct Part<'a, F> {
    record: &'a [Line],
    block: usize,
    index: usize,
    format: PhantomData<F>,
}

impl<'a, F: Quantised> Part<'a, F> {
    const GROUPS: usize = GROUPS / F::PARTS;

    #[inline(always)]
    fn of(record: &'a [Line], block: usize, index: usize) -> Self {
        Self { record, block, index, format: PhantomData }
    }

    /// Adds the scaled dot products of `R` rows to `sums`.
    #[inline(always)]
    fn add<S: Simd, const R: usize>(self, simd: S, x: [&QuantBlock; R], sums: &mut [S::F32; R]) {
        let first = self.index * Self::GROUPS;
        let mut quants = [simd.splat_i32(0); GROUPS];
        for (group, quants) in quants.iter_mut().enumerate().take(Self::GROUPS) {
            *quants = F::quants(simd, self.record, self.block, first + group);
        }
        let scale = F::scale(simd, self.record, self.block, self.index);
        for (sum, x) in sums.iter_mut().zip(x) {
            let mut dot = self.start(simd, x);
            for (quants, word) in quants.into_iter().zip(&x.words[first..first + Self::GROUPS]) {
                dot = F::dot(simd, dot, quants, simd.splat_i32(*word));
            }
            let scale = simd.mul(scale, simd.splat(x.scale));
            *sum = simd.mul_add(scale, simd.to_f32(dot), *sum);
        }
    }

    /// What the offset of the weights takes from the dot product.
    #[inline(always)]
    fn start<S: Simd>(&self, simd: S, x: &QuantBlock) -> S::I32 {
        let minus_sum = match F::PARTS {
            _ if F::AFFINE => 0,
            1 => x.minus_sums[0] + x.minus_sums[1],
            _ => x.minus_sums[self.index],
        };
        simd.shl(simd.splat_i32(minus_sum), F::OFFSET_BITS)
    }
}

/// Sums in f32, column after column in four interleaved parts: column k goes to part k mod 4.
struct Float<F>(F);

impl<F: Format> Product for Float<F> {
    type Block = [f32; BLOCK];

    #[inline(always)]
    fn rows<const R: usize>(x: &Prepared, row: usize) -> [&[Self::Block]; R] {
        std::array::from_fn(|i| x.float_row(row + i).as_chunks().0)
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize>(
        simd: S,
        tile: &[Line],
        x: [&[Self::Block]; R],
    ) -> [S::F32; R] {
        let n_blocks = x[0].len();
        let mut parts = [[simd.splat(0.0); 4]; R];
        for (index, record) in tile.chunks_exact(F::LINES).enumerate() {
            let first = index * F::BLOCKS;
            for block in 0..F::BLOCKS.min(n_blocks - first) {
                let x = blocks(x, first + block);
                for group in 0..GROUPS {
                    let weights = F::values(simd, record, block, group);
                    for (parts, x) in parts.iter_mut().zip(x) {
                        for (column, (part, weight)) in parts.iter_mut().zip(weights).enumerate() {
                            let x = simd.splat(x[4 * group + column]);
                            *part = simd.mul_add(weight, x, *part);
                        }
                    }
                }
            }
        }
        let mut sums = [simd.splat(0.0); R];
        for (sum, [a, b, c, d]) in sums.iter_mut().zip(parts) {
            *sum = simd.add(simd.add(a, b), simd.add(c, d));
        }
        sums
    }
}
