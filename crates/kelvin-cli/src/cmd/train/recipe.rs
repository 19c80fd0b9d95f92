//! Every value of a run, decided: flag, else config file, else size or what the run goes on from.

use std::fmt;
use std::path::PathBuf;

use kelvin_lm::Config;
use kelvin_lm::dtype::Dtype;
use kelvin_lm::kernel::{EngineOptions, Level};
use kelvin_lm::train::{Plan, Settings, Size, State, check_free};

use super::value::{Exported, Ledger, Limit, Origin, Positive, Share, Value, Windows};
use crate::exit::Failure;

/// The size, where nobody names one.
pub(super) const SIZE: &str = "char-small";
/// Steps from one evaluation, and from one checkpoint, to the next.
const OFTEN: u32 = 250;
/// Windows that a validation loss is taken on.
const EVAL_WINDOWS: usize = 256;
/// Tokens of a sample.
const SAMPLE_TOKENS: usize = 200;
/// What is trained on.
const SPLIT: f64 = 0.9;
/// The part of the steps that a warm-up takes at most, and of the rate that is left at the end.
const TENTH: u32 = 10;

/// What a run begins with, as far as it decides values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Beginning<'a> {
    /// Fresh weights.
    Fresh,
    /// The weights of a model of this name.
    Model(&'a str, &'a Config),
    /// A state of this name that goes on under settings of its own.
    State(&'a str, &'a State),
    /// A run of this name that goes on.
    Run(&'a str, &'a State),
}

impl Beginning<'_> {
    fn state(&self) -> Option<&State> {
        match self {
            Self::State(_, state) | Self::Run(_, state) => Some(state),
            Self::Fresh | Self::Model(..) => None,
        }
    }

    /// The blueprint, where it is not to be chosen, and what it is of.
    fn blueprint(&self) -> Option<(&str, &Config)> {
        match self {
            Self::Fresh => None,
            Self::Model(name, config) => Some((name, config)),
            Self::State(name, state) | Self::Run(name, state) => Some((name, &state.config)),
        }
    }

    /// Steps that were taken before.
    pub(super) fn step(&self) -> u32 {
        self.state().map_or(0, |state| state.step)
    }
}

/// A run, but for its data and its state.
#[derive(Debug)]
pub(super) struct Recipe {
    /// The blueprint's numbers and the name of the size.
    pub(super) size: Size,
    /// What decides the bits.
    pub(super) settings: Settings,
    /// When what happens.
    pub(super) plan: Plan,
    /// Checkpoints that are kept.
    pub(super) keep: usize,
    /// The share of the characters that is trained on.
    pub(super) split: f64,
    /// What names the tokenizer; none where it is that of the run, the model or the text.
    pub(super) tokenizer: Option<String>,
    /// Where the model alone is written at the end, and in which format.
    pub(super) export: Option<(PathBuf, Dtype)>,
    /// What samples begin with.
    pub(super) sample_prompt: Option<String>,
    /// Tokens of a sample.
    pub(super) sample_tokens: usize,
    /// What runs the kernels.
    pub(super) engine: EngineOptions,
}

impl Recipe {
    /// Decides every value but the folder and what the run begins with.
    ///
    /// # Errors
    ///
    /// Something typed: a value that is none, or outside its range, or one that contradicts the blueprint
    /// of what the run begins with.
    pub(super) fn decide(
        ledger: &mut Ledger<'_>,
        beginning: Beginning<'_>,
    ) -> Result<Self, anyhow::Error> {
        let size = size(ledger, beginning)?;
        let steps = steps(ledger, &size, beginning)?;
        let settings = settings(ledger, &size, steps, beginning)?;
        let recipe = Self {
            plan: plan(ledger, steps)?,
            keep: ledger.decide("keep", (2_usize, Origin::Default("")))?,
            split: ledger.decide("split", (Share(SPLIT), Origin::Default("")))?.0,
            tokenizer: tokenizer(ledger, beginning)?,
            export: export(ledger)?,
            sample_prompt: ledger.decide_open("sample-prompt")?,
            sample_tokens: ledger.decide("sample-tokens", (SAMPLE_TOKENS, Origin::Default("")))?,
            engine: engine(ledger)?,
            size,
            settings,
        };
        recipe.settings.check(recipe.size.max_seq).map_err(|error| ledger.blame(error))?;
        Ok(recipe)
    }
}

/// The size, with the blueprint's numbers as the flags have them.
fn size(ledger: &mut Ledger<'_>, beginning: Beginning<'_>) -> Result<Size, anyhow::Error> {
    let written = ledger.written("size").map(str::to_owned);
    let name = ledger.decide("size", (SIZE.to_owned(), Origin::Default("")))?;
    if let (Beginning::Run(model, _), Some(own)) = (beginning, written)
        && own != name
    {
        return Err(another("size", &name, (model, &own)).into());
    }
    let mut size = Size::from_name(&name)?;
    let origin = Origin::Size(size.name);
    let fixed = beginning.blueprint();
    let mut number = |name: &'static str, own: usize, of: fn(&Config) -> usize| match fixed {
        None => ledger.decide(name, (own, origin.clone())),
        Some((model, config)) => given(ledger, name, of(config), model),
    };
    size.n_layers = number("n-layers", size.n_layers, |config| config.n_layers)?;
    size.n_heads = number("n-heads", size.n_heads, |config| config.n_heads)?;
    size.d_model = number("d-model", size.d_model, |config| config.d_model)?;
    size.max_seq = number("context", size.max_seq, |config| config.max_seq)?;
    Ok(size)
}

/// A number of the blueprint that is given.
///
/// # Errors
///
/// Something typed: another one is asked for.
fn given(
    ledger: &mut Ledger<'_>,
    name: &'static str,
    value: usize,
    model: &str,
) -> Result<usize, Failure> {
    match ledger.said(name) {
        Some((text, _)) if usize::read(text) != Some(value) => {
            Err(another(name, text, (model, &value)))
        }
        _ => {
            ledger.note(name, &value, Origin::Model(model.to_owned()));
            Ok(value)
        }
    }
}

/// The error of a value that is asked for where there is one already.
fn another(name: &str, text: &str, (model, value): (&str, &dyn fmt::Display)) -> Failure {
    Failure::typed(format!("--{name} {text} is asked for, and {model} has {value}"))
        .hint("leave it out, or train a model of its own without --init and --resume")
}

/// What names the tokenizer. A run that goes on has its own, which is held against a flag alone: its file
/// says what the run was begun with.
fn tokenizer(ledger: &mut Ledger<'_>, beginning: Beginning<'_>) -> Result<Option<String>, Failure> {
    let is_flag = matches!(ledger.said("tokenizer"), Some((_, Origin::Flag)));
    let name = ledger.decide_open("tokenizer")?;
    Ok(name.filter(|_| is_flag || !matches!(beginning, Beginning::Run(..))))
}

fn steps(
    ledger: &mut Ledger<'_>,
    size: &Size,
    beginning: Beginning<'_>,
) -> Result<u32, anyhow::Error> {
    let taken = beginning.step();
    let fallback = match beginning {
        Beginning::Run(name, state) => (state.settings.decay_steps, Origin::Model(name.to_owned())),
        _ => (taken.saturating_add(size.steps), Origin::Size(size.name)),
    };
    let Positive(steps) = ledger.decide("steps", (Positive(fallback.0), fallback.1))?;
    let is_enough = match beginning {
        Beginning::Run(..) => steps >= taken,
        _ => steps > taken,
    };
    if is_enough {
        return Ok(steps);
    }
    let what = format!("--steps {steps} counts all steps, and {taken} were taken before");
    let hint = format!("--steps {} trains {steps} more", taken.saturating_add(steps));
    Err(Failure::typed(what).hint(hint).into())
}

/// The settings that stand where nobody says otherwise, and what they are of.
fn base(size: &Size, beginning: Beginning<'_>) -> (Settings, Origin) {
    if let Beginning::Run(name, state) = beginning {
        return (state.settings.clone(), Origin::Model(name.to_owned()));
    }
    let block_size = size.settings.block_size.min(size.max_seq);
    (Settings { block_size, ..size.settings.clone() }, Origin::Size(size.name))
}

fn settings(
    ledger: &mut Ledger<'_>,
    size: &Size,
    steps: u32,
    beginning: Beginning<'_>,
) -> Result<Settings, Failure> {
    let (base, origin) = base(size, beginning);
    let is_new = !matches!(beginning, Beginning::Run(..));
    let from = || origin.clone();
    let learning_rate = ledger.decide("learning-rate", (base.learning_rate, from()))?;
    let least = if learning_rate.to_bits() == base.learning_rate.to_bits() {
        (base.min_learning_rate, from())
    } else {
        (learning_rate / f64::from(TENTH), Origin::Default("a tenth of learning-rate"))
    };
    let decay = if is_new { (steps, Origin::Default("steps")) } else { (base.decay_steps, from()) };
    let decay_steps = ledger.decide("decay-steps", decay)?;
    let warmup = if is_new && base.warmup_steps > decay_steps / TENTH {
        (decay_steps / TENTH, Origin::Default("a tenth of decay-steps"))
    } else {
        (base.warmup_steps, from())
    };
    Ok(Settings {
        batch_size: ledger.decide("batch-size", (base.batch_size, from()))?,
        block_size: ledger.decide("block-size", (base.block_size, from()))?,
        grad_accum: ledger.decide("grad-accum", (base.grad_accum, from()))?,
        learning_rate,
        min_learning_rate: ledger.decide("min-learning-rate", least)?,
        warmup_steps: ledger.decide("warmup-steps", warmup)?,
        decay_steps,
        weight_decay: ledger.decide("weight-decay", (base.weight_decay, from()))?,
        beta1: ledger.decide("beta1", (base.beta1, from()))?,
        beta2: ledger.decide("beta2", (base.beta2, from()))?,
        eps: ledger.decide("eps", (base.eps, from()))?,
        max_grad_norm: ledger.decide("max-grad-norm", (Limit(base.max_grad_norm), from()))?.0,
        dropout: ledger.decide("dropout", (base.dropout, from()))?,
        seed: ledger.decide("seed", (base.seed, from()))?,
    })
}

fn plan(ledger: &mut Ledger<'_>, steps: u32) -> Result<Plan, Failure> {
    let often = || (Positive(OFTEN), Origin::Default(""));
    let eval_windows = (Windows(Some(EVAL_WINDOWS)), Origin::Default(""));
    Ok(Plan {
        steps,
        eval_every: ledger.decide("eval-every", often())?.0,
        eval_windows: ledger.decide("eval-windows", eval_windows)?.0,
        save_every: ledger.decide("save-every", often())?.0,
    })
}

/// Where the model goes at the end.
///
/// # Errors
///
/// Something typed: a folder that is not empty, or a format for no folder.
fn export(ledger: &mut Ledger<'_>) -> Result<Option<(PathBuf, Dtype)>, Failure> {
    let Some(dir) = ledger.decide_open::<String>("export")? else {
        return match ledger.said("export-dtype") {
            Some(_) => Err(Failure::typed("--export-dtype needs --export DIR")),
            None => Ok(None),
        };
    };
    let dtype = ledger.decide("export-dtype", (Exported(Dtype::F32), Origin::Default("")))?.0;
    let dir = PathBuf::from(dir);
    match check_free(&dir) {
        Ok(()) => Ok(Some((dir, dtype))),
        Err(error) => Err(Failure::typed(format!("--export {error}")).hint("name a new folder")),
    }
}

fn engine(ledger: &mut Ledger<'_>) -> Result<EngineOptions, anyhow::Error> {
    let threads = ledger.decide_open::<Positive>("threads")?;
    let level = ledger.decide_open::<String>("simd")?;
    let level = level.map(|name| name.parse::<Level>()).transpose()?;
    let threads = threads.map(|Positive(n)| n as usize);
    Ok(EngineOptions { threads, level, ..EngineOptions::default() })
}
