//! The state before the first step: fresh weights, or those of a model.

use kelvin::rng::{self, Counter, Domain};
use kelvin::{Seed, math};
use rayon::prelude::*;

use super::layout::{Affine, Layout, Params, Tensor};
use super::settings::Settings;
use super::state::State;
use crate::kernel::Matrix;
use crate::model::{Linear, Norm, Weights};
use crate::{Config, Model, Result};

/// Standard deviation of the first weights. Radford et al. 2019.
const DEVIATION: f64 = 0.02;
/// Numbers that one thread draws at a time; even.
const RUN: usize = 1 << 12;

impl State {
    /// No step taken: norms 1, biases 0, all else normal numbers of deviation 0.02, in what joins the
    /// residual stream 0.02 / √(2 · `n_layers`), as in GPT-2; named by the seed, the tensor and the
    /// place in it.
    ///
    /// # Errors
    ///
    /// Those of [`Layout::new`] and [`Settings::check`].
    ///
    /// ```
    /// use kelvin_lm::train::{Size, State};
    ///
    /// let size = Size::from_name("char-tiny")?;
    /// let state = State::new(size.config(30)?, size.settings)?;
    /// assert_eq!((state.step, state.params.as_slice().len()), (0, 105_088));
    /// # Ok::<(), kelvin_lm::Error>(())
    /// ```
    pub fn new(config: Config, settings: Settings) -> Result<Self> {
        let mut state = Self::zeros(config, settings)?;
        let Self { config, settings, layout, params, .. } = &mut state;
        let joins = DEVIATION / math::sqrt(2.0 * config.n_layers as f64);
        for (index, tensor) in layout.tensors().iter().enumerate() {
            let numbers = &mut params[&tensor.range()];
            if tensor.decays() {
                let deviation = if joins_stream(tensor) { joins } else { DEVIATION };
                fill_normal(Seed::new(settings.seed), index, deviation, numbers);
            } else if tensor.name().ends_with("weight") {
                numbers.fill(1.0);
            }
        }
        Ok(state)
    }

    /// No step taken: the weights of a model in GPT-2 layout, as it holds them.
    ///
    /// # Errors
    ///
    /// Those of [`State::new`].
    pub fn from_model(model: &Model, settings: Settings) -> Result<Self> {
        let mut state = Self::zeros(model.config().clone(), settings)?;
        copy(model.weights(), &state.layout, &mut state.params);
        Ok(state)
    }

    fn zeros(config: Config, settings: Settings) -> Result<Self> {
        settings.check(config.max_seq)?;
        let layout = Layout::new(&config)?;
        let zeros = || Params::zeros(&layout);
        let (params, exp_avg, exp_avg_sq) = (zeros(), zeros(), zeros());
        Ok(Self { config, settings, layout, step: 0, params, exp_avg, exp_avg_sq })
    }
}

/// Whether what the tensor puts out is added to the residual stream.
fn joins_stream(tensor: &Tensor) -> bool {
    tensor.name().ends_with("c_proj.weight")
}

/// Normal numbers, two from each block of random words, by Box and Muller's transform (1958).
fn fill_normal(seed: Seed, tensor: usize, deviation: f64, numbers: &mut [f32]) {
    let tensor = u32::try_from(tensor).expect("at most 2^16 tensors");
    numbers.par_chunks_mut(RUN).enumerate().for_each(|(run, numbers)| {
        for (pair, numbers) in numbers.chunks_mut(2).enumerate() {
            let block = u32::try_from(run * (RUN / 2) + pair).expect("a tensor of 2^33 numbers");
            let counter = Counter { block, ..Counter::new(tensor, Domain::Init) };
            numbers.copy_from_slice(&normal_pair(seed, counter, deviation)[..numbers.len()]);
        }
    });
}

#[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
fn normal_pair(seed: Seed, counter: Counter, deviation: f64) -> [f32; 2] {
    let [a, b, c, d] = rng::block(seed, counter).map(u64::from);
    let uniform =
        |low: u64, high: u64| (((high << 32 | low) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    let radius = deviation * math::sqrt(-2.0 * math::ln(uniform(a, b)));
    let (sin, cos) = math::sin_cos(std::f64::consts::TAU * uniform(c, d));
    [(radius * cos) as f32, (radius * sin) as f32]
}

/// Everything learned, in the layout of training.
fn copy(weights: &Weights, layout: &Layout, params: &mut Params) {
    copy_rows(&weights.embedding, &mut params[&layout.token]);
    if let Some(positions) = &weights.positions {
        params[&layout.position].copy_from_slice(positions);
    }
    if let Some(head) = &weights.head {
        copy_rows(head, &mut params[&layout.head]);
    }
    copy_norm(&weights.output_norm, &layout.norm, params);
    for (from, to) in weights.layers.iter().zip(&layout.layers) {
        copy_norm(&from.attn_norm, &to.attn_norm, params);
        copy_norm(&from.ffn_norm, &to.ffn_norm, params);
        let attention = [&from.query, &from.key, &from.value];
        copy_linears(&attention, &to.query_key_value, params);
        copy_linears(&[&from.output], &to.attn_output, params);
        copy_linears(&[&from.up], &to.up, params);
        copy_linears(&[&from.down], &to.down, params);
    }
}

fn copy_rows(from: &Matrix, to: &mut [f32]) {
    for (index, row) in to.chunks_exact_mut(from.cols()).enumerate() {
        from.row(index, row);
    }
}

fn copy_norm(from: &Norm, to: &Affine, params: &mut Params) {
    let (Norm::Rms { weight } | Norm::Layer { weight, .. }) = from;
    params[&to.weight].copy_from_slice(weight);
    if let Norm::Layer { bias, .. } = from {
        params[&to.bias].copy_from_slice(bias);
    }
}

/// Products `[outputs, inputs]` side by side, as one `[inputs, outputs]`.
fn copy_linears(from: &[&Linear], to: &Affine, params: &mut Params) {
    let width = to.bias.len();
    let mut first = 0;
    for Linear { weight, bias } in from {
        let mut row = vec![0.0; weight.cols()];
        for output in 0..weight.rows() {
            weight.row(output, &mut row);
            let column = params[&to.weight].iter_mut().skip(first + output).step_by(width);
            column.zip(&row).for_each(|(to, x)| *to = *x);
        }
        if let Some(bias) = bias {
            params[&to.bias][first..first + bias.len()].copy_from_slice(bias);
        }
        first += weight.rows();
    }
}
