//! Self-BLEU: how much like each other continuations are.

use std::collections::BTreeMap;

use kelvin::{TokenId, math};

/// n-grams of 1 to this many tokens count, with equal weights; up to its own length for a shorter one.
const ORDER: usize = 4;
/// What stands for no match: 0.1 of one (smoothing method 1 of Chen and Cherry 2014).
const NO_MATCH: f64 = 0.1;

/// The mean over continuations of the BLEU-4 of each with all others as its references: 1 for copies,
/// near 0 for continuations without a phrase in common. `None` for fewer than two.
///
/// Tokens are the model's own. Order 4 with equal weights, the closest reference length (the shorter of
/// two) for the brevity penalty, an n-gram order without a match counts as 0.1 of a match, and one
/// without a common token is 0: NLTK's `sentence_bleu` with `SmoothingFunction().method1`. A continuation
/// of fewer than 4 tokens has no n-gram of the higher orders and is judged by those that it has, as
/// sacrebleu's `use_effective_order` does; one of no token is 0.
///
/// Source: Zhu et al., *Texygen* (SIGIR 2018), over Papineni et al., *BLEU* (ACL 2002).
///
/// ```
/// use kelvin_lab::measure::self_bleu;
///
/// assert_eq!(self_bleu(&[&[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5]]), Some(1.0));
/// assert_eq!(self_bleu(&[&[1, 2], &[1, 2]]), Some(1.0));
/// assert_eq!(self_bleu(&[&[1, 2, 3, 4], &[5, 6, 7, 8]]), Some(0.0));
/// ```
pub fn self_bleu(continuations: &[&[TokenId]]) -> Option<f64> {
    if continuations.len() < 2 {
        return None;
    }
    let orders: Vec<Counts<'_>> = (1..=ORDER).map(|n| Counts::of(continuations, n)).collect();
    let scores = continuations.iter().enumerate().map(|(at, hypothesis)| {
        let precisions = orders.iter().map(|counts| counts.clipped(at));
        bleu(precisions, hypothesis.len(), closest(continuations, at))
    });
    super::mean(scores)
}

/// BLEU from matches and n-grams of each order, and the lengths of hypothesis and reference.
fn bleu(precisions: impl Iterator<Item = (u32, u32)>, length: usize, reference: usize) -> f64 {
    let (mut log_sum, orders) = (0.0, length.min(ORDER));
    for (order, (matches, total)) in precisions.take(orders).enumerate() {
        if order == 0 && matches == 0 {
            return 0.0;
        }
        let matches = if matches == 0 { NO_MATCH } else { f64::from(matches) };
        log_sum += math::ln(matches / f64::from(total));
    }
    if orders == 0 {
        return 0.0;
    }
    let brevity =
        if length > reference { 0.0 } else { (1.0 - reference as f64 / length as f64).min(0.0) };
    math::exp(brevity + log_sum / orders as f64).min(1.0)
}

/// The length among the others that is closest to this one's; the shorter of two.
fn closest(continuations: &[&[TokenId]], at: usize) -> usize {
    let length = continuations[at].len();
    let others = continuations.iter().enumerate().filter(|(other, _)| *other != at);
    let lengths = others.map(|(_, other)| other.len());
    lengths.min_by_key(|&other| (other.abs_diff(length), other)).unwrap_or(0)
}

/// n-grams of one order: how often each continuation has them, and how often at most any other.
struct Counts<'a> {
    own: Vec<BTreeMap<&'a [TokenId], u32>>,
    most: BTreeMap<&'a [TokenId], Most>,
}

/// The two largest counts of an n-gram, and whose the larger one is.
#[derive(Default)]
struct Most {
    first: u32,
    owner: usize,
    second: u32,
}

impl<'a> Counts<'a> {
    fn of(continuations: &[&'a [TokenId]], n: usize) -> Self {
        let own: Vec<BTreeMap<&[TokenId], u32>> =
            continuations.iter().map(|it| count(it, n)).collect();
        let mut most: BTreeMap<&[TokenId], Most> = BTreeMap::new();
        for (owner, counts) in own.iter().enumerate() {
            for (&ngram, &count) in counts {
                let most = most.entry(ngram).or_default();
                if count > most.first {
                    *most = Most { first: count, owner, second: most.first };
                } else {
                    most.second = most.second.max(count);
                }
            }
        }
        Self { own, most }
    }

    /// How many n-grams of a continuation the others have too, each counted at most as often as the
    /// one of them that has it most; and how many it has.
    fn clipped(&self, at: usize) -> (u32, u32) {
        let others = |ngram: &[TokenId]| {
            let most = &self.most[ngram];
            if most.owner == at { most.second } else { most.first }
        };
        let own = self.own[at].iter();
        own.fold((0, 0), |(matches, total), (ngram, &count)| {
            (matches + count.min(others(ngram)), total + count)
        })
    }
}

fn count(tokens: &[TokenId], n: usize) -> BTreeMap<&[TokenId], u32> {
    let mut counts = BTreeMap::new();
    for ngram in tokens.windows(n) {
        *counts.entry(ngram).or_insert(0) += 1;
    }
    counts
}
