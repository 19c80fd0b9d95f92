//! Reading forward through a header whose every claim is compared with the file first.

use std::fmt::Display;

use crate::{Error, ErrorKind, Result};

use crate::format::text::Text;

/// A place in the file's header. Each read moves it on, or fails and says where and why.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    file: &'a [u8],
    /// The next byte; at most `file.len()`.
    at: usize,
    /// Where the header must end.
    limit: u32,
}

impl<'a> Cursor<'a> {
    /// At the start of `file`, whose header ends within `limit` bytes.
    pub(super) fn new(file: &'a [u8], limit: u32) -> Self {
        Self { file, at: 0, limit }
    }

    /// At byte `at` of `file`, where a cursor has been before.
    pub(super) fn resume(file: &'a [u8], limit: u32, at: u32) -> Self {
        let at = usize::try_from(at).expect("a place in a file in memory");
        Self { file, at, limit }
    }

    /// The whole file.
    pub(super) fn file(&self) -> &'a [u8] {
        self.file
    }

    /// The next byte; every read has kept it within the limit.
    pub(super) fn at(&self) -> u32 {
        u32::try_from(self.at).expect("take keeps the place within a u32 limit")
    }

    /// The next byte, as errors carry it.
    pub(super) fn offset(&self) -> u64 {
        self.at as u64
    }

    /// Bytes between here and the end of the file.
    pub(super) fn left(&self) -> u64 {
        (self.file.len() - self.at) as u64
    }

    /// The next `n` bytes.
    pub(super) fn take(&mut self, n: u64, what: impl Display) -> Result<&'a [u8]> {
        let left = self.left();
        if n > left {
            let detail = format!("the file ends within {what}: {n} bytes expected, {left} left");
            return Err(self.error(detail).hint(INCOMPLETE));
        }
        let end = self.offset() + n;
        if end > u64::from(self.limit) {
            let limit = self.limit;
            let detail =
                format!("{what} ends at byte {end}, beyond the metadata limit of {limit} bytes");
            let error = Error::new(ErrorKind::Unsupported, detail).at(self.offset());
            return Err(error.hint("Gguf::parse_within takes a larger limit"));
        }
        let start = self.at;
        self.at = usize::try_from(end).expect("end is within the file, whose length is a usize");
        Ok(&self.file[start..self.at])
    }

    /// The next `N` bytes, for a number.
    pub(super) fn array<const N: usize>(&mut self, what: impl Display) -> Result<[u8; N]> {
        let bytes = self.take(N as u64, what)?;
        Ok(bytes.try_into().expect("take returns as many bytes as asked"))
    }

    /// A u32, little-endian.
    pub(super) fn u32(&mut self, what: impl Display) -> Result<u32> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// A u64, little-endian.
    pub(super) fn u64(&mut self, what: impl Display) -> Result<u64> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A string's bytes: a u64 length, then as many bytes.
    pub(super) fn string(&mut self, what: impl Display) -> Result<&'a [u8]> {
        let start = self.clone();
        let n = self.u64(format_args!("the length of {what}"))?;
        if n > self.left() {
            let detail = format!("{what} is {n} bytes long, but {} are left", self.left());
            return Err(start.error(detail).hint(INCOMPLETE));
        }
        self.take(n, what)
    }

    /// A key or a tensor's name: a string that is UTF-8 and not empty.
    pub(super) fn name(&mut self, what: impl Display) -> Result<&'a str> {
        let start = self.clone();
        let bytes = self.string(&what)?;
        if bytes.is_empty() {
            return Err(start.error(format!("{what} is empty")));
        }
        std::str::from_utf8(bytes).map_err(|cause| {
            let bad = self.offset() - bytes.len() as u64 + cause.valid_up_to() as u64;
            let detail = format!("{what} is \"{}\", expected UTF-8", Text(bytes));
            Error::new(ErrorKind::Format, detail).at(bad)
        })
    }

    /// An error of the format, here.
    pub(super) fn error(&self, detail: impl Into<String>) -> Error {
        Error::new(ErrorKind::Format, detail).at(self.offset())
    }
}

/// What is read again cannot fail: the reader has been here before.
pub(super) fn checked<T>(read: Result<T>) -> T {
    read.expect("checked when the file was read")
}

/// The commonest cause of a file that is too short.
pub(super) const INCOMPLETE: &str = "the file may be incomplete: download it again";
