//! The backward pass: the gradient of every parameter, layer by layer from the end.
//!
//! Each sum over tokens goes in the order of the tokens, so neither threads nor blocks change a bit. The
//! first batch of a step overwrites the gradients, any other adds to them.

use rayon::prelude::*;

use super::activations::Activations;
use super::batch::Batch;
use super::forward::{Network, PIECE};
use super::layout::{Affine, Layout, Params};
use crate::kernel::activation::GeluGradient;
use crate::kernel::causal::Seen;
use crate::kernel::gemm::{Columns, Gemm, Start, View};
use crate::kernel::norm::LayerNormGradient;
use crate::kernel::sums::add_rows;

impl Network<'_> {
    /// What the gradient of a product's weight begins with.
    pub(super) fn gradient_start(&self) -> Start<'static> {
        if self.first_window == 0 { Start::Zero } else { Start::Keep }
    }

    /// Zeros for the gradients that sums of rows are added to: all but those of products.
    fn clear(&self, gradients: &mut Params) {
        let Layout { token, position, layers, norm, head, .. } = self.layout;
        if token != head {
            gradients[token].fill(0.0);
        }
        gradients[position].fill(0.0);
        let products = layers
            .iter()
            .flat_map(|layer| [&layer.query_key_value, &layer.attn_output, &layer.up, &layer.down]);
        products.for_each(|product| gradients[&product.bias].fill(0.0));
        let norms = layers.iter().flat_map(|layer| [&layer.attn_norm, &layer.ffn_norm]);
        for Affine { weight, bias } in norms.chain([norm]) {
            gradients[weight].fill(0.0);
            gradients[bias].fill(0.0);
        }
    }

    /// The gradient of every parameter but the head's, from that by the normed stream in `other`.
    pub(super) fn backward(&self, batch: &Batch, memory: &mut Activations, gradients: &mut Params) {
        if self.first_window == 0 {
            self.clear(gradients);
        }
        let Activations { stream, block, other, .. } = memory;
        block.copy_from_slice(stream);
        stream.fill(0.0);
        self.norm_gradient(&self.layout.norm, block, other, (stream, gradients));
        for index in (0..self.layout.layers.len()).rev() {
            self.feed_forward(index, batch, memory, gradients);
            self.attention(index, batch, memory, gradients);
        }
        self.embedding(batch, memory, gradients);
    }

    /// Through a feed-forward block: the gradient by the stream after it becomes that before it.
    fn feed_forward(
        &self,
        index: usize,
        batch: &Batch,
        memory: &mut Activations,
        gradients: &mut Params,
    ) {
        let layer = &self.layout.layers[index];
        let Activations { layers, stream, block, other, wide, packed, .. } = memory;
        let kept = &mut layers[index];
        other.copy_from_slice(stream);
        self.drop(self.place(index, 2), batch.length, other);
        let inner = &mut wide[..kept.up.len()];
        self.input_gradient(&layer.down, other, inner, packed);
        let pieces = kept.up.par_chunks_mut(PIECE).zip(inner.par_chunks_mut(PIECE));
        pieces.for_each(|(x, gradient)| self.engine.dispatch(GeluGradient { x, gradient }));
        self.weight_gradient(&layer.down, &kept.up, other, (packed, gradients));
        self.norm(&layer.ffn_norm, &kept.between, block);
        self.weight_gradient(&layer.up, block, inner, (packed, gradients));
        self.input_gradient(&layer.up, inner, other, packed);
        self.norm_gradient(&layer.ffn_norm, &mut kept.between, other, (stream, gradients));
    }

    /// Through an attention block.
    fn attention(
        &self,
        index: usize,
        batch: &Batch,
        memory: &mut Activations,
        gradients: &mut Params,
    ) {
        let layer = &self.layout.layers[index];
        let Activations { layers, stream, block, other, wide, attention, packed, .. } = memory;
        let kept = &mut layers[index];
        other.copy_from_slice(stream);
        self.drop(self.place(index, 1), batch.length, other);
        self.weight_gradient(&layer.attn_output, &kept.mixed, other, (packed, gradients));
        self.input_gradient(&layer.attn_output, other, block, packed);
        let inner = &mut wide[..kept.query_key_value.len()];
        let seen = Seen {
            query_key_value: &kept.query_key_value,
            mixed: &kept.mixed,
            kept: &kept.softmax,
            gradient: block,
        };
        self.causal(index, batch.length).backward(self.engine, &seen, attention, inner);
        self.norm(&layer.attn_norm, &kept.before, block);
        self.weight_gradient(&layer.query_key_value, block, inner, (packed, gradients));
        self.input_gradient(&layer.query_key_value, inner, other, packed);
        self.norm_gradient(&layer.attn_norm, &mut kept.before, other, (stream, gradients));
    }

    /// The gradient by the stream goes to the tokens and positions it came from.
    fn embedding(&self, batch: &Batch, memory: &mut Activations, gradients: &mut Params) {
        let width = self.config.d_model;
        self.drop(0, batch.length, &mut memory.stream);
        let rows = memory.stream.chunks_exact(width).zip(&batch.inputs).enumerate();
        for (index, (row, token)) in rows {
            let position = index % batch.length;
            for (range, at) in
                [(&self.layout.token, *token as usize), (&self.layout.position, position)]
            {
                let to = &mut gradients[range][at * width..][..width];
                to.iter_mut().zip(row).for_each(|(to, x)| *to += x);
            }
        }
    }

    /// xᵀ · output and the sum of the output's rows: the gradients of a product's weight and bias.
    fn weight_gradient(
        &self,
        affine: &Affine,
        x: &[f32],
        output: &[f32],
        (packed, gradients): (&mut Columns, &mut Params),
    ) {
        let n_outputs = affine.bias.len();
        let x = View::new(x, affine.weight.len() / n_outputs);
        let output_rows = View::new(output, n_outputs);
        let product = Gemm { a: x.t(), b: output_rows, start: self.gradient_start() };
        product.run(self.engine, &mut gradients[&affine.weight], packed);
        add_rows(self.engine, output, &mut gradients[&affine.bias]);
    }

    /// input = output · weightᵀ.
    fn input_gradient(
        &self,
        affine: &Affine,
        output: &[f32],
        input: &mut [f32],
        packed: &mut Columns,
    ) {
        let n_outputs = affine.bias.len();
        let weight = View::new(&self.params[&affine.weight], n_outputs);
        let a = View::new(output, n_outputs);
        Gemm { a, b: weight.t(), start: Start::Zero }.run(self.engine, input, packed);
    }

    /// Through a norm of `x`, which is used up: adds the gradients by its weight, its bias and,
    /// to `input`, by what went in.
    fn norm_gradient(
        &self,
        norm: &Affine,
        x: &mut [f32],
        output: &[f32],
        (input, gradients): (&mut [f32], &mut Params),
    ) {
        let (weight, eps) = (&self.params[&norm.weight], self.config.norm_eps);
        let some_rows = PIECE.div_ceil(weight.len()) * weight.len();
        let pieces = x.par_chunks_mut(some_rows).zip(output.par_chunks(some_rows));
        pieces.zip(input.par_chunks_mut(some_rows)).for_each(|((x, output), input)| {
            self.engine.dispatch(LayerNormGradient { weight, eps, x, output, input });
        });
        add_rows(self.engine, x, &mut gradients[&norm.weight]);
        add_rows(self.engine, output, &mut gradients[&norm.bias]);
    }
}
