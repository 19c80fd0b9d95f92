//! Statistics of distributions. Entropies are in nats, with 0 · ln 0 = 0 and never −0.

use crate::math::{exp, ln};

/// Shannon entropy, −Σ p ln p, in nats.
///
/// ```
/// use kelvin::stats::entropy_nats;
///
/// assert_eq!(entropy_nats(&[1.0, 0.0]), 0.0);
/// assert!((entropy_nats(&[0.5, 0.5]) - core::f64::consts::LN_2).abs() < 1e-15);
/// ```
pub fn entropy_nats(probs: &[f64]) -> f64 {
    let sum: f64 = probs.iter().filter(|&&p| p > 0.0).map(|&p| p * ln(p)).sum();
    (-sum).max(0.0)
}

/// Surprisal of an event of probability `p`, −ln p, in nats; ∞ for an impossible one.
///
/// ```
/// assert_eq!(kelvin::stats::surprisal_nats(1.0), 0.0);
/// assert_eq!(kelvin::stats::surprisal_nats(0.0), f64::INFINITY);
/// ```
pub fn surprisal_nats(p: f64) -> f64 {
    (-ln(p)).max(0.0)
}

/// Nats as bits.
pub fn bits(nats: f64) -> f64 {
    nats * core::f64::consts::LOG2_E
}

/// e^H: how many equally likely tokens would be as uncertain.
///
/// ```
/// assert!((kelvin::stats::effective_support(&[0.25; 4]) - 4.0).abs() < 1e-12);
/// ```
pub fn effective_support(probs: &[f64]) -> f64 {
    exp(entropy_nats(probs))
}

/// Kullback–Leibler divergence of `q` from `p`, Σ p ln(p/q), in nats; ∞ where `q` rules out what `p`
/// allows. Both hold a probability for each token, in the same order.
///
/// ```
/// use kelvin::stats::kl_nats;
///
/// assert_eq!(kl_nats(&[0.5, 0.5], &[0.5, 0.5]), 0.0);
/// assert_eq!(kl_nats(&[0.5, 0.5], &[1.0, 0.0]), f64::INFINITY);
/// ```
///
/// # Panics
///
/// If the lengths differ.
pub fn kl_nats(p: &[f64], q: &[f64]) -> f64 {
    assert_eq!(p.len(), q.len(), "two distributions over the same tokens");
    let live = p.iter().zip(q).filter(|(p, _)| **p > 0.0);
    let sum: f64 = live.map(|(&p, &q)| p * (ln(p) - ln(q))).sum();
    sum.max(0.0)
}

/// Total variation distance, ½ Σ |p − q|: the largest difference in probability that any event has.
///
/// ```
/// assert_eq!(kelvin::stats::total_variation(&[1.0, 0.0], &[0.25, 0.75]), 0.75);
/// ```
///
/// # Panics
///
/// If the lengths differ.
pub fn total_variation(p: &[f64], q: &[f64]) -> f64 {
    assert_eq!(p.len(), q.len(), "two distributions over the same tokens");
    let sum: f64 = p.iter().zip(q).map(|(p, q)| (p - q).max(q - p)).sum();
    0.5 * sum
}

/// The expected number of distinct tokens in `n` independent draws, Σ 1 − (1 − p)ⁿ.
///
/// ```
/// use kelvin::stats::expected_distinct;
///
/// assert_eq!(expected_distinct(&[1.0], 50), 1.0);
/// assert_eq!(expected_distinct(&[0.5, 0.5], 2), 1.5);
/// ```
pub fn expected_distinct(probs: &[f64], n: u32) -> f64 {
    probs.iter().map(|&p| 1.0 - power(1.0 - p, n)).sum()
}

/// xⁿ by repeated squaring.
fn power(x: f64, n: u32) -> f64 {
    let (mut result, mut square, mut rest) = (1.0, x, n);
    while rest > 0 {
        if rest & 1 == 1 {
            result *= square;
        }
        square *= square;
        rest >>= 1;
    }
    result
}
