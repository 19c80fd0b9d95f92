//! One model reading one part of a text: a row of the table.

use std::time::{Duration, Instant};

use anyhow::Result;
use kelvin_lm::eval::{Scoring, Text, TokenScore, Totals, Windows};

use super::subject::{Part, Subject};
use crate::console::Console;
use crate::load::Loaded;
use crate::playback::is_interrupted;
use crate::term::number::count;

/// Between two looks at the progress.
const PAUSE: Duration = Duration::from_millis(100);

/// Who reads what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) subject: &'a Subject,
    pub(super) part: Part<'a>,
    pub(super) tokens: &'a Text,
    pub(super) windows: Windows,
}

/// What it came to.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    pub(super) model: String,
    pub(super) part: &'static str,
    pub(super) totals: Totals,
    /// Tokens of the part.
    pub(super) n_tokens: usize,
    /// Bytes of the part.
    pub(super) n_bytes: usize,
    /// Bytes that the scored tokens stand for; none where the user ended the run first.
    pub(super) n_scored_bytes: Option<usize>,
    /// Whether every token was scored.
    pub(super) is_complete: bool,
}

impl Row<'_> {
    /// Scores the part; `visit` sees each token as it is scored, and may say something of it.
    ///
    /// # Errors
    ///
    /// Those of the model and of the visitor.
    pub(super) fn score(
        &self,
        console: &mut Console<'_>,
        mut visit: impl FnMut(&TokenScore, &mut Console<'_>) -> Result<()>,
    ) -> Result<Figures> {
        let mut totals = Totals::default();
        let mut progress = Progress::new(self.tokens.n_scored());
        for score in Scoring::new(&self.loaded.model, self.tokens, self.windows)? {
            let score = score?;
            totals.add(&score);
            visit(&score, console)?;
            progress.tell(totals, console)?;
            if is_interrupted() {
                break;
            }
        }
        progress.end(console)?;
        let is_complete = totals.n_tokens == self.tokens.n_scored();
        Ok(Figures {
            model: self.loaded.card.name.clone(),
            part: self.part.name,
            totals,
            n_tokens: self.tokens.n_tokens(),
            n_bytes: self.part.text.len(),
            n_scored_bytes: is_complete.then_some(self.tokens.n_bytes()),
            is_complete,
        })
    }
}

impl Figures {
    /// Bits per byte, where every token was scored.
    pub(super) fn bits_per_byte(&self) -> Option<f64> {
        self.n_scored_bytes.map(|n_bytes| self.totals.bits_per_byte(n_bytes))
    }

    /// `smollm2`, or `smollm2, validation`.
    pub(super) fn label(&self) -> String {
        match self.part {
            "all" => self.model.clone(),
            part => format!("{}, {part}", self.model),
        }
    }
}

/// A line on the terminal that says how far a long text is.
struct Progress {
    n_tokens: usize,
    start: Instant,
    told: Option<Instant>,
}

impl Progress {
    fn new(n_tokens: usize) -> Self {
        Self { n_tokens, start: Instant::now(), told: None }
    }

    fn tell(&mut self, totals: Totals, console: &mut Console<'_>) -> Result<()> {
        if self.told.unwrap_or(self.start).elapsed() < PAUSE {
            return Ok(());
        }
        self.told = Some(Instant::now());
        let speed = totals.n_tokens as f64 / self.start.elapsed().as_secs_f64();
        let (done, all) = (count(totals.n_tokens), count(self.n_tokens));
        let ppl = totals.perplexity();
        let line = format!("{done} of {all} tokens · {speed:.0} tok/s · perplexity {ppl:.2}");
        Ok(console.progress(&line)?)
    }

    fn end(&self, console: &mut Console<'_>) -> Result<()> {
        if self.told.is_some() { Ok(console.progress("")?) } else { Ok(()) }
    }
}
