//! The numbers of a model, in the one layout that the forward pass knows.
//!
//! Whatever a file calls a tensor or does to its rows is undone where that file is read: `gguf/` and
//! `folder/` beside this. Here, norm weights include Gemma's + 1, matrices are `[outputs, inputs]`,
//! and the pairs that rotary positions turn are (i, i + `head_dim` / 2).

use crate::dtype::Dtype;
use crate::kernel::Matrix;

/// Everything learned.
#[derive(Debug)]
pub(crate) struct Weights {
    /// `[vocab_size, d_model]`
    pub(crate) embedding: Matrix,
    /// `[max_seq, d_model]`, where positions are learned.
    pub(crate) positions: Option<Vec<f32>>,
    pub(crate) layers: Vec<Layer>,
    /// `[d_model]`
    pub(crate) output_norm: Norm,
    /// `[vocab_size, d_model]`; `None` where the head is the embedding.
    pub(crate) head: Option<Matrix>,
}

/// A product and what is added to it.
#[derive(Debug)]
pub(crate) struct Linear {
    /// `[outputs, inputs]`
    pub(crate) weight: Matrix,
    /// `[outputs]`
    pub(crate) bias: Option<Vec<f32>>,
}

/// What a norm multiplies by, and adds.
#[derive(Debug)]
pub(crate) enum Norm {
    /// By the root mean square.
    Rms { weight: Vec<f32> },
    /// By mean and variance.
    Layer { weight: Vec<f32>, bias: Vec<f32> },
}

/// One layer.
#[derive(Debug)]
pub(crate) struct Layer {
    /// `[d_model]`
    pub(crate) attn_norm: Norm,
    /// `[n_heads × head_dim, d_model]`
    pub(crate) query: Linear,
    /// `[n_kv_heads × head_dim, d_model]`
    pub(crate) key: Linear,
    /// `[n_kv_heads × head_dim, d_model]`
    pub(crate) value: Linear,
    /// Norms of each query head and each key head, `[head_dim]` both.
    pub(crate) qk_norm: Option<(Norm, Norm)>,
    /// `[d_model, n_heads × head_dim]`
    pub(crate) output: Linear,
    /// `[d_model]`
    pub(crate) post_attn_norm: Option<Norm>,
    /// `[d_model]`
    pub(crate) ffn_norm: Norm,
    /// `[d_ff, d_model]`, where the block is gated.
    pub(crate) gate: Option<Linear>,
    /// `[d_ff, d_model]`
    pub(crate) up: Linear,
    /// `[d_model, d_ff]`
    pub(crate) down: Linear,
    /// `[d_model]`
    pub(crate) post_ffn_norm: Option<Norm>,
}

impl Weights {
    /// The matrix that turns the last state into logits.
    pub(crate) fn head(&self) -> &Matrix {
        self.head.as_ref().unwrap_or(&self.embedding)
    }

    /// Bytes of weights that one token reads: all but the embedding, which is one row of it.
    pub(crate) fn bytes_per_token(&self) -> usize {
        let layers: usize = self.layers.iter().flat_map(Layer::matrices).map(Matrix::n_bytes).sum();
        layers + self.head().n_bytes()
    }

    /// Bytes of all weights.
    pub(crate) fn n_bytes(&self) -> usize {
        let matrices: usize = self.matrices().map(Matrix::n_bytes).sum();
        let norms = self.layers.iter().flat_map(Layer::norms).chain([&self.output_norm]);
        let norms: usize = norms.map(Norm::len).sum();
        let linears = self.layers.iter().flat_map(Layer::linears);
        let biases: usize = linears.filter_map(|it| it.bias.as_ref()).map(Vec::len).sum();
        let positions = self.positions.as_ref().map_or(0, Vec::len);
        matrices + (norms + biases + positions) * size_of::<f32>()
    }

    /// Every matrix, once.
    pub(crate) fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        let ends = [&self.embedding].into_iter().chain(&self.head);
        ends.chain(self.layers.iter().flat_map(Layer::matrices))
    }

    /// How many numbers of matrices are held in each format, those in use.
    pub(crate) fn dtypes(&self) -> Vec<(Dtype, usize)> {
        let held = |dtype: Dtype| -> usize {
            let of_it = self.matrices().filter(|matrix| matrix.dtype() == dtype);
            of_it.map(|matrix| matrix.rows() * matrix.cols()).sum()
        };
        let all = Dtype::ALL.into_iter().map(|dtype| (dtype, held(dtype)));
        all.filter(|(_, held)| *held > 0).collect()
    }
}

impl Norm {
    fn len(&self) -> usize {
        match self {
            Self::Rms { weight } => weight.len(),
            Self::Layer { weight, bias } => weight.len() + bias.len(),
        }
    }
}

impl Layer {
    fn linears(&self) -> impl Iterator<Item = &Linear> {
        let attention = [&self.query, &self.key, &self.value, &self.output];
        attention.into_iter().chain(&self.gate).chain([&self.up, &self.down])
    }

    fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        self.linears().map(|linear| &linear.weight)
    }

    fn norms(&self) -> impl Iterator<Item = &Norm> {
        let heads = self.qk_norm.iter().flat_map(|(query, key)| [query, key]);
        let outputs = self.post_attn_norm.iter().chain(&self.post_ffn_norm);
        [&self.attn_norm, &self.ffn_norm].into_iter().chain(heads).chain(outputs)
    }
}
