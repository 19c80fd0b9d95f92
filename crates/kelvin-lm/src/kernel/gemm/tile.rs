//! The innermost loops: eight rows times 32 columns, in registers.

use std::ops::Range;

use super::Start;
use super::pack::{Columns, Rows};
use crate::kernel::part;
use crate::kernel::simd::{LANES, Simd};

/// Rows of a panel of A.
pub(super) const ROWS: usize = 8;
/// Columns of a panel of B.
pub(super) const COLUMNS: usize = 2 * LANES;

/// Where a product goes.
pub(crate) struct Target<'a> {
    /// `[rows, stride]`
    pub(crate) out: &'a mut [f32],
    pub(crate) stride: usize,
    /// The column where the first of B goes.
    pub(crate) left: usize,
    pub(crate) start: Start<'a>,
}

/// All rows times the columns in `range`, which begins with a panel.
#[inline(always)]
pub(crate) fn multiply<S: Simd>(
    simd: S,
    rows: &Rows,
    columns: &Columns,
    range: Range<usize>,
    mut target: Target<'_>,
) {
    for row in (0..rows.height()).step_by(ROWS) {
        for column in range.clone().step_by(COLUMNS) {
            let tile = Tile {
                a: rows.panel(row / ROWS),
                b: columns.panel(column / COLUMNS),
                rows: row..rows.height().min(row + ROWS),
                columns: target.left + column..target.left + range.end.min(column + COLUMNS),
            };
            tile.multiply(simd, &mut target);
        }
    }
}

/// Two panels, and the rows and columns of C that their product is.
struct Tile<'a> {
    /// `[depth]`
    a: &'a [[f32; ROWS]],
    /// `[depth]`
    b: &'a [[f32; COLUMNS]],
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Tile<'_> {
    /// In parts as large as the registers hold.
    #[inline(always)]
    fn multiply<S: Simd>(&self, simd: S, target: &mut Target<'_>) {
        if S::ROWS < ROWS {
            for row in 0..self.rows.len().div_ceil(4) {
                for column in 0..self.columns.len().div_ceil(LANES) {
                    self.part::<S, 4, 1>(simd, row, column, target);
                }
            }
        } else if self.columns.len() > LANES {
            self.part::<S, 8, 2>(simd, 0, 0, target);
        } else {
            self.part::<S, 8, 1>(simd, 0, 0, target);
        }
    }

    /// The part of `R` rows and `V` vectors of columns in this place of the tile.
    #[inline(always)]
    fn part<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        row: usize,
        column: usize,
        target: &mut Target<'_>,
    ) {
        let rows = self.rows.start + row * R..self.rows.end.min(self.rows.start + (row + 1) * R);
        let left = self.columns.start + column * V * LANES;
        let columns = left..self.columns.end.min(left + V * LANES);
        let mut sums = target.load::<S, R, V>(simd, rows.clone(), columns.clone());
        for (a, b) in self.a.iter().zip(self.b) {
            let a = &a.as_chunks::<R>().0[row];
            let b = &b.as_chunks::<LANES>().0[column * V..][..V];
            let mut vectors = [simd.splat(0.0); V];
            for (vector, b) in vectors.iter_mut().zip(b) {
                *vector = simd.load(b);
            }
            for (sums, a) in sums.iter_mut().zip(a) {
                let a = simd.splat(*a);
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = simd.mul_add(a, vector, *sum);
                }
            }
        }
        target.store(simd, sums, rows, columns);
    }
}

impl Target<'_> {
    /// What the chains of these numbers begin with.
    #[inline(always)]
    fn load<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> [[S::F32; V]; R] {
        let mut sums = [[simd.splat(0.0); V]; R];
        if let Start::Zero = self.start {
            return sums;
        }
        for (row, sums) in rows.zip(&mut sums) {
            let from = match self.start {
                Start::Row(from) => &from[columns.clone()],
                _ => &self.out[row * self.stride..][columns.clone()],
            };
            for (sum, from) in sums.iter_mut().zip(from.chunks(LANES)) {
                *sum = part::load(simd, from);
            }
        }
        sums
    }

    #[inline(always)]
    fn store<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        sums: [[S::F32; V]; R],
        rows: Range<usize>,
        columns: Range<usize>,
    ) {
        for (row, sums) in rows.zip(sums) {
            let to = &mut self.out[row * self.stride..][columns.clone()];
            for (sum, to) in sums.into_iter().zip(to.chunks_mut(LANES)) {
                part::store(simd, sum, to);
            }
        }
    }
}
