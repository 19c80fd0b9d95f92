//! Tokens that are found in a text as a whole, before anything is merged.

use std::ops::Range;

use kelvin::TokenId;

/// Longest piece that is looked for as a whole, in bytes; bounds the passes over a text.
pub(super) const LONGEST: usize = 256;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fragment {
    /// These bytes, still text.
    Text(Range<usize>),
    /// A token found as a whole.
    Token(TokenId),
}

/// Pieces that are found as a whole.
#[derive(Debug)]
pub(super) struct Wholes {
    /// In the order of their bytes.
    pieces: Vec<(Box<[u8]>, TokenId)>,
    /// Where the pieces with each first byte begin, `[257]`.
    first: Vec<usize>,
    /// The lengths there are, longest first.
    lengths: Vec<u16>,
}

impl Wholes {
    /// These pieces; of those with one spelling the first token, and no empty ones. The error is a piece
    /// that is too long.
    pub(super) fn new<'p>(
        pieces: impl Iterator<Item = (TokenId, &'p str)>,
    ) -> Result<Self, (TokenId, usize)> {
        let pieces = pieces.filter(|(_, piece)| !piece.is_empty());
        let mut pieces: Vec<(Box<[u8]>, TokenId)> =
            pieces.map(|(token, piece)| (piece.as_bytes().into(), token)).collect();
        pieces.sort_unstable();
        pieces.dedup_by(|(again, _), (piece, _)| again == piece);
        if let Some((piece, token)) = pieces.iter().find(|(piece, _)| piece.len() > LONGEST) {
            return Err((*token, piece.len()));
        }
        let begins = |byte: u16| pieces.partition_point(|(piece, _)| u16::from(piece[0]) < byte);
        let first = (0..=256).map(begins).collect();
        let length = |(piece, _): &(Box<[u8]>, _)| u16::try_from(piece.len()).unwrap_or(u16::MAX);
        let mut lengths: Vec<u16> = pieces.iter().map(length).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        Ok(Self { pieces, first, lengths })
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The longest piece at byte `at` of `text`, and its length. Reads no further than some piece goes on.
    pub(super) fn longest_at(&self, text: &[u8], at: usize) -> Option<(usize, TokenId)> {
        let byte = usize::from(text[at]);
        let mut among = &self.pieces[self.first[byte]..self.first[byte + 1]];
        let (mut best, mut len) = (None, 1);
        while let Some((piece, token)) = among.first() {
            if piece.len() == len {
                best = Some((len, *token)); // the others are longer, and go on from here
                among = &among[1..];
            }
            let Some(&next) = text.get(at + len) else { break };
            let start = among.partition_point(|(piece, _)| piece[len] < next);
            let end = among.partition_point(|(piece, _)| piece[len] <= next);
            among = &among[start..end];
            len += 1;
        }
        best
    }

    /// Whether `piece` is one of them.
    pub(super) fn holds(&self, piece: &[u8]) -> bool {
        self.find(piece).is_some()
    }

    /// `text` in fragments, in order: longer pieces before shorter ones, then from the left.
    ///
    /// This is the rule of llama.cpp (`tokenizer_st_partition`); a search for the leftmost and then
    /// longest would differ where two pieces overlap.
    pub(super) fn partition(&self, text: &str) -> Vec<Fragment> {
        self.partition_where(text, |_, _| true)
    }

    /// `text` in fragments, in order; a piece is passed over where `allowed` says no to its bytes and
    /// its token.
    pub(super) fn partition_where(
        &self,
        text: &str,
        allowed: impl Fn(&Range<usize>, TokenId) -> bool,
    ) -> Vec<Fragment> {
        let mut fragments = Vec::new();
        if !text.is_empty() {
            fragments.push(Fragment::Text(0..text.len()));
        }
        let text = text.as_bytes();
        let length = |at| self.longest_at(text, at).map_or(0, |(len, _)| len);
        let longest: Vec<u16> =
            (0..text.len()).map(|at| u16::try_from(length(at)).unwrap_or(u16::MAX)).collect();
        let search = Search { wholes: self, text, allowed };
        let most = longest.iter().copied().max().unwrap_or(0);
        for &len in self.lengths.iter().filter(|&&len| len <= most) {
            let mut finer = Vec::with_capacity(fragments.len());
            for fragment in fragments {
                match fragment {
                    Fragment::Text(range) => {
                        search.cut(&longest[..range.end], range.start, len, &mut finer);
                    }
                    token @ Fragment::Token(_) => finer.push(token),
                }
            }
            fragments = finer;
        }
        fragments
    }

    fn find(&self, piece: &[u8]) -> Option<TokenId> {
        let at = self.pieces.binary_search_by(|(p, _)| (**p).cmp(piece)).ok()?;
        Some(self.pieces[at].1)
    }
}

/// A search for the pieces of one length after the other.
struct Search<'a, A> {
    wholes: &'a Wholes,
    text: &'a [u8],
    allowed: A,
}

impl<A: Fn(&Range<usize>, TokenId) -> bool> Search<'_, A> {
    /// Appends the fragments of the text from `start` to the end of `longest`, the longest piece at each
    /// byte of the text. Pieces and text are UTF-8, so a match never begins or ends inside a character.
    fn cut(&self, longest: &[u16], start: usize, len: u16, out: &mut Vec<Fragment>) {
        let (mut done, mut at, end) = (start, start, longest.len());
        while at + usize::from(len) <= end {
            let here = at..at + usize::from(len);
            let found = Some(&self.text[here.clone()]).filter(|_| longest[at] >= len);
            let token = found.and_then(|piece| self.wholes.find(piece));
            match token.filter(|&token| (self.allowed)(&here, token)) {
                Some(token) => {
                    out.extend((done < at).then_some(Fragment::Text(done..at)));
                    out.push(Fragment::Token(token));
                    (at, done) = (here.end, here.end);
                }
                None => at += 1,
            }
        }
        out.extend((done < end).then_some(Fragment::Text(done..end)));
    }
}
