//! A run: steps, and between them losses on what is not trained on, and checkpoints.

use std::path::{Path, PathBuf};
use std::result::Result as Outcome;

use super::checkpoint::{Checkpoints, Provenance};
use super::data::Corpus;
use super::trainer::{Report, Trainer};
use crate::{Error, ErrorKind, Result};

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
            let report = self.trainer.step(self.corpus)?;
            let is_last = report.step >= self.plan.steps;
            let mut stops = observe(self.trainer, Event::Step(report))? == Flow::Stop;
            if is_last || self.plan.evaluates_at(report.step) {
                let evaluation = self.evaluate()?;
                stops |= observe(self.trainer, Event::Evaluated(evaluation))? == Flow::Stop;
            }
            if is_last || stops || self.plan.saves_at(report.step) {
                let (path, flow) = self.save(&mut observe)?;
                if !is_last && (stops || flow == Flow::Stop) {
                    return Ok(Ended::Stopped(path));
                }
                last = Some(path);
            }
        }
        Ok(Ended::Done(last))
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
        let hint = "lower --learning-rate, or lengthen --warmup-steps";
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
