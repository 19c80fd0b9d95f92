//! The blueprint of a decoder: sizes, scales and the choices that tell one architecture from another.

use std::fmt;

use crate::format::Text;
use crate::{Error, ErrorKind, Result};

/// The families of decoder that one forward pass covers.
///
/// GPT-2 (layer norm, learned positions, biases) is one more row here, in the table of tensor
/// names (`model/gguf.rs`) and in [`Config`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Llama and what shares its layout: SmolLM2, TinyLlama. Touvron et al., arXiv 2302.13971.
    Llama,
    /// Gemma 3, text only. Gemma Team, arXiv 2503.19786.
    Gemma3,
}

impl Architecture {
    /// Every family, in the order of the enum.
    pub const ALL: [Self; 2] = [Self::Llama, Self::Gemma3];

    /// The name that model files use (`general.architecture` in GGUF).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Gemma3 => "gemma3",
        }
    }

    /// The family of that name.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a name that is not in [`Architecture::ALL`]; lists those that are.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            let name = Text(name.as_bytes());
            Error::new(
                ErrorKind::Unsupported,
                format!("architecture \"{name}\" is not one of those known: {known}"),
            )
            .hint(format!("use a model of one of these architectures: {known}"))
        })
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the gate of the feed-forward block is squashed before it multiplies the other half.
///
/// Both: Shazeer, arXiv 2002.05202.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// silu(gate) · up, with silu(x) = x / (1 + e⁻ˣ).
    SwiGlu,
    /// gelu(gate) · up, with gelu in its tanh form.
    GeGlu,
}

/// Sliding-window attention: most layers see only the last positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Positions that a sliding layer sees, its own included; at least 1.
    pub size: usize,
    /// Layer `i` sees everything when `i % every == every - 1`, and slides otherwise; at least 1.
    pub every: usize,
    /// Base of the rotary positions in the sliding layers.
    pub rope_base: f32,
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
    /// Width of one head; even.
    pub head_dim: usize,
    /// Width inside the feed-forward block.
    pub d_ff: usize,
    /// Tokens, hence logits in a row.
    pub vocab_size: usize,
    /// Positions of the longest sequence.
    pub max_seq: usize,
    /// Added to the mean square in every RMS norm.
    pub norm_eps: f32,
    /// Base of the rotary positions in the layers that see everything.
    pub rope_base: f32,
    /// Sliding layers, where there are any.
    pub window: Option<Window>,
    /// The feed-forward block's activation.
    pub activation: Activation,
    /// Embeddings are multiplied by this: √`d_model` in Gemma, else 1.
    pub embedding_scale: f32,
    /// Queries are multiplied by this: mostly 1/√`head_dim`.
    pub query_scale: f32,
    /// Each query and key head goes through an RMS norm of its own before the rotation.
    pub qk_norm: bool,
    /// Attention and feed-forward outputs go through an RMS norm before they join the residual.
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
        self.window.as_ref().filter(|window| layer % window.every != window.every - 1)
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
        if !self.head_dim.is_multiple_of(2) {
            let given = self.head_dim;
            return Err(shape(format!(
                "head_dim = {given} is odd, but rotary positions turn pairs"
            )));
        }
        if !(self.norm_eps >= 0.0 && self.norm_eps <= 1.0) {
            return Err(shape(format!("norm_eps = {} is outside 0 to 1", self.norm_eps)));
        }
        let bases = [Some(self.rope_base), self.window.map(|window| window.rope_base)];
        match bases.into_iter().flatten().find(|base| !(base.is_finite() && *base >= 1.0)) {
            Some(base) => Err(shape(format!("rope base {base} is not finite and at least 1"))),
            None => self.check_scales(),
        }
    }

    fn check_scales(&self) -> Result<()> {
        let scales = [("embedding_scale", self.embedding_scale), ("query_scale", self.query_scale)];
        match scales.into_iter().find(|(_, scale)| !(scale.is_finite() && *scale > 0.0)) {
            Some((name, scale)) => {
                Err(shape(format!("{name} = {scale} is not finite and above 0")))
            }
            None => Ok(()),
        }
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
            self.window.map_or(1, |window| window.size.min(window.every)),
        ];
        for (size, (name, limit)) in sizes.into_iter().zip(LIMITS) {
            if !(1..=limit).contains(&size) {
                return Err(shape(format!("{name} = {size} is outside 1 to {limit}")));
            }
        }
        Ok(())
    }
}

fn shape(detail: String) -> Error {
    Error::new(ErrorKind::Shape, detail)
}
