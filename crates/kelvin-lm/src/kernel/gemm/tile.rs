//! The innermost loops: eight rows times 32 columns, in registers.

use std::ops::Range;

use super::Start;
use super::pack::Columns;
use super::view::View;
use crate::kernel::part;
use crate::kernel::simd::{LANES, Simd};

/// Rows that meet a panel of columns together.
pub(super) const ROWS: usize = 8;
/// Columns of a panel.
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

/// All rows of `a` times the columns in `range`, which begins with a panel.
#[inline(always)]
pub(crate) fn multiply<S: Simd>(
    simd: S,
    a: View<'_>,
    columns: &Columns,
    range: Range<usize>,
    mut target: Target<'_>,
) {
    for row in (0..a.rows()).step_by(ROWS) {
        let rows = row..a.rows().min(row + ROWS);
        for column in range.clone().step_by(COLUMNS) {
            let tile = Tile {
                a,
                b: columns.panel(column / COLUMNS),
                rows: rows.clone(),
                columns: target.left + column..target.left + range.end.min(column + COLUMNS),
            };
            tile.multiply(simd, &mut target);
        }
    }
}

/// Some rows of A, a panel of B, and the columns of C where their product goes.
struct Tile<'a> {
    a: View<'a>,
    /// At least as deep as `a`.
    b: &'a [[f32; COLUMNS]],
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Tile<'_> {
    /// In parts as large as the registers hold.
    #[inline(always)]
    fn multiply<S: Simd>(&self, simd: S, target: &mut Target<'_>) {
        if S::ROWS < ROWS {
            for row in self.rows.clone().step_by(4) {
                for column in 0..self.columns.len().div_ceil(LANES) {
                    self.part::<S, 4, 1>(simd, row, column, target);
                }
            }
        } else if self.columns.len() > LANES {
            self.part::<S, 8, 2>(simd, self.rows.start, 0, target);
        } else {
            self.part::<S, 8, 1>(simd, self.rows.start, 0, target);
        }
    }

    /// `R` rows from `row`, and `V` vectors of columns.
    #[inline(always)]
    fn part<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        row: usize,
        column: usize,
        target: &mut Target<'_>,
    ) {
        let rows = row..self.rows.end.min(row + R);
        let left = self.columns.start + column * V * LANES;
        let columns = left..self.columns.end.min(left + V * LANES);
        let sums = target.load::<S, R, V>(simd, rows.clone(), columns.clone());
        let b = &self.b[..self.a.cols()];
        let sums = if self.a.has_rows() {
            // what is missing of the last rows is computed from one that is there, and dropped
            let mut each = [&self.a.row(row)[..b.len()]; R];
            for (r, each) in each.iter_mut().enumerate() {
                *each = &self.a.row((row + r).min(rows.end - 1))[..b.len()];
            }
            chains(simd, b, column, sums, |k| column_of(each, k))
        } else if rows.len() == R {
            let across = self.a.part(rows.clone(), 0..b.len()).t();
            chains(simd, b, column, sums, |k| *across.row(k).first_chunk().expect("R rows"))
        } else {
            let across = self.a.part(rows.clone(), 0..b.len()).t();
            chains(simd, b, column, sums, |k| {
                let mut few = [0.0; R];
                few[..rows.len()].copy_from_slice(across.row(k));
                few
            })
        };
        target.store(simd, sums, rows, columns);
    }
}

/// Goes on with the chains `sums`, by the products of `a(k)` and V vectors of each row of a panel.
#[inline(always)]
fn chains<S: Simd, const R: usize, const V: usize>(
    simd: S,
    b: &[[f32; COLUMNS]],
    column: usize,
    mut sums: [[S::F32; V]; R],
    a: impl Fn(usize) -> [f32; R],
) -> [[S::F32; V]; R] {
    for (k, b) in b.iter().enumerate() {
        let a = a(k);
        let b = &b.as_chunks::<LANES>().0[column * V..][..V];
        let mut vectors = [simd.splat(0.0); V];
        for (vector, b) in vectors.iter_mut().zip(b) {
            *vector = simd.load(b);
        }
        for (sums, a) in sums.iter_mut().zip(a) {
            let a = simd.splat(a);
            for (sum, vector) in sums.iter_mut().zip(vectors) {
                *sum = simd.mul_add(a, vector, *sum);
            }
        }
    }
    sums
}

/// Number `k` of each row. A loop: the compiler does not inline `from_fn` of an array here.
#[inline(always)]
fn column_of<const R: usize>(rows: [&[f32]; R], k: usize) -> [f32; R] {
    let mut column = [0.0; R];
    for (to, row) in column.iter_mut().zip(rows) {
        *to = row[k];
    }
    column
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
