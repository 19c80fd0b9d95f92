//! A sweep while it runs: samples to the journal, a bar for whoever looks.

use std::time::Instant;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kelvin_lab::{Key, Sample};
use kelvin_lm::Error;

use super::Job;
use super::journal::Journal;
use crate::console::Console;
use crate::experiment::Listener;
use crate::term::number::{count, counted};

/// What the bar shows.
const BAR: &str = "{msg} {wide_bar} {pos}/{len} {eta} left";

/// Judges and keeps what comes, and shows how far it is.
pub(super) struct Progress<'a> {
    job: &'a Job<'a>,
    journal: &'a mut Journal,
    bar: ProgressBar,
    n_tokens: usize,
    n_samples: usize,
    since: Instant,
    failures: Vec<(Key, String)>,
}

impl<'a> Progress<'a> {
    /// Begins with so many samples to come.
    pub(super) fn new(
        job: &'a Job<'a>,
        journal: &'a mut Journal,
        missing: &[Key],
        console: &Console<'_>,
    ) -> Self {
        let hidden = console.quiet || !console.err_terminal;
        let target =
            if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(missing.len() as u64), target);
        bar.set_style(ProgressStyle::with_template(BAR).expect("a template that a test renders"));
        let failures = Vec::new();
        Self { job, journal, bar, n_tokens: 0, n_samples: 0, since: Instant::now(), failures }
    }

    /// Takes the bar away: what could not be had, and the sum of the rest.
    pub(super) fn finish(self) -> (Vec<(Key, String)>, String) {
        self.bar.finish_and_clear();
        let samples = counted(self.n_samples, "sample");
        let tokens = counted(self.n_tokens, "token");
        let seconds = self.since.elapsed().as_secs_f64();
        let speed = self.speed();
        (self.failures, format!("{samples} · {tokens} · {seconds:.1} s · {speed}"))
    }

    fn speed(&self) -> String {
        let per_second = self.n_tokens as f64 / self.since.elapsed().as_secs_f64().max(1e-9);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a speed that people read"
        )]
        let per_second = per_second as usize;
        format!("{} tok/s", count(per_second))
    }
}

impl Listener for Progress<'_> {
    fn stepped(&mut self, n_tokens: usize) -> Result<()> {
        self.n_tokens += n_tokens;
        self.bar.set_message(self.speed());
        Ok(())
    }

    fn sampled(&mut self, mut sample: Sample) -> Result<()> {
        sample.judged = self.job.judged(&sample).unwrap_or_default(); // else it is told at the end
        self.journal.add(&sample)?;
        self.n_samples += 1;
        self.bar.inc(1);
        Ok(())
    }

    fn failed(&mut self, key: Key, error: &Error) -> Result<()> {
        self.failures.push((key, error.to_string()));
        self.bar.inc(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_can_be_drawn() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }
}
