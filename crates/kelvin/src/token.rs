//! What a token is to this crate.

/// A token's number in the vocabulary, 0-based.
///
/// An alias and not a newtype: a caller's `&[u32]` passes freely. The confusion that a newtype would
/// prevent, a place in a candidate list taken for a token, cannot happen: such places stay private.
pub type TokenId = u32;
