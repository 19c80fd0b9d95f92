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

/// One merge per piece, ranked by the piece's score (higher first), then its id.
///
/// SentencePiece has no merges: it unites the two neighbours whose union scores highest, leftmost
/// first. A piece could be the union of several pairs, but only ever is of one. What happens between
/// two neighbours before they are united happens between the borders of the piece they will be, in
/// the order it would happen were that piece the whole text; so the pair is the one that ends the
/// piece's own encoding, and its merge is all that BPE needs to do as SentencePiece does. Pieces of equal
/// score would be a difference (the leftmost there, the smaller id here); its trainer writes none.
fn merges(vocabulary: &Vocabulary, scores: &[f32], vocab: &Vocab) -> Vec<(String, String)> {
    let mut ranked: Vec<(f32, TokenId)> =
        vocab.values().map(|&id| (scores[id as usize] + 0.0, id)).collect(); // −0 is 0
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let score = |piece: &str| vocab.get(piece).map(|&id| scores[id as usize]);
    let merge = |&(_, id): &(f32, TokenId)| {
        let piece = vocabulary.pieces[id as usize].as_str();
        let (left, right) = piece.split_at(last_border(piece, score)?);
        let known = vocab.contains_key(left) && vocab.contains_key(right);
        known.then(|| (left.to_owned(), right.to_owned()))
    };
    ranked.par_iter().filter_map(merge).collect()
}

/// Where the last two parts of `piece` meet when it is encoded, or none where it stays in more parts or
/// is one character. Takes time quadratic in the characters, of which a piece has few.
fn last_border(piece: &str, score: impl Fn(&str) -> Option<f32>) -> Option<usize> {
    let mut borders: Vec<usize> = piece.char_indices().map(|(at, _)| at).collect();
    borders.push(piece.len());
    let union = |borders: &[usize], at: usize| score(&piece[borders[at]..borders[at + 2]]);
    let mut unions: Vec<Option<f32>> = match borders.len() {
        0..=2 => return None,
        3 => return Some(borders[1]),
        n => (0..n - 2).map(|at| union(&borders, at)).collect(),
    };
    loop {
        let best = leftmost_highest(&unions)?;
        borders.remove(best + 1);
        unions.remove(best);
        if unions.len() == 1 {
            return Some(borders[1]);
        }
        for at in best.saturating_sub(1)..=best.min(unions.len() - 1) {
            unions[at] = union(&borders, at);
        }
    }
}

fn leftmost_highest(scores: &[Option<f32>]) -> Option<usize> {
    let known = scores.iter().enumerate().filter_map(|(at, score)| Some((at, (*score)?)));
    known.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(at, _)| at)
}

/// The bytes that a piece of this kind spells.
pub(super) fn bytes(piece: &str) -> Vec<u8> {
    piece.replace(SPACE, " ").into_bytes()
}
