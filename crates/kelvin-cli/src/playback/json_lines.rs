//! Sequences as JSON Lines: a stable contract, to which keys may only be added.

use anyhow::Result;
use kelvin::TraceStep;
use kelvin_lab::trace::{Line, LineBuffer};
use kelvin_lm::Error;
use kelvin_lm::generate::Finish;
use kelvin_lm::tokenizer::Tokenizer;

use super::lines::Lines;
use super::{Listener, Opening};
use crate::console::Console;
use crate::json::rows;
use crate::vocab;

/// Writes a header for each sequence, a line for each token, and one at the end.
pub(crate) struct JsonLines<'a, 'c> {
    console: &'a mut Console<'c>,
    lines: Lines<'a>,
    /// Rows of the final distribution in each step.
    show: usize,
    /// The line that is written.
    buffer: LineBuffer,
}

impl<'a, 'c> JsonLines<'a, 'c> {
    /// Begins to write: the headers.
    ///
    /// # Errors
    ///
    /// Those of the console.
    pub(crate) fn new(
        console: &'a mut Console<'c>,
        tokenizer: &'a Tokenizer,
        show: usize,
        openings: &[Opening],
    ) -> Result<Self> {
        let lines = Lines::new(tokenizer, openings);
        let mut it = Self { console, lines, show, buffer: LineBuffer::new() };
        for opening in openings {
            it.write(&Line::Header(Box::new(opening.header.clone())))?;
        }
        Ok(it)
    }

    fn write(&mut self, line: &Line) -> Result<()> {
        self.buffer.push(line);
        self.console.text.write_all(self.buffer.bytes())?;
        self.buffer.clear();
        Ok(())
    }
}

impl Listener for JsonLines<'_, '_> {
    fn token(&mut self, sequence: usize, account: &TraceStep) -> Result<()> {
        let mut step = self.lines.step(sequence, account);
        if self.show > 0 {
            let best = &account.support_head[..self.show.min(account.support_head.len())];
            step.last = Some(rows(best, 1.0, |token| vocab::json(self.lines.tokenizer, token)));
        }
        self.write(&Line::Step(Box::new(step)))
    }

    fn shift(&mut self, sequence: usize, pos: usize, dropped: usize) -> Result<()> {
        let line = self.lines.shift(sequence, pos, dropped);
        self.write(&line)
    }

    fn text(&mut self, sequence: usize, text: &str) -> Result<()> {
        self.lines.text(sequence, text);
        Ok(())
    }

    fn done(&mut self, sequence: usize, finish: Finish) -> Result<()> {
        let line = self.lines.done(sequence, finish);
        self.write(&line)
    }

    fn failed(&mut self, sequence: usize, error: &Error) -> Result<()> {
        self.console.tell_error(&error.to_string())?;
        let line = self.lines.failed(sequence, &error.to_string());
        self.write(&line)
    }
}
