//! Weight matrices, repacked at load so that SIMD lanes are outputs.
//!
//! Sixteen rows (sixteen outputs) form a *tile*, contiguous in memory and read front to back. Along
//! the columns a tile is a row of *records*, each holding the scales, then the quants, of a few
//! blocks of 32 columns; `layout.rs` has the bytes. A group of four columns of all sixteen rows
//! fills one register, so that one dot-product instruction with four broadcast activations advances
//! sixteen outputs, and no sum ever crosses lanes. Weights keep the bits they have in the file:
//! decoding is limited by memory.

mod cast;
pub(super) mod layout;
mod repack;

use rayon::prelude::*;

use self::layout::{Format, Layout, with_format};
use super::simd::{Kernel, LANES, Level, Profile, Simd};
use crate::dtype::Dtype;
use crate::{Error, ErrorKind, Result};

/// Rows of a tile.
pub(super) const TILE: usize = LANES;

/// Columns of a block: every format's, once the 256 of a K-quant are seen as eight times 32.
pub(super) const BLOCK: usize = 32;

/// One cache line of a tile.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line(pub(super) [u8; 64]);

impl Line {
    pub(super) const ZERO: Self = Self([0; 64]);

    /// 32 bytes of the line: 0 or 1.
    #[inline(always)]
    pub(super) fn half(&self, index: usize) -> &[u8; 32] {
        &self.0.as_chunks().0[index]
    }

    /// 16 bytes of the line: 0 to 3.
    #[inline(always)]
    pub(super) fn quarter(&self, index: usize) -> &[u8; 16] {
        &self.0.as_chunks().0[index]
    }
}

/// A weight matrix `[rows, cols]`: `rows` outputs, each a sum over `cols` inputs.
///
/// ```
/// use kelvin_lm::dtype::Dtype;
/// use kelvin_lm::kernel::Matrix;
///
/// let bytes: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
/// let matrix = Matrix::new(Dtype::F32, 2, 3, &bytes)?;
/// let mut row = [0.0; 3];
/// matrix.row(1, &mut row);
/// assert_eq!(row, [4.0, 5.0, 6.0]);
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Clone)]
pub struct Matrix {
    dtype: Dtype,
    rows: usize,
    cols: usize,
    /// Tiles of [`Matrix::tile_lines`] lines; the last is padded with rows of zeros.
    lines: Vec<Line>,
}

impl Matrix {
    /// The matrix whose rows lie one after the other in `bytes`, in ggml's layout of `dtype`,
    /// little-endian.
    ///
    /// The work is split over the threads of the rayon pool it is called from
    /// ([`Engine::install`](super::Engine::install)).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`] where a row is empty or not a whole number of blocks, or `bytes` is not
    /// exactly `rows` such rows.
    pub fn new(dtype: Dtype, rows: usize, cols: usize, bytes: &[u8]) -> Result<Self> {
        let row_bytes = row_bytes(dtype, cols)?;
        if rows == 0 || row_bytes.checked_mul(rows) != Some(bytes.len()) {
            let detail = format!(
                "a {dtype} matrix of {rows} rows of {row_bytes} bytes has {} bytes",
                bytes.len()
            );
            return Err(Error::new(ErrorKind::Shape, detail));
        }
        let tile_lines = Layout::of(dtype).tile_lines(cols);
        // in parallel, because the first touch of fresh memory is most of the cost
        let mut lines: Vec<Line> =
            rayon::iter::repeat_n(Line::ZERO, rows.div_ceil(TILE) * tile_lines).collect();
        lines
            .par_chunks_exact_mut(tile_lines)
            .zip(bytes.par_chunks(TILE * row_bytes))
            .for_each(|(tile, rows)| repack::tile(dtype, rows.chunks_exact(row_bytes), tile));
        Ok(Self { dtype, rows, cols, lines })
    }

    /// Bytes that a matrix of this type and shape takes in memory; `u64::MAX` for more.
    pub fn bytes_for(dtype: Dtype, rows: u64, cols: u64) -> u64 {
        let layout = Layout::of(dtype);
        let lines = cols.div_ceil(BLOCK as u64).div_ceil(layout.blocks() as u64);
        let bytes = (layout.record_lines() * size_of::<Line>()) as u64;
        rows.div_ceil(TILE as u64).saturating_mul(lines).saturating_mul(bytes)
    }

    /// Outputs of a product.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs of a product.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The format of the weights.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Bytes that one product reads.
    pub fn n_bytes(&self) -> usize {
        size_of_val(self.lines.as_slice())
    }

    /// Writes row `row` to `out`, exactly as ggml dequantises it.
    ///
    /// # Panics
    ///
    /// If `row` is not a row of the matrix, or `out` is not `[cols]`.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.rows, "row {row} of a matrix of {} rows", self.rows);
        assert_eq!(out.len(), self.cols, "a row has one number per column");
        let tile = self.tile(row / TILE);
        // no profile matters here: each value is one exact product and one rounded sum
        let reader = RowReader { dtype: self.dtype, tile, lane: row % TILE, out };
        Level::detect().dispatch(Profile::Portable, reader);
    }

    /// Lines of one tile.
    pub(super) fn tile_lines(&self) -> usize {
        Layout::of(self.dtype).tile_lines(self.cols)
    }

    /// How many tiles there are.
    pub(super) fn n_tiles(&self) -> usize {
        self.rows.div_ceil(TILE)
    }

    /// The lines of one tile.
    #[inline(always)]
    pub(super) fn tile(&self, index: usize) -> &[Line] {
        let lines = self.tile_lines();
        &self.lines[index * lines..][..lines]
    }
}

impl std::fmt::Debug for Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Matrix {{ {} [{}, {}] }}", self.dtype, self.rows, self.cols)
    }
}

/// Bytes of one row in a file.
fn row_bytes(dtype: Dtype, cols: usize) -> Result<usize> {
    let block = dtype.block_len();
    if cols == 0 || !cols.is_multiple_of(block) {
        let detail =
            format!("a row of {cols} numbers is not one or more {dtype} blocks of {block}");
        return Err(Error::new(ErrorKind::Shape, detail));
    }
    (cols / block).checked_mul(dtype.block_bytes()).ok_or_else(|| {
        Error::new(ErrorKind::Shape, format!("a row of {cols} numbers exceeds the address space"))
    })
}

/// Reads one lane of a tile.
struct RowReader<'a> {
    dtype: Dtype,
    tile: &'a [Line],
    lane: usize,
    out: &'a mut [f32],
}

impl Kernel for RowReader<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        with_format!(self.dtype, F => self.read::<S, F>(simd));
    }
}

impl RowReader<'_> {
    #[inline(always)]
    fn read<S: Simd, F: Format>(self, simd: S) {
        for (block, out) in self.out.chunks_mut(BLOCK).enumerate() {
            let record = &self.tile[block / F::BLOCKS * F::LINES..][..F::LINES];
            for (group, out) in out.chunks_mut(4).enumerate() {
                let values = F::values(simd, record, block % F::BLOCKS, group);
                for (value, out) in values.into_iter().zip(out) {
                    let mut lanes = [0.0; LANES];
                    simd.store(value, &mut lanes);
                    *out = lanes[self.lane];
                }
            }
        }
    }
}
