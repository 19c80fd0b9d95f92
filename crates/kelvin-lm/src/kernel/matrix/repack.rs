//! From ggml's blocks, row by row, to tiles.

use super::layout::{Layout, Scales};
use super::{BLOCK, Line};
use crate::dtype::Dtype;

/// Fills a tile of zeros with up to 16 rows of a file.
pub(super) fn tile<'a>(dtype: Dtype, rows: impl Iterator<Item = &'a [u8]>, tile: &mut [Line]) {
    let layout = Layout::of(dtype);
    for (lane, row) in rows.enumerate() {
        if layout.scales == Scales::None {
            floats(layout.bits / 8, row, lane, tile);
        } else {
            quants(dtype, row, lane, tile);
        }
    }
}

/// Puts one row of floats of `width` bytes into lane `lane`.
fn floats(width: usize, row: &[u8], lane: usize, tile: &mut [Line]) {
    let per_line = 64 / (16 * width);
    for (column, float) in row.chunks_exact(width).enumerate() {
        let at = (column % per_line * 16 + lane) * width;
        tile[column / per_line].0[at..at + width].copy_from_slice(float);
    }
}

/// Puts one row of blocks into lane `lane`.
fn quants(dtype: Dtype, row: &[u8], lane: usize, tile: &mut [Line]) {
    let layout = Layout::of(dtype);
    let per_source = dtype.block_len() / BLOCK;
    for (index, source) in row.chunks_exact(dtype.block_bytes()).enumerate() {
        let first = index * per_source;
        let record = &mut tile[first / layout.blocks() * layout.record_lines()..];
        let (scales, quants) = record.split_at_mut(layout.scale_lines());
        match layout.scales {
            Scales::Super => put_super_scales(source, lane, scales),
            Scales::Signed => put_signed_scales(source, lane, scales),
            _ => put_factors(layout, source, lane, first % layout.blocks(), scales),
        }
        for sub in 0..per_source {
            let block = (first + sub) % layout.blocks();
            let lines = &mut quants[block * layout.block_lines()..][..layout.block_lines()];
            put_quants(&columns(dtype, source, sub), lane, lines);
        }
    }
}

/// d of a block, and m where the format has one: they stand first in the file.
fn put_factors(layout: Layout, source: &[u8], lane: usize, block: usize, scales: &mut [Line]) {
    let factors = &mut scales[0].0;
    let at = 32 * block + 2 * lane;
    factors[at..at + 2].copy_from_slice(&source[..2]);
    if layout.scales == Scales::Affine {
        factors[32 + at..34 + at].copy_from_slice(&source[2..4]);
    }
}

/// d, dmin, and eight pairs of 6-bit scale and minimum, unpacked to bytes.
fn put_super_scales(source: &[u8], lane: usize, scales: &mut [Line]) {
    scales[0].0[2 * lane..][..2].copy_from_slice(&source[..2]);
    scales[0].0[32 + 2 * lane..][..2].copy_from_slice(&source[2..4]);
    let packed = &source[4..16];
    for block in 0..8 {
        let (scale, minimum) = if block < 4 {
            (packed[block] & 63, packed[block + 4] & 63)
        } else {
            let low = packed[block + 4];
            let (scale, minimum) = (packed[block - 4] >> 6, packed[block] >> 6);
            (low & 15 | scale << 4, low >> 4 | minimum << 4)
        };
        let at = block % 4 * 16 + lane;
        scales[1 + block / 4].0[at] = scale;
        scales[3 + block / 4].0[at] = minimum;
    }
}

/// Sixteen 8-bit scales and d: they stand last in the file.
fn put_signed_scales(source: &[u8], lane: usize, scales: &mut [Line]) {
    scales[0].0[2 * lane..][..2].copy_from_slice(&source[208..210]);
    for (part, &scale) in source[192..208].iter().enumerate() {
        scales[1 + part / 4].0[part % 4 * 16 + lane] = scale;
    }
}

/// The quants of 32 columns, unsigned, in order; `sub` counts blocks of 32 within `source`.
fn columns(dtype: Dtype, source: &[u8], sub: usize) -> [u8; BLOCK] {
    match dtype {
        Dtype::F32 | Dtype::F16 | Dtype::BF16 => unreachable!("floats have no quants"),
        Dtype::Q8_0 => std::array::from_fn(|k| source[2 + k] ^ 0x80),
        Dtype::Q4_0 => halves(&source[2..]),
        Dtype::Q4_1 => halves(&source[4..]),
        Dtype::Q5_0 => with_fifth_bits(halves(&source[6..]), &source[2..6]),
        Dtype::Q5_1 => with_fifth_bits(halves(&source[8..]), &source[4..8]),
        Dtype::Q4K => nibbles(&source[16 + sub / 2 * 32..], sub % 2),
        Dtype::Q5K => {
            let low = nibbles(&source[48 + sub / 2 * 32..], sub % 2);
            std::array::from_fn(|k| low[k] | (source[16 + k] >> sub & 1) << 4)
        }
        Dtype::Q6K => {
            // 128 columns at a time: 64 bytes of nibbles, 32 bytes of upper bits
            let (half, quarter) = (sub / 4, sub % 4);
            let low = nibbles(&source[half * 64 + quarter % 2 * 32..], quarter / 2);
            let high = &source[128 + half * 32..][..BLOCK];
            std::array::from_fn(|k| low[k] | (high[k] >> (2 * quarter) & 3) << 4)
        }
    }
}

/// 16 bytes: the low nibbles are the first 16 columns, the high ones the last.
fn halves(bytes: &[u8]) -> [u8; BLOCK] {
    let bytes = &bytes[..16];
    std::array::from_fn(|k| if k < 16 { bytes[k] & 15 } else { bytes[k - 16] >> 4 })
}

/// The low (0) or high (1) nibbles of 32 bytes.
fn nibbles(bytes: &[u8], which: usize) -> [u8; BLOCK] {
    let bytes = &bytes[..BLOCK];
    std::array::from_fn(|k| bytes[k] >> (4 * which) & 15)
}

/// Nibbles with bit k of `bits` as the fifth bit of column k.
fn with_fifth_bits(low: [u8; BLOCK], bits: &[u8]) -> [u8; BLOCK] {
    std::array::from_fn(|k| low[k] | (bits[k / 8] >> (k % 8) & 1) << 4)
}

/// Puts the quants of 32 columns into lane `lane` of a block's lines, a word of four columns at a
/// time. The number of lines says how many bits a quant has.
fn put_quants(columns: &[u8; BLOCK], lane: usize, lines: &mut [Line]) {
    let bits = lines.len();
    let mut put = |line: usize, word: u32| {
        let slot = &mut lines[line].0.as_chunks_mut::<4>().0[lane];
        *slot = (u32::from_le_bytes(*slot) | word).to_le_bytes();
    };
    for (group, word) in columns.as_chunks::<4>().0.iter().enumerate() {
        let word = u32::from_le_bytes(*word);
        if bits == 8 {
            put(group, word);
            continue;
        }
        put(group / 2, (word & 0x0f0f_0f0f) << (4 * (group % 2)));
        let upper = word >> 4 & 0x0f0f_0f0f;
        match bits {
            5 => put(4, upper << group),
            6 => put(4 + group / 4, upper << (2 * (group % 4))),
            _ => {}
        }
    }
}
