//! Sequences for people: one after the other, the first unfinished one as it grows.

use anyhow::Result;
use kelvin::TraceStep;
use kelvin_lm::Error;
use kelvin_lm::generate::Finish;
use kelvin_lm::tokenizer::Tokenizer;

use super::{Listener, Opening};
use crate::console::Console;
use crate::term::number::{counted, percent};
use crate::term::text::{cut, harmless, padding};
use crate::term::theme;
use crate::vocab;

/// Columns of a token in the listing.
const TOKEN: usize = 16;

/// What is shown of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Its text.
    Text,
    /// A line for each token, with this many candidates.
    Candidates(usize),
}

/// Writes sequences in their order; those behind the first unfinished one wait.
pub(crate) struct InOrder<'a, 'c> {
    console: &'a mut Console<'c>,
    tokenizer: &'a Tokenizer,
    view: View,
    sequences: Vec<Waiting>,
    /// The sequence that is being written.
    current: usize,
    /// Whether the last character written ended its line.
    at_line_start: bool,
    /// Whether a line of progress stands where the text will begin.
    is_reading: bool,
}

/// A sequence and what of it is not written yet.
struct Waiting {
    label: String,
    pending: String,
    is_over: bool,
}

impl<'a, 'c> InOrder<'a, 'c> {
    /// Begins to write: the first label and what the first text begins with.
    ///
    /// # Errors
    ///
    /// Those of the console.
    pub(crate) fn new(
        console: &'a mut Console<'c>,
        tokenizer: &'a Tokenizer,
        view: View,
        openings: &[Opening],
    ) -> Result<Self> {
        let waiting = |opening: &Opening| {
            let echo = if view == View::Text { opening.echo.clone() } else { String::new() };
            Waiting { label: opening.label.clone(), pending: echo, is_over: false }
        };
        let sequences = openings.iter().map(waiting).collect();
        let mut it = Self {
            console,
            tokenizer,
            view,
            sequences,
            current: 0,
            at_line_start: true,
            is_reading: false,
        };
        it.begin()?;
        Ok(it)
    }

    /// Writes the label of the current sequence and what waits of it.
    fn begin(&mut self) -> Result<()> {
        if self.sequences.len() > 1 {
            let between = if self.current == 0 { "" } else { "\n" };
            let (name, label) = (theme::NAME, &self.sequences[self.current].label);
            writeln!(self.console.out, "{between}{name}── {label} ──{name:#}")?;
        }
        let pending = std::mem::take(&mut self.sequences[self.current].pending);
        self.write(&pending)
    }

    fn write(&mut self, text: &str) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.end_reading()?;
        self.at_line_start = text.ends_with('\n');
        let text = if self.console.terminal { harmless(text) } else { text.into() };
        self.console.text.write_all(text.as_bytes())?;
        self.console.text.flush()?;
        Ok(())
    }

    /// Writes text of a sequence, or keeps it until its turn comes.
    fn say(&mut self, sequence: usize, text: &str) -> Result<()> {
        if sequence == self.current {
            return self.write(text);
        }
        self.sequences[sequence].pending.push_str(text);
        Ok(())
    }

    /// Takes the line of progress away.
    fn end_reading(&mut self) -> Result<()> {
        if std::mem::take(&mut self.is_reading) {
            self.console.progress("")?;
        }
        Ok(())
    }

    /// Notes an end; writes the sequences whose turn comes by it.
    fn end(&mut self, sequence: usize) -> Result<()> {
        self.end_reading()?;
        self.sequences[sequence].is_over = true;
        while self.sequences.get(self.current).is_some_and(|it| it.is_over) {
            if !self.at_line_start {
                self.write("\n")?;
            }
            self.current += 1;
            if self.current < self.sequences.len() {
                self.begin()?;
            }
        }
        Ok(())
    }

    /// `  12  ·the   18.1% (raw 5.6%)   ·a 12.0%  ·his 9.1%`.
    fn listed(&self, step: &TraceStep, candidates: usize) -> String {
        let name = |token| cut(&vocab::visible(self.tokenizer, token), TOKEN);
        let chosen = name(step.token);
        let p = percent(kelvin::math::exp(step.logprob));
        let raw = percent(kelvin::math::exp(step.raw_logprob));
        let pad = padding(&chosen, TOKEN);
        let best = step.support_head.iter().take(candidates);
        let best = best.map(|token| format!("   {} {}", name(token.token), percent(token.p)));
        let (pos, best) = (step.position, best.collect::<String>());
        format!("{pos:>5}  {chosen}{pad}  {p:>8}  raw {raw:>8}{best}\n")
    }
}

impl Listener for InOrder<'_, '_> {
    fn reading(&mut self, left: usize) -> Result<()> {
        if self.at_line_start {
            self.is_reading = true;
            let left = counted(left, "token");
            self.console.progress(&format!("reading the prompt… {left} to go"))?;
        }
        Ok(())
    }

    fn token(&mut self, sequence: usize, step: &TraceStep) -> Result<()> {
        match self.view {
            View::Text => Ok(()),
            View::Candidates(n) => self.say(sequence, &self.listed(step, n)),
        }
    }

    fn shift(&mut self, _: usize, _: usize, _: usize) -> Result<()> {
        Ok(()) // a word in the middle of the text would tear it; the footer counts
    }

    fn text(&mut self, sequence: usize, text: &str) -> Result<()> {
        match self.view {
            View::Text => self.say(sequence, text),
            View::Candidates(_) => Ok(()),
        }
    }

    fn done(&mut self, sequence: usize, _: Finish) -> Result<()> {
        self.end(sequence)
    }

    fn failed(&mut self, sequence: usize, error: &Error) -> Result<()> {
        let label = &self.sequences[sequence].label;
        let place = if label.is_empty() { String::new() } else { format!("{label}: ") };
        self.console.tell_error(&format!("{place}{error}"))?;
        self.end(sequence)
    }
}
