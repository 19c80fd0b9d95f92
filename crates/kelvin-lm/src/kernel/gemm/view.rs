//! A matrix somewhere in memory.

use std::ops::Range;

/// A matrix `[rows, cols]` of numbers that lie in memory with any strides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    /// From the first number on.
    numbers: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> View<'a> {
    /// Whole rows of `cols` numbers.
    #[inline(always)]
    pub(crate) fn new(numbers: &'a [f32], cols: usize) -> Self {
        debug_assert!(numbers.len().is_multiple_of(cols), "whole rows");
        Self { numbers, rows: numbers.len() / cols, cols, row_stride: cols, col_stride: 1 }
    }

    /// The transpose.
    #[inline(always)]
    pub(crate) fn t(self) -> Self {
        let Self { numbers, rows, cols, row_stride, col_stride } = self;
        Self { numbers, rows: cols, cols: rows, row_stride: col_stride, col_stride: row_stride }
    }

    /// Some rows and columns, none of the two empty.
    #[inline(always)]
    pub(crate) fn part(self, rows: Range<usize>, cols: Range<usize>) -> Self {
        debug_assert!(rows.end <= self.rows && cols.end <= self.cols, "inside");
        let first = rows.start * self.row_stride + cols.start * self.col_stride;
        Self { numbers: &self.numbers[first..], rows: rows.len(), cols: cols.len(), ..self }
    }

    /// How many rows.
    #[inline(always)]
    pub(crate) fn rows(self) -> usize {
        self.rows
    }

    /// How many columns.
    #[inline(always)]
    pub(crate) fn cols(self) -> usize {
        self.cols
    }

    /// Whether the numbers of a row lie side by side.
    #[inline(always)]
    pub(super) fn has_rows(self) -> bool {
        self.col_stride == 1
    }

    /// The numbers of a row, which lie side by side.
    #[inline(always)]
    pub(crate) fn row(self, row: usize) -> &'a [f32] {
        debug_assert!(self.has_rows(), "a row lies side by side");
        &self.numbers[row * self.row_stride..][..self.cols]
    }

    /// All numbers, row by row.
    pub(crate) fn iter(self) -> impl Iterator<Item = f32> + use<'a> {
        let all = (0..self.rows).flat_map(move |row| (0..self.cols).map(move |col| (row, col)));
        all.map(move |(row, col)| self.numbers[row * self.row_stride + col * self.col_stride])
    }
}
