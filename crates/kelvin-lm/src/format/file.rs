//! Bytes of a regular file, or of memory, read at any place.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::{Error, ErrorKind, Result};

/// A file whose length is known and whose bytes are read when asked for.
///
/// Nothing is mapped: a file that changes or shrinks while it is in use is an error, not a signal.
#[derive(Debug)]
pub(crate) struct Source {
    bytes: Bytes,
    len: u64,
}

#[derive(Debug)]
enum Bytes {
    File(Mutex<File>),
    Memory(Cow<'static, [u8]>),
}

impl Source {
    /// The file at `path`, which must be a regular one; `expected` names its format in errors.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where it cannot be opened, or is a folder, a device or a pipe.
    pub(crate) fn open(path: &Path, expected: &str) -> Result<Self> {
        let found = fs::metadata(path).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => {
                let hint = format!("check the path; {expected} is expected there");
                Error::new(ErrorKind::Io, "no such file").hint(hint).caused_by(cause)
            }
            _ => failed(cause),
        })?;
        if found.is_dir() {
            let detail = format!("is a folder, expected {expected}");
            return Err(Error::new(ErrorKind::Io, detail).hint("name a file inside it"));
        }
        if !found.is_file() {
            let detail = format!("is a device or a pipe, expected {expected}");
            let error = Error::new(ErrorKind::Io, detail);
            return Err(error.hint("save it to a file first"));
        }
        let file = File::open(path).map_err(failed)?;
        Ok(Self { bytes: Bytes::File(Mutex::new(file)), len: found.len() })
    }

    /// Bytes that are in memory already.
    pub(crate) fn memory(bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        let bytes = bytes.into();
        Self { len: bytes.len() as u64, bytes: Bytes::Memory(bytes) }
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The first bytes, at most `n`.
    pub(crate) fn start(&self, n: usize) -> Result<Cow<'_, [u8]>> {
        let n = usize::try_from(self.len).map_or(n, |len| len.min(n));
        self.read(0, n)
    }

    /// All bytes, where there are at most `limit`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] beyond the limit, and those of [`Source::read`].
    pub(crate) fn all(&self, limit: usize) -> Result<Vec<u8>> {
        let len = usize::try_from(self.len).ok().filter(|&len| len <= limit).ok_or_else(|| {
            let detail = format!("has {} bytes, more than the limit of {limit}", self.len);
            Error::new(ErrorKind::Unsupported, detail)
        })?;
        self.read(0, len).map(Cow::into_owned)
    }

    /// `n` bytes from byte `at`; those in memory are not copied.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where the file ends before, changed, or there is no memory for them.
    pub(crate) fn read(&self, at: u64, n: usize) -> Result<Cow<'_, [u8]>> {
        if at.checked_add(n as u64).is_none_or(|end| end > self.len) {
            let detail = format!("{n} bytes are wanted, but the file has {}", self.len);
            return Err(Error::new(ErrorKind::Io, detail).at(at));
        }
        match &self.bytes {
            Bytes::Memory(bytes) => {
                let start = usize::try_from(at).expect("a place in memory");
                Ok(Cow::Borrowed(&bytes[start..start + n]))
            }
            Bytes::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                read(&mut file, at, n).map(Cow::Owned).map_err(|error| error.at(at))
            }
        }
    }
}

/// `n` bytes of a file from byte `at`.
fn read(file: &mut File, at: u64, n: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    out.try_reserve_exact(n).map_err(|cause| failed(cause.into()))?;
    file.seek(SeekFrom::Start(at)).map_err(failed)?;
    if file.take(n as u64).read_to_end(&mut out).map_err(failed)? < n {
        return Err(Error::new(ErrorKind::Io, "the file became shorter while it was read"));
    }
    Ok(out)
}

fn failed(cause: io::Error) -> Error {
    Error::new(ErrorKind::Io, "cannot read the file").caused_by(cause)
}
