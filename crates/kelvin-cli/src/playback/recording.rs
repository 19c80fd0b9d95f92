//! Sequences written to files as they grow: the traces that `explain` and `replay` read.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use kelvin::{TokenId, TraceStep};
use kelvin_lab::trace::{Line, LineBuffer, Step, Text};
use kelvin_lm::generate::Finish;
use kelvin_lm::tokenizer::Tokenizer;

use super::Opening;
use super::lines::Lines;
use crate::exit::Failure;

/// A file that traces go to.
#[derive(Debug)]
pub(crate) struct Tape {
    file: File,
    path: PathBuf,
    /// Whether somebody asked for this file, so that a run which cannot write it has failed.
    is_asked_for: bool,
    /// Why nothing more is written to it.
    trouble: Option<std::io::Error>,
}

impl Tape {
    /// A file that somebody asked for: what cannot be written ends the run.
    pub(crate) fn asked_for(file: File, path: PathBuf) -> Self {
        Self { file, path, is_asked_for: true, trouble: None }
    }

    /// A file that is kept unasked: what cannot be written is told at the end.
    pub(crate) fn kept(file: File, path: PathBuf) -> Self {
        Self { file, path, is_asked_for: false, trouble: None }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.trouble.is_some() {
            return Ok(());
        }
        match self.file.write_all(bytes) {
            Ok(()) => Ok(()),
            Err(error) if self.is_asked_for => {
                let what = format!("cannot write the trace {}", self.path.display());
                Err(Failure::failed(what).caused_by(error))
            }
            Err(error) => {
                self.trouble = Some(error);
                Ok(())
            }
        }
    }

    /// What went wrong with a file that nobody asked for.
    pub(crate) fn trouble(&self) -> Option<String> {
        let error = self.trouble.as_ref()?;
        Some(format!("the trace {} is not whole: {error}", self.path.display()))
    }
}

/// Writes whole lines to each tape, those of a short while together.
pub(crate) struct Recording<'a> {
    lines: Lines<'a>,
    named: BTreeSet<TokenId>,
    tapes: &'a mut [Tape],
    /// The lines that are not written yet.
    buffer: LineBuffer,
}

impl<'a> Recording<'a> {
    /// Places of each distribution that a trace keeps.
    pub(crate) const DEPTH: usize = 64;

    /// Begins to write: the headers.
    ///
    /// # Errors
    ///
    /// Those of the tapes that were asked for.
    pub(crate) fn new(
        tapes: &'a mut [Tape],
        tokenizer: &'a Tokenizer,
        openings: &[Opening],
    ) -> Result<Self> {
        let lines = Lines::new(tokenizer, openings);
        let mut it = Self { lines, named: BTreeSet::new(), tapes, buffer: LineBuffer::new() };
        for opening in openings {
            it.write(&Line::Header(Box::new(opening.header.clone())))?;
        }
        Ok(it)
    }

    fn write(&mut self, line: &Line) -> Result<()> {
        self.buffer.push(line);
        if self.buffer.is_due() { Ok(self.flush()?) } else { Ok(()) }
    }

    /// Writes what waits, to every tape; the first failure is told.
    fn flush(&mut self) -> Result<(), Failure> {
        let lines = self.buffer.bytes();
        let written = self.tapes.iter_mut().map(|tape| tape.write(lines)).fold(Ok(()), Result::and);
        self.buffer.clear();
        written
    }

    /// The texts of the tokens in a step that no line before it named.
    fn name(&mut self, step: &mut Step) {
        let head = step.head.iter().flat_map(|head| &head.ids);
        for &token in
            head.chain([&step.id]).chain(step.stages.iter().flat_map(|it| &it.first_removed))
        {
            if self.named.insert(token) {
                let bytes = self.lines.tokenizer.bytes(token).filter(|bytes| !bytes.is_empty());
                let piece = || self.lines.tokenizer.piece(token).map(str::as_bytes);
                let text = bytes.or_else(piece).unwrap_or_default();
                step.names.push((token, Text::from(text)));
            }
        }
    }

    /// A token was drawn, and this is the account of it.
    ///
    /// # Errors
    ///
    /// Those of the tapes that were asked for; so everywhere below.
    pub(super) fn token(&mut self, sequence: usize, account: &TraceStep) -> Result<()> {
        let mut step = self.lines.step(sequence, account).with_head(account);
        self.name(&mut step);
        self.write(&Line::Step(Box::new(step)))
    }

    /// The context shifted.
    pub(super) fn shift(&mut self, sequence: usize, pos: usize, dropped: usize) -> Result<()> {
        let line = self.lines.shift(sequence, pos, dropped);
        self.write(&line)
    }

    /// Text has become certain.
    pub(super) fn text(&mut self, sequence: usize, text: &str) {
        self.lines.text(sequence, text);
    }

    /// A sequence ended well.
    pub(super) fn done(&mut self, sequence: usize, finish: Finish) -> Result<()> {
        let line = self.lines.done(sequence, finish);
        self.write(&line)
    }

    /// A sequence could not go on.
    pub(super) fn failed(&mut self, sequence: usize, why: &str) -> Result<()> {
        let line = self.lines.failed(sequence, why);
        self.write(&line)
    }
}

/// A run that ends in the middle leaves behind what it has.
impl Drop for Recording<'_> {
    fn drop(&mut self) {
        // It has failed already, and says why.
        let _ = self.flush();
    }
}
