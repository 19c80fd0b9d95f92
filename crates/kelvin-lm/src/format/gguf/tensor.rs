//! The tensor table: names, shapes, number formats and places.

use std::fmt;

use crate::dtype::Dtype;
use crate::{Error, ErrorKind, Result};

use super::cursor::{Cursor, INCOMPLETE, checked};
use super::index::Index;
use crate::format::text::Text;

/// The smallest record: a name of one character, one dimension, its size, type and offset.
pub(super) const MIN_BYTES: u64 = 8 + 1 + 4 + 8 + 4 + 8;

const MAX_DIMS: usize = 4;

/// A tensor of the file: its description and its bytes, borrowed.
#[derive(Clone, Copy)]
pub struct Tensor<'a> {
    record: Record<'a>,
    /// In bytes from the start of the file.
    offset: u64,
    bytes: &'a [u8],
}

impl<'a> Tensor<'a> {
    /// The tensor of a record that [`check_layout`] has seen.
    pub(super) fn new(file: &'a [u8], record: Record<'a>, data_start: u64) -> Self {
        let offset = data_start + record.offset;
        let bytes = usize::try_from(offset).ok().zip(usize::try_from(record.n_bytes).ok());
        let bytes = bytes.and_then(|(start, n)| file.get(start..)?.get(..n));
        Self { record, offset, bytes: bytes.expect("checked when the file was read") }
    }

    /// The name, as the file has it: `blk.0.attn_q.weight`.
    pub fn name(&self) -> &'a str {
        self.record.name
    }

    /// How the numbers are stored.
    pub fn dtype(&self) -> Dtype {
        self.record.dtype
    }

    /// The dimensions in row-major order, outermost first; the last one is contiguous in the bytes.
    ///
    /// ggml writes them the other way round: a matrix that it calls 576 × 49152 is `[49152, 576]`
    /// here, 49152 rows of 576.
    pub fn shape(&self) -> &[u64] {
        self.record.shape.dims()
    }

    /// The numbers as they are stored: rows after rows, each a whole number of blocks.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where the bytes start, from the start of the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl fmt::Debug for Tensor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tensor")
            .field("name", &self.name())
            .field("dtype", &self.dtype())
            .field("shape", &self.shape())
            .field("offset", &self.offset)
            .field("n_bytes", &self.bytes.len())
            .finish()
    }
}

/// A line of the table.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    name: &'a str,
    dtype: Dtype,
    shape: Shape,
    n_bytes: u64,
    /// From the start of the data.
    offset: u64,
    /// Where the offset stands in the file.
    offset_at: u64,
}

impl<'a> Record<'a> {
    /// The record at byte `at`, which [`check_record`] has seen.
    pub(super) fn at(file: &'a [u8], at: u32) -> Self {
        let mut cursor = Cursor::resume(file, u32::MAX, at);
        let name = checked(cursor.name("a name"));
        checked(Self::read(&mut cursor, name))
    }

    /// Reads what follows the name.
    fn read(cursor: &mut Cursor<'_>, name: &'a str) -> Result<Self> {
        let tensor = Named(name);
        let shape = Shape::read(cursor, tensor)?;
        let dtype = read_dtype(cursor, tensor)?;
        let n_bytes = shape.n_bytes(dtype, tensor)?;
        let offset_at = cursor.offset();
        let offset = cursor.u64(format_args!("the offset of {tensor}"))?;
        Ok(Self { name, dtype, shape, n_bytes, offset, offset_at })
    }

    /// The first byte after the tensor, from the start of the data; the sum may pass 2⁶⁴.
    fn end(&self) -> u128 {
        u128::from(self.offset) + u128::from(self.n_bytes)
    }

    fn error(&self, detail: String) -> Error {
        Error::new(ErrorKind::Format, detail).at(self.offset_at)
    }
}

/// A tensor, in messages.
#[derive(Clone, Copy)]
struct Named<'a>(&'a str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tensor \"{}\"", Text(self.0.as_bytes()))
    }
}

/// One to four dimensions, row-major, each at least 1, their product below 2¹²⁸.
#[derive(Clone, Copy)]
struct Shape {
    /// The last `n` are in use.
    dims: [u64; MAX_DIMS],
    n: usize,
    n_elements: u128,
    /// Where the innermost dimension, the file's first, stands in the file.
    at: u64,
}

impl Shape {
    fn read(cursor: &mut Cursor<'_>, tensor: Named<'_>) -> Result<Self> {
        let start = cursor.clone();
        let n = cursor.u32(format_args!("the dimension count of {tensor}"))?;
        let Some(n) = usize::try_from(n).ok().filter(|n| (1..=MAX_DIMS).contains(n)) else {
            return Err(start.error(format!("{tensor} has {n} dimensions, expected 1 to 4")));
        };
        let mut shape = Self { dims: [1; MAX_DIMS], n, n_elements: 1, at: cursor.offset() };
        for dim in shape.dims[MAX_DIMS - n..].iter_mut().rev() {
            *dim = read_dim(cursor, tensor)?;
        }
        let product = shape.dims.iter().try_fold(1_u128, |all, &dim| all.checked_mul(dim.into()));
        shape.n_elements = product.ok_or_else(|| shape.too_large(tensor))?;
        Ok(shape)
    }

    fn dims(&self) -> &[u64] {
        &self.dims[MAX_DIMS - self.n..]
    }

    /// The size of a tensor of this shape and number format.
    fn n_bytes(&self, dtype: Dtype, tensor: Named<'_>) -> Result<u64> {
        let (row, block) = (self.dims[MAX_DIMS - 1], dtype.block_len());
        if !row.is_multiple_of(block as u64) {
            let detail = format!(
                "{tensor} has rows of {row}, expected a multiple of {block}, the block of {dtype}"
            );
            return Err(Error::new(ErrorKind::Format, detail).at(self.at));
        }
        let n_blocks = self.n_elements / block as u128;
        let n_bytes = n_blocks.checked_mul(dtype.block_bytes() as u128);
        n_bytes.and_then(|n| u64::try_from(n).ok()).ok_or_else(|| self.too_large(tensor))
    }

    fn too_large(&self, tensor: Named<'_>) -> Error {
        let detail = format!("{tensor} of shape {:?} is larger than 2^64 bytes", self.dims());
        Error::new(ErrorKind::Format, detail).at(self.at)
    }
}

fn read_dim(cursor: &mut Cursor<'_>, tensor: Named<'_>) -> Result<u64> {
    let start = cursor.clone();
    match cursor.u64(format_args!("the shape of {tensor}"))? {
        0 => Err(start.error(format!("{tensor} has a dimension of 0, expected at least 1"))),
        dim => Ok(dim),
    }
}

/// The number formats that are read, with their codes in the file.
const TYPES: [(u32, Dtype); 11] = [
    (0, Dtype::F32),
    (1, Dtype::F16),
    (2, Dtype::Q4_0),
    (3, Dtype::Q4_1),
    (6, Dtype::Q5_0),
    (7, Dtype::Q5_1),
    (8, Dtype::Q8_0),
    (12, Dtype::Q4K),
    (13, Dtype::Q5K),
    (14, Dtype::Q6K),
    (30, Dtype::BF16),
];

/// Those that exist and are not read, so that a message can name them.
const NOT_READ: [(u32, &str); 23] = [
    (9, "Q8_1"),
    (10, "Q2_K"),
    (11, "Q3_K"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
    (40, "NVFP4"),
    (41, "Q1_0"),
];

fn read_dtype(cursor: &mut Cursor<'_>, tensor: Named<'_>) -> Result<Dtype> {
    let at = cursor.offset();
    let code = cursor.u32(format_args!("the type of {tensor}"))?;
    if let Some((_, dtype)) = TYPES.iter().find(|(known, _)| *known == code) {
        return Ok(*dtype);
    }
    let found = NOT_READ.iter().find(|(known, _)| *known == code);
    let found = found.map_or_else(|| format!("of type {code}"), |(_, label)| (*label).to_owned());
    let read = Dtype::ALL.map(Dtype::name).join(", ");
    let detail = format!("{tensor} is {found}, expected one of {read}");
    let error = Error::new(ErrorKind::Unsupported, detail).at(at);
    Err(error.hint("take the same model in another quantisation, such as Q4_K_M"))
}

/// Checks what follows a name: shape, type and size.
pub(super) fn check_record(cursor: &mut Cursor<'_>, name: &str) -> Result<()> {
    Record::read(cursor, name).map(drop)
}

/// Checks that every tensor is aligned, within the file, and apart from the others.
pub(super) fn check_layout(
    file: &[u8],
    tensors: &Index,
    alignment: u64,
    data_start: u64,
) -> Result<()> {
    let mut by_offset = Vec::with_capacity(tensors.in_order().len());
    for &at in tensors.in_order() {
        let record = Record::at(file, at);
        check_place(&record, file, alignment, data_start)?;
        by_offset.push((record.offset, at));
    }
    by_offset.sort_unstable();
    by_offset.windows(2).try_for_each(|pair| {
        check_apart(&Record::at(file, pair[0].1), &Record::at(file, pair[1].1))
    })
}

fn check_place(record: &Record<'_>, file: &[u8], alignment: u64, data_start: u64) -> Result<()> {
    let (tensor, offset) = (Named(record.name), record.offset);
    if !offset.is_multiple_of(alignment) {
        let detail = format!(
            "{tensor} has offset {offset}, expected a multiple of {alignment}, the alignment"
        );
        return Err(record.error(detail));
    }
    let end = u128::from(data_start) + record.end();
    if end > file.len() as u128 {
        let detail = format!("{tensor} ends at byte {end}, but the file ends at {}", file.len());
        return Err(record.error(detail).hint(INCOMPLETE));
    }
    Ok(())
}

/// `before` and `after` in the order of their offsets.
fn check_apart(before: &Record<'_>, after: &Record<'_>) -> Result<()> {
    if before.end() <= after.offset.into() {
        return Ok(());
    }
    let (first, second) = (Named(before.name), Named(after.name));
    let (offset, end) = (after.offset, before.end());
    Err(after.error(format!("{second} has offset {offset}, but {first} ends at {end}")))
}
