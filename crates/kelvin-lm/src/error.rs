//! One error type for the crate: what went wrong, with which value, where, and the way out.

use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};

/// What kind of thing went wrong; decides the exit code of a program and the status of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file's bytes break the rules of its format.
    Format,
    /// A tensor or hyper-parameter contradicts the architecture.
    Shape,
    /// A well-formed file asks for something this version does not do.
    Unsupported,
    /// A tokenizer cannot be built, or cannot represent a text.
    Tokenizer,
    /// A prompt is unusable: empty where it may not be, or an id outside the vocabulary.
    Prompt,
    /// A chat template cannot be used: it is broken, asks for what is not there, or costs too much.
    Template,
    /// A chat template refuses the conversation, in its own words.
    Conversation,
    /// Prompt and output do not fit the model's context.
    Context,
    /// The model produced logits that no policy can use (not a number, or nothing left).
    Logits,
    /// A setting is outside its range.
    Parameter,
    /// The operating system refused a read.
    Io,
    /// The operating system refused a write: a full disk, a folder that is not ours.
    Write,
    /// A model, or a part of one, is not where it was looked for.
    Missing,
    /// A server could not be reached, refused, or sent something wrong.
    Network,
}

/// An error of this crate: kind, sentence, place, way out.
///
/// ```
/// use kelvin_lm::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Format, "magic is \"PK\\x03\\x04\", expected \"GGUF\"").at(0);
/// assert_eq!(error.kind(), ErrorKind::Format);
/// assert_eq!(error.offset(), Some(0));
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    detail: String,
    path: Option<PathBuf>,
    offset: Option<u64>,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind`; `detail` says what, the given value and the rule, lower case, no period.
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Box::new(Inner { kind, detail, path: None, offset: None, hint: None, source: None }))
    }

    /// The same error, of another kind.
    #[must_use]
    pub(crate) fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// The same error, at this byte offset of the file.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.0.offset = Some(offset);
        self
    }

    /// The same error, in this file.
    #[must_use]
    pub fn in_file(mut self, path: impl AsRef<Path>) -> Self {
        self.0.path = Some(path.as_ref().to_path_buf());
        self
    }

    /// The same error, with the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same error, with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The sentence alone, without file and byte.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The file, where there is one.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The byte offset in the file, where there is one.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The way out, where one is known.
    pub fn way_out(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "{}: ", path.display())?;
        }
        write!(f, "{}", self.0.detail)?;
        match self.0.offset {
            Some(offset) => write!(f, " (byte {offset})"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
