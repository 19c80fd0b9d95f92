//! How many different things there are, and how common the most common one is.

use std::collections::{BTreeMap, BTreeSet};

/// How many different items there are.
///
/// ```
/// assert_eq!(kelvin_lab::measure::different(["a", "b", "a"]), 2);
/// ```
pub fn different<T: Ord>(items: impl IntoIterator<Item = T>) -> usize {
    items.into_iter().collect::<BTreeSet<T>>().len()
}

/// The share of the most common item; `None` of nothing.
///
/// Seed 3 calls it coherence. It is concentration: a policy that always gives the same answer, right or
/// wrong, has 1.
///
/// ```
/// use kelvin_lab::measure::mode_share;
///
/// assert_eq!(mode_share(["pizza", "pasta", "pizza", "pizza"]), Some(0.75));
/// assert_eq!(mode_share::<u32>([]), None);
/// ```
pub fn mode_share<T: Ord>(items: impl IntoIterator<Item = T>) -> Option<f64> {
    let mut counts = BTreeMap::new();
    let mut total = 0_usize;
    for item in items {
        *counts.entry(item).or_insert(0_usize) += 1;
        total += 1;
    }
    counts.into_values().max().map(|most| most as f64 / total as f64)
}

/// How many different characters (Unicode scalar values) the texts have together.
pub fn unique_characters<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    different(texts.into_iter().flat_map(str::chars))
}
