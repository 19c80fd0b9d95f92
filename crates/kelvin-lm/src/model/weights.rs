//! The numbers of a model, in the one layout that the forward pass knows.
//!
//! Whatever a file calls a tensor or does to its rows is undone where that file is read: `gguf.rs`
//! beside this; the Hugging Face layout is a second file like it. Here, norm weights include
//! Gemma's + 1, and the pairs that rotary positions turn are (i, i + `head_dim` / 2).

use crate::kernel::Matrix;

/// Everything learned.
#[derive(Debug)]
pub(crate) struct Weights {
    /// `[vocab_size, d_model]`
    pub(crate) embedding: Matrix,
    pub(crate) layers: Vec<Layer>,
    /// `[d_model]`
    pub(crate) output_norm: Vec<f32>,
    /// `[vocab_size, d_model]`; `None` where the head is the embedding.
    pub(crate) head: Option<Matrix>,
}

/// One layer. Matrices are `[outputs, inputs]`.
#[derive(Debug)]
pub(crate) struct Layer {
    /// `[d_model]`
    pub(crate) attn_norm: Vec<f32>,
    /// `[n_heads × head_dim, d_model]`
    pub(crate) query: Matrix,
    /// `[n_kv_heads × head_dim, d_model]`
    pub(crate) key: Matrix,
    /// `[n_kv_heads × head_dim, d_model]`
    pub(crate) value: Matrix,
    /// Norms of each query head and each key head, `[head_dim]` both.
    pub(crate) qk_norm: Option<(Vec<f32>, Vec<f32>)>,
    /// `[d_model, n_heads × head_dim]`
    pub(crate) output: Matrix,
    /// `[d_model]`
    pub(crate) post_attn_norm: Option<Vec<f32>>,
    /// `[d_model]`
    pub(crate) ffn_norm: Vec<f32>,
    /// `[d_ff, d_model]`
    pub(crate) gate: Matrix,
    /// `[d_ff, d_model]`
    pub(crate) up: Matrix,
    /// `[d_model, d_ff]`
    pub(crate) down: Matrix,
    /// `[d_model]`
    pub(crate) post_ffn_norm: Option<Vec<f32>>,
}

impl Weights {
    /// The matrix that turns the last state into logits.
    pub(crate) fn head(&self) -> &Matrix {
        self.head.as_ref().unwrap_or(&self.embedding)
    }

    /// Bytes of weights that one token reads: all but the embedding, which is one row of it.
    pub(crate) fn bytes_per_token(&self) -> usize {
        let layers: usize = self.layers.iter().map(Layer::bytes).sum();
        layers + self.head().n_bytes() + size_of_val(self.output_norm.as_slice())
    }
}

impl Layer {
    fn bytes(&self) -> usize {
        let matrices =
            [&self.query, &self.key, &self.value, &self.output, &self.gate, &self.up, &self.down];
        matrices.into_iter().map(Matrix::n_bytes).sum()
    }
}
