//! A run: steps, and between them losses on what is not trained on, and checkpoints.

use std::path::{Path, PathBuf};
use std::result::Result as Outcome;

use super::checkpoint::{Checkpoints, Provenance};
use super::data::Corpus;
use super::trainer::{Report, Trainer};
use crate::{Error, ErrorKind, Result};

/// Products of a parameter and a token that are computed before anybody is told: some milliseconds.
const WORK: usize = 50_000_000;

/// What a run does, and when. A step here is counted from the beginning of training, not of the run:
/// a run that goes on evaluates and saves where one that was never stopped does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Steps in all; a run ends when so many have been taken.
    pub steps: u32,
    /// Evaluates after each so many steps, and at the end; at least 1.
    pub eval_every: u32,
    /// Windows of the validation part that a loss is taken on, from its beginning; none for all.
    pub eval_windows: Option<usize>,
    /// Saves after each so many steps, and at the end; at least 1.
    pub save_every: u32,
}

impl Plan {
    /// Whether every run evaluates after this step, wherever it ends.
    pub fn evaluates_at(&self, step: u32) -> bool {
        step.is_multiple_of(self.eval_every.max(1))
    }

    fn saves_at(&self, step: u32) -> bool {
        step.is_multiple_of(self.save_every.max(1))
    }

    /// Steps until something is to be done after one.
    fn until_pause(&self, step: u32) -> u32 {
        let every = [self.eval_every, self.save_every].map(|every| every.max(1));
        let next = every.map(|every| every - step % every);
        next.into_iter().fold(self.steps.saturating_sub(step), u32::min)
    }
}

/// A loss on what is not trained on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Steps taken.
    pub step: u32,
    /// Nats per token; none where nothing is held out.
    pub loss: Option<f64>,
    /// Tokens that were predicted.
    pub n_tokens: usize,
}

/// What happens in a run.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A step was taken.
    Step(Report),
    /// A loss was taken.
    Evaluated(Evaluation),
    /// A checkpoint is about to be written: the time to make durable what belongs to it.
    Saving {
        /// Steps taken.
        step: u32,
    },
    /// A checkpoint is there.
    Saved {
        /// Steps taken.
        step: u32,
        /// Its folder.
        path: &'a Path,
    },
}

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    Continue,
    /// It saves and ends.
    Stop,
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// All steps have been taken. The folder of the last checkpoint, where this run wrote one.
    Done(Option<PathBuf>),
    /// It was asked to stop, and saved.
    Stopped(PathBuf),
}

/// A trainer with all that it needs to run by itself.
#[derive(Debug)]
pub struct Run<'a> {
    /// Takes the steps.
    pub trainer: &'a mut Trainer,
    /// What is trained on.
    pub corpus: &'a Corpus,
    /// Where checkpoints go.
    pub checkpoints: &'a Checkpoints,
    /// What they say the run was made of.
    pub provenance: &'a Provenance,
    /// When it does what.
    pub plan: Plan,
}

impl Run<'_> {
    /// Trains until the plan's last step, telling `observe` what happens; where it says so, saves and
    /// stops. After a step comes its evaluation, then its checkpoint, so that all that is told before a
    /// checkpoint belongs to it.
    ///
    /// # Errors
    ///
    /// Those of `observe`, of [`Trainer::step`] and of [`Checkpoints::save`]; the checkpoints before
    /// are as they were.
    pub fn go<E: From<Error>>(
        &mut self,
        mut observe: impl FnMut(&Trainer, Event<'_>) -> Outcome<Flow, E>,
    ) -> Outcome<Ended, E> {
        let mut last = None;
        while self.trainer.state().step < self.plan.steps {
            let mut stops = self.advance(&mut observe)?;
            let step = self.trainer.state().step;
            let is_last = step >= self.plan.steps;
            if is_last || self.plan.evaluates_at(step) {
                let evaluation = self.evaluate()?;
                stops |= observe(self.trainer, Event::Evaluated(evaluation))? == Flow::Stop;
            }
            if is_last || stops || self.plan.saves_at(step) {
                let (path, flow) = self.save(&mut observe)?;
                if !is_last && (stops || flow == Flow::Stop) {
                    return Ok(Ended::Stopped(path));
                }
                last = Some(path);
            }
        }
        Ok(Ended::Done(last))
    }

    /// Takes a few steps; whether the run is to stop.
    fn advance<E: From<Error>>(
        &mut self,
        observe: &mut impl FnMut(&Trainer, Event<'_>) -> Outcome<Flow, E>,
    ) -> Outcome<bool, E> {
        let n_steps = self.plan.until_pause(self.trainer.state().step).min(self.at_once());
        let mut reports = Vec::new();
        let taken =
            self.trainer.steps(self.corpus, n_steps as usize, |report| reports.push(report));
        let mut stops = false;
        for report in reports {
            stops |= observe(self.trainer, Event::Step(report))? == Flow::Stop;
        }
        taken?; // after those that were taken before it
        Ok(stops)
    }

    /// Steps that are taken before anybody is told of them: of a small model several, which saves it the
    /// way to its threads and back.
    fn at_once(&self) -> u32 {
        let state = self.trainer.state();
        let work = state.layout.n_params().saturating_mul(state.settings.tokens_per_step());
        u32::try_from(WORK / work.max(1)).unwrap_or(u32::MAX).max(1)
    }

    /// The loss on the validation part, or on as many of its windows as the plan says.
    ///
    /// # Errors
    ///
    /// Those of [`Trainer::loss`], and [`ErrorKind::Logits`] for a loss that is not finite.
    pub fn evaluate(&mut self) -> Result<Evaluation> {
        let state = self.trainer.state();
        let (step, block_size) = (state.step, state.settings.block_size);
        let all = self.corpus.validation();
        let wanted = self.plan.eval_windows.map_or(all.len(), |windows| {
            windows.saturating_mul(block_size).saturating_add(1).min(all.len())
        });
        let tokens = &all[..wanted];
        let n_tokens = tokens.len().saturating_sub(1);
        if n_tokens == 0 {
            return Ok(Evaluation { step, loss: None, n_tokens });
        }
        let loss = self.trainer.loss(tokens)?;
        if loss.is_finite() {
            return Ok(Evaluation { step, loss: Some(loss), n_tokens });
        }
        let detail = format!("step {step}: validation loss = {loss}, it must be finite");
        let hint = "begin again, or from the last checkpoint with --init step-N, at a lower --learning-rate or \
                    with more --warmup-steps";
        Err(Error::new(ErrorKind::Logits, detail).hint(hint))
    }

    /// A checkpoint of the state as it is; its folder, and what `observe` says of it.
    fn save<E: From<Error>>(
        &self,
        observe: &mut impl FnMut(&Trainer, Event<'_>) -> Outcome<Flow, E>,
    ) -> Outcome<(PathBuf, Flow), E> {
        let state = self.trainer.state();
        let step = state.step;
        let before = observe(self.trainer, Event::Saving { step })?;
        let path = self.checkpoints.save(state, self.provenance)?;
        let after = observe(self.trainer, Event::Saved { step, path: &path })?;
        let flow = if before == Flow::Stop { before } else { after };
        Ok((path, flow))
    }
}

#[cfg(test)]
mod tests {
    use super::Plan;

    #[test]
    fn a_pause_comes_before_every_evaluation_checkpoint_and_end() {
        let plan = Plan { steps: 30, eval_every: 10, eval_windows: None, save_every: 4 };
        let pauses = [0, 3, 4, 9, 10, 28, 29, 30].map(|step| plan.until_pause(step));
        assert_eq!(pauses, [4, 1, 4, 1, 2, 2, 1, 0]);
    }
}
