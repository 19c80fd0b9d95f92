//! Writing: the same bytes for the same tensors, one piece in memory at a time.

use std::fmt;

use safetensors::tensor::{Dtype as Stored, TensorInfo};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::{Limits, MOST_TENSORS};
use crate::dtype::{Dtype, encode};
use crate::format::Text;
use crate::{Error, ErrorKind, Result};

/// Bytes that are handed on at a time; whole numbers in every format.
const PIECE: usize = 1 << 17;

/// The header ends at a multiple of this, so that tensors lie where every number format may be read.
const ALIGNMENT: usize = 8;

/// A tensor to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorNumbers<'a> {
    /// What the file will call it.
    pub name: String,
    /// The dimensions, outermost first, each at least 1.
    pub shape: Vec<usize>,
    /// As many numbers as the shape has, row-major.
    pub numbers: &'a [f32],
}

/// A safetensors file to be written: what it will hold is checked, and its size is known.
///
/// Tensors are stored in the order of their names and all in one format, so that the same tensors
/// give the same bytes.
///
/// ```
/// use kelvin_lm::dtype::Dtype;
/// use kelvin_lm::format::{Safetensors, SafetensorsWriter, TensorNumbers};
///
/// let numbers = [1.0, 2.5];
/// let x = TensorNumbers { name: "x".to_owned(), shape: vec![2], numbers: &numbers };
/// let writer = SafetensorsWriter::new(Dtype::BF16, vec![x])?;
/// let mut file = Vec::new();
/// writer.write(|piece| Ok(file.extend(piece)))?;
/// assert_eq!(file.len() as u64, writer.n_bytes());
///
/// let file = Safetensors::parse(file)?;
/// assert_eq!(file.bytes(&file.tensors()[0])?, [0x80, 0x3F, 0x20, 0x40]);
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
pub struct SafetensorsWriter<'a> {
    dtype: Dtype,
    /// Length and table.
    start: Vec<u8>,
    /// In the order of their names.
    tensors: Vec<TensorNumbers<'a>>,
}

impl<'a> SafetensorsWriter<'a> {
    /// A file of these tensors, their numbers rounded to `dtype`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for a format other than F32, F16 and BF16, or more than 4,096
    /// tensors; [`ErrorKind::Shape`] for a name that comes twice, and for a shape without numbers, of
    /// other numbers than are given, or of more than 8 dimensions.
    pub fn new(dtype: Dtype, mut tensors: Vec<TensorNumbers<'a>>) -> Result<Self> {
        let stored = stored(dtype)?;
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        check(&tensors)?;
        let start = start(stored, dtype.block_bytes(), &tensors);
        if start.len() > Limits::HEADER.bytes {
            let detail = format!("the names of the tensors take {} bytes", start.len());
            return Err(Error::new(ErrorKind::Unsupported, detail));
        }
        Ok(Self { dtype, start, tensors })
    }

    /// The size of the whole file in bytes.
    pub fn n_bytes(&self) -> u64 {
        let n: usize = self.tensors.iter().map(|tensor| tensor.numbers.len()).sum();
        self.start.len() as u64 + n as u64 * self.dtype.block_bytes() as u64
    }

    /// Gives the bytes of the file, from the first to the last, to `take`: the header, then at most
    /// 128 KiB at a time.
    ///
    /// # Errors
    ///
    /// Those of `take`, and [`ErrorKind::Unsupported`] for a number that F16 cannot hold, with the
    /// name of its tensor. Nothing is taken after an error.
    pub fn write(&self, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        take(&self.start)?;
        let mut bytes = Vec::with_capacity(PIECE);
        for tensor in &self.tensors {
            let mut rest = tensor.numbers;
            while !rest.is_empty() {
                let room = (PIECE - bytes.len()) / self.dtype.block_bytes();
                let (piece, after) = rest.split_at(room.min(rest.len()));
                encode::row(self.dtype, piece, &mut bytes).map_err(|error| {
                    let detail = format!("tensor {}: {error}", Text(tensor.name.as_bytes()));
                    Error::new(error.kind(), detail).hint("BF16 and F32 reach further")
                })?;
                rest = after;
                if bytes.len() == PIECE {
                    take(&bytes)?;
                    bytes.clear();
                }
            }
        }
        if bytes.is_empty() { Ok(()) } else { take(&bytes) }
    }
}

impl fmt::Debug for SafetensorsWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.tensors.iter().map(|tensor| &*tensor.name).collect();
        f.debug_struct("SafetensorsWriter")
            .field("dtype", &self.dtype)
            .field("tensors", &names)
            .finish_non_exhaustive()
    }
}

fn stored(dtype: Dtype) -> Result<Stored> {
    match dtype {
        Dtype::F32 => Ok(Stored::F32),
        Dtype::F16 => Ok(Stored::F16),
        Dtype::BF16 => Ok(Stored::BF16),
        other => {
            let detail = format!("safetensors files hold F32, F16 or BF16 here, not {other}");
            Err(Error::new(ErrorKind::Unsupported, detail))
        }
    }
}

/// Holds tensors, in the order of their names, to what can be read again.
fn check(tensors: &[TensorNumbers<'_>]) -> Result<()> {
    if tensors.len() > MOST_TENSORS {
        let n = tensors.len();
        let detail = format!("{n} tensors are more than the limit of {MOST_TENSORS}");
        return Err(Error::new(ErrorKind::Unsupported, detail));
    }
    let wrong = |name: &str, rule: String| {
        let detail = format!("tensor \"{}\" {rule}", Text(name.as_bytes()));
        Err(Error::new(ErrorKind::Shape, detail))
    };
    for TensorNumbers { name, shape, numbers } in tensors {
        let given = numbers.len();
        let n = shape.iter().try_fold(1_usize, |n, &size| n.checked_mul(size));
        if given == 0 || n != Some(given) {
            return wrong(name, format!("of shape {shape:?} is given {given} numbers"));
        }
        if shape.len() > Limits::HEADER.items {
            let (n, limit) = (shape.len(), Limits::HEADER.items);
            return wrong(name, format!("has {n} dimensions, more than the limit of {limit}"));
        }
        if name == "__metadata__" {
            return wrong(name, "has the name of the table's own texts".to_owned());
        }
    }
    match tensors.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => wrong(&pair[0].name, "is given twice".to_owned()),
        None => Ok(()),
    }
}

/// The table of tensors that lie end to end.
struct Table<'a> {
    stored: Stored,
    number_bytes: usize,
    tensors: &'a [TensorNumbers<'a>],
}

impl Serialize for Table<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.tensors.len() + 1))?;
        map.serialize_entry("__metadata__", &Texts { format: "pt" })?;
        let mut begin = 0;
        for TensorNumbers { name, shape, numbers } in self.tensors {
            let end = begin + numbers.len() * self.number_bytes;
            let (dtype, shape) = (self.stored, shape.clone());
            map.serialize_entry(name, &TensorInfo { dtype, shape, data_offsets: (begin, end) })?;
            begin = end;
        }
        map.end()
    }
}

/// What transformers asks of a file's own texts: that it is laid out as PyTorch lays it out.
#[derive(serde::Serialize)]
struct Texts {
    format: &'static str,
}

/// The length of the table, the table, and spaces to the next multiple of [`ALIGNMENT`].
fn start(stored: Stored, number_bytes: usize, tensors: &[TensorNumbers<'_>]) -> Vec<u8> {
    let mut table = serde_json::to_vec(&Table { stored, number_bytes, tensors })
        .expect("strings and numbers are JSON");
    table.resize(table.len().next_multiple_of(ALIGNMENT), b' ');
    let mut start = Vec::with_capacity(table.len() + ALIGNMENT);
    start.extend((table.len() as u64).to_le_bytes());
    start.extend(table);
    start
}
