//! The parameters of a model in training: one run of numbers, and which tensor each part of it is.

use std::ops::{Index, IndexMut, Range};

use crate::config::{
    Activation, Architecture, Biases, Config, FeedForward, NormKind, Positions, QueryScale,
};
use crate::{Error, ErrorKind, Result};

/// One tensor: its name and shape in Hugging Face layout, and where its numbers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    name: String,
    shape: Vec<usize>,
    range: Range<usize>,
}

impl Tensor {
    /// The name that transformers gives it: `transformer.h.0.attn.c_attn.weight`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The dimensions, outermost first; products are `[inputs, outputs]`.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its numbers among all.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Whether weight decay applies: to matrices, not to biases and norms (as in nanoGPT).
    pub fn decays(&self) -> bool {
        self.shape.len() > 1
    }
}

/// Where each tensor of a GPT-2 is among the parameters, in the order of transformers.
///
/// ```
/// use kelvin_lm::train::{Layout, Size};
///
/// let config = Size::from_name("char-tiny")?.config(65)?;
/// let layout = Layout::new(&config)?;
/// assert_eq!(layout.n_params() as u64, config.n_params());
/// assert_eq!(layout.tensors()[0].name(), "transformer.wte.weight");
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    tensors: Vec<Tensor>,
    pub(super) token: Range<usize>,
    pub(super) position: Range<usize>,
    pub(super) layers: Vec<Layer>,
    pub(super) norm: Affine,
    /// `[vocab_size, d_model]`; the token embedding where the two are tied.
    pub(super) head: Range<usize>,
}

/// A weight and a bias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Affine {
    /// `[inputs, outputs]` of a product, `[width]` of a norm.
    pub(super) weight: Range<usize>,
    /// `[outputs]` or `[width]`
    pub(super) bias: Range<usize>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) attn_norm: Affine,
    /// `[d_model, 3 × d_model]`: queries, keys, values.
    pub(super) query_key_value: Affine,
    /// `[d_model, d_model]`
    pub(super) attn_output: Affine,
    pub(super) ffn_norm: Affine,
    /// `[d_model, d_ff]`
    pub(super) up: Affine,
    /// `[d_ff, d_model]`
    pub(super) down: Affine,
}

impl Layout {
    /// The layout of a model of this blueprint.
    ///
    /// # Errors
    ///
    /// Those of [`Config::check`], and [`ErrorKind::Unsupported`] for a blueprint that is not GPT-2's.
    pub fn new(config: &Config) -> Result<Self> {
        config.check()?;
        check_trainable(config)?;
        let mut tensors = Tensors::default();
        let Config { d_model, d_ff, vocab_size, max_seq, .. } = *config;
        let token = tensors.add("transformer.wte.weight".to_owned(), &[vocab_size, d_model]);
        let position = tensors.add("transformer.wpe.weight".to_owned(), &[max_seq, d_model]);
        let layers = (0..config.n_layers).map(|index| {
            let mut affine = |name: &str, shape: &[usize]| {
                tensors.affine(&format!("transformer.h.{index}.{name}"), shape)
            };
            Layer {
                attn_norm: affine("ln_1", &[d_model]),
                query_key_value: affine("attn.c_attn", &[d_model, 3 * d_model]),
                attn_output: affine("attn.c_proj", &[d_model, d_model]),
                ffn_norm: affine("ln_2", &[d_model]),
                up: affine("mlp.c_fc", &[d_model, d_ff]),
                down: affine("mlp.c_proj", &[d_ff, d_model]),
            }
        });
        let layers = layers.collect();
        let norm = tensors.affine("transformer.ln_f", &[d_model]);
        let head = if config.tied_head {
            token.clone()
        } else {
            tensors.add("lm_head.weight".to_owned(), &[vocab_size, d_model])
        };
        Ok(Self { tensors: tensors.0, token, position, layers, norm, head })
    }

    /// Every tensor, once, in the order of their numbers.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// How many numbers there are.
    pub fn n_params(&self) -> usize {
        self.tensors.last().map_or(0, |last| last.range.end)
    }
}

/// Tensors, one after the other.
#[derive(Default)]
struct Tensors(Vec<Tensor>);

impl Tensors {
    fn add(&mut self, name: String, shape: &[usize]) -> Range<usize> {
        let start = self.0.last().map_or(0, |last| last.range.end);
        let range = start..start + shape.iter().product::<usize>();
        self.0.push(Tensor { name, shape: shape.to_vec(), range: range.clone() });
        range
    }

    /// A weight of this shape, and a bias as long as its last dimension.
    fn affine(&mut self, name: &str, shape: &[usize]) -> Affine {
        let weight = self.add(format!("{name}.weight"), shape);
        let bias = self.add(format!("{name}.bias"), &shape[shape.len() - 1..]);
        Affine { weight, bias }
    }
}

/// Whether this is the one blueprint that the backward pass knows.
fn check_trainable(config: &Config) -> Result<()> {
    let head_dim = config.head_dim as f32;
    let rules = [
        ("architecture", config.architecture == Architecture::Gpt2),
        ("norm", config.norm == NormKind::Layer),
        ("positions", config.positions == Positions::Learned),
        ("window", config.window.is_none()),
        ("n_kv_heads", config.n_kv_heads == config.n_heads),
        ("head_dim", config.n_heads * config.head_dim == config.d_model),
        ("activation", config.activation == Activation::GeluTanh),
        ("feed_forward", config.feed_forward == FeedForward::Plain),
        ("biases", config.biases == Biases::ALL),
        ("embedding_scale", config.embedding_scale.to_bits() == 1.0_f32.to_bits()),
        ("query_scale", config.query_scale == QueryScale::Uniform(1.0 / head_dim.sqrt())),
        ("softcaps", config.attn_softcap.is_none() && config.logit_softcap.is_none()),
        ("qk_norm", !config.qk_norm),
        ("post_norms", !config.post_norms),
    ];
    match rules.iter().find(|(_, holds)| !holds) {
        None => Ok(()),
        Some((name, _)) => {
            let detail = format!("{name} is not that of GPT-2, the one layout that is trained");
            Err(Error::new(ErrorKind::Unsupported, detail)
                .hint("start from a size of `kelvin train`, or from a GPT-2 model"))
        }
    }
}

/// The numbers of a layout: weights, or their gradients, or the moments of either.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    numbers: Vec<f32>,
}

impl Params {
    /// Zeros.
    pub fn zeros(layout: &Layout) -> Self {
        Self { numbers: vec![0.0; layout.n_params()] }
    }

    /// All numbers, in the order of the layout.
    pub fn as_slice(&self) -> &[f32] {
        &self.numbers
    }

    /// The same, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.numbers
    }
}

impl Index<&Range<usize>> for Params {
    type Output = [f32];

    fn index(&self, range: &Range<usize>) -> &[f32] {
        &self.numbers[range.clone()]
    }
}

impl IndexMut<&Range<usize>> for Params {
    fn index_mut(&mut self, range: &Range<usize>) -> &mut [f32] {
        &mut self.numbers[range.clone()]
    }
}
