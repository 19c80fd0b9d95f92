//! A matrix in another format.

use rayon::prelude::*;

use super::super::simd::{Kernel, LANES, Level, Profile, Simd};
use super::layout::{Format, Layout, with_format};
use super::{BLOCK, Line, Matrix, TILE, repack};
use crate::Result;
use crate::dtype::{Dtype, encode};

impl Matrix {
    /// The same matrix in another format: exact where that holds its numbers, else rounded to the
    /// nearest, and to the even one of two; in [`Dtype::Q8_0`] as ggml's reference quantises.
    ///
    /// Numbers go from block formats through f32, as ggml dequantises them. The work is split over
    /// the threads of the rayon pool it is called from.
    ///
    /// ```
    /// use kelvin_lm::dtype::Dtype;
    /// use kelvin_lm::kernel::Matrix;
    ///
    /// let bytes: Vec<u8> = [0.1_f32, 0.2].iter().flat_map(|x| x.to_le_bytes()).collect();
    /// let half = Matrix::new(Dtype::F32, 1, 2, &bytes)?.cast(Dtype::F16)?;
    /// let mut row = [0.0; 2];
    /// half.row(0, &mut row);
    /// assert_eq!(row, [0.099_975_586, 0.199_951_17]);
    /// # Ok::<(), kelvin_lm::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for numbers that the format cannot
    /// hold, and for the formats below 8 bits; [`ErrorKind::Shape`](crate::ErrorKind::Shape) where
    /// a row is no whole number of blocks.
    pub fn cast(self, dtype: Dtype) -> Result<Self> {
        if dtype == self.dtype {
            return Ok(self);
        }
        let Self { rows, cols, .. } = self;
        let tile_lines = Layout::of(dtype).tile_lines(cols);
        let mut lines: Vec<Line> =
            rayon::iter::repeat_n(Line::ZERO, self.n_tiles() * tile_lines).collect();
        let tiles = lines.par_chunks_exact_mut(tile_lines).enumerate();
        let recoded = tiles.map_init(Scratch::default, |scratch, (index, tile)| {
            scratch.recode(&self, index, dtype, tile)
        });
        // the first tile's error, whichever thread met another
        if let Some(error) = recoded.find_map_first(Result::err) {
            return Err(error);
        }
        Ok(Self { dtype, rows, cols, lines })
    }
}

/// Memory of one thread.
#[derive(Default)]
struct Scratch {
    /// `[TILE, cols]`
    numbers: Vec<f32>,
    /// The same rows in the new format.
    bytes: Vec<u8>,
}

impl Scratch {
    /// Fills `tile`, of zeros, with the rows of one tile of `from`.
    fn recode(
        &mut self,
        from: &Matrix,
        index: usize,
        dtype: Dtype,
        tile: &mut [Line],
    ) -> Result<()> {
        let cols = from.cols;
        let n_rows = TILE.min(from.rows - index * TILE);
        self.numbers.resize(TILE * cols, 0.0);
        let reader =
            TileReader { dtype: from.dtype, tile: from.tile(index), cols, out: &mut self.numbers };
        // no profile matters here: each value is one exact product and one rounded sum
        Level::detect().dispatch(Profile::Portable, reader);
        self.bytes.clear();
        for row in self.numbers.chunks_exact(cols).take(n_rows) {
            encode::row(dtype, row, &mut self.bytes)?;
        }
        repack::tile(dtype, self.bytes.chunks_exact(self.bytes.len() / n_rows), tile);
        Ok(())
    }
}

/// Reads all rows of a tile.
struct TileReader<'a> {
    dtype: Dtype,
    tile: &'a [Line],
    cols: usize,
    /// `[TILE, cols]`
    out: &'a mut [f32],
}

impl Kernel for TileReader<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        with_format!(self.dtype, F => self.read::<S, F>(simd));
    }
}

impl TileReader<'_> {
    #[inline(always)]
    fn read<S: Simd, F: Format>(self, simd: S) {
        for first in (0..self.cols).step_by(4) {
            let (block, group) = (first / BLOCK, first % BLOCK / 4);
            let record = &self.tile[block / F::BLOCKS * F::LINES..][..F::LINES];
            let values = F::values(simd, record, block % F::BLOCKS, group);
            for (column, value) in (first..self.cols).zip(values) {
                let mut lanes = [0.0; LANES];
                simd.store(value, &mut lanes);
                for (row, x) in lanes.into_iter().enumerate() {
                    self.out[row * self.cols + column] = x;
                }
            }
        }
    }
}
