//! A run as people watch it: a bar that moves, a line and a sample at each evaluation.

use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kelvin_lm::tokenizer::Tokenizer;
use kelvin_lm::train::{Evaluation, Event, Flow, Metric, Report, Trainer};
use serde_json::json;

use super::outputs::Log;
use super::sample::Sample;
use crate::console::Console;
use crate::playback;
use crate::term::number::count;
use crate::term::text::harmless;
use crate::term::theme;

/// What the bar shows.
const BAR: &str = "{msg} {wide_bar} {pos}/{len} {eta} left";
/// Steps whose mean is shown as the loss.
const RECENT: usize = 100;

/// Where a run tells what happens.
pub(super) struct Watch<'a, 'c> {
    console: &'a mut Console<'c>,
    log: Log,
    tokenizer: &'a Tokenizer,
    sample: &'a Sample,
    bar: ProgressBar,
    /// Whether metrics go to stdout.
    json: bool,
    recent: Recent,
    speed: Speed,
    steps: u32,
    validation: Option<f64>,
    /// What could not be said or drawn.
    failed: Option<anyhow::Error>,
}

/// The losses of the last steps.
#[derive(Debug, Default)]
struct Recent {
    losses: Vec<f64>,
    at: usize,
}

impl Recent {
    fn add(&mut self, loss: f64) {
        if self.losses.len() < RECENT {
            self.losses.push(loss);
        } else {
            self.losses[self.at] = loss;
        }
        self.at = (self.at + 1) % RECENT;
    }

    fn mean(&self) -> f64 {
        let sum = self.losses.iter().fold(0.0, |sum, loss| sum + loss); // an empty `sum` is −0
        sum / self.losses.len().max(1) as f64
    }
}

/// Tokens in time, evaluations and checkpoints left out.
#[derive(Debug)]
struct Speed {
    per_step: usize,
    n_steps: u32,
    time: Duration,
    since: Instant,
}

impl Speed {
    fn step(&mut self) {
        self.n_steps += 1;
        self.time += self.since.elapsed();
        self.since = Instant::now();
    }

    /// What came between two steps does not count.
    fn skip(&mut self) {
        self.since = Instant::now();
    }

    fn tokens_per_second(&self) -> f64 {
        self.per_step as f64 * f64::from(self.n_steps) / self.time.as_secs_f64().max(1e-9)
    }

    fn left(&self, n_steps: u32) -> Duration {
        self.time.mul_f64(f64::from(n_steps) / f64::from(self.n_steps.max(1)))
    }
}

impl<'a, 'c> Watch<'a, 'c> {
    /// Watches a run to so many steps, from where the trainer is.
    pub(super) fn new(
        console: &'a mut Console<'c>,
        log: Log,
        (tokenizer, sample): (&'a Tokenizer, &'a Sample),
        (trainer, steps): (&Trainer, u32),
        json: bool,
    ) -> Self {
        let hidden = console.quiet || json;
        let target =
            if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(u64::from(steps)), target);
        bar.set_style(ProgressStyle::with_template(BAR).expect("a template that a test renders"));
        bar.set_position(u64::from(trainer.state().step));
        bar.reset_eta();
        let per_step = trainer.state().settings.tokens_per_step();
        let speed = Speed { per_step, n_steps: 0, time: Duration::ZERO, since: Instant::now() };
        let recent = Recent::default();
        let (validation, failed) = (None, None);
        Self {
            console,
            log,
            tokenizer,
            sample,
            bar,
            json,
            recent,
            speed,
            steps,
            validation,
            failed,
        }
    }

    /// Notes what happens and tells it; says whether the run goes on. It stops, and saves, where it cannot
    /// tell: see [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// Those of the metrics, which a checkpoint may not be without.
    pub(super) fn tell(&mut self, trainer: &Trainer, event: Event<'_>) -> Result<Flow> {
        self.note(event)?;
        if self.failed.is_none() {
            self.failed = self.say(trainer, event).err();
        }
        let stops = self.failed.is_some() || playback::is_interrupted();
        Ok(if stops { Flow::Stop } else { Flow::Continue })
    }

    /// Adds an event to the metrics.
    fn note(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Step(report) => self.log.add(&Metric::of_step(report)),
            Event::Evaluated(evaluation) => match Metric::of_evaluation(evaluation) {
                Some(metric) => self.log.add(&metric),
                None => Ok(()),
            },
            Event::Saving { .. } => self.log.sync(),
            Event::Saved { .. } => Ok(()),
        }
    }

    /// Tells an event to whoever watches.
    fn say(&mut self, trainer: &Trainer, event: Event<'_>) -> Result<()> {
        match event {
            Event::Step(report) => self.step(report)?,
            Event::Evaluated(evaluation) => self.evaluated(trainer, evaluation)?,
            Event::Saving { .. } => (),
            Event::Saved { step, path } => {
                if self.json {
                    let path = path.to_string_lossy();
                    self.console.json(&json!({"step": step, "checkpoint": path}))?;
                }
                self.speed.skip();
            }
        }
        Ok(())
    }

    fn step(&mut self, report: Report) -> Result<()> {
        self.speed.step();
        self.recent.add(report.loss);
        self.print(&Metric::of_step(report))?;
        let validation =
            self.validation.map_or_else(String::new, |loss| format!(" · val {loss:.3}"));
        let (loss, speed) = (self.recent.mean(), speed(&self.speed));
        self.bar.set_message(format!("loss {loss:.3}{validation} · {speed}"));
        self.bar.set_position(u64::from(report.step));
        Ok(())
    }

    fn evaluated(&mut self, trainer: &Trainer, evaluation: Evaluation) -> Result<()> {
        self.validation = evaluation.loss;
        if let Some(metric) = Metric::of_evaluation(evaluation) {
            self.print(&metric)?;
        }
        self.log.draw()?;
        let line = self.line(evaluation);
        let sample =
            self.sample.is_wanted().then(|| self.sample.draw(&trainer.model()?, self.tokenizer));
        let sample = sample.transpose()?;
        if self.json {
            if let Some(sample) = sample {
                self.console.json(&json!({"step": evaluation.step, "sample": sample}))?;
            }
        } else {
            let (bar, console) = (&self.bar, &mut *self.console);
            bar.suspend(|| tell(console, &line, sample.as_deref()))?;
        }
        self.speed.skip();
        Ok(())
    }

    /// `step 250 of 2000 · loss 2.412 · validation 2.398 · 35 120 tok/s · 21 s left`.
    fn line(&self, evaluation: Evaluation) -> String {
        let Evaluation { step, loss, .. } = evaluation;
        let validation = loss.map(|loss| format!("validation {loss:.4}"));
        let n_left = self.steps.saturating_sub(step);
        let left = (n_left > 0).then(|| format!("{} left", seconds(self.speed.left(n_left))));
        let parts = [format!("step {} of {}", count(step as usize), count(self.steps as usize))];
        let parts = parts.into_iter().chain([format!("loss {:.4}", self.recent.mean())]);
        let parts = parts.chain(validation).chain([speed(&self.speed)]).chain(left);
        parts.collect::<Vec<_>>().join(" · ")
    }

    fn print(&mut self, metric: &Metric) -> Result<()> {
        if self.json {
            writeln!(self.console.text, "{metric}")?;
        }
        Ok(())
    }

    /// What it came to: `2000 steps in 41 s · 37 400 tok/s · lowest validation 1.87 at step 1750`; and the first
    /// error of what could not be told: of the console, the figure, or the model that a sample is drawn from.
    pub(super) fn finish(self) -> (String, Option<anyhow::Error>) {
        self.bar.finish_and_clear();
        let steps =
            format!("{} steps in {}", count(self.speed.n_steps as usize), seconds(self.speed.time));
        let lowest = self.log.lowest();
        let lowest =
            lowest.map(|(step, loss)| format!("lowest validation {loss:.4} at step {step}"));
        let parts = [steps, speed(&self.speed)].into_iter().chain(lowest);
        (parts.collect::<Vec<_>>().join(" · "), self.failed)
    }
}

/// A line, and below it a sample, set off.
fn tell(console: &mut Console<'_>, line: &str, sample: Option<&str>) -> Result<()> {
    if console.quiet {
        return Ok(());
    }
    let name = theme::NAME;
    writeln!(console.err, "{name}{line}{name:#}")?;
    for line in sample.unwrap_or_default().trim_matches('\n').lines() {
        writeln!(console.err, "  │ {}", harmless(line))?;
    }
    Ok(())
}

fn speed(speed: &Speed) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a speed that people read"
    )]
    let speed = speed.tokens_per_second() as usize;
    format!("{} tok/s", count(speed))
}

/// `9.3 s`, `4 min 10 s`, `2 h 5 min`.
fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        s @ 60..3600 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_can_be_drawn() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }

    #[test]
    fn the_loss_shown_is_that_of_the_last_hundred_steps() {
        let mut recent = Recent::default();
        assert_eq!(recent.mean().to_string(), "0");
        (0..150).for_each(|_| recent.add(9.0));
        (0..100).for_each(|step| recent.add(f64::from(step)));
        assert_eq!(recent.mean().to_string(), "49.5");
    }

    #[test]
    fn times_are_short() {
        let shown = [0.04, 59.0, 60.0, 250.5, 7500.0].map(|s| seconds(Duration::from_secs_f64(s)));
        assert_eq!(shown, ["0.0 s", "59.0 s", "1 min 0 s", "4 min 10 s", "2 h 5 min"]);
    }
}
