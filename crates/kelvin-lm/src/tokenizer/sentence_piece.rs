//! SentencePiece BPE: pieces with scores, `▁` for a space, bytes for what is no piece.

use kelvin::TokenId;
use rayon::prelude::*;
use tokenizers::models::bpe::Vocab;

use super::bpe::{Bpe, Fallback, WholeWord};
use super::{TokenKind, Vocabulary};
use crate::Result;

/// What SentencePiece writes for a space.
pub(super) const SPACE: &str = "▁";

/// The merges of a SentencePiece vocabulary.
#[derive(Debug)]
pub(super) struct SentencePiece {
    bpe: Bpe,
    space_prefix: bool,
}

impl SentencePiece {
    /// `scores` are finite, one per piece; `space_prefix` puts a space before text that begins the
    /// prompt or follows a special token.
    pub(super) fn new(vocabulary: &Vocabulary, scores: &[f32], space_prefix: bool) -> Result<Self> {
        let mut vocab = vocabulary.spellable()?;
        let merges = merges(vocabulary, scores, &vocab);
        for (id, piece) in vocabulary.of_kind(TokenKind::Byte) {
            vocab.insert(piece.to_owned(), id); // found by byte fallback, never by a merge
        }
        let bpe = Bpe::new(vocab, merges, Fallback::Bytes, WholeWord::Merge)?;
        Ok(Self { bpe, space_prefix })
    }

    /// Appends the tokens of `text`, or returns false where a byte has none.
    pub(super) fn append(&self, text: &str, ids: &mut Vec<TokenId>) -> Result<bool> {
        let prefix = if self.space_prefix { SPACE } else { "" };
        self.bpe.append(&(prefix.to_owned() + &text.replace(' ', SPACE)), ids)
    }

    /// Whether `c` is a piece, or all its bytes are.
    pub(super) fn spells(&self, c: char) -> bool {
        let mut utf8 = [0; 4];
        let text = c.encode_utf8(&mut utf8);
        c == ' '
            || self.bpe.token(text).is_some()
            || text.bytes().all(|byte| self.bpe.token(&format!("<0x{byte:02X}>")).is_some())
    }

    pub(super) fn token(&self, piece: &str) -> Option<TokenId> {
        self.bpe.token(piece)
    }
}

/// Every split of a piece into two pieces, ranked by the piece's score (higher first), then its id.
///
/// SentencePiece itself merges the two neighbours whose union scores highest, leftmost first. The
/// ranks here separate splits of one piece, which that rule does not; the results are equal all the
/// same. What happens between two neighbours before they are merged happens between the borders of
/// the piece they will be, in the order it would happen were that piece the whole text: so each
/// piece is only ever made by the one split that ends its own encoding, and no two splits of it
/// ever compete. Pieces of equal score would be a difference (SentencePiece takes the leftmost, we
/// the smaller id); its trainer writes no equal scores.
fn merges(vocabulary: &Vocabulary, scores: &[f32], vocab: &Vocab) -> Vec<(String, String)> {
    let mut ranked: Vec<(f32, TokenId)> = vocab
        .values()
        .map(|&id| (scores[id as usize] + 0.0, id)) // −0 is 0
        .collect();
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    ranked
        .par_iter()
        .flat_map_iter(|&(_, id)| {
            let piece = vocabulary.pieces[id as usize].as_str();
            let splits = piece.char_indices().skip(1).map(|(at, _)| piece.split_at(at));
            splits
                .filter(|(left, right)| vocab.contains_key(*left) && vocab.contains_key(*right))
                .map(|(left, right)| (left.to_owned(), right.to_owned()))
        })
        .collect()
}

/// The bytes that a piece of this kind spells.
pub(super) fn bytes(piece: &str) -> Vec<u8> {
    piece.replace(SPACE, " ").into_bytes()
}
