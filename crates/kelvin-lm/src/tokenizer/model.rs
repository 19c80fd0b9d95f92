//! What makes tokens of words.

use kelvin::TokenId;

use super::bpe::{Bpe, Scratch};
use super::pieces::Pieces;

/// The last step of encoding.
#[derive(Debug)]
pub(super) enum Model {
    /// Words are merged from characters.
    Bpe(Bpe),
    /// Each word is a token, and this one where it is no piece.
    WordLevel(Option<TokenId>),
}

impl Model {
    /// Appends the tokens of `word`, or returns false where it has none.
    pub(super) fn append(
        &self,
        pieces: &Pieces,
        word: &str,
        scratch: &mut Scratch,
        ids: &mut Vec<TokenId>,
    ) -> bool {
        match self {
            Self::Bpe(bpe) => bpe.append(pieces, word, scratch, ids),
            Self::WordLevel(unknown) => {
                let token = pieces.find_spelled(word).or(*unknown);
                ids.extend(token);
                token.is_some()
            }
        }
    }
}
