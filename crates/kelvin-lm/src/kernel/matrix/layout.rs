//! The bytes of a tile, format by format.
//!
//! A record holds [`Layout::blocks`] blocks of 32 columns × 16 rows. First its scales:
//!
//! | [`Scales`] | line | bytes |
//! |---|---|---|
//! | `Plain`  | 0   | f16 d of 16 rows, for the record's first block, then for its second |
//! | `Affine` | 0   | f16 d of 16 rows, f16 m of 16 rows |
//! | `Super`  | 0   | f16 d of 16 rows, f16 dmin of 16 rows |
//! |          | 1–2 | u8 scale: 8 blocks × 16 rows |
//! |          | 3–4 | u8 minimum: 8 blocks × 16 rows |
//! | `Signed` | 0   | f16 d of 16 rows, 32 bytes unused |
//! |          | 1–4 | i8 scale: 8 blocks × 2 halves × 16 rows |
//!
//! Then the quants of each block, all unsigned. A *group* is four columns of sixteen rows: 64
//! values, row by row; a block is eight groups.
//!
//! | bits | lines | bytes |
//! |---|---|---|
//! | 8 | 8 | line g: group g |
//! | 4 | 4 | line p: group 2 p in the low nibbles, 2 p + 1 in the high ones |
//! | 5 | 5 | the nibbles; then one line: bit g of a byte is the fifth bit of group g |
//! | 6 | 6 | the nibbles; then line h: bits 2 j, 2 j + 1 are the upper bits of group 4 h + j |
//!
//! Plain floats have no scales: a block is 32 times the 16 numbers of one column.

use super::super::simd::Simd;
use super::{BLOCK, Line};
use crate::dtype::Dtype;

/// Groups of four columns in a block.
pub(in super::super) const GROUPS: usize = BLOCK / 4;

/// How a record keeps its scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scales {
    /// None: the weights are floats.
    None,
    /// d · (q − 2^`offset_bits`).
    Plain { offset_bits: u32 },
    /// d · q + m.
    Affine,
    /// (d · scale) · q − dmin · minimum.
    Super,
    /// (d · scale) · (q − 32), one scale per 16 columns.
    Signed,
}

/// Where things lie in a tile of a format.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Layout {
    /// Bits of a quant, or of a float.
    pub(super) bits: usize,
    /// How the scales lie.
    pub(super) scales: Scales,
}

impl Layout {
    /// The layout of `dtype`.
    pub(super) const fn of(dtype: Dtype) -> Self {
        let (bits, scales) = match dtype {
            Dtype::F32 => (32, Scales::None),
            Dtype::F16 | Dtype::BF16 => (16, Scales::None),
            Dtype::Q8_0 => (8, Scales::Plain { offset_bits: 7 }),
            Dtype::Q4_0 => (4, Scales::Plain { offset_bits: 3 }),
            Dtype::Q4_1 => (4, Scales::Affine),
            Dtype::Q5_0 => (5, Scales::Plain { offset_bits: 4 }),
            Dtype::Q5_1 => (5, Scales::Affine),
            Dtype::Q4K => (4, Scales::Super),
            Dtype::Q5K => (5, Scales::Super),
            Dtype::Q6K => (6, Scales::Signed),
        };
        Self { bits, scales }
    }

    /// Blocks in a record: as few as fill whole lines.
    pub(super) const fn blocks(self) -> usize {
        match self.scales {
            Scales::None | Scales::Affine => 1,
            Scales::Plain { .. } => 2,
            Scales::Super | Scales::Signed => 8,
        }
    }

    /// Lines of scales at the start of a record.
    pub(super) const fn scale_lines(self) -> usize {
        match self.scales {
            Scales::None => 0,
            Scales::Plain { .. } | Scales::Affine => 1,
            Scales::Super | Scales::Signed => 5,
        }
    }

    /// Lines of a block's quants: 512 numbers, 64 bytes a line.
    pub(super) const fn block_lines(self) -> usize {
        self.bits
    }

    /// Lines of a record.
    pub(super) const fn record_lines(self) -> usize {
        self.scale_lines() + self.blocks() * self.block_lines()
    }

    /// Lines of a tile.
    pub(super) const fn tile_lines(self, cols: usize) -> usize {
        cols.div_ceil(BLOCK).div_ceil(self.blocks()) * self.record_lines()
    }
}

/// A format as a type, so that a product is compiled for it.
pub(in super::super) trait Format {
    /// Where things lie.
    const LAYOUT: Layout;
    /// Lines of a record.
    const LINES: usize = Self::LAYOUT.record_lines();
    /// Blocks in a record.
    const BLOCKS: usize = Self::LAYOUT.blocks();

    /// The weights of a group's four columns.
    fn values<S: Simd>(simd: S, record: &[Line], block: usize, group: usize) -> [S::F32; 4];
}

/// A format with scales: d · q + m, or d · (q − offset).
pub(in super::super) trait Quantised: Format {
    /// Whether a minimum is added to each scaled quant.
    const AFFINE: bool = matches!(Self::LAYOUT.scales, Scales::Affine | Scales::Super);
    /// 2 to this power is subtracted from each quant, unless `AFFINE`.
    const OFFSET_BITS: u32 = match Self::LAYOUT.scales {
        Scales::Plain { offset_bits } => offset_bits,
        Scales::Signed => 5,
        Scales::None | Scales::Affine | Scales::Super => 0,
    };
    /// Scales of one row in a block, each for as many groups.
    const PARTS: usize = if matches!(Self::LAYOUT.scales, Scales::Signed) { 2 } else { 1 };

    /// The quants of a group, as 64 bytes.
    #[inline(always)]
    fn quants<S: Simd>(simd: S, record: &[Line], block: usize, group: usize) -> S::I32 {
        let layout = Self::LAYOUT;
        let lines = &record[layout.scale_lines() + block * layout.block_lines()..];
        if layout.bits == 8 {
            return simd.load_bytes(&lines[group].0);
        }
        let bytes = |byte: u8| simd.splat_i32(i32::from_ne_bytes([byte; 4]));
        let pair = simd.load_bytes(&lines[group / 2].0);
        let pair = if group.is_multiple_of(2) { pair } else { simd.shr(pair, 4) };
        let nibbles = simd.and(pair, bytes(0x0f));
        // the upper bits of `group` start at bit `at` of a plane's bytes, and belong at bit 4
        let (plane, at, mask) = match layout.bits {
            4 => return nibbles,
            5 => (&lines[4], group, 0x10),
            _ => (&lines[4 + group / 4], 2 * (group % 4), 0x30),
        };
        let plane = simd.load_bytes(&plane.0);
        let shifted = match u32::try_from(at).expect("a bit of a byte") {
            at @ 0..4 => simd.shl(plane, 4 - at),
            at => simd.shr(plane, at - 4),
        };
        simd.or(nibbles, simd.and(shifted, bytes(mask)))
    }

    /// What the quants of a part of a block are multiplied by.
    #[inline(always)]
    fn scale<S: Simd>(simd: S, record: &[Line], block: usize, part: usize) -> S::F32 {
        match Self::LAYOUT.scales {
            Scales::Plain { .. } => simd.load_f16(record[0].half(block)),
            Scales::None | Scales::Affine => simd.load_f16(record[0].half(0)),
            Scales::Super => {
                let scale = simd.load_u8(record[1 + block / 4].quarter(block % 4));
                simd.mul(simd.load_f16(record[0].half(0)), simd.to_f32(scale))
            }
            Scales::Signed => {
                let at = 2 * block + part;
                let scale = simd.load_i8(record[1 + at / 4].quarter(at % 4));
                simd.mul(simd.load_f16(record[0].half(0)), simd.to_f32(scale))
            }
        }
    }

    /// What is added to each scaled quant of a block, where `AFFINE`.
    #[inline(always)]
    fn minimum<S: Simd>(simd: S, record: &[Line], block: usize) -> S::F32 {
        let factor = simd.load_f16(record[0].half(1));
        if Self::LAYOUT.scales == Scales::Super {
            let minimum = simd.load_u8(record[3 + block / 4].quarter(block % 4));
            simd.neg(simd.mul(factor, simd.to_f32(minimum)))
        } else {
            factor
        }
    }

    /// acc + the dot products of a group's 64 quants with four activations; exact.
    #[inline(always)]
    fn dot<S: Simd>(simd: S, acc: S::I32, quants: S::I32, activations: S::I32) -> S::I32 {
        if Self::LAYOUT.bits == 8 {
            simd.dot4(acc, quants, activations)
        } else {
            simd.dot4_u7(acc, quants, activations)
        }
    }
}

/// The weights of a group's four columns, as ggml dequantises them: one exact product, one rounding.
#[inline(always)]
fn dequantise<S: Simd, Q: Quantised>(
    simd: S,
    record: &[Line],
    block: usize,
    group: usize,
) -> [S::F32; 4] {
    let quants = Q::quants(simd, record, block, group);
    let scale = Q::scale(simd, record, block, group * Q::PARTS / GROUPS);
    let mut values = [scale; 4];
    for (value, byte) in values.iter_mut().zip(0..) {
        let quant = simd.and(simd.shr(quants, 8 * byte), simd.splat_i32(0xff));
        *value = if Q::AFFINE {
            simd.mul_add(simd.to_f32(quant), scale, Q::minimum(simd, record, block))
        } else {
            let offset = simd.splat_i32(1 << Q::OFFSET_BITS);
            simd.mul(simd.to_f32(simd.sub_i32(quant, offset)), scale)
        };
    }
    values
}

/// Declares a zero-sized type per format with scales.
macro_rules! quantised {
    ($($name:ident),+) => {$(
        #[doc = concat!("[`Dtype::", stringify!($name), "`].")]
        #[derive(Debug)]
        pub(in super::super) struct $name;

        impl Format for $name {
            const LAYOUT: Layout = Layout::of(Dtype::$name);

            #[inline(always)]
            fn values<S: Simd>(simd: S, record: &[Line], block: usize, group: usize) -> [S::F32; 4] {
                dequantise::<S, Self>(simd, record, block, group)
            }
        }

        impl Quantised for $name {}
    )+};
}

quantised!(Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4K, Q5K, Q6K);

/// Declares a zero-sized type per float format; `$read` reads column `$column` of a record.
macro_rules! floats {
    ($($name:ident: |$simd:ident, $record:ident, $column:ident| $read:expr;)+) => {$(
        #[doc = concat!("[`Dtype::", stringify!($name), "`].")]
        #[derive(Debug)]
        pub(in super::super) struct $name;

        impl Format for $name {
            const LAYOUT: Layout = Layout::of(Dtype::$name);

            #[inline(always)]
            fn values<S: Simd>($simd: S, $record: &[Line], _: usize, group: usize) -> [S::F32; 4] {
                let mut values = [$simd.splat(0.0); 4];
                for (value, $column) in values.iter_mut().zip(4 * group..) {
                    *value = $read;
                }
                values
            }
        }
    )+};
}

floats! {
    F32: |simd, record, column| simd.with_bits(simd.load_bytes(&record[column].0));
    F16: |simd, record, column| simd.load_f16(record[column / 2].half(column % 2));
    BF16: |simd, record, column| {
        simd.with_bits(simd.shl(simd.load_u16(record[column / 2].half(column % 2)), 16))
    };
}

/// Evaluates `$body` with the type of a dtype's format; formats without scales may be handled apart.
macro_rules! with_format {
    ($dtype:expr, $format:ident => $body:expr) => {
        with_format!($dtype, $format => $body, float $format => $body)
    };
    ($dtype:expr, $format:ident => $body:expr, float $float:ident => $other:expr) => {{
        use $crate::kernel::matrix::layout;
        match $dtype {
            Dtype::F32 => { type $float = layout::F32; $other }
            Dtype::F16 => { type $float = layout::F16; $other }
            Dtype::BF16 => { type $float = layout::BF16; $other }
            Dtype::Q8_0 => { type $format = layout::Q8_0; $body }
            Dtype::Q4_0 => { type $format = layout::Q4_0; $body }
            Dtype::Q4_1 => { type $format = layout::Q4_1; $body }
            Dtype::Q5_0 => { type $format = layout::Q5_0; $body }
            Dtype::Q5_1 => { type $format = layout::Q5_1; $body }
            Dtype::Q4K => { type $format = layout::Q4K; $body }
            Dtype::Q5K => { type $format = layout::Q5K; $body }
            Dtype::Q6K => { type $format = layout::Q6K; $body }
        }
    }};
}
pub(in super::super) use with_format;
