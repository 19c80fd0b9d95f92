//! A run in motion: one step after another.

use rayon::prelude::*;

use super::activations::Activations;
use super::batch::Batch;
use super::data::Corpus;
use super::forward::Network;
use super::layout::Params;
use super::schedule::seen;
use super::state::State;
use crate::kernel::adamw::{AdamW, Rates};
use crate::kernel::dropout::Mask;
use crate::kernel::sums::squares;
use crate::kernel::{Engine, EngineOptions};
use crate::{Error, ErrorKind, Model, Result, TokenId};

/// Takes steps of AdamW on a [`State`].
///
/// The bits of every step are the same whatever the threads, the instruction set (within a numerics
/// profile) and the blocks that products are cut into.
///
/// ```
/// use kelvin_lm::EngineOptions;
/// use kelvin_lm::train::{Corpus, Settings, Size, State, Trainer};
///
/// let size = Size::from_name("char-tiny")?;
/// let settings = Settings { warmup_steps: 1, ..size.settings.clone() };
/// let state = State::new(size.config(7)?, settings)?;
/// let corpus = Corpus::new((0..700).map(|i| i % 7).collect(), 600)?;
///
/// let mut trainer = Trainer::new(state, EngineOptions::default())?;
/// let first = trainer.step(&corpus)?;
/// assert!((first.loss - 7_f64.ln()).abs() < 0.2); // it knows nothing yet
/// for _ in 0..20 {
///     trainer.step(&corpus)?;
/// }
/// assert!(trainer.loss(corpus.validation())? < 1.0);
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug)]
pub struct Trainer {
    state: State,
    engine: Engine,
    options: EngineOptions,
    gradients: Params,
    batch: Batch,
    memory: Activations,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Steps taken, this one included.
    pub step: u32,
    /// Mean surprisal of the tokens it read, in nats, before its update.
    pub loss: f64,
    /// The norm of the whole gradient, before it was cut.
    pub grad_norm: f64,
    /// The rate of the update.
    pub learning_rate: f64,
}

impl Trainer {
    /// A trainer with its own threads.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::new`] and [`Settings::check`](super::Settings::check).
    pub fn new(state: State, options: EngineOptions) -> Result<Self> {
        state.settings.check(state.config.max_seq)?;
        let engine = Engine::new(options)?;
        let gradients = Params::zeros(&state.layout);
        let (batch, memory) = (Batch::default(), Activations::default());
        Ok(Self { state, engine, options, gradients, batch, memory })
    }

    /// What the next step depends on.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Threads, instruction set and numerics profile that run.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// One step: the gradient of the mean loss over the step's windows, and the update.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Logits`] for a loss or gradient that is not finite, [`ErrorKind::Parameter`] for
    /// data of another vocabulary or shorter than a window; the state is then as it was.
    pub fn step(&mut self, corpus: &Corpus) -> Result<Report> {
        self.check(corpus, 1)?;
        let (engine, mut run) = self.parts();
        engine.install(|| run.step(corpus))
    }

    /// `n` steps, which saves small models the way to the engine's threads and back; each is reported
    /// on one of them.
    ///
    /// # Errors
    ///
    /// Those of [`Trainer::step`]; the steps before the one that failed are taken.
    pub fn steps(
        &mut self,
        corpus: &Corpus,
        n: usize,
        mut report: impl FnMut(Report) + Send,
    ) -> Result<()> {
        self.check(corpus, n)?;
        let (engine, mut run) = self.parts();
        engine.install(|| (0..n).try_for_each(|_| run.step(corpus).map(&mut report)))
    }

    /// The gradient of the next step's mean loss by every parameter, not cut; no step is taken.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`], as [`Trainer::step`].
    pub fn gradient(&mut self, corpus: &Corpus) -> Result<Params> {
        self.check(corpus, 1)?;
        let (engine, mut run) = self.parts();
        engine.install(|| run.accumulate(corpus));
        Ok(self.gradients.clone())
    }

    fn parts(&mut self) -> (&Engine, Run<'_>) {
        let Self { state, engine, gradients, batch, memory, .. } = self;
        (engine, Run { state, engine, gradients, batch, memory })
    }

    fn check(&self, corpus: &Corpus, n: usize) -> Result<()> {
        corpus.fits(self.state.settings.block_size)?;
        self.check_ids(corpus.largest_id())?;
        let left = u32::MAX - self.state.step;
        if n as u64 > u64::from(left) {
            let detail = format!("{n} more steps, but only {left} of 2^32 are left");
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        Ok(())
    }

    fn check_ids(&self, largest: TokenId) -> Result<()> {
        let vocab_size = self.state.config.vocab_size;
        if (largest as usize) < vocab_size {
            return Ok(());
        }
        let detail = format!("token id {largest} is outside 0 to {}", vocab_size - 1);
        Err(Error::new(ErrorKind::Parameter, detail)
            .hint("encode the data with this model's own tokenizer"))
    }

    /// Mean surprisal of the tokens, in nats: they are cut into windows of `block_size` predictions, side
    /// by side, and a shorter last one. Nothing is dropped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] for fewer than two tokens, or one that the vocabulary lacks.
    pub fn loss(&mut self, tokens: &[TokenId]) -> Result<f64> {
        let n_predicted = tokens.len().saturating_sub(1);
        if n_predicted == 0 {
            let detail =
                format!("{} tokens to measure a loss on, at least 2 are needed", tokens.len());
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        self.check_ids(tokens.iter().copied().max().unwrap_or(0))?;
        let settings = &self.state.settings;
        let (length, at_once) = (settings.block_size, settings.batch_size * settings.block_size);
        let mut nats = 0.0;
        for first in (0..n_predicted).step_by(at_once) {
            let end = n_predicted.min(first + at_once);
            let whole = first + (end - first) / length * length;
            for (range, length) in [(first..whole, length), (whole..end, end - whole)] {
                if !range.is_empty() {
                    nats += self.nats(&tokens[range.start..=range.end], length);
                }
            }
        }
        Ok(nats / n_predicted as f64)
    }

    /// The sum of the surprisals of tokens that are whole windows, and one more.
    fn nats(&mut self, tokens: &[TokenId], length: usize) -> f64 {
        let Self { state, engine, batch, memory, .. } = self;
        let windows = (0..tokens.len() - 1).step_by(length);
        batch.fill(length, windows.map(|first| &tokens[first..=first + length]));
        let State { config, layout, params, .. } = &*state;
        let network = Network { engine, config, layout, params, dropout: None, first_window: 0 };
        engine.install(|| {
            network.forward(batch, memory);
            network.surprisals(batch, memory);
        });
        memory.surprisals.iter().sum()
    }

    /// The model as it is now, to decode with: a copy, with threads of its own.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::new`].
    pub fn model(&self) -> Result<Model> {
        let engine = Engine::new(self.options)?;
        let weights = engine.install(|| self.state.weights())?;
        Ok(Model::new(self.state.config.clone(), engine, weights))
    }
}

/// A trainer at work, in parts, on its own threads.
struct Run<'a> {
    state: &'a mut State,
    engine: &'a Engine,
    gradients: &'a mut Params,
    batch: &'a mut Batch,
    memory: &'a mut Activations,
}

impl Run<'_> {
    /// [`Trainer::step`], of data that has been checked.
    fn step(&mut self, corpus: &Corpus) -> Result<Report> {
        let nats = self.accumulate(corpus);
        let loss = nats / self.state.settings.tokens_per_step() as f64;
        let grad_norm = squares(self.engine, self.gradients.as_slice()).sqrt();
        if !(loss.is_finite() && grad_norm.is_finite()) {
            return Err(diverged(self.state.step + 1, loss, grad_norm));
        }
        let learning_rate = self.state.settings.rate(self.state.step);
        self.update(learning_rate, grad_norm);
        Ok(Report { step: self.state.step, loss, grad_norm, learning_rate })
    }

    /// Adds up the gradients of the step's batches; the sum of the surprisals.
    fn accumulate(&mut self, corpus: &Corpus) -> f64 {
        let Self { state, engine, gradients, batch, memory } = self;
        let settings = &state.settings;
        let dropout = Mask::new(settings.seed, state.step, settings.dropout);
        let factor = 1.0 / settings.tokens_per_step() as f32;
        let first = u64::from(state.step) * settings.windows_per_step() as u64;
        let mut nats = 0.0;
        for first_window in (0..settings.windows_per_step()).step_by(settings.batch_size) {
            let windows = first_window..first_window + settings.batch_size;
            let windows = windows.map(|index| corpus.window(settings, first + index as u64));
            batch.fill(settings.block_size, windows);
            let State { config, layout, params, .. } = &*state;
            let network = Network { engine, config, layout, params, dropout, first_window };
            network.forward(batch, memory);
            network.head(batch, factor, memory, gradients);
            network.backward(batch, memory, gradients);
            nats += memory.surprisals.iter().sum::<f64>();
        }
        nats
    }

    /// One step of AdamW.
    fn update(&mut self, learning_rate: f64, grad_norm: f64) {
        let Self { state, engine, gradients, .. } = self;
        let State { settings, layout, params, exp_avg, exp_avg_sq, step, .. } = state;
        *step += 1;
        let clip = (settings.max_grad_norm / (grad_norm + 1e-6)).min(1.0);
        #[expect(clippy::cast_possible_truncation, reason = "the update is in f32")]
        let rates = Rates {
            clip: clip as f32,
            keep: (1.0 - learning_rate * settings.weight_decay) as f32,
            step: (learning_rate / seen(settings.beta1, *step)) as f32,
            root: (1.0 / seen(settings.beta2, *step).sqrt()) as f32,
            one_minus_beta1: (1.0 - settings.beta1) as f32,
            beta2: settings.beta2 as f32,
            one_minus_beta2: (1.0 - settings.beta2) as f32,
            eps: settings.eps as f32,
        };
        for tensor in layout.tensors() {
            let range = tensor.range();
            let rates = if tensor.decays() { rates } else { Rates { keep: 1.0, ..rates } };
            let params = params[&range].par_chunks_mut(UPDATE);
            let gradients = gradients[&range].par_chunks(UPDATE);
            let exp_avg = exp_avg[&range].par_chunks_mut(UPDATE);
            let exp_avg_sq = exp_avg_sq[&range].par_chunks_mut(UPDATE);
            params.zip(gradients).zip(exp_avg.zip(exp_avg_sq)).for_each(
                |((params, gradients), (exp_avg, exp_avg_sq))| {
                    let update = AdamW { rates, params, gradients, exp_avg, exp_avg_sq };
                    engine.dispatch(update);
                },
            );
        }
    }
}

fn diverged(step: u32, loss: f64, grad_norm: f64) -> Error {
    let detail =
        format!("step {step}: loss = {loss}, gradient norm = {grad_norm}, both must be finite");
    Error::new(ErrorKind::Logits, detail).hint(
        "begin again, or from the last checkpoint with --init step-N, at a lower --learning-rate or with more \
         --warmup-steps",
    )
}

/// Numbers that one thread updates at a time.
const UPDATE: usize = 1 << 15;
