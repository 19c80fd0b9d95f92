//! How long a sweep will take, and how much memory: from a few of its own tokens.

use std::time::{Duration, Instant};

use anyhow::Result;
use kelvin_lab::{Key, Sample};
use kelvin_lm::Error;
use serde_json::json;

use super::{Folder, Job};
use crate::console::Console;
use crate::exit::Code;
use crate::experiment::{Experiment, Listener, Prompt, Rows};
use crate::term::number::{bytes, count, counted};
use crate::term::table::{Align, Table};

/// Tokens of each sample that is tried.
const TRIED: usize = 8;

/// What a short run took.
struct Tried {
    start: Instant,
    /// Until the first tokens were there: the prompts were read.
    first: Option<Duration>,
    n_tokens: usize,
    last: Duration,
    samples: Vec<Sample>,
}

impl Listener for Tried {
    fn stepped(&mut self, n_tokens: usize) -> Result<()> {
        self.last = self.start.elapsed();
        match self.first {
            None => self.first = Some(self.last),
            Some(_) => self.n_tokens += n_tokens,
        }
        Ok(())
    }

    fn sampled(&mut self, sample: Sample) -> Result<()> {
        self.samples.push(sample);
        Ok(())
    }

    fn failed(&mut self, _: Key, _: &Error) -> Result<()> {
        Ok(())
    }
}

/// What a sweep is expected to take.
struct Estimate {
    n_samples: usize,
    /// Those that the folder holds.
    there: usize,
    /// Tokens of all that are still to come, where none ends early.
    n_tokens: usize,
    tokens_per_second: f64,
    seconds: f64,
    /// Samples and tokens of each that it was measured on.
    measured: (usize, usize),
    rows: Rows,
    weights: u64,
}

impl Job<'_> {
    /// Says what would be sampled, and what that would take; writes nothing.
    pub(super) fn estimate(
        &self,
        folder: Option<&Folder>,
        json: bool,
        console: &mut Console<'_>,
    ) -> Result<Code> {
        let missing: Vec<Key> = match folder.map(Folder::manifest).transpose()?.flatten() {
            Some(there) if there == self.manifest => {
                let folder = folder.expect("it has a manifest");
                super::Journal::read_only(folder, there)?.missing()
            }
            _ => self.manifest.keys().collect(),
        };
        let n_samples = self.manifest.keys().count();
        if missing.is_empty() {
            console.talk(&format!("all {} are there", counted(n_samples, "sample")))?;
            return Ok(Code::Done);
        }
        let estimate = self.try_some(&missing, n_samples)?;
        if json {
            console.json(&self.estimate_json(&estimate))?;
        } else {
            self.grid_table().write(console.out)?;
            writeln!(console.out, "\n{}", estimate.told())?;
        }
        Ok(Code::Done)
    }

    /// Draws the first tokens of as many samples as run together, from all over the sweep.
    fn try_some(&self, missing: &[Key], n_samples: usize) -> Result<Estimate> {
        let experiment = self.experiment(missing.len());
        let n_tried = experiment.rows.n();
        let tried: Vec<Key> =
            (0..n_tried).map(|at| missing[at * missing.len() / n_tried]).collect();
        let max_new_tokens = TRIED.min(self.manifest.max_new_tokens);
        let experiment = Experiment { max_new_tokens, ..experiment };
        let rows = experiment.rows;
        let mut prompts: Vec<usize> = tried.iter().map(|key| key.prompt).collect();
        prompts.sort_unstable();
        prompts.dedup();
        let start = Instant::now();
        let (last, samples) = (Duration::ZERO, Vec::new());
        let mut took = Tried { start, first: None, n_tokens: 0, last, samples };
        experiment.run(tried, &mut took)?;
        let first = took.first.unwrap_or_default().as_secs_f64();
        let decoding = took.last.as_secs_f64() - first;
        let read: usize = prompts.iter().map(|&at| self.prompts[at].ids.len()).sum();
        let per_prompt_token = first / read.max(1) as f64;
        // one step says nothing of decoding but that it is part of the first
        let per_token = match took.n_tokens {
            0 => first / n_tried as f64,
            n_tokens => decoding / n_tokens as f64,
        };
        let n_tokens = missing.len().saturating_mul(self.manifest.max_new_tokens);
        let all: usize = self.prompts.iter().map(Prompt::n_tokens).sum();
        let judged: usize = missing.iter().map(|key| self.prompts[key.prompt].n_tokens()).sum();
        let judging = self.per_judged_token(&took.samples) * (judged + n_tokens) as f64;
        let weights =
            [&self.loaded.model].into_iter().chain(self.judge.map(|it| &it.model().model));
        Ok(Estimate {
            n_samples,
            there: n_samples - missing.len(),
            n_tokens,
            tokens_per_second: 1.0 / per_token.max(1e-12),
            seconds: n_tokens as f64 * per_token + all as f64 * per_prompt_token + judging,
            measured: (n_tried, max_new_tokens),
            rows,
            weights: weights.map(|model| model.n_bytes() as u64).sum(),
        })
    }

    /// Seconds that the judge takes for a token of a prompt or a sample; 0 without one.
    fn per_judged_token(&self, samples: &[Sample]) -> f64 {
        if self.judge.is_none() {
            return 0.0;
        }
        let start = Instant::now();
        for sample in samples {
            self.judged(sample).ok(); // what it cannot read takes no time
        }
        let read = |it: &Sample| self.prompts[it.prompt].n_tokens() + it.token_ids.len();
        let n_read: usize = samples.iter().map(read).sum();
        start.elapsed().as_secs_f64() / n_read.max(1) as f64
    }

    /// A line for each cell and its policy.
    fn grid_table(&self) -> Table {
        let left = Align::Left;
        let mut table = Table::new(&[("cell", left), ("policy", left)]);
        for cell in &self.cells {
            table.row([cell.label.clone(), cell.pipeline.to_string()]);
        }
        table
    }

    fn estimate_json(&self, it: &Estimate) -> serde_json::Value {
        json!({
            "cells": self.manifest.pipelines.iter().enumerate().map(|(at, pipeline)| json!({
                "cell": at, "label": self.cells[at].label, "pipeline": pipeline,
            })).collect::<serde_json::Value>(),
            "prompts": self.prompts.len(),
            "n": self.manifest.n,
            "samples": it.n_samples,
            "samples_there": it.there,
            "tokens_at_most": it.n_tokens,
            "tokens_per_second": it.tokens_per_second,
            "seconds_at_most": it.seconds,
            "measured_samples": it.measured.0,
            "measured_tokens_each": it.measured.1,
            "rows": it.rows.n(),
            "row_bytes": it.rows.bytes(),
            "weight_bytes": it.weights,
        })
    }
}

impl Estimate {
    fn told(&self) -> String {
        let there = match self.there {
            0 => String::new(),
            there => format!(", of which {} are there", count(there)),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "numbers that people read"
        )]
        let speed = count(self.tokens_per_second as usize);
        let (tried, each) = self.measured;
        format!(
            "{}{there}; at most {}\nat most {} at {speed} tok/s, measured on {} of {}\n{} of weights, and {} for {} together",
            counted(self.n_samples, "sample"),
            counted(self.n_tokens, "token"),
            duration(self.seconds),
            counted(tried, "sample"),
            counted(each, "token"),
            bytes(self.weights),
            bytes(self.rows.bytes()),
            counted(self.rows.n(), "sample"),
        )
    }
}

/// `9.3 s`, `4 min`, `2 h 5 min`.
fn duration(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time that people read"
    )]
    let minutes = (seconds / 60.0).ceil() as u64;
    match minutes {
        0 | 1 => format!("{seconds:.1} s"),
        2..60 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn times_are_short() {
        let shown = [0.04, 59.0, 61.0, 3600.0, 7500.0].map(duration);
        assert_eq!(shown, ["0.0 s", "59.0 s", "2 min", "1 h 0 min", "2 h 5 min"]);
    }
}
