//! Byte pair encoding of one word.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;

use kelvin::TokenId;

use super::TokenKind;
use super::pieces::{NONE, Pieces};
use super::vocabulary::named_byte;

/// Characters below this have their tokens in a table; `▁` is among them.
const LOW: usize = 0x3000;

/// What becomes of a character that is no piece and has no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// The text cannot be encoded.
    Refuse,
    /// This token, once for each such character.
    Each(TokenId),
    /// This token, once for a run of them.
    Run(TokenId),
}

/// What becomes of a word that is a piece as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WholeWord {
    /// It is merged from its characters like any other.
    Merge,
    /// It is that token, even where no merges lead to it.
    Take,
}

/// Two neighbours that become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Merge {
    pub(super) left: TokenId,
    pub(super) right: TokenId,
    pub(super) union: TokenId,
}

/// What a [`Bpe`] is built from.
#[derive(Debug)]
pub(super) struct Rules {
    /// Best first.
    pub(super) merges: Vec<Merge>,
    /// Whether a character that is no piece becomes the tokens `<0x00>` to `<0xFF>` of its bytes, where
    /// all of them are there.
    pub(super) byte_fallback: bool,
    pub(super) unknown: Unknown,
    pub(super) whole_word: WholeWord,
}

/// Byte pair encoding: a word starts as characters, and the pair of neighbours with the best rank is
/// united, the leftmost first, until none has a rank. n log n for n characters.
pub(super) struct Bpe {
    rules: Rules,
    /// Where the merges with each left side begin in `rights`, `[vocab_size + 1]`.
    rows: Vec<u32>,
    /// The other side of each merge and its rank, by left side and then by right side.
    rights: Vec<(TokenId, u32)>,
    /// Tokens of the characters below [`LOW`], or [`NONE`].
    low: Vec<TokenId>,
    /// Tokens of the other characters, by character.
    high: Vec<(char, TokenId)>,
    /// Tokens of the 256 bytes, or [`NONE`]; empty without fallback.
    bytes: Vec<TokenId>,
}

/// Memory that one word leaves to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    symbols: Vec<Symbol>,
    /// Rank and place of pairs that can be united, the rank in the upper half.
    pairs: BinaryHeap<Reverse<u64>>,
}

/// A part of a word, with the places of its neighbours.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    token: TokenId,
    previous: u32,
    next: u32,
}

/// Stands for no neighbour.
const EDGE: u32 = u32::MAX;

impl Bpe {
    /// Sides and unions of the merges are tokens of `pieces`. A pair that comes twice has its first rank.
    pub(super) fn new(pieces: &Pieces, rules: Rules) -> Self {
        let mut order = ordered(&rules.merges);
        order.dedup_by_key(|rank| pair(&rules.merges, *rank));
        let mut rows = vec![0; pieces.len() + 1];
        for &rank in &order {
            rows[rules.merges[rank as usize].left as usize + 1] += 1;
        }
        for at in 1..rows.len() {
            rows[at] += rows[at - 1];
        }
        let right = |&rank: &u32| (rules.merges[rank as usize].right, rank);
        let rights = order.iter().map(right).collect();
        let (low, high) = characters(pieces);
        let bytes = if rules.byte_fallback { bytes(pieces) } else { Vec::new() };
        Self { rules, rows, rights, low, high, bytes }
    }

    /// Appends the tokens of `word`, or returns false where a character has none.
    pub(super) fn append(
        &self,
        pieces: &Pieces,
        word: &str,
        scratch: &mut Scratch,
        ids: &mut Vec<TokenId>,
    ) -> bool {
        if self.rules.whole_word == WholeWord::Take
            && let Some(token) = pieces.find_spelled(word)
        {
            ids.push(token);
            return true;
        }
        scratch.symbols.clear();
        let spelled = self.spell(word, &mut scratch.symbols);
        if spelled {
            self.unite(scratch);
            ids.extend(scratch.tokens());
        }
        spelled
    }

    /// The word in characters; false where one has no token.
    fn spell(&self, word: &str, symbols: &mut Vec<Symbol>) -> bool {
        let mut unknown = None; // comes before the next known character, as in the tokenizers crate
        for c in word.chars() {
            if let Some(token) = self.character(c) {
                unknown.take().into_iter().for_each(|token| add(symbols, token));
                add(symbols, token);
            } else if !self.fall_back(c, symbols) {
                match (self.rules.unknown, unknown) {
                    (Unknown::Refuse, _) => return false,
                    (Unknown::Each(token), Some(_)) => add(symbols, token),
                    (Unknown::Each(token) | Unknown::Run(token), _) => unknown = Some(token),
                }
            }
        }
        if let Some(token) = unknown {
            add(symbols, token);
        }
        true
    }

    fn character(&self, c: char) -> Option<TokenId> {
        if let Some(&token) = self.low.get(c as usize) {
            return Some(token).filter(|&token| token != NONE);
        }
        let at = self.high.binary_search_by_key(&c, |&(c, _)| c).ok()?;
        Some(self.high[at].1)
    }

    /// Appends the bytes of `c`, where all have tokens.
    fn fall_back(&self, c: char, symbols: &mut Vec<Symbol>) -> bool {
        let mut utf8 = [0; 4];
        let bytes = c.encode_utf8(&mut utf8).as_bytes();
        let token = |&byte: &u8| self.bytes.get(usize::from(byte)).filter(|&&token| token != NONE);
        let all = bytes.iter().all(|byte| token(byte).is_some());
        if all {
            bytes.iter().filter_map(token).for_each(|&token| add(symbols, token));
        }
        all
    }

    fn rank(&self, left: TokenId, right: TokenId) -> Option<u32> {
        let (start, end) = (self.rows[left as usize], self.rows[left as usize + 1]);
        let row = &self.rights[start as usize..end as usize];
        let at = row.binary_search_by_key(&right, |&(right, _)| right).ok()?;
        Some(row[at].1)
    }

    fn unite(&self, scratch: &mut Scratch) {
        let Scratch { symbols, pairs } = scratch;
        let mut found = std::mem::take(pairs).into_vec();
        let ranked = symbols
            .array_windows()
            .zip(0..)
            .filter_map(|([a, b], at)| Some(Reverse(entry(self.rank(a.token, b.token)?, at))));
        found.extend(ranked);
        *pairs = BinaryHeap::from(found);
        while let Some(Reverse(top)) = pairs.pop() {
            let (rank, at) = parts(top);
            let merge = self.rules.merges[rank];
            let Symbol { token, previous, next } = symbols[at];
            let stale =
                token != merge.left || next == EDGE || symbols[next as usize].token != merge.right;
            if stale {
                continue; // a side became part of another pair
            }
            let after = symbols[next as usize].next;
            symbols[next as usize].token = NONE;
            symbols[at] = Symbol { token: merge.union, previous, next: after };
            if after != EDGE {
                symbols[after as usize].previous = place(at);
                let rank = self.rank(merge.union, symbols[after as usize].token);
                pairs.extend(rank.map(|rank| Reverse(entry(rank, place(at)))));
            }
            if previous != EDGE {
                let rank = self.rank(symbols[previous as usize].token, merge.union);
                pairs.extend(rank.map(|rank| Reverse(entry(rank, previous))));
            }
        }
    }
}

impl Scratch {
    fn tokens(&self) -> impl Iterator<Item = TokenId> {
        self.symbols.iter().map(|symbol| symbol.token).filter(|&token| token != NONE)
    }
}

impl fmt::Debug for Bpe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rules { merges, byte_fallback, unknown, whole_word } = &self.rules;
        f.debug_struct("Bpe")
            .field("merges", &merges.len())
            .field("byte_fallback", byte_fallback)
            .field("unknown", unknown)
            .field("whole_word", whole_word)
            .finish_non_exhaustive()
    }
}

fn add(symbols: &mut Vec<Symbol>, token: TokenId) {
    let at = place(symbols.len());
    let previous = at.checked_sub(1).unwrap_or(EDGE);
    if let Some(last) = symbols.last_mut() {
        last.next = at;
    }
    symbols.push(Symbol { token, previous, next: EDGE });
}

fn entry(rank: u32, at: u32) -> u64 {
    u64::from(rank) << 32 | u64::from(at)
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves of an entry")]
fn parts(entry: u64) -> (usize, usize) {
    ((entry >> 32) as usize, entry as u32 as usize)
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("a text has less than 2^32 bytes")
}

/// The ranks of two merges of the same pair, where there are such.
pub(super) fn repeated(merges: &[Merge]) -> Option<(usize, usize)> {
    let order = ordered(merges);
    let [first, again] =
        order.array_windows().find(|[a, b]| pair(merges, *a) == pair(merges, *b))?;
    Some((*first as usize, *again as usize))
}

/// Ranks by left side, then by right side, then best first.
fn ordered(merges: &[Merge]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..place(merges.len())).collect();
    order.sort_unstable_by_key(|&rank| (pair(merges, rank), rank));
    order
}

fn pair(merges: &[Merge], rank: u32) -> (TokenId, TokenId) {
    let Merge { left, right, .. } = merges[rank as usize];
    (left, right)
}

/// The tokens that are one character: those below [`LOW`], and the others.
fn characters(pieces: &Pieces) -> (Vec<TokenId>, Vec<(char, TokenId)>) {
    let (mut low, mut high) = (vec![NONE; LOW], Vec::new());
    for token in pieces.tokens() {
        let mut chars = pieces.get(token).unwrap_or_default().chars();
        let (Some(c), None) = (chars.next(), chars.next()) else { continue };
        if pieces.find_spelled(c.encode_utf8(&mut [0; 4])) != Some(token) {
            continue;
        }
        match low.get_mut(c as usize) {
            Some(slot) => *slot = token,
            None => high.push((c, token)),
        }
    }
    high.sort_unstable();
    (low, high)
}

/// The tokens of the 256 bytes, or [`NONE`].
fn bytes(pieces: &Pieces) -> Vec<TokenId> {
    let mut bytes = vec![NONE; 256];
    for (token, piece) in pieces.of_kind(TokenKind::Byte) {
        if let Some(byte) = named_byte(piece) {
            bytes[usize::from(byte)] = token;
        }
    }
    bytes
}
