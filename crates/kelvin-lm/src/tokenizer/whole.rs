//! Tokens that are found in a text as a whole, before anything is merged.

#![forbid(unsafe_code)]

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
    /// Longest first.
    lengths: Vec<Length>,
    /// What any of them begins with.
    first: ByteSet,
}

/// The pieces of one length.
#[derive(Debug)]
struct Length {
    len: usize,
    ends: [ByteSet; 2],
    pieces: Vec<(Box<[u8]>, TokenId)>,
}

/// A set of bytes.
#[derive(Debug, Clone, Copy, Default)]
struct ByteSet([u64; 4]);

impl ByteSet {
    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte / 64)] |= 1 << (byte % 64);
    }

    fn contains(self, byte: u8) -> bool {
        self.0[usize::from(byte / 64)] >> (byte % 64) & 1 == 1
    }
}

impl Wholes {
    /// These pieces, each spelling once; empty ones are left out. The error is a piece that is too long.
    pub(super) fn new<'p>(
        pieces: impl Iterator<Item = (TokenId, &'p str)>,
    ) -> Result<Self, (TokenId, usize)> {
        let mut pieces: Vec<(&str, TokenId)> =
            pieces.map(|(token, piece)| (piece, token)).collect();
        pieces.retain(|(piece, _)| !piece.is_empty());
        pieces.sort_unstable_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then(a.cmp(b)));
        if let Some(&(piece, token)) = pieces.first().filter(|(piece, _)| piece.len() > LONGEST) {
            return Err((token, piece.len()));
        }
        let mut first = ByteSet::default();
        pieces.iter().for_each(|(piece, _)| first.insert(piece.as_bytes()[0]));
        let lengths = pieces.chunk_by(|(a, _), (b, _)| a.len() == b.len()).map(Length::new);
        Ok(Self { lengths: lengths.collect(), first })
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// The longest piece at byte `at` of `text`, and its length.
    pub(super) fn longest_at(&self, text: &[u8], at: usize) -> Option<(usize, TokenId)> {
        if !self.first.contains(text[at]) {
            return None;
        }
        let found =
            |length: &Length| Some((length.len, length.token_at(text.get(at..at + length.len)?)?));
        self.lengths.iter().find_map(found)
    }

    /// Whether `piece` is one of them.
    pub(super) fn holds(&self, piece: &[u8]) -> bool {
        let length = self.lengths.iter().find(|length| length.len == piece.len());
        length.is_some_and(|length| length.token(piece).is_some())
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
        for length in &self.lengths {
            let mut finer = Vec::with_capacity(fragments.len());
            for fragment in fragments {
                match fragment {
                    Fragment::Text(range) => {
                        length.partition(text.as_bytes(), range, &allowed, &mut finer);
                    }
                    token @ Fragment::Token(_) => finer.push(token),
                }
            }
            fragments = finer;
        }
        fragments
    }
}

impl Length {
    /// From pieces of one length, sorted.
    fn new(pieces: &[(&str, TokenId)]) -> Self {
        let mut ends = [ByteSet::default(); 2];
        for (piece, _) in pieces {
            let bytes = piece.as_bytes();
            ends[0].insert(bytes[0]);
            ends[1].insert(bytes[bytes.len() - 1]);
        }
        let pieces: Vec<_> = pieces.iter().map(|&(p, id)| (p.as_bytes().into(), id)).collect();
        Self {
            len: pieces.first().map_or(0, |(piece, _): &(Box<[u8]>, _)| piece.len()),
            ends,
            pieces,
        }
    }

    fn token(&self, piece: &[u8]) -> Option<TokenId> {
        let at = self.pieces.binary_search_by(|(p, _)| (**p).cmp(piece)).ok()?;
        Some(self.pieces[at].1)
    }

    /// Appends the fragments of `text[range]`. Pieces and text are UTF-8, so a match never begins or
    /// ends inside a character.
    fn partition(
        &self,
        text: &[u8],
        range: Range<usize>,
        allowed: &impl Fn(&Range<usize>, TokenId) -> bool,
        fragments: &mut Vec<Fragment>,
    ) {
        let (mut done, mut at) = (range.start, range.start);
        while at + self.len <= range.end {
            let here = at..at + self.len;
            match self.token_at(&text[here.clone()]).filter(|&token| allowed(&here, token)) {
                Some(token) => {
                    fragments.extend((done < at).then_some(Fragment::Text(done..at)));
                    fragments.push(Fragment::Token(token));
                    at += self.len;
                    done = at;
                }
                None => at += 1,
            }
        }
        fragments.extend((done < range.end).then_some(Fragment::Text(done..range.end)));
    }

    fn token_at(&self, window: &[u8]) -> Option<TokenId> {
        let (first, last) = (window[0], window[window.len() - 1]);
        let possible = self.ends[0].contains(first) && self.ends[1].contains(last);
        possible.then(|| self.token(window)).flatten()
    }
}
