//! What the forward pass leaves for the backward pass, and memory that both reuse.

use crate::config::Config;
use crate::kernel::causal::{CausalScratch, KEPT};
use crate::kernel::gemm::Columns;

/// The numbers of one layer that its gradient needs. What is cheap to compute again is not kept: norms
/// and activations.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The residual stream before the layer, `[tokens, d_model]`.
    pub(super) before: Vec<f32>,
    /// Queries, keys and values, `[tokens, 3 × d_model]`.
    pub(super) query_key_value: Vec<f32>,
    /// Of each query's softmax, `[windows, n_heads, length, 2]`.
    pub(super) softmax: Vec<f32>,
    /// What the heads saw, `[tokens, d_model]`.
    pub(super) mixed: Vec<f32>,
    /// The stream between attention and feed-forward block, `[tokens, d_model]`.
    pub(super) between: Vec<f32>,
    /// What goes into the activation, `[tokens, d_ff]`.
    pub(super) up: Vec<f32>,
}

/// Memory of the passes; grows to the largest batch.
#[derive(Debug, Default)]
pub(super) struct Activations {
    pub(super) layers: Vec<Kept>,
    /// The stream after the last layer; then the gradient by the stream, `[tokens, d_model]`.
    pub(super) stream: Vec<f32>,
    /// The stream after the last layer, normed; then a block's output or the gradient by it.
    pub(super) block: Vec<f32>,
    /// Another `[tokens, d_model]`.
    pub(super) other: Vec<f32>,
    /// Inside a feed-forward block, or queries, keys and values: `[tokens, d_ff]` is the widest.
    pub(super) wide: Vec<f32>,
    /// Logits of some tokens, then the gradient by them.
    pub(super) logits: Vec<f32>,
    /// −ln p of each token.
    pub(super) surprisals: Vec<f64>,
    pub(super) attention: CausalScratch,
    pub(super) packed: Columns,
}

impl Activations {
    /// Numbers for each token of a batch, but for logits and what products are packed into.
    pub(super) fn n_numbers(config: &Config) -> u64 {
        let [n_layers, n_heads, d_model, d_ff] =
            [config.n_layers, config.n_heads, config.d_model, config.d_ff].map(|n| n as u64);
        let layer = 6 * d_model + KEPT as u64 * n_heads + d_ff; // `Kept`
        let attention = 3 * d_model; // the gradient of all heads before it is gathered
        n_layers * layer + 3 * d_model + d_ff.max(3 * d_model) + attention
    }

    /// Room for a batch of so many tokens.
    pub(super) fn fit(&mut self, config: &Config, n_tokens: usize) {
        let Config { n_layers, n_heads, d_model, d_ff, .. } = *config;
        let stream = n_tokens * d_model;
        self.layers.resize_with(n_layers, Kept::default);
        for kept in &mut self.layers {
            kept.before.resize(stream, 0.0);
            kept.query_key_value.resize(3 * stream, 0.0);
            kept.softmax.resize(n_tokens * n_heads * KEPT, 0.0);
            kept.mixed.resize(stream, 0.0);
            kept.between.resize(stream, 0.0);
            kept.up.resize(n_tokens * d_ff, 0.0);
        }
        for buffer in [&mut self.stream, &mut self.block, &mut self.other] {
            buffer.resize(stream, 0.0);
        }
        self.wide.resize(n_tokens * d_ff.max(3 * d_model), 0.0);
        self.surprisals.resize(n_tokens, 0.0);
    }
}
