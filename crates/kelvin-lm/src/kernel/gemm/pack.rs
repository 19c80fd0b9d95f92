//! Parts of matrices, copied to where a tile reads them front to back.

use rayon::prelude::*;

use super::tile::{COLUMNS, ROWS};
use super::view::View;

/// Panels of 32 columns of B: number (k, j) is in panel j / 32, at k, j mod 32. What the last panel
/// lacks is zero.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// `[panels, depth]`
    numbers: Vec<[f32; COLUMNS]>,
    depth: usize,
    width: usize,
}

impl Columns {
    /// Copies all of `b`; on several threads if that is `shared` work.
    pub(crate) fn pack(&mut self, b: View<'_>, shared: bool) {
        (self.depth, self.width) = (b.rows(), b.cols());
        let panels = self.width.div_ceil(COLUMNS);
        self.numbers.resize(panels * self.depth, [0.0; COLUMNS]);
        let pack = |(index, panel): (usize, &mut [[f32; COLUMNS]])| {
            let first = index * COLUMNS;
            interleave(b.part(0..b.rows(), first..b.cols().min(first + COLUMNS)), panel);
        };
        if shared {
            self.numbers.par_chunks_exact_mut(self.depth).enumerate().for_each(pack);
        } else {
            self.numbers.chunks_exact_mut(self.depth).enumerate().for_each(pack);
        }
    }

    /// Columns.
    #[inline(always)]
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// `[depth, 32]`
    #[inline(always)]
    pub(super) fn panel(&self, index: usize) -> &[[f32; COLUMNS]] {
        &self.numbers[index * self.depth..][..self.depth]
    }
}

/// Panels of eight rows of A: number (i, k) is in panel i / 8, at k, i mod 8. What the last panel lacks
/// is zero.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// `[panels, depth]`
    numbers: Vec<[f32; ROWS]>,
    depth: usize,
    height: usize,
}

impl Rows {
    /// Copies all of `a`.
    #[inline(always)]
    pub(crate) fn pack(&mut self, a: View<'_>) {
        (self.depth, self.height) = (a.cols(), a.rows());
        let panels = self.height.div_ceil(ROWS);
        self.numbers.resize(panels * self.depth, [0.0; ROWS]);
        for (index, panel) in self.numbers.chunks_exact_mut(self.depth).enumerate() {
            let first = index * ROWS;
            interleave(a.part(first..a.rows().min(first + ROWS), 0..a.cols()).t(), panel);
        }
    }

    /// Rows.
    #[inline(always)]
    pub(super) fn height(&self) -> usize {
        self.height
    }

    /// `[depth, 8]`
    #[inline(always)]
    pub(super) fn panel(&self, index: usize) -> &[[f32; ROWS]] {
        &self.numbers[index * self.depth..][..self.depth]
    }
}

/// Numbers of each row that are moved before the next row's turn: so many that the lines written
/// stay in the nearest cache.
const RUN: usize = 64;

/// Copies `from`, `[depth, at most N]`, to a panel.
#[inline(always)]
fn interleave<const N: usize>(from: View<'_>, panel: &mut [[f32; N]]) {
    let width = from.cols();
    if from.has_rows() {
        for (k, to) in panel.iter_mut().enumerate() {
            let row = from.row(k);
            if let Some(row) = row.first_chunk() {
                *to = *row;
            } else {
                *to = [0.0; N];
                to[..width].copy_from_slice(row);
            }
        }
        return;
    }
    if width < N {
        panel.fill([0.0; N]);
    }
    let columns = from.t();
    for (index, to) in panel.chunks_mut(RUN).enumerate() {
        for j in 0..width {
            let column = columns.row(j);
            for (to, x) in to.iter_mut().zip(&column[index * RUN..]) {
                to[j] = *x;
            }
        }
    }
}
