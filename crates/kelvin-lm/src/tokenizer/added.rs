//! Which tokens are cut out of a text before anything else is done to it.

use std::ops::Range;
use std::slice;

use kelvin::TokenId;

use super::SpecialTokens;
use super::whole::{Fragment, Wholes};
use crate::Result;

/// The tokens that are found as a whole, by the rule of where they come from.
#[derive(Debug)]
pub(super) enum Added {
    /// llama.cpp's: longer ones first, then from the left.
    LongestFirst {
        /// What is found in any text.
        defined: Wholes,
        /// What is found where special tokens are parsed.
        all: Wholes,
    },
    /// The `tokenizers` crate's: from the left, and there the longest. Some are found in the text as it
    /// is, the others in what the normalizer makes of the rest.
    Leftmost {
        /// In the text as it is.
        raw: List,
        /// In the normalized text.
        normalized: List,
        /// In the text as it is, where some of it is quoted: special tokens too that are else found in
        /// the normalized text, in which nobody knows any more who wrote what.
        quoting: List,
    },
}

/// Where special tokens are found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Special<'q> {
    /// In no text.
    Nowhere,
    /// In any text.
    Everywhere,
    /// Where they have no byte in these ranges, which are in order and do not overlap.
    Outside(&'q [Range<usize>]),
}

impl From<SpecialTokens> for Special<'_> {
    fn from(special: SpecialTokens) -> Self {
        match special {
            SpecialTokens::Text => Self::Nowhere,
            SpecialTokens::Parse => Self::Everywhere,
        }
    }
}

/// A quotation without an end.
const ALL: Range<usize> = 0..usize::MAX;

impl Special<'_> {
    /// Whether a special token may be at `range`.
    fn may_be_at(self, range: &Range<usize>) -> bool {
        match self {
            Self::Nowhere => false,
            Self::Everywhere => true,
            Self::Outside(quoted) => {
                let after = quoted.partition_point(|quote| quote.end <= range.start);
                quoted.get(after).is_none_or(|quote| quote.start >= range.end)
            }
        }
    }

    /// Whether a token that the file calls no control token, but that looks like one, is held back as
    /// they are: where somebody else's text is quoted.
    fn is_wary(self) -> bool {
        matches!(self, Self::Outside(_))
    }
}

/// Added tokens with what each may do.
#[derive(Debug)]
pub(super) struct List {
    wholes: Wholes,
    /// By token.
    flags: Vec<(TokenId, Flags)>,
}

/// How an added token is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the format's own switches, by its own names")]
pub(super) struct Flags {
    /// Not next to a letter, digit or underscore.
    pub(super) single_word: bool,
    /// With the white space before it.
    pub(super) lstrip: bool,
    /// With the white space after it.
    pub(super) rstrip: bool,
    /// Only where special tokens are parsed.
    pub(super) special: bool,
}

/// Takes a fragment of a text.
pub(super) type Sink<'a> = dyn FnMut(Fragment) -> Result<()> + 'a;

impl Added {
    /// Gives the fragments of `text`, in order.
    pub(super) fn each(&self, text: &str, special: Special<'_>, sink: &mut Sink<'_>) -> Result<()> {
        match (self, special) {
            (Self::LongestFirst { defined, .. }, Special::Nowhere) => {
                defined.partition(text).into_iter().try_for_each(sink)
            }
            (Self::LongestFirst { defined, all }, _) => {
                let allowed = |range: &Range<usize>, _| {
                    let piece = &text[range.clone()];
                    special.may_be_at(range)
                        || defined.holds(piece.as_bytes())
                            && !(special.is_wary() && is_alike(piece))
                };
                all.partition_where(text, allowed).into_iter().try_for_each(sink)
            }
            (Self::Leftmost { quoting, .. }, Special::Outside(_)) => {
                quoting.each(text, special, sink)
            }
            (Self::Leftmost { raw, .. }, _) => raw.each(text, special, sink),
        }
    }

    /// Gives the fragments of normalized text, in order.
    pub(super) fn each_normalized(
        &self,
        text: &str,
        special: Special<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        match (self, special) {
            (Self::LongestFirst { .. }, _) => sink(Fragment::Text(0..text.len())),
            (Self::Leftmost { normalized, .. }, Special::Outside(_)) => {
                normalized.each(text, Special::Outside(slice::from_ref(&ALL)), sink)
            }
            (Self::Leftmost { normalized, .. }, _) => normalized.each(text, special, sink),
        }
    }
}

impl List {
    /// These tokens by what is looked for, each text once; the error is a token that is too long.
    pub(super) fn new(
        mut tokens: Vec<(TokenId, String, Flags)>,
    ) -> std::result::Result<Self, (TokenId, usize)> {
        tokens.sort_by_key(|&(token, ..)| token);
        let wholes = Wholes::new(tokens.iter().map(|(token, text, _)| (*token, text.as_str())))?;
        let flags = tokens.into_iter().map(|(token, _, flags)| (token, flags)).collect();
        Ok(Self { wholes, flags })
    }

    fn flags(&self, token: TokenId) -> Flags {
        let at = self.flags.binary_search_by_key(&token, |&(token, _)| token);
        at.map_or(Flags::default(), |at| self.flags[at].1)
    }

    /// Gives the fragments of `text`, in order, with the `tokenizers` crate's rules. One of them is
    /// strange: a search goes on where the token ended, not the white space that it took along. White
    /// space that is a token too is then found again.
    fn each(&self, text: &str, special: Special<'_>, sink: &mut Sink<'_>) -> Result<()> {
        if self.wholes.is_empty() {
            return sink(Fragment::Text(0..text.len()));
        }
        let (mut done, mut at) = (0, 0);
        let mut runs = Runs::default();
        while at < text.len() {
            let Some((len, token)) = self.wholes.longest_at(text.as_bytes(), at) else {
                at += 1;
                continue;
            };
            let flags = self.flags(token);
            let (mut start, mut end) = (at, at + len);
            at = end;
            let held = flags.special || special.is_wary() && is_alike(&text[start..end]);
            let passed = held && !special.may_be_at(&(start..end));
            if passed || flags.single_word && inside_a_word(text, start..end) {
                continue;
            }
            if flags.lstrip {
                start = runs.start(text, start).max(done);
            }
            if flags.rstrip {
                end = runs.end(text, end);
            }
            if done < start {
                sink(Fragment::Text(done..start))?;
            }
            if start < end {
                sink(Fragment::Token(token))?; // else another token took its white space, all it had
            }
            done = end;
        }
        if done < text.len() { sink(Fragment::Text(done..text.len())) } else { Ok(()) }
    }
}

/// Whether a piece is written as control tokens are. Some files call such a piece none, by which it is
/// found in every text, but a model that was trained with it may still be steered by it.
fn is_alike(piece: &str) -> bool {
    [("<|", "|>"), ("<\u{ff5c}", "\u{ff5c}>")]
        .iter()
        .any(|(start, end)| piece.starts_with(start) && piece.ends_with(end))
}

/// The last run of white space that was walked, so that none is walked for each token in it.
#[derive(Debug, Default)]
struct Runs(Range<usize>);

impl Runs {
    /// Where the white space that ends at `at` begins.
    fn start(&mut self, text: &str, at: usize) -> usize {
        if !self.holds(at) {
            let start = text[..at].trim_end().len();
            self.0 = start..text.len() - text[start..].trim_start().len();
        }
        self.0.start
    }

    /// Where the white space that begins at `at` ends.
    fn end(&mut self, text: &str, at: usize) -> usize {
        self.start(text, at);
        self.0.end
    }

    /// Whether the run is the one around `at`.
    fn holds(&self, at: usize) -> bool {
        self.0.start <= at && at <= self.0.end && self.0.start < self.0.end
    }
}

/// Whether a word goes on before or after `range`.
fn inside_a_word(text: &str, range: Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    [before, after].into_iter().flatten().any(is_word)
}

/// Whether a character is one of `\w`.
fn is_word(c: char) -> bool {
    regex_syntax::is_word_character(c)
}
