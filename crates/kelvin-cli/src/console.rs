//! Where a command's words go: data to stdout, talk to stderr.

use std::io::{self, Write};
use std::path::PathBuf;

use anstream::ColorChoice;
use kelvin_lm::hub::Environment;

use crate::models::Places;
use crate::runs::Runs;
use crate::term::text::cut;
use crate::term::theme;

/// What a command is lent by `main`: two streams and what the environment says.
pub(crate) struct Console<'a> {
    /// Data.
    pub(crate) out: &'a mut dyn Write,
    /// Data that nobody may repaint: a model's text, byte for byte.
    pub(crate) text: &'a mut dyn Write,
    /// Whether data goes to a terminal.
    pub(crate) terminal: bool,
    /// Whether styles in data are kept.
    pub(crate) color: ColorChoice,
    /// Talk, progress, warnings.
    pub(crate) err: &'a mut dyn Write,
    /// Whether talk goes to a terminal, where a line can be written over.
    pub(crate) err_terminal: bool,
    /// What the terminal says that it is (`TERM`).
    pub(crate) term: String,
    /// Columns of the terminal.
    pub(crate) width: usize,
    /// Whether talk is unwelcome.
    pub(crate) quiet: bool,
    /// The folder with the user's models.
    pub(crate) models: PathBuf,
    /// The folder of past runs.
    pub(crate) runs: Runs,
    /// The hub and its cache, as the environment names them.
    pub(crate) hub: Environment,
}

impl Console<'_> {
    /// Where models are.
    pub(crate) fn places(&self) -> Places<'_> {
        Places { folder: &self.models, hub: &self.hub }
    }

    /// Whether data may say something with styles: they are kept.
    pub(crate) fn is_styled(&self) -> bool {
        self.color != ColorChoice::Never
    }

    /// Writes over the last progress, where there is a terminal and no `-q`; nothing ends it.
    pub(crate) fn progress(&mut self, line: &str) -> io::Result<()> {
        if self.quiet || !self.err_terminal {
            return Ok(());
        }
        let quiet = theme::QUIET;
        write!(self.err, "\r\x1b[K{quiet}{}{quiet:#}", cut(line, self.width - 1))?;
        self.err.flush()
    }

    /// Says something that is not data, unless `-q`.
    pub(crate) fn talk(&mut self, line: &str) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        let quiet = theme::QUIET;
        writeln!(self.err, "{quiet}{line}{quiet:#}")
    }

    /// Says what to try, unless `-q`.
    pub(crate) fn hint(&mut self, line: &str) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        let green = theme::HINT;
        writeln!(self.err, "{green}hint:{green:#} {line}")
    }

    /// Says each warning, `-q` or not.
    pub(crate) fn warn_all(&mut self, warnings: &[String]) -> io::Result<()> {
        let yellow = theme::WARNING;
        warnings
            .iter()
            .try_for_each(|warning| writeln!(self.err, "{yellow}warning:{yellow:#} {warning}"))
    }

    /// Says what went wrong with a part of the run that leaves the rest whole.
    pub(crate) fn tell_error(&mut self, what: &str) -> io::Result<()> {
        let red = theme::ERROR;
        writeln!(self.err, "{red}error:{red:#} {what}")
    }

    /// Writes one JSON value on a line of its own.
    pub(crate) fn json(&mut self, value: &serde_json::Value) -> io::Result<()> {
        writeln!(self.text, "{value}")
    }
}
