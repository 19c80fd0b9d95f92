//! The blueprint of a decoder: sizes, scales and the choices that tell one architecture from another.

mod rope;

use std::fmt;

use crate::format::Text;
use crate::{Error, ErrorKind, Result};

pub use self::rope::{Llama3Scaling, Rope, RopeScaling};

/// The families of decoder that one forward pass covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// GPT-2: layer norms, learned positions, biases. Radford et al. 2019, "Language Models are
    /// Unsupervised Multitask Learners".
    Gpt2,
    /// Llama and what shares its layout: SmolLM2, TinyLlama. Touvron et al., arXiv 2302.13971.
    Llama,
    /// Gemma 3, text only. Gemma Team, arXiv 2503.19786.
    Gemma3,
}

impl Architecture {
    /// Every family, in the order of the enum.
    pub const ALL: [Self; 3] = [Self::Gpt2, Self::Llama, Self::Gemma3];

    /// The name that model files use (`general.architecture` in GGUF).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt2",
            Self::Llama => "llama",
            Self::Gemma3 => "gemma3",
        }
    }

    /// The family of that name.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a name that is not in [`Architecture::ALL`]; lists those that are.
    pub fn from_name(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| Self::unknown(name, &Self::ALL.map(Self::name)))
    }

    /// What to say of a name that is none of those known.
    pub(crate) fn unknown(name: &str, known: &[&str]) -> Error {
        let (name, known) = (Text(name.as_bytes()), known.join(", "));
        let detail = format!("architecture \"{name}\" is not one of those known: {known}");
        Error::new(ErrorKind::Unsupported, detail)
            .hint(format!("use a model of one of these architectures: {known}"))
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the rows between the blocks are brought to one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// By their root mean square. Zhang and Sennrich, arXiv 1910.07467.
    Rms,
    /// By mean and variance, with a bias. Ba, Kiros and Hinton, arXiv 1607.06450.
    Layer,
}

/// The function inside the feed-forward block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x / (1 + e⁻ˣ).
    Silu,
    /// GELU by its tanh formula, as GPT-2 and Gemma have it. Hendrycks and Gimpel, arXiv 1606.08415.
    GeluTanh,
    /// GELU itself, x · Φ(x), by the error function.
    GeluErf,
    /// max(x, 0).
    Relu,
}

/// How the feed-forward block is built around its [`Activation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedForward {
    /// down(activation(gate(x)) · up(x)): `SwiGLU` and `GeGLU`. Shazeer, arXiv 2002.05202.
    Gated,
    /// down(activation(up(x))).
    Plain,
}

/// How a token's place in the sequence enters.
#[derive(Debug, Clone, PartialEq)]
pub enum Positions {
    /// As an embedding of its own, added to the token's.
    Learned,
    /// By turning queries and keys; this for the layers that see everything.
    Rotary(Rope),
}

/// Sliding-window attention: some layers see only the last positions.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Positions that a sliding layer sees, its own included; at least 1.
    pub size: usize,
    /// Whether layer `i` slides, `[n_layers]`.
    pub slides: Vec<bool>,
    /// The rotary positions of the sliding layers.
    pub rope: Rope,
}

impl Window {
    /// Layer `i` of `n_layers` sees everything when `i % every == every - 1`, and slides otherwise.
    ///
    /// # Errors
    /// [`ErrorKind::Shape`] where `every` is 0, which programs read in different ways.
    ///
    /// ```
    /// assert_eq!(kelvin_lm::Window::pattern(5, 2)?, [true, false, true, false, true]);
    /// # Ok::<(), kelvin_lm::Error>(())
    /// ```
    pub fn pattern(n_layers: usize, every: usize) -> Result<Vec<bool>> {
        if every == 0 {
            return Err(shape("window pattern = 0, expected at least 1".to_owned()));
        }
        Ok((0..n_layers).map(|layer| layer % every != every - 1).collect())
    }
}

/// What queries are multiplied by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum QueryScale {
    /// The same in every layer: mostly 1/√`head_dim`.
    Uniform(f32),
    /// This, divided by the layer's number counted from 1.
    ByDepth(f32),
}

impl QueryScale {
    /// The factor of one layer, counted from 0.
    pub fn of_layer(self, layer: usize) -> f32 {
        match self {
            Self::Uniform(scale) => scale,
            Self::ByDepth(scale) => scale / (layer + 1) as f32,
        }
    }
}

/// Which products have a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Biases {
    /// Queries, keys and values.
    pub query_key_value: bool,
    /// What attention puts out.
    pub attn_output: bool,
    /// All of the feed-forward block.
    pub feed_forward: bool,
}

impl Biases {
    /// On every product of a layer.
    pub const ALL: Self = Self { query_key_value: true, attn_output: true, feed_forward: true };
}

/// The blueprint of a decoder: what the forward pass needs to know besides the weights.
///
/// Immutable once a [`Model`](crate::model::Model) is built from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The family, which names the tensors.
    pub architecture: Architecture,
    /// Layers.
    pub n_layers: usize,
    /// Width of the residual stream.
    pub d_model: usize,
    /// Query heads of a layer.
    pub n_heads: usize,
    /// Key and value heads of a layer; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Width of one head; even where positions are rotary.
    pub head_dim: usize,
    /// Width inside the feed-forward block.
    pub d_ff: usize,
    /// Tokens, hence logits in a row.
    pub vocab_size: usize,
    /// Positions of the longest sequence.
    pub max_seq: usize,
    /// The norms between the blocks.
    pub norm: NormKind,
    /// Added to the mean square, or to the variance, in every norm.
    pub norm_eps: f32,
    /// How a token's place enters.
    pub positions: Positions,
    /// Sliding layers, where there are any.
    pub window: Option<Window>,
    /// The feed-forward block's function.
    pub activation: Activation,
    /// The feed-forward block's build.
    pub feed_forward: FeedForward,
    /// Which products have a bias.
    pub biases: Biases,
    /// Embeddings are multiplied by this: √`d_model` in Gemma, else 1.
    pub embedding_scale: f32,
    /// Queries are multiplied by this.
    pub query_scale: QueryScale,
    /// Attention's scores s become c · tanh(s / c).
    pub attn_softcap: Option<f32>,
    /// The logits z become c · tanh(z / c).
    pub logit_softcap: Option<f32>,
    /// Each query and key head goes through an RMS norm of its own before the rotation.
    pub qk_norm: bool,
    /// Attention and feed-forward outputs go through a norm before they join the residual.
    pub post_norms: bool,
    /// The output head is the embedding matrix.
    pub tied_head: bool,
}

/// What a size may be: large enough for any published model of these families, small enough that
/// products of two sizes stay far from overflow and angles within what sines are exact for.
const LIMITS: [(&str, usize); 9] = [
    ("n_layers", 1 << 10),
    ("d_model", 1 << 17),
    ("n_heads", 1 << 10),
    ("n_kv_heads", 1 << 10),
    ("head_dim", 1 << 12),
    ("d_ff", 1 << 20),
    ("vocab_size", 1 << 24),
    ("max_seq", 1 << 20),
    ("window", 1 << 20),
];

impl Config {
    /// The window of a layer that slides; `None` for one that sees everything.
    ///
    /// ```
    /// # fn gemma(config: &kelvin_lm::Config) {
    /// let global = (0..config.n_layers).filter(|&layer| config.window_of(layer).is_none());
    /// assert_eq!(global.collect::<Vec<_>>(), [5, 11, 17]);
    /// # }
    /// ```
    pub fn window_of(&self, layer: usize) -> Option<&Window> {
        self.window.as_ref().filter(|window| window.slides.get(layer) == Some(&true))
    }

    /// Query heads that share one key and value head.
    pub fn group(&self) -> usize {
        self.n_heads / self.n_kv_heads
    }

    /// Width of all query heads of a layer together.
    pub fn d_query(&self) -> usize {
        self.n_heads * self.head_dim
    }

    /// Width of all key (or value) heads of a layer together.
    pub fn d_kv(&self) -> usize {
        self.n_kv_heads * self.head_dim
    }

    /// Holds the numbers to their ranges and to each other.
    ///
    /// # Errors
    /// [`ErrorKind::Shape`], with the name, the value and the rule.
    pub fn check(&self) -> Result<()> {
        self.check_sizes()?;
        if !self.n_heads.is_multiple_of(self.n_kv_heads) {
            let (q, kv) = (self.n_heads, self.n_kv_heads);
            return Err(shape(format!("n_heads = {q} is not a multiple of n_kv_heads = {kv}")));
        }
        if let Some(window) = self.window.as_ref().filter(|it| it.slides.len() != self.n_layers) {
            let (given, layers) = (window.slides.len(), self.n_layers);
            return Err(shape(format!("{given} layers slide or do not, but there are {layers}")));
        }
        if !(self.norm_eps >= 0.0 && self.norm_eps <= 1.0) {
            return Err(shape(format!("norm_eps = {} is outside 0 to 1", self.norm_eps)));
        }
        self.check_rotary()?;
        self.check_scales()
    }

    fn check_rotary(&self) -> Result<()> {
        let Positions::Rotary(rope) = &self.positions else { return Ok(()) };
        if !self.head_dim.is_multiple_of(2) {
            let given = self.head_dim;
            return Err(shape(format!(
                "head_dim = {given} is odd, but rotary positions turn pairs"
            )));
        }
        let sliding = self.window.as_ref().map(|window| &window.rope);
        [Some(rope), sliding].into_iter().flatten().try_for_each(|rope| rope.check(self.head_dim))
    }

    fn check_scales(&self) -> Result<()> {
        let (QueryScale::Uniform(query_scale) | QueryScale::ByDepth(query_scale)) =
            self.query_scale;
        let scales = [
            ("embedding_scale", Some(self.embedding_scale)),
            ("query_scale", Some(query_scale)),
            ("attn_softcap", self.attn_softcap),
            ("logit_softcap", self.logit_softcap),
        ];
        let given = scales.into_iter().filter_map(|(name, scale)| Some((name, scale?)));
        match given.into_iter().find(|(_, scale)| !(scale.is_finite() && *scale > 0.0)) {
            Some((name, scale)) => {
                Err(shape(format!("{name} = {scale} is not finite and above 0")))
            }
            None => Ok(()),
        }
    }

    /// A number of layers that something will be made of, before it is.
    ///
    /// # Errors
    /// As [`Config::check`].
    pub(crate) fn check_n_layers(n_layers: usize) -> Result<usize> {
        check_size(n_layers, LIMITS[0]).map(|()| n_layers)
    }

    fn check_sizes(&self) -> Result<()> {
        let sizes = [
            self.n_layers,
            self.d_model,
            self.n_heads,
            self.n_kv_heads,
            self.head_dim,
            self.d_ff,
            self.vocab_size,
            self.max_seq,
            self.window.as_ref().map_or(1, |window| window.size),
        ];
        sizes.into_iter().zip(LIMITS).try_for_each(|(size, limit)| check_size(size, limit))
    }
}

fn check_size(size: usize, (name, limit): (&str, usize)) -> Result<()> {
    if (1..=limit).contains(&size) {
        return Ok(());
    }
    Err(shape(format!("{name} = {size} is outside 1 to {limit}")))
}

fn shape(detail: String) -> Error {
    Error::new(ErrorKind::Shape, detail)
}
