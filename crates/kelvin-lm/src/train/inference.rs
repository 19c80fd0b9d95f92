//! From the parameters in training to a model that decodes.

use super::layout::{Affine, Params};
use super::state::State;
use crate::Result;
use crate::dtype::Dtype;
use crate::kernel::Matrix;
use crate::kernel::gemm::View;
use crate::model::{Layer, Linear, Norm, Weights};

impl State {
    /// The weights as the decoder takes them, in f32.
    ///
    /// # Errors
    ///
    /// Those of [`Matrix::new`].
    pub(super) fn weights(&self) -> Result<Weights> {
        let Self { layout, params, config, .. } = self;
        let width = config.d_model;
        let embedding = |range| matrix(View::new(&params[range], width));
        let layers = layout.layers.iter().map(|layer| {
            let all = &layer.query_key_value;
            let part = |which| linear(params, all, which * width, width);
            Ok(Layer {
                attn_norm: norm(params, &layer.attn_norm),
                query: part(0)?,
                key: part(1)?,
                value: part(2)?,
                qk_norm: None,
                output: linear(params, &layer.attn_output, 0, width)?,
                post_attn_norm: None,
                ffn_norm: norm(params, &layer.ffn_norm),
                gate: None,
                up: linear(params, &layer.up, 0, config.d_ff)?,
                down: linear(params, &layer.down, 0, width)?,
                post_ffn_norm: None,
            })
        });
        Ok(Weights {
            embedding: embedding(&layout.token)?,
            positions: Some(params[&layout.position].to_vec()),
            layers: layers.collect::<Result<_>>()?,
            output_norm: norm(params, &layout.norm),
            head: (!config.tied_head).then(|| embedding(&layout.head)).transpose()?,
        })
    }
}

fn norm(params: &Params, affine: &Affine) -> Norm {
    Norm::Layer { weight: params[&affine.weight].to_vec(), bias: params[&affine.bias].to_vec() }
}

/// `n` outputs of a product, from `first` on.
fn linear(params: &Params, affine: &Affine, first: usize, n: usize) -> Result<Linear> {
    let bias = &params[&affine.bias];
    let all = View::new(&params[&affine.weight], bias.len());
    let outputs = all.part(0..all.rows(), first..first + n);
    Ok(Linear { weight: matrix(outputs.t())?, bias: Some(bias[first..first + n].to_vec()) })
}

fn matrix(numbers: View<'_>) -> Result<Matrix> {
    let bytes: Vec<u8> = numbers.iter().flat_map(f32::to_le_bytes).collect();
    Matrix::new(Dtype::F32, numbers.rows(), numbers.cols(), &bytes)
}
