//! The settings of a run: what is trained on how much, how fast.

use serde::{Deserialize, Serialize};

use super::activations::Activations;
use crate::{Config, Error, ErrorKind, Result};

/// Everything that decides the bits of a training run, besides the model's blueprint and the data.
///
/// The defaults of each size are in [`Size`](super::Size). How many steps are taken is no setting: a
/// run may always be continued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Windows in a batch, at least 1.
    pub batch_size: usize,
    /// Tokens that a window predicts, 1 to the model's `max_seq`.
    pub block_size: usize,
    /// Batches whose gradients add up to one step, at least 1. The sum is that of one large batch, in a fixed
    /// order of its own.
    pub grad_accum: usize,
    /// The rate after the warm-up, finite and above 0.
    pub learning_rate: f64,
    /// The rate at the end of the cosine, 0 to `learning_rate`; the same makes it constant.
    pub min_learning_rate: f64,
    /// Steps of linear growth at the start.
    pub warmup_steps: u32,
    /// The step at which the cosine ends; the rate stays there.
    pub decay_steps: u32,
    /// Decoupled weight decay of matrices, at least 0. Loshchilov and Hutter, arXiv 1711.05101.
    pub weight_decay: f64,
    /// Memory of the mean gradient, 0 to below 1.
    pub beta1: f64,
    /// Memory of the mean squared gradient, 0 to below 1.
    pub beta2: f64,
    /// Added to the root of that, 1e-30 to 1: in `f32` nothing smaller keeps 0 ÷ 0 away.
    pub eps: f64,
    /// The gradient's norm is cut to this, above 0; ∞ leaves it.
    #[serde(with = "infinite_as_null")]
    pub max_grad_norm: f64,
    /// Share of numbers dropped after the embedding, in attention and after each block: 0 to below 1.
    pub dropout: f64,
    /// Decides the first weights, the order of the data and the dropped numbers.
    pub seed: u64,
}

/// JSON and TOML have no infinity.
mod infinite_as_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn serialize<S: Serializer>(x: &f64, to: S) -> Result<S::Ok, S::Error> {
        x.is_finite().then_some(x).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(f64::INFINITY))
    }
}

impl Settings {
    /// Holds each number to its range.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`], with the name as on the command line, the value and the rule.
    pub fn check(&self, max_seq: usize) -> Result<()> {
        let at_least_one = |name: &str, given: usize, most: usize| {
            let fits = (1..=most).contains(&given);
            fits.then_some(()).ok_or_else(|| outside(name, &given, &format!("1 to {most}")))
        };
        at_least_one("batch-size", self.batch_size, MOST_WINDOWS)?;
        at_least_one("block-size", self.block_size, max_seq)?;
        at_least_one("grad-accum", self.grad_accum, MOST_WINDOWS)?;
        let rate = self.learning_rate;
        let rules = [
            ("learning-rate", rate, rate > 0.0 && rate <= 1e3, "0 < rate ≤ 1000"),
            (
                "min-learning-rate",
                self.min_learning_rate,
                (0.0..=rate).contains(&self.min_learning_rate),
                "0 to the learning rate",
            ),
            (
                "weight-decay",
                self.weight_decay,
                (0.0..=1e3).contains(&self.weight_decay),
                "0 to 1000",
            ),
            ("beta1", self.beta1, (0.0..1.0).contains(&self.beta1), "0 ≤ beta1 < 1"),
            ("beta2", self.beta2, (0.0..1.0).contains(&self.beta2), "0 ≤ beta2 < 1"),
            ("eps", self.eps, (1e-30..=1.0).contains(&self.eps), "1e-30 to 1"),
            ("max-grad-norm", self.max_grad_norm, self.max_grad_norm > 0.0, "above 0, or off"),
            ("dropout", self.dropout, (0.0..1.0).contains(&self.dropout), "0 ≤ dropout < 1"),
        ];
        match rules.iter().find(|(_, _, holds, _)| !holds) {
            Some((name, given, _, rule)) => Err(outside(name, given, rule)),
            None => Ok(()),
        }
    }

    /// Windows that one step reads.
    pub fn windows_per_step(&self) -> usize {
        self.batch_size * self.grad_accum
    }

    /// Bytes that training a model of this blueprint takes, about and at least: its parameters with their
    /// gradients and moments, and what the passes over a batch keep.
    pub fn n_bytes(&self, config: &Config) -> u64 {
        let n_tokens = self.batch_size as u64 * self.block_size as u64;
        let activations = Activations::n_numbers(config).saturating_mul(n_tokens);
        config.n_params().saturating_mul(4).saturating_add(activations).saturating_mul(4)
    }

    /// Tokens that one step predicts.
    pub fn tokens_per_step(&self) -> usize {
        self.windows_per_step() * self.block_size
    }
}

/// The most windows of a batch, and batches of a step.
const MOST_WINDOWS: usize = 1 << 16;

fn outside(name: &str, given: &dyn std::fmt::Display, rule: &str) -> Error {
    Error::new(ErrorKind::Parameter, format!("{name} = {given} is outside {rule}"))
}
