//! How likely continuations are, and how open each of their tokens was.

use crate::Sample;

/// The mean; `None` of nothing.
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.into_iter().fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / n as f64)
}

/// The surprisal of a continuation under the model itself, −Σ ln p, in nats.
pub fn nats(sample: &Sample) -> f64 {
    minus_sum(&sample.raw_logprobs)
}

/// A sum without −0.
pub(super) fn minus_sum(logprobs: &[f64]) -> f64 {
    -logprobs.iter().sum::<f64>() + 0.0
}

/// Sum and count of numbers, one for each token.
pub(super) fn pooled(values: impl ExactSizeIterator<Item = f64>) -> [f64; 2] {
    let n = values.len();
    [values.sum::<f64>(), n as f64]
}
