//! The named sizes: a blueprint, and settings that train it well.

use super::settings::Settings;
use crate::config::{
    Activation, Architecture, Biases, Config, FeedForward, NormKind, Positions, QueryScale,
};
use crate::{Error, ErrorKind, Result};

/// A named size of model with the settings that go with it.
///
/// ```
/// use kelvin_lm::train::Size;
///
/// let size = Size::from_name("gpt2-124m")?;
/// assert_eq!(size.config(50_257)?.n_params(), 124_439_808);
/// assert!(Size::from_name("gpt5").is_err());
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Size {
    /// What `--size` calls it.
    pub name: &'static str,
    /// Layers.
    pub n_layers: usize,
    /// Heads of a layer; divides `d_model`.
    pub n_heads: usize,
    /// Width of the residual stream; the feed-forward block is four times as wide.
    pub d_model: usize,
    /// Positions of the longest sequence.
    pub max_seq: usize,
    /// Steps, where nobody asks for another number.
    pub steps: u32,
    /// The rest.
    pub settings: Settings,
}

impl Size {
    /// Every size, smallest first.
    pub fn all() -> [Self; 4] {
        [char_tiny(), char_small(), char_medium(), gpt2_124m()]
    }

    /// The size of that name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] for a name that is none of them; lists those that are.
    pub fn from_name(name: &str) -> Result<Self> {
        let found = Self::all().into_iter().find(|size| size.name == name);
        found.ok_or_else(|| {
            let known = Self::all().map(|size| size.name).join(", ");
            let detail = format!("size \"{name}\" is not one of {known}");
            Error::new(ErrorKind::Parameter, detail)
        })
    }

    /// The blueprint for a vocabulary: GPT-2, the head tied to the embedding.
    ///
    /// # Errors
    ///
    /// Those of [`Config::check`], and [`ErrorKind::Shape`] for heads that do not divide the width.
    pub fn config(&self, vocab_size: usize) -> Result<Config> {
        let Self { n_layers, n_heads, d_model, max_seq, .. } = *self;
        if n_heads == 0 || !d_model.is_multiple_of(n_heads) {
            let detail = format!("d_model = {d_model} is not a multiple of n_heads = {n_heads}");
            return Err(Error::new(ErrorKind::Shape, detail));
        }
        let head_dim = d_model / n_heads;
        let config = Config {
            architecture: Architecture::Gpt2,
            n_layers,
            d_model,
            n_heads,
            n_kv_heads: n_heads,
            head_dim,
            d_ff: 4 * d_model,
            vocab_size,
            max_seq,
            norm: NormKind::Layer,
            norm_eps: 1e-5,
            positions: Positions::Learned,
            window: None,
            activation: Activation::GeluTanh,
            feed_forward: FeedForward::Plain,
            biases: Biases::ALL,
            embedding_scale: 1.0,
            query_scale: QueryScale::Uniform(1.0 / (head_dim as f32).sqrt()),
            attn_softcap: None,
            logit_softcap: None,
            qk_norm: false,
            post_norms: false,
            tied_head: true,
        };
        config.check()?;
        Ok(config)
    }
}

/// What nanoGPT trains with, where a size does not say otherwise.
fn settings(batch_size: usize, block_size: usize) -> Settings {
    Settings {
        batch_size,
        block_size,
        grad_accum: 1,
        learning_rate: 1e-3,
        min_learning_rate: 1e-4,
        warmup_steps: 100,
        decay_steps: 2000,
        weight_decay: 0.1,
        beta1: 0.9,
        beta2: 0.99,
        eps: 1e-8,
        max_grad_norm: 1.0,
        dropout: 0.0,
        seed: 1337,
    }
}

/// The size of the model that Kelvin's second seed trains.
fn char_tiny() -> Size {
    let settings = Settings {
        learning_rate: 3e-3,
        min_learning_rate: 3e-4,
        decay_steps: 8100,
        weight_decay: 0.0,
        ..settings(1, 48)
    };
    Size {
        name: "char-tiny",
        n_layers: 2,
        n_heads: 4,
        d_model: 64,
        max_seq: 48,
        steps: settings.decay_steps,
        settings,
    }
}

/// About what nanoGPT trains on a processor.
fn char_small() -> Size {
    let settings = settings(12, 64);
    Size {
        name: "char-small",
        n_layers: 4,
        n_heads: 4,
        d_model: 128,
        max_seq: 64,
        steps: settings.decay_steps,
        settings,
    }
}

/// About what nanoGPT trains on a graphics card.
fn char_medium() -> Size {
    let settings = Settings { decay_steps: 5000, dropout: 0.2, ..settings(16, 256) };
    Size {
        name: "char-medium",
        n_layers: 6,
        n_heads: 6,
        d_model: 384,
        max_seq: 256,
        steps: settings.decay_steps,
        settings,
    }
}

/// GPT-2's smallest.
fn gpt2_124m() -> Size {
    let settings = Settings {
        learning_rate: 6e-4,
        min_learning_rate: 6e-5,
        warmup_steps: 100,
        decay_steps: 1000,
        beta2: 0.95,
        ..settings(2, 256)
    };
    Size {
        name: "gpt2-124m",
        n_layers: 12,
        n_heads: 12,
        d_model: 768,
        max_seq: 1024,
        steps: settings.decay_steps,
        settings,
    }
}
