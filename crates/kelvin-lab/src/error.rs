//! What can be wrong with a file of records.

use std::fmt;

/// A record that cannot be read or written: what, in which line, why.
#[derive(Debug)]
pub struct Error {
    what: String,
    line: Option<usize>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error that says so.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), line: None, source: None }
    }

    /// The same error, in that line of its file, 1-based.
    #[must_use]
    pub fn in_line(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }

    /// The same error, with what it came from.
    #[must_use]
    pub fn caused_by(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl From<kelvin::Error> for Error {
    fn from(error: kelvin::Error) -> Self {
        Self::new(error.to_string())
    }
}
