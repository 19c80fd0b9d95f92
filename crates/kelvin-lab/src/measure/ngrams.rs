//! Different n-grams among all n-grams.

use std::collections::BTreeSet;

use kelvin::TokenId;

/// distinct-n: how many different n-grams a set of continuations has, over how many it has in all. No
/// n-gram spans two continuations. `None` where there is none.
///
/// Source: Li et al., *A diversity-promoting objective function for neural conversation models* (NAACL
/// 2016), who divide by the number of tokens; as is usual since, this divides by the number of n-grams,
/// so that 1 can be reached for every n.
///
/// ```
/// use kelvin_lab::measure::distinct;
///
/// assert_eq!(distinct([&[1, 2, 1, 2][..]], 2), Some(2.0 / 3.0));
/// ```
pub fn distinct<'a>(
    continuations: impl IntoIterator<Item = &'a [TokenId]>,
    n: usize,
) -> Option<f64> {
    let mut seen = BTreeSet::new();
    let mut total = 0_usize;
    for continuation in continuations {
        for ngram in continuation.windows(n.max(1)) {
            seen.insert(ngram);
            total += 1;
        }
    }
    (total > 0).then(|| seen.len() as f64 / total as f64)
}

/// rep-n: the share of a continuation's n-grams that occurred in it before, 1 − different / all. `None`
/// for one of fewer than n tokens.
///
/// Source: seq-rep-n of Welleck et al., *Neural text generation with unlikelihood training* (ICLR 2020).
pub fn rep(continuation: &[TokenId], n: usize) -> Option<f64> {
    distinct([continuation], n).map(|share| 1.0 - share)
}
