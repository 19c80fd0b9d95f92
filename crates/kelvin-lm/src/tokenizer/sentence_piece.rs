//! The merges that a SentencePiece vocabulary means.

use kelvin::TokenId;
use rayon::prelude::*;

use super::bpe::Merge;
use super::pieces::Pieces;

/// One merge per piece that is found, ranked by the piece's score (higher first), then its id.
///
/// SentencePiece has no merges: it unites the two neighbours whose union scores highest, leftmost
/// first. A piece could be the union of several pairs, but only ever is of one. What happens between
/// two neighbours before they are united happens between the borders of the piece they will be, in
/// the order it would happen were that piece the whole text; so the pair is the one that ends the
/// piece's own encoding, and its merge is all that BPE needs to do as SentencePiece does. Pieces of equal
/// score would be a difference (the leftmost there, the smaller id here); its trainer writes none.
pub(super) fn merges(pieces: &Pieces, scores: &[f32]) -> Vec<Merge> {
    let found = |&token: &TokenId| pieces.get(token).and_then(|p| pieces.find(p)) == Some(token);
    let mut ranked: Vec<(f32, TokenId)> = pieces
        .tokens()
        .filter(found)
        .map(|token| (scores[token as usize] + 0.0, token)) // −0 is 0
        .collect();
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let score = |piece: &str| pieces.find(piece).map(|token| scores[token as usize]);
    let merge = |&(_, union): &(f32, TokenId)| {
        let piece = pieces.get(union)?;
        let (left, right) = piece.split_at(last_border(piece, score)?);
        Some(Merge { left: pieces.find(left)?, right: pieces.find(right)?, union })
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
