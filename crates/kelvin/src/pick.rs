//! The last step, as pure functions of integers.

/// The first place, in id order, whose cumulative weight exceeds `r`.
///
/// Strictly: a weight of 0 is never picked, whatever `r`. Returns `None` when `r` is not below the sum
/// of the weights.
///
/// ```
/// use kelvin::pick::pick;
///
/// assert_eq!(pick(&[2, 0, 1], 0), Some(0));
/// assert_eq!(pick(&[2, 0, 1], 1), Some(0));
/// assert_eq!(pick(&[2, 0, 1], 2), Some(2));
/// assert_eq!(pick(&[2, 0, 1], 3), None);
/// ```
pub fn pick(weights: &[u64], r: u64) -> Option<usize> {
    let mut mass = 0;
    weights.iter().position(|&weight| {
        mass += weight;
        mass > r
    })
}

/// The largest value, and among equals the first: the first token of the total order.
///
/// −∞ is skipped; `None` when nothing else is there.
///
/// ```
/// assert_eq!(kelvin::pick::greedy(&[1.0, 3.0, 3.0]), Some(1));
/// assert_eq!(kelvin::pick::greedy(&[f32::NEG_INFINITY]), None);
/// ```
pub fn greedy(logits: &[f32]) -> Option<usize> {
    let mut best = None;
    let mut top = f32::NEG_INFINITY;
    for (at, &logit) in logits.iter().enumerate() {
        if logit > top {
            (top, best) = (logit, Some(at));
        }
    }
    best
}
