//! Exit codes, and how an error is told: `error: …`, `cause: …`, a blank line, `hint: …`.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, ErrorKind as IoKind, Write};

use kelvin_lm::ErrorKind;

use crate::term::theme;

/// How a run ended, for the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// All went well.
    Done = 0,
    /// Something broke while running: a full disk, NaN from a model, a gate that was not passed.
    Failed = 1,
    /// Something typed is wrong: flags, ids, prompts, pipelines.
    Typed = 2,
    /// Something read is wrong: a model, logits, data.
    Read = 3,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Code> for std::process::ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// An error of the command itself, with its exit code and the way out.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failure {
    /// Something typed is wrong.
    pub(crate) fn typed(message: impl Into<String>) -> Self {
        Self::new(Code::Typed, message)
    }

    /// Something read is wrong.
    pub(crate) fn read(message: impl Into<String>) -> Self {
        Self::new(Code::Read, message)
    }

    /// Something broke while running.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Code::Failed, message)
    }

    fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, source: None }
    }

    /// The same failure, with what caused it.
    #[must_use]
    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same failure, found in this file.
    #[must_use]
    pub(crate) fn inside(mut self, file: &str) -> Self {
        self.message = format!("{file}: {}", self.message);
        self
    }

    /// The same failure, with the way out.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure, with another way out behind the first.
    #[must_use]
    pub(crate) fn or(mut self, other: &str) -> Self {
        self.hint =
            Some(self.hint.map_or_else(|| other.to_owned(), |hint| format!("{hint}, or {other}")));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// The exit code of an error: that of the first cause that has one.
pub(crate) fn code_of(error: &anyhow::Error) -> Code {
    error.chain().find_map(code_of_cause).unwrap_or(Code::Failed)
}

fn code_of_cause(cause: &(dyn StdError + 'static)) -> Option<Code> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some(failure.code);
    }
    if cause.is::<kelvin::Error>() {
        return Some(Code::Typed);
    }
    if let Some(error) = cause.downcast_ref::<kelvin_lm::Error>() {
        return Some(match error.kind() {
            ErrorKind::Prompt
            | ErrorKind::Conversation
            | ErrorKind::Context
            | ErrorKind::Parameter => Code::Typed,
            ErrorKind::Logits | ErrorKind::Write => Code::Failed,
            _ => Code::Read,
        });
    }
    let broken_pipe = |io: &io::Error| io.kind() == IoKind::BrokenPipe;
    cause.downcast_ref().filter(|io| broken_pipe(io)).map(|_| Code::Done)
}

fn hint_of<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a str> {
    let ours = cause.downcast_ref::<Failure>().and_then(|failure| failure.hint.as_deref());
    ours.or_else(|| cause.downcast_ref::<kelvin_lm::Error>()?.way_out())
}

/// Tells an error to the user. A reader that went away (`| head`) is no error and gets no word.
///
/// # Errors
///
/// Those of the writer.
pub(crate) fn report(error: &anyhow::Error, err: &mut dyn Write) -> io::Result<Code> {
    let code = code_of(error);
    if code == Code::Done {
        return Ok(code);
    }
    let (red, green) = (theme::ERROR, theme::HINT);
    writeln!(err, "{red}error:{red:#} {error}")?;
    for cause in error.chain().skip(1) {
        writeln!(err, "{red}cause:{red:#} {cause}")?;
    }
    if let Some(hint) = error.chain().find_map(hint_of) {
        writeln!(err, "\n{green}hint:{green:#} {hint}")?;
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: &anyhow::Error) -> (Code, String) {
        let mut err = Vec::new();
        let code = report(error, &mut err).expect("a Vec takes everything");
        let text = anstream::adapter::strip_bytes(&err).into_vec();
        (code, String::from_utf8(text).expect("UTF-8 in, UTF-8 out"))
    }

    #[test]
    fn each_kind_of_error_has_its_code() {
        let lm = |kind| anyhow::Error::new(kelvin_lm::Error::new(kind, "x"));
        assert_eq!(code_of(&lm(ErrorKind::Context)), Code::Typed);
        assert_eq!(code_of(&lm(ErrorKind::Logits)), Code::Failed);
        assert_eq!(code_of(&lm(ErrorKind::Format)), Code::Read);
        let parse = "top-p(0)".parse::<kelvin::Pipeline>().expect_err("0 is outside");
        assert_eq!(code_of(&anyhow::Error::new(parse)), Code::Typed);
        assert_eq!(code_of(&anyhow::anyhow!("disk full")), Code::Failed);
    }

    #[test]
    fn causes_follow_the_error_and_the_hint_comes_last() {
        let cause = io::Error::from(IoKind::NotFound);
        let error = anyhow::Error::new(Failure::read("no room").hint("make some").caused_by(cause));
        let expected = "error: no room\ncause: entity not found\n\nhint: make some\n";
        assert_eq!(told(&error), (Code::Read, expected.to_owned()));
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let error = anyhow::Error::new(io::Error::from(IoKind::BrokenPipe));
        assert_eq!(told(&error), (Code::Done, String::new()));
    }
}
