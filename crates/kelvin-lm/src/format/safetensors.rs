//! Safetensors, the file format of Hugging Face: a JSON table of tensors, then their bytes.
//!
//! ```text
//! length of the header u64 · header {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
//! the tensors' bytes, one after the other, to the end of the file
//! ```
//!
//! [`Safetensors::open`] reads the header alone and trusts none of it:
//!
//! 1. the length, against the file and 100 MB; the header begins with `{`
//! 2. JSON without repeated keys, nested at most 64 deep, of at most 4,096 tensors of at most 8
//!    dimensions
//! 3. number formats that the format knows; **each dimension at least 1**
//! 4. offsets: in order, without gaps or overlaps, each as long as shape and format say, to the last
//!    byte of the file
//!
//! Stricter than the `safetensors` crate (repeated keys, `{`, tensors without elements), never laxer.
//!
//! Format: the README of the safetensors repository.

mod writer;

pub use writer::{SafetensorsWriter, TensorNumbers};

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use safetensors::tensor::{Dtype as Stored, TensorInfo};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::file::Source;
use super::json::{self, Limits};
use super::magic;
use super::text::Text;
use crate::dtype::Dtype;
use crate::{Error, ErrorKind, Result};

/// The most tensors of one file; the largest models have a fourth of that in all files together.
const MOST_TENSORS: usize = 1 << 12;

/// Bytes before the header.
const LENGTH: u64 = 8;

/// A safetensors file, checked; the numbers are still in the file.
///
/// ```
/// use kelvin_lm::format::Safetensors;
///
/// let header = r#"{"x":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}}"#;
/// let mut file = (header.len() as u64).to_le_bytes().to_vec();
/// file.extend(header.as_bytes());
/// file.extend([0x80, 0x3F, 0, 0x40]);
///
/// let file = Safetensors::parse(file)?;
/// let tensor = file.tensor("x").expect("it is there");
/// assert_eq!(tensor.shape(), [1, 2]);
/// assert_eq!(file.bytes(tensor)?, [0x80, 0x3F, 0, 0x40]);
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug)]
pub struct Safetensors {
    source: Source,
    /// In the order of their names.
    tensors: Vec<Tensor>,
}

/// A tensor of a safetensors file: what it is called, what it is made of, and where it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    name: String,
    stored: Stored,
    shape: Vec<u64>,
    offset: u64,
    n_bytes: usize,
}

impl Tensor {
    /// The name, as the file has it: `model.layers.0.self_attn.q_proj.weight`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the numbers are stored, where it is a way that weights are read in.
    pub fn dtype(&self) -> Option<Dtype> {
        match self.stored {
            Stored::F32 => Some(Dtype::F32),
            Stored::F16 => Some(Dtype::F16),
            Stored::BF16 => Some(Dtype::BF16),
            _ => None,
        }
    }

    /// The name of that way in the file: `BF16`, `I64`.
    pub fn dtype_name(&self) -> String {
        self.stored.to_string()
    }

    /// The dimensions in row-major order, outermost first; none for a single number.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Where the bytes start, from the start of the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes there are.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }
}

/// The records of the header, as the file has them, in the order of their names.
struct Records(BTreeMap<String, TensorInfo>);

impl<'de> Deserialize<'de> for Records {
    fn deserialize<D: Deserializer<'de>>(json: D) -> std::result::Result<Self, D::Error> {
        json.deserialize_map(Self(BTreeMap::new()))
    }
}

impl<'de> Visitor<'de> for Records {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<Self, A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<Texts>()?;
            } else {
                let info: json::Object<TensorInfo> = map.next_value()?;
                self.0.insert(name, info.0);
            }
        }
        Ok(self)
    }
}

/// The header's texts about itself, a string for each key; none is kept.
struct Texts;

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(json: D) -> std::result::Result<Self, D::Error> {
        json.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for Texts {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, String>()?.is_some() {}
        Ok(self)
    }
}

impl Safetensors {
    /// Opens the file at `path` and checks its header.
    ///
    /// # Errors
    ///
    /// Those of [`Safetensors::parse`], and [`ErrorKind::Io`] where the file cannot be read; each
    /// carries the path.
    pub fn open(path: &Path) -> Result<Self> {
        let source = Source::open(path, "a safetensors file");
        source.and_then(Self::new).map_err(|error| error.in_file(path))
    }

    /// Checks a whole file in memory, and keeps it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] where the bytes break a rule of the format, [`ErrorKind::Unsupported`]
    /// beyond a limit; each carries the byte offset.
    pub fn parse(file: Vec<u8>) -> Result<Self> {
        Self::new(Source::memory(file))
    }

    /// Checks the header of a file.
    ///
    /// # Errors
    ///
    /// Those of [`Safetensors::parse`].
    pub(super) fn new(source: Source) -> Result<Self> {
        let header = read_header(&source)?;
        let Records(records) = json::object(&header, "the header", Limits::HEADER)
            .map_err(|error| after_length(error, LENGTH))?;
        if records.len() > MOST_TENSORS {
            let n = records.len();
            let detail = format!("{n} tensors are more than the limit of {MOST_TENSORS}");
            return Err(Error::new(ErrorKind::Unsupported, detail).at(LENGTH));
        }
        let data_start = LENGTH + header.len() as u64;
        let table = Table { header: &header, data_start, data_len: source.len() - data_start };
        let tensors: Vec<Tensor> =
            records.into_iter().map(|it| table.tensor(it)).collect::<Result<_>>()?;
        table.check_layout(&tensors)?;
        drop(header);
        Ok(Self { source, tensors })
    }

    /// The tensors, in the order of their names.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The tensor of this name; a binary search.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        let at = self.tensors.binary_search_by(|tensor| tensor.name.as_str().cmp(name));
        at.ok().map(|at| &self.tensors[at])
    }

    /// The tensor's numbers as they are stored, little-endian, rows after rows, read from the file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where the file changed since it was opened, or there is no memory.
    pub fn bytes(&self, tensor: &Tensor) -> Result<Vec<u8>> {
        self.piece(tensor, 0..tensor.n_bytes)
    }

    /// A part of the bytes of a tensor.
    pub(crate) fn piece(&self, tensor: &Tensor, range: Range<usize>) -> Result<Vec<u8>> {
        let at = tensor.offset + range.start as u64;
        self.source.read(at, range.len()).map(Cow::into_owned)
    }

    /// The size of the file in bytes.
    pub fn n_bytes(&self) -> u64 {
        self.source.len()
    }
}

/// The header's bytes; their length is compared with the file before they are read.
fn read_header(source: &Source) -> Result<Cow<'_, [u8]>> {
    let start = source.start(magic::SNIFFED)?;
    magic::check_safetensors(&start)?;
    let length: [u8; 8] = start[..8].try_into().expect("nine bytes have been seen");
    let length = u64::from_le_bytes(length);
    let left = source.len() - LENGTH;
    if length > left {
        let detail = format!("the header has {length} bytes, but {left} are left in the file");
        let error = Error::new(ErrorKind::Format, detail).at(0);
        return Err(error.hint("the download is incomplete: try it again"));
    }
    let limit = Limits::HEADER.bytes;
    let length =
        usize::try_from(length).ok().filter(|&length| length <= limit).ok_or_else(|| {
            let detail = format!("the header has {length} bytes, more than the limit of {limit}");
            Error::new(ErrorKind::Unsupported, detail).at(0)
        })?;
    source.read(LENGTH, length)
}

/// An error in the header, at its place in the file.
fn after_length(error: Error, start: u64) -> Error {
    match error.offset() {
        Some(at) => error.at(start + at),
        None => error.at(start),
    }
}

/// What records are held to.
struct Table<'a> {
    header: &'a [u8],
    data_start: u64,
    data_len: u64,
}

impl Table<'_> {
    /// One record, by itself: its dimensions, and its length by shape and by offsets.
    fn tensor(&self, (name, info): (String, TensorInfo)) -> Result<Tensor> {
        let (begin, end) = info.data_offsets;
        let shape: Vec<u64> = info.shape.iter().map(|&size| size as u64).collect();
        let wrong = |rule: String| {
            let detail = format!("tensor \"{}\" {rule}", Text(name.as_bytes()));
            Error::new(ErrorKind::Format, detail).at(self.place(&name))
        };
        if shape.contains(&0) {
            return Err(wrong(format!("has shape {shape:?}, expected dimensions of at least 1")));
        }
        let dtype = info.dtype;
        let n_bits = shape.iter().try_fold(dtype.bitsize() as u64, |n, &d| n.checked_mul(d));
        let Some(n_bits) = n_bits else {
            return Err(wrong(format!("of {dtype} {shape:?} is larger than 2^64 bits")));
        };
        if !n_bits.is_multiple_of(8) {
            return Err(wrong(format!("of {dtype} {shape:?} is no whole number of bytes")));
        }
        if end as u64 > self.data_len || begin > end {
            let len = self.data_len;
            return Err(wrong(format!("lies at {begin} to {end} of {len} bytes of data")));
        }
        let (n, n_bytes) = ((end - begin) as u64, n_bits / 8);
        if n != n_bytes {
            return Err(wrong(format!(
                "of {dtype} {shape:?} takes {n_bytes} bytes, but its offsets span {n}"
            )));
        }
        let offset = self.data_start + begin as u64;
        Ok(Tensor { name, stored: dtype, shape, offset, n_bytes: end - begin })
    }

    /// All records together: end to end, and nothing after the last.
    fn check_layout(&self, tensors: &[Tensor]) -> Result<()> {
        let mut in_order: Vec<&Tensor> = tensors.iter().collect();
        in_order.sort_by_key(|tensor| tensor.offset);
        let mut next = self.data_start;
        for tensor in in_order {
            if tensor.offset != next {
                let what = if tensor.offset < next { "overlaps" } else { "leaves a gap after" };
                let name = Text(tensor.name.as_bytes());
                let detail = format!("tensor \"{name}\" {what} the one before it");
                return Err(Error::new(ErrorKind::Format, detail).at(self.place(&tensor.name)));
            }
            next += tensor.n_bytes as u64;
        }
        let end = self.data_start + self.data_len;
        if next < end {
            let detail = format!("{} bytes follow the last tensor", end - next);
            return Err(Error::new(ErrorKind::Format, detail).at(next));
        }
        Ok(())
    }

    /// Where the header names a tensor; its start, where the name is spelled with escapes.
    fn place(&self, name: &str) -> u64 {
        let quoted = format!("\"{name}\"");
        let mut windows = self.header.windows(quoted.len());
        LENGTH + windows.position(|at| at == quoted.as_bytes()).unwrap_or(0) as u64
    }
}
