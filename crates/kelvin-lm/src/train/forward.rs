//! The forward pass over whole windows, which keeps what the backward pass needs.

use rayon::prelude::*;

use super::activations::{Activations, Kept};
use super::batch::Batch;
use super::layout::{Affine, Layout, Params};
use crate::config::{Config, QueryScale};
use crate::kernel::Engine;
use crate::kernel::activation::Plain;
use crate::kernel::causal::{Causal, Output};
use crate::kernel::dropout::{Drop, Mask, RUN};
use crate::kernel::gemm::{Columns, Gemm, Start, View};
use crate::kernel::norm::LayerNorm;

/// Numbers below which a second thread costs more than it saves; whole masks.
pub(super) const PIECE: usize = 256 * RUN;

/// Places of dropout in a layer, after that of the embedding.
const PLACES: usize = 3;

/// What both passes read: the model in training, borrowed in parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Network<'a> {
    pub(super) engine: &'a Engine,
    pub(super) config: &'a Config,
    pub(super) layout: &'a Layout,
    pub(super) params: &'a Params,
    /// The masks of the step; none where nothing is dropped.
    pub(super) dropout: Option<Mask>,
    /// The batch's first window among those of the step.
    pub(super) first_window: usize,
}

impl Network<'_> {
    /// From tokens to the normed stream after the last layer, in `block`.
    pub(super) fn forward(&self, batch: &Batch, memory: &mut Activations) {
        memory.fit(self.config, batch.n_tokens());
        self.embed(batch, memory);
        for index in 0..self.layout.layers.len() {
            self.layer(index, batch, memory);
        }
        self.norm(&self.layout.norm, &memory.stream, &mut memory.block);
    }

    /// Token and position, added.
    fn embed(&self, batch: &Batch, memory: &mut Activations) {
        let width = self.config.d_model;
        let (tokens, positions) =
            (&self.params[&self.layout.token], &self.params[&self.layout.position]);
        let rows = memory.stream.chunks_exact_mut(width).zip(&batch.inputs).enumerate();
        for (index, (row, token)) in rows {
            let token = &tokens[*token as usize * width..][..width];
            let position = &positions[index % batch.length * width..][..width];
            for ((to, token), position) in row.iter_mut().zip(token).zip(position) {
                *to = token + position;
            }
        }
        self.drop(0, batch.length, &mut memory.stream);
    }

    fn layer(&self, index: usize, batch: &Batch, memory: &mut Activations) {
        let layer = &self.layout.layers[index];
        let Activations { layers, stream, block, wide, attention, packed, .. } = memory;
        let kept = &mut layers[index];
        kept.before.copy_from_slice(stream);
        self.norm(&layer.attn_norm, stream, block);
        self.linear(&layer.query_key_value, block, &mut kept.query_key_value, packed);
        let Kept { query_key_value, softmax, mixed, between, up, .. } = kept;
        let output = Output { mixed, kept: softmax };
        let causal = self.causal(index, batch.length);
        causal.forward(self.engine, query_key_value, attention, output);
        self.linear(&layer.attn_output, &kept.mixed, block, packed);
        self.drop(self.place(index, 1), batch.length, block);
        add(stream, block);
        between.copy_from_slice(stream);
        self.norm(&layer.ffn_norm, stream, block);
        self.linear(&layer.up, block, up, packed);
        let inner = &mut wide[..up.len()];
        inner.copy_from_slice(up);
        self.activate(inner);
        self.linear(&layer.down, inner, block, packed);
        self.drop(self.place(index, 2), batch.length, block);
        add(stream, block);
    }

    /// One layer's attention.
    pub(super) fn causal(&self, index: usize, length: usize) -> Causal {
        let Config { n_heads, head_dim, query_scale, .. } = *self.config;
        let (QueryScale::Uniform(scale) | QueryScale::ByDepth(scale)) = query_scale;
        Causal {
            n_heads,
            head_dim,
            length,
            scale,
            dropout: self.dropout.map(|mask| mask.at(self.place(index, 0))),
            first_window: self.first_window,
        }
    }

    /// Where a layer drops: 0 in attention, 1 after it, 2 after the feed-forward block.
    #[expect(clippy::unused_self, reason = "reads like the other parts of the pass")]
    pub(super) fn place(&self, layer: usize, which: usize) -> usize {
        1 + PLACES * layer + which
    }

    /// Drops numbers of the rows of a batch.
    pub(super) fn drop(&self, place: usize, length: usize, rows: &mut [f32]) {
        let Some(mask) = self.dropout.map(|mask| mask.at(place)) else { return };
        let start = first_number(self.first_window, length * self.config.d_model);
        rows.par_chunks_mut(PIECE).enumerate().for_each(|(index, x)| {
            self.engine.dispatch(Drop { mask, first: start + index * PIECE, x });
        });
    }

    /// out = norm(x), row by row.
    pub(super) fn norm(&self, norm: &Affine, x: &[f32], out: &mut [f32]) {
        let (weight, bias) = (&self.params[&norm.weight], &self.params[&norm.bias]);
        let eps = self.config.norm_eps;
        let some_rows = PIECE.div_ceil(weight.len()) * weight.len();
        out.par_chunks_mut(some_rows).zip(x.par_chunks(some_rows)).for_each(|(rows, x)| {
            rows.copy_from_slice(x);
            self.engine.dispatch(LayerNorm { weight, bias, eps, rows });
        });
    }

    /// out = x · weight + bias.
    fn linear(&self, affine: &Affine, x: &[f32], out: &mut [f32], packed: &mut Columns) {
        let bias = &self.params[&affine.bias];
        let weight = View::new(&self.params[&affine.weight], bias.len());
        let a = View::new(x, weight.rows());
        Gemm { a, b: weight, start: Start::Row(bias) }.run(self.engine, out, packed);
    }

    /// x ← activation(x).
    pub(super) fn activate(&self, x: &mut [f32]) {
        let activation = self.config.activation;
        x.par_chunks_mut(PIECE).for_each(|x| self.engine.dispatch(Plain { activation, x }));
    }
}

/// Where the masks of a batch begin among the numbers of a place, whose windows have `n` numbers each:
/// behind those of the batches before it, with a run of its own.
fn first_number(first_window: usize, n: usize) -> usize {
    first_window * n.next_multiple_of(RUN)
}

/// x += y, number by number.
pub(super) fn add(x: &mut [f32], y: &[f32]) {
    x.par_chunks_mut(PIECE).zip(y.par_chunks(PIECE)).for_each(|(x, y)| {
        x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
    });
}

#[cfg(test)]
mod tests {
    use super::{RUN, first_number};

    #[test]
    fn the_masks_of_two_batches_do_not_meet() {
        for (n, batch_size) in [(1, 1), (130, 1), (127, 3), (128, 2), (37 * 36, 3)] {
            for batch in 0..300 {
                let first = |batch| first_number(batch * batch_size, n);
                assert!(first(batch).is_multiple_of(RUN));
                assert!(first(batch) + n * batch_size <= first(batch + 1), "{batch} of {n}");
            }
        }
    }
}
