//! A listener that keeps the text, whoever else is told of it.

use anyhow::Result;
use kelvin::TraceStep;
use kelvin_lm::Error;
use kelvin_lm::generate::Finish;

use crate::playback::Listener;

/// Another listener, and the text that it was told.
pub(super) struct Heard<L> {
    pub(super) told: L,
    pub(super) text: String,
}

impl<L> Heard<L> {
    pub(super) fn by(told: L) -> Self {
        Self { told, text: String::new() }
    }
}

impl<L: Listener> Listener for Heard<L> {
    fn reading(&mut self, left: usize) -> Result<()> {
        self.told.reading(left)
    }

    fn token(&mut self, sequence: usize, step: &TraceStep) -> Result<()> {
        self.told.token(sequence, step)
    }

    fn shift(&mut self, sequence: usize, pos: usize, dropped: usize) -> Result<()> {
        self.told.shift(sequence, pos, dropped)
    }

    fn text(&mut self, sequence: usize, text: &str) -> Result<()> {
        self.text.push_str(text);
        self.told.text(sequence, text)
    }

    fn done(&mut self, sequence: usize, finish: Finish) -> Result<()> {
        self.told.done(sequence, finish)
    }

    fn failed(&mut self, sequence: usize, error: &Error) -> Result<()> {
        self.told.failed(sequence, error)
    }
}
