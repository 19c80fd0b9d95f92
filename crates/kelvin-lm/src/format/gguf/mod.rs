//! GGUF, the file format of llama.cpp: metadata, a tensor table and the tensors' bytes in one file.
//!
//! ```text
//! "GGUF" · version u32 · n_tensors u64 · n_pairs u64
//! n_pairs × (key string · value type u32 · value)
//! n_tensors × (name string · n_dims u32 · dims u64… · tensor type u32 · offset u64)
//! padding to a multiple of `general.alignment` (32 where absent)
//! the tensors' bytes, each at its offset from here
//! ```
//!
//! A string is a u64 length and its bytes. Versions 2 and 3 are read, little-endian.
//!
//! [`Gguf::read`] trusts nothing. It walks the header once, front to back, and compares every count,
//! length and offset with the bytes that are really there before it relies on them:
//!
//! 1. magic and version
//! 2. counts, against the smallest record that could hold them and [`COUNT_LIMIT`]
//! 3. lengths of strings; keys and tensor names are UTF-8, not empty and (once their section has been
//!    walked) unique
//! 4. value types; arrays hold no arrays; bools are 0 or 1; metadata and tensor table end within
//!    [`METADATA_LIMIT`]
//! 5. the alignment is a u32, a power of two, at most 4096
//! 6. one to four dimensions, **each at least 1** (a tensor without elements is refused)
//! 7. the tensor type is known, a row is a whole number of blocks, the size fits in 64 bits
//! 8. offsets are aligned, tensors end within the file and do not overlap. **Gaps are allowed**,
//!    between tensors and after the last, and never read
//!
//! What a model makes of it (which tensors, which hyper-parameters, which tokens) is checked by who
//! builds the model; [`Metadata::offset`] and [`Tensor::offset`] say where to point.
//!
//! The file's bytes are held once and nothing is copied out of them: besides them, a reader holds 8
//! bytes for each key and tensor, so that reading takes less than twice the file's size.
//!
//! Format: `docs/gguf.md` of the ggml repository.

mod cursor;
mod index;
mod metadata;
mod tensor;
mod value;

use std::fmt;
use std::path::Path;

use crate::format::file::Source;
use crate::format::magic;
use crate::{Error, ErrorKind, Result};

use cursor::{Cursor, INCOMPLETE};
use index::Index;
use tensor::Record;

pub use metadata::Metadata;
pub use tensor::Tensor;
pub use value::{Array, Strings, Value};

/// Where metadata and tensor table must end, in bytes from the start of the file: 64 MiB.
///
/// Ten times what a vocabulary of 262,144 tokens takes. [`Gguf::parse_within`] takes another limit.
pub const METADATA_LIMIT: u32 = 64 << 20;

/// The most metadata pairs, and the most tensors: 65,536 of each.
///
/// Ten times what the largest models have. It bounds the time that a hostile file can take.
pub const COUNT_LIMIT: u64 = 1 << 16;

/// A GGUF file in memory, checked.
///
/// ```
/// use kelvin_lm::format::gguf::Gguf;
///
/// // version 3, no tensors, one pair: "general.name" = "tiny"
/// let mut file = b"GGUF\x03\0\0\0".to_vec();
/// file.extend(0_u64.to_le_bytes());
/// file.extend(1_u64.to_le_bytes());
/// file.extend(12_u64.to_le_bytes());
/// file.extend(b"general.name");
/// file.extend(8_u32.to_le_bytes());
/// file.extend(4_u64.to_le_bytes());
/// file.extend(b"tiny");
///
/// let gguf = Gguf::parse(file)?;
/// assert_eq!(gguf.version(), 3);
/// assert_eq!(gguf.metadata().str("general.name")?, Some("tiny"));
/// assert_eq!(gguf.tensors().len(), 0);
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
pub struct Gguf {
    version: u32,
    metadata: Metadata,
    tensors: Index,
    /// Where the tensors' bytes begin, in bytes from the start of the file.
    data_start: u64,
}

impl Gguf {
    /// Reads the file at `path` and checks it. A file of another format is refused by its first
    /// bytes, whatever its size.
    ///
    /// # Errors
    ///
    /// Those of [`Gguf::parse`], and [`ErrorKind::Io`] where the file cannot be read or is not a
    /// file; each carries the path.
    pub fn read(path: &Path) -> Result<Self> {
        load(path).and_then(Self::parse).map_err(|error| error.in_file(path))
    }

    /// Checks the bytes of a whole file, and keeps them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] where the bytes break a rule of the format, [`ErrorKind::Unsupported`]
    /// where they are sound but need what this version lacks; each carries the byte offset.
    pub fn parse(file: Vec<u8>) -> Result<Self> {
        Self::parse_within(file, METADATA_LIMIT)
    }

    /// As [`Gguf::parse`], with metadata and tensor table ending within the first `limit` bytes.
    ///
    /// # Errors
    ///
    /// Those of [`Gguf::parse`].
    pub fn parse_within(file: Vec<u8>, limit: u32) -> Result<Self> {
        magic::check_gguf(&file)?;
        let mut cursor = Cursor::new(&file, limit);
        let header = Header::read(&mut cursor)?;
        let keys = Index::read(&mut cursor, header.n_pairs, "metadata key", metadata::check_pair)?;
        let at = cursor.at();
        let metadata = Metadata::new(file, keys);

        let mut cursor = Cursor::resume(metadata.file(), limit, at);
        let alignment = metadata.alignment()?;
        let tensors =
            Index::read(&mut cursor, header.n_tensors, "tensor name", tensor::check_record)?;
        let data_start = cursor.offset().next_multiple_of(alignment);
        tensor::check_layout(metadata.file(), &tensors, alignment, data_start)?;
        Ok(Self { version: header.version, metadata, tensors, data_start })
    }

    /// The version of the format: 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The key-value pairs.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The tensors, in the order of the file's table.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = Tensor<'_>> {
        self.tensors.in_order().iter().map(|&at| self.tensor_at(at))
    }

    /// The tensor of this name; a binary search.
    pub fn tensor(&self, name: &str) -> Option<Tensor<'_>> {
        self.tensors.find(self.metadata.file(), name).map(|at| self.tensor_at(at))
    }

    /// The size of the file in bytes.
    pub fn n_bytes(&self) -> u64 {
        self.metadata.file().len() as u64
    }

    fn tensor_at(&self, at: u32) -> Tensor<'_> {
        let file = self.metadata.file();
        Tensor::new(file, Record::at(file, at), self.data_start)
    }
}

impl fmt::Debug for Gguf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gguf")
            .field("version", &self.version)
            .field("metadata", &self.metadata)
            .field("n_tensors", &self.tensors.in_order().len())
            .field("n_bytes", &self.n_bytes())
            .finish_non_exhaustive()
    }
}

/// What stands before the first key.
struct Header {
    version: u32,
    n_tensors: usize,
    n_pairs: usize,
}

impl Header {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.take(4, "the magic")?;
        let version = read_version(cursor)?;
        let (tensors_at, n_tensors) = (cursor.offset(), cursor.u64("the tensor count")?);
        let (pairs_at, n_pairs) = (cursor.offset(), cursor.u64("the metadata count")?);
        let left = cursor.left();
        let n_tensors = check_count(n_tensors, left / tensor::MIN_BYTES, "tensor")
            .map_err(|error| error.at(tensors_at))?;
        let left = left - n_tensors as u64 * tensor::MIN_BYTES;
        let n_pairs = check_count(n_pairs, left / metadata::MIN_BYTES, "metadata")
            .map_err(|error| error.at(pairs_at))?;
        Ok(Self { version, n_tensors, n_pairs })
    }
}

fn read_version(cursor: &mut Cursor<'_>) -> Result<u32> {
    let at = cursor.offset();
    let version = cursor.u32("the version")?;
    let swapped = version.swap_bytes();
    let refused = |detail: String| Error::new(ErrorKind::Unsupported, detail).at(at);
    match version {
        2 | 3 => Ok(version),
        _ if matches!(swapped, 1..=3) => {
            Err(refused(format!("version is {swapped}, big-endian, expected little-endian"))
                .hint("convert the model again with little-endian numbers"))
        }
        _ => Err(refused(format!("version is {version}, expected 2 or 3"))
            .hint("convert the model again with a llama.cpp that writes version 3")),
    }
}

/// A count of records, of which the rest of the file holds at most `most`.
fn check_count(n: u64, most: u64, what: &str) -> Result<usize> {
    if n > most {
        let detail = format!("{what} count is {n}, but the rest of the file holds at most {most}");
        return Err(Error::new(ErrorKind::Format, detail).hint(INCOMPLETE));
    }
    usize::try_from(n).ok().filter(|_| n <= COUNT_LIMIT).ok_or_else(|| {
        let detail = format!("{what} count is {n}, beyond the limit of {COUNT_LIMIT}");
        Error::new(ErrorKind::Unsupported, detail)
    })
}

/// The bytes of the file at `path`; refused early where it starts as another format does.
fn load(path: &Path) -> Result<Vec<u8>> {
    let source = Source::open(path, "a GGUF file")?;
    magic::check_gguf(&source.start(magic::SNIFFED)?)?;
    source.all(usize::MAX)
}
