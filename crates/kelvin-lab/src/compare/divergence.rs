//! Where two continuations part.

use kelvin::TokenId;

/// The first place at which two sequences differ, and what each has there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Divergence {
    /// How many tokens they have in common before it.
    pub at: usize,
    /// What the first one has there; nothing where it has ended.
    pub first: Option<TokenId>,
    /// What the second one has there; nothing where it has ended.
    pub second: Option<TokenId>,
}

/// Where two sequences part; `None` for equal ones.
///
/// ```
/// use kelvin_lab::compare::{Divergence, first_divergence};
///
/// let parted = first_divergence(&[5, 7, 1], &[5, 8]);
/// assert_eq!(parted, Some(Divergence { at: 1, first: Some(7), second: Some(8) }));
/// assert_eq!(first_divergence(&[5, 7], &[5, 7]), None);
/// ```
pub fn first_divergence(first: &[TokenId], second: &[TokenId]) -> Option<Divergence> {
    let at = first.iter().zip(second).take_while(|(a, b)| a == b).count();
    let (first, second) = (first.get(at).copied(), second.get(at).copied());
    (first != second).then_some(Divergence { at, first, second })
}
