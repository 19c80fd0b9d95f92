//! One decoder for every architecture: weights, forward pass, and what a file calls them.

mod arrange;
mod folder;
mod gguf;
mod options;
mod reader;
mod role;
mod transformer;
mod weights;

use std::fmt;
use std::path::Path;

use self::transformer::{Decoder, Turns};
pub(crate) use self::weights::{Layer, Linear, Norm, Weights};
use crate::cache::{KvCache, Layout};
use crate::config::Config;
use crate::dtype::Dtype;
use crate::format::Folder;
use crate::format::gguf::Gguf;
use crate::kernel::Engine;
use crate::kernel::rope::Frequencies;
use crate::{Checkpoint, Error, ErrorKind, Result, TokenId};

pub use self::folder::ConfigNotes;
pub use self::options::{ModelOptions, WeightDtype};
pub use self::transformer::{Row, Scratch, Wanted};

/// A language model: tokens in, logits out. Immutable, `Sync`, shared by every sequence.
///
/// ```no_run
/// use kelvin_lm::{EngineOptions, Model, Session};
///
/// # fn main() -> kelvin_lm::Result<()> {
/// let model = Model::load("smollm2.gguf", EngineOptions::default())?;
/// let mut session = Session::new(&model);
/// let logits = session.feed(&[504, 2915, 314])?;
/// assert_eq!(logits.len(), model.config().vocab_size);
/// # Ok(())
/// # }
/// ```
pub struct Model {
    config: Config,
    engine: Engine,
    weights: Weights,
    turns: Turns<Option<Frequencies>>,
}

impl Model {
    /// Opens the model at `path`, a GGUF file or a folder in Hugging Face layout, and reads it.
    ///
    /// # Errors
    /// Those of [`Checkpoint::open`] and of [`Model::open`], with the path.
    pub fn load(path: impl AsRef<Path>, options: impl Into<ModelOptions>) -> Result<Self> {
        let path = path.as_ref();
        let found = Checkpoint::open(path).and_then(|found| Self::open(&found, options));
        found.map_err(|error| if error.path().is_some() { error } else { error.in_file(path) })
    }

    /// The model in a checkpoint, its weights repacked for this machine; nothing of the file is kept.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for an architecture, setting or tensor that this version does not
    /// know, or numbers that the format asked for cannot hold; [`ErrorKind::Shape`] for a tensor
    /// that is missing or does not fit; [`ErrorKind::Format`] for a missing hyper-parameter;
    /// [`ErrorKind::Parameter`] for options; [`ErrorKind::Io`] where a file cannot be read.
    pub fn open(checkpoint: &Checkpoint, options: impl Into<ModelOptions>) -> Result<Self> {
        match checkpoint {
            Checkpoint::Gguf(gguf) => Self::from_gguf(gguf, options),
            Checkpoint::Folder(folder) => Self::from_folder(folder, options),
        }
    }

    /// Bytes that the weights of a checkpoint take once they are held in `dtype`; none are read.
    ///
    /// # Errors
    /// Those of [`Checkpoint::config`], and [`ErrorKind::Unsupported`] for numbers in a format that
    /// weights are not read in.
    pub fn weight_bytes(checkpoint: &Checkpoint, dtype: WeightDtype) -> Result<u64> {
        let config = checkpoint.config()?;
        match checkpoint {
            Checkpoint::Gguf(gguf) => gguf::n_bytes(gguf, &config, dtype),
            Checkpoint::Folder(folder) => folder::n_bytes(folder, &config, dtype),
        }
    }

    /// The model in a GGUF file.
    ///
    /// # Errors
    /// Those of [`Model::open`].
    pub fn from_gguf(gguf: &Gguf, options: impl Into<ModelOptions>) -> Result<Self> {
        let ModelOptions { engine, dtype } = options.into();
        let (config, engine) = (gguf::config(gguf)?, Engine::new(engine)?);
        let weights = engine.install(|| gguf::weights(gguf, &config, dtype))?;
        Ok(Self::new(config, engine, weights))
    }

    /// The model in a folder in Hugging Face layout. Tensors are read one at a time: beside the weights
    /// there is at most the largest of them, as it is stored and as it is unpacked.
    ///
    /// # Errors
    /// Those of [`Model::open`].
    pub fn from_folder(folder: &Folder, options: impl Into<ModelOptions>) -> Result<Self> {
        let ModelOptions { engine, dtype } = options.into();
        let (config, engine) = (Config::from_folder(folder)?, Engine::new(engine)?);
        let weights = engine.install(|| folder::weights(folder, &config, dtype))?;
        Ok(Self::new(config, engine, weights))
    }

    /// The model of these weights, which have the blueprint's shapes.
    pub(crate) fn new(config: Config, engine: Engine, weights: Weights) -> Self {
        let turns = Turns::new(&config);
        Self { config, engine, weights, turns }
    }

    /// The blueprint.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Everything learned.
    pub(crate) fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Threads, instruction set and numerics profile that run.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Bytes of weights in memory.
    pub fn n_bytes(&self) -> usize {
        self.weights.n_bytes()
    }

    /// How many numbers of matrices are held in each format, those in use, in the order of
    /// [`Dtype::ALL`]; a head that is the embedding counts once.
    pub fn dtypes(&self) -> Vec<(Dtype, usize)> {
        self.weights.dtypes()
    }

    /// Bytes of weights that one step reads, whatever the number of sequences in it: the layers
    /// and the output head.
    pub fn bytes_per_token(&self) -> usize {
        self.weights.bytes_per_token()
    }

    /// An empty cache for one sequence.
    pub fn new_cache(&self) -> KvCache {
        KvCache::new(&self.config)
    }

    /// Appends each row's tokens to its cache and returns the wanted logits, `[wanted, vocab_size]`
    /// in the order of rows and tokens, before any softmax.
    ///
    /// A row's logits depend on its own sequence alone: not on its neighbours, on how the sequence
    /// was cut into calls, on threads or on the instruction set (within a numerics profile).
    ///
    /// # Errors
    /// [`ErrorKind::Prompt`] for a row without tokens or a token outside the vocabulary,
    /// [`ErrorKind::Context`] beyond `max_seq`, [`ErrorKind::Parameter`] for a cache of another
    /// model's shape; every cache is then as it was.
    pub fn forward<'s>(&self, rows: &mut [Row<'_>], scratch: &'s mut Scratch) -> Result<&'s [f32]> {
        rows.iter().try_for_each(|row| self.check(row.cache, row.tokens))?;
        let Self { config, engine, weights, turns } = self;
        let decoder = Decoder { engine, config, weights, turns };
        Ok(engine.install(|| decoder.forward(rows, scratch)))
    }

    /// Whether `tokens` can be appended to `cache`: the errors of [`Model::forward`].
    fn check(&self, cache: &KvCache, tokens: &[TokenId]) -> Result<()> {
        self.check_tokens(tokens)?;
        if cache.layout() != Layout::of(&self.config) {
            let detail = "the cache was made for a model of another shape";
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        let (end, max_seq) = (cache.len() + tokens.len(), self.config.max_seq);
        if end > max_seq {
            let detail = format!("{end} tokens exceed the model's context of {max_seq}");
            return Err(Error::new(ErrorKind::Context, detail)
                .hint("shorten the prompt or ask for fewer new tokens"));
        }
        Ok(())
    }

    /// Whether there are tokens, and the vocabulary has them all.
    pub(crate) fn check_tokens(&self, tokens: &[TokenId]) -> Result<()> {
        let vocab_size = self.config.vocab_size;
        if tokens.is_empty() {
            return Err(Error::new(ErrorKind::Prompt, "no tokens to feed, at least 1 is needed"));
        }
        let Some(token) = tokens.iter().find(|&&token| token as usize >= vocab_size) else {
            return Ok(());
        };
        let detail = format!("token id {token} is outside 0 to {}", vocab_size - 1);
        Err(Error::new(ErrorKind::Prompt, detail).hint("take ids from this model's own tokenizer"))
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Model");
        shown.field("config", &self.config).field("engine", &self.engine).finish_non_exhaustive()
    }
}
