//! Products of two matrices of f32, for training: C = A · B, or C += A · B.
//!
//! Each number of C is one chain of fused multiply-adds over the inner dimension, in its order,
//! beginning with what C starts from. Blocks, panels, threads and instruction sets decide only when
//! a link of a chain is made, so none of them changes a bit; and two products that add to the same C
//! give the bits of one product over both inner dimensions.
//!
//! Blocks as in Goto and van de Geijn, *Anatomy of high-performance matrix multiplication* (ACM TOMS
//! 2008): a panel of A's rows stays in the nearest cache while panels of B's columns pass by.

mod pack;
mod tile;
mod view;

pub(crate) use self::pack::Columns;
pub(crate) use self::tile::{Target, multiply};
pub(crate) use self::view::View;

use super::engine::{Engine, fork};
use super::simd::{Kernel, Simd};

/// What C is before the products are added.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start<'a> {
    /// Zeros.
    Zero,
    /// This row, in each row of C.
    Row(&'a [f32]),
    /// What it is.
    Keep,
}

/// How large products are cut. Changes no bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocking {
    /// Inner dimension of a block, at least 1.
    pub depth: usize,
    /// Columns of B that are packed at a time, at least 1.
    pub columns: usize,
    /// Of these, columns that all rows of a thread meet before the next, at least 1.
    pub strip: usize,
}

impl Default for Blocking {
    /// For 32 kB of first-level, 1 MB of second-level cache.
    fn default() -> Self {
        Self { depth: 384, columns: 4096, strip: 512 }
    }
}

/// A product, still to be computed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gemm<'a> {
    /// `[m, k]`
    pub(crate) a: View<'a>,
    /// `[k, n]`
    pub(crate) b: View<'a>,
    pub(crate) start: Start<'a>,
}

impl Gemm<'_> {
    /// Computes `out`, `[m, n]`.
    pub(crate) fn run(&self, engine: &Engine, out: &mut [f32], packed: &mut Columns) {
        let (m, k, n) = (self.a.rows(), self.a.cols(), self.b.cols());
        assert_eq!(k, self.b.rows(), "the inner dimensions agree");
        assert_eq!(out.len(), m * n, "the output is [m, n]");
        let pieces = engine.pieces(m * n * k, m.div_ceil(tile::ROWS));
        let Blocking { depth, columns, strip } = engine.blocking();
        for left in (0..n).step_by(columns) {
            let right = n.min(left + columns);
            for from in (0..k).step_by(depth) {
                let to = k.min(from + depth);
                packed.pack_shared(engine, self.b.part(from..to, left..right));
                let a = self.a.part(0..m, from..to);
                let start = if from == 0 { self.start } else { Start::Keep };
                let block = Block { columns: packed, start, left, n, strip };
                engine.each_piece(&block, a, out, pieces);
            }
        }
    }
}

/// A packed block of B and where its product goes.
#[derive(Debug, Clone, Copy)]
struct Block<'a> {
    columns: &'a Columns,
    start: Start<'a>,
    /// First column in C.
    left: usize,
    /// Columns of C.
    n: usize,
    strip: usize,
}

/// Rows of C that one thread computes.
struct Piece<'a> {
    block: &'a Block<'a>,
    a: View<'a>,
    out: &'a mut [f32],
}

impl Engine {
    fn each_piece(&self, block: &Block<'_>, a: View<'_>, out: &mut [f32], pieces: usize) {
        let m = a.rows();
        let height = m.div_ceil(pieces).next_multiple_of(tile::ROWS);
        let pieces = out.chunks_mut(height * block.n).enumerate().map(|(index, out)| {
            let first = index * height;
            let a = a.part(first..m.min(first + height), 0..a.cols());
            Some(Piece { block, a, out })
        });
        fork(&mut pieces.collect::<Vec<_>>(), &|piece| self.dispatch(piece));
    }
}

impl Kernel for Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Block { columns, start, left, n, strip } = *self.block;
        let width = columns.width();
        let mut first = 0;
        while first < width {
            let end = width.min(first + strip.next_multiple_of(tile::COLUMNS));
            let target = tile::Target { out: self.out, stride: n, left, start };
            multiply(simd, self.a, columns, first..end, target);
            first = end;
        }
    }
}

#[cfg(test)]
mod tests;
