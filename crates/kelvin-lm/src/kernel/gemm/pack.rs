//! Columns of matrices, copied to where a tile reads them front to back.

use rayon::prelude::*;

use super::tile::COLUMNS;
use super::view::View;
use crate::kernel::Engine;
use crate::kernel::part;
use crate::kernel::simd::{Kernel, LANES, Simd};

/// Panels of 32 columns: number (k, j) is in panel j / 32, at k, j mod 32. What the last panel lacks is
/// zero.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// `[panels, depth]`
    numbers: Vec<[f32; COLUMNS]>,
    depth: usize,
    width: usize,
}

impl Columns {
    /// Copies all of `b`, the panels on any thread.
    pub(super) fn pack_shared(&mut self, engine: &Engine, b: View<'_>) {
        let panels = self.panels(b).enumerate();
        panels.for_each(|(index, to)| engine.dispatch(Panel { from: of_panel(b, index), to }));
    }

    /// Copies all of `b`.
    #[inline(always)]
    pub(crate) fn pack<S: Simd>(&mut self, simd: S, b: View<'_>) {
        self.fit(b);
        for (index, to) in self.numbers.chunks_exact_mut(self.depth).enumerate() {
            Panel { from: of_panel(b, index), to }.run(simd);
        }
    }

    fn panels(&mut self, b: View<'_>) -> rayon::slice::ChunksExactMut<'_, [f32; COLUMNS]> {
        self.fit(b);
        self.numbers.par_chunks_exact_mut(self.depth)
    }

    #[inline(always)]
    fn fit(&mut self, b: View<'_>) {
        (self.depth, self.width) = (b.rows(), b.cols());
        self.numbers.resize(self.width.div_ceil(COLUMNS) * self.depth, [0.0; COLUMNS]);
    }

    /// Columns.
    #[inline(always)]
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// `[depth]`
    #[inline(always)]
    pub(super) fn panel(&self, index: usize) -> &[[f32; COLUMNS]] {
        &self.numbers[index * self.depth..][..self.depth]
    }
}

/// The columns of a panel.
#[inline(always)]
fn of_panel(b: View<'_>, index: usize) -> View<'_> {
    let first = index * COLUMNS;
    b.part(0..b.rows(), first..b.cols().min(first + COLUMNS))
}

/// Copies a matrix of at most 32 columns to a panel.
struct Panel<'a> {
    from: View<'a>,
    to: &'a mut [[f32; COLUMNS]],
}

impl Kernel for Panel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        if self.from.has_rows() {
            for (k, to) in self.to.iter_mut().enumerate() {
                let row = self.from.row(k);
                if let Some(row) = row.first_chunk() {
                    *to = *row;
                } else {
                    *to = [0.0; COLUMNS];
                    to[..row.len()].copy_from_slice(row);
                }
            }
        } else {
            self.turn(simd);
        }
    }
}

impl Panel<'_> {
    /// Squares of sixteen columns that lie side by side, turned to rows.
    #[inline(always)]
    fn turn<S: Simd>(self, simd: S) {
        let columns = self.from.t();
        for (index, to) in self.to.chunks_mut(LANES).enumerate() {
            let depth = index * LANES..index * LANES + to.len();
            for half in 0..COLUMNS / LANES {
                let mut square = [simd.splat(0.0); LANES];
                let present = columns.rows().saturating_sub(half * LANES);
                for (j, row) in square.iter_mut().enumerate().take(present) {
                    let column = &columns.row(half * LANES + j)[depth.clone()];
                    *row = part::load(simd, column);
                }
                for (to, row) in to.iter_mut().zip(simd.transpose(square)) {
                    simd.store(row, &mut to.as_chunks_mut().0[half]);
                }
            }
        }
    }
}
