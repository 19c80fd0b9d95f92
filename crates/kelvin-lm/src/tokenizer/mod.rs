//! Text to tokens and back, with the tokenizers that GGUF files carry.
//!
//! A text is encoded in three steps, each the same as in llama.cpp:
//!
//! 1. *Whole tokens.* Pieces that the file calls user-defined are cut out, longer ones first (Gemma's
//!    runs of newlines, HTML tags). Control tokens are cut out only under [`SpecialTokens::Parse`]:
//!    a user's text never becomes one by itself.
//! 2. *Words.* Byte-level BPE splits what is left with the pattern its file names; SentencePiece
//!    takes it whole, with `▁` for each space.
//! 3. *Merges.* Each word starts as characters and merges neighbours by rank.
//!
//! What a vocabulary cannot spell is an error that names the character; nothing is dropped. (`SmolLM2`
//! lacks six control characters, which other programs drop in silence.)
//!
//! Back, each token adds the same bytes wherever it stands: [`Tokenizer::bytes`]. They need not be whole
//! characters; [`Detok`](crate::generate::Detok) makes text of them.

use std::fmt;
use std::ops::Range;

use kelvin::TokenId;

mod bpe;
mod byte_level;
mod ends;
mod gguf;
mod sentence_piece;
mod vocabulary;
mod whole;
mod words;

pub use ends::End;
pub use vocabulary::{Scheme, TokenKind, Vocabulary};

use byte_level::ByteLevel;
use sentence_piece::SentencePiece;
use whole::{Fragment, Wholes};

use crate::format::gguf::Gguf;
use crate::{Error, ErrorKind, Result};

/// What control tokens spelled out in a text are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialTokens {
    /// Text like any other: `<|im_end|>` becomes the pieces of those ten characters.
    Text,
    /// The tokens they spell, for templates and `--parse-special`.
    Parse,
}

/// Whether control tokens are seen in a text that is made of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShowSpecial {
    /// They add nothing.
    Hide,
    /// They are spelled out.
    Show,
}

/// A tokenizer: immutable, shared between threads.
///
/// ```
/// use kelvin_lm::tokenizer::{Scheme, ShowSpecial, SpecialTokens, TokenKind, Tokenizer, Vocabulary};
///
/// let pieces = ["<s>", "▁", "t", "e", "a", "ea", "▁t", "▁tea", "<0x21>"].map(str::to_owned);
/// let mut kinds = vec![TokenKind::Normal; pieces.len()];
/// kinds[0] = TokenKind::Control;
/// kinds[8] = TokenKind::Byte;
/// let tokenizer = Tokenizer::new(Vocabulary {
///     pieces: pieces.to_vec(),
///     kinds,
///     scheme: Scheme::SentencePiece {
///         scores: vec![0.0, -4.0, -5.0, -6.0, -7.0, -1.0, -2.0, -3.0, 0.0],
///         space_prefix: false,
///     },
///     bos: Some(0),
///     eos: None,
///     eot: None,
///     eom: None,
///     add_bos: true,
///     add_eos: false,
/// })?;
///
/// let ids = tokenizer.encode_prompt(" tea tea!", SpecialTokens::Text)?;
/// assert_eq!(ids, [0, 7, 7, 8]);
/// assert_eq!(tokenizer.text_bytes(&ids, ShowSpecial::Hide), b" tea tea!");
/// assert_eq!(tokenizer.text_bytes(&ids, ShowSpecial::Show), b"<s> tea tea!");
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
pub struct Tokenizer {
    vocabulary: Vocabulary,
    merger: Merger,
    bytes: Vec<u8>,
    starts: Vec<usize>,
    defined: Wholes,
    specials: Wholes,
    ends: Vec<End>,
}

/// Steps two and three, by scheme.
#[derive(Debug)]
enum Merger {
    ByteLevel(ByteLevel),
    SentencePiece(SentencePiece),
}

impl Tokenizer {
    /// The tokenizer inside a model file.
    ///
    /// # Errors
    ///
    /// Those of [`Vocabulary::from_gguf`] and of [`new`](Self::new).
    pub fn from_gguf(gguf: &Gguf) -> Result<Self> {
        Self::new(Vocabulary::from_gguf(gguf)?)
    }

    /// Builds a tokenizer from its data.
    ///
    /// Costs about 1.5 µs per piece: SentencePiece vocabularies get their merges rebuilt.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tokenizer`] where the data contradict themselves: lists of different lengths,
    /// scores that are not finite, equal pieces, merges of unknown pieces, roles outside the
    /// vocabulary. [`ErrorKind::Unsupported`] for an unknown word splitter, or a special token or
    /// SentencePiece piece of more than 256 bytes.
    pub fn new(vocabulary: Vocabulary) -> Result<Self> {
        vocabulary.check()?;
        let defined = Wholes::new(&vocabulary, &[TokenKind::UserDefined])?;
        let control = [TokenKind::UserDefined, TokenKind::Control, TokenKind::Unknown];
        let specials = Wholes::new(&vocabulary, &control)?;
        let merger = match &vocabulary.scheme {
            Scheme::ByteLevel { pre, merges } => {
                Merger::ByteLevel(ByteLevel::new(&vocabulary, pre, merges)?)
            }
            Scheme::SentencePiece { scores, space_prefix } => {
                Merger::SentencePiece(SentencePiece::new(&vocabulary, scores, *space_prefix)?)
            }
        };
        let (mut bytes, mut starts) = (Vec::new(), vec![0]);
        for token in 0..vocabulary.pieces.len() {
            bytes.extend(vocabulary.bytes(token));
            starts.push(bytes.len());
        }
        let ends = ends::ends(&vocabulary);
        Ok(Self { vocabulary, merger, bytes, starts, defined, specials, ends })
    }

    /// The same tokenizer, with more tokens that end a generation.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tokenizer`] for a token outside the vocabulary.
    pub fn with_ends(mut self, tokens: &[TokenId], why: &'static str) -> Result<Self> {
        let vocab_size = self.vocab_size();
        if let Some(token) = tokens.iter().find(|&&token| token as usize >= vocab_size) {
            let detail = format!("{why} has token {token}, outside 0 to {}", vocab_size - 1);
            return Err(Error::new(ErrorKind::Tokenizer, detail));
        }
        let known = std::mem::take(&mut self.ends);
        self.ends =
            ends::joined(known.into_iter().chain(tokens.iter().map(|&token| End { token, why })));
        Ok(self)
    }

    /// The tokens of `text` alone: no BOS, no EOS.
    ///
    /// Time is near-linear in the text: one pass per length of whole token, then n log n per word.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tokenizer`] where the vocabulary cannot spell a character of the text.
    pub fn encode(&self, text: &str, special: SpecialTokens) -> Result<Vec<TokenId>> {
        let fragments = match special {
            SpecialTokens::Text => self.defined.partition(text),
            SpecialTokens::Parse => self.specials.partition(text),
        };
        self.encode_fragments(text, fragments)
    }

    /// The tokens of `text` alone, of which `quoted` is somebody else's: control tokens are parsed, but
    /// only where they have no byte in it. Everything else, words and merges included, goes across the
    /// borders as if there were none.
    ///
    /// `quoted` are byte ranges in order that do not overlap. With none this is
    /// [`encode`](Self::encode) under [`SpecialTokens::Parse`]; with all of the text, under
    /// [`SpecialTokens::Text`].
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_quoting(&self, text: &str, quoted: &[Range<usize>]) -> Result<Vec<TokenId>> {
        let is_quoted = |range: &Range<usize>| {
            let after = quoted.partition_point(|quote| quote.end <= range.start);
            quoted.get(after).is_some_and(|quote| quote.start < range.end)
        };
        let defined =
            |token: TokenId| self.vocabulary.kinds[token as usize] == TokenKind::UserDefined;
        let fragments =
            self.specials.partition_where(text, |range, token| defined(token) || !is_quoted(range));
        self.encode_fragments(text, fragments)
    }

    fn encode_fragments(&self, text: &str, fragments: Vec<Fragment>) -> Result<Vec<TokenId>> {
        let mut ids = Vec::new();
        for fragment in fragments {
            match fragment {
                Fragment::Token(token) => ids.push(token),
                Fragment::Text(range) => self.append(text, range, &mut ids)?,
            }
        }
        Ok(ids)
    }

    /// The tokens of a prompt: those of `text`, after BOS where the model wants it and before EOS where
    /// it wants that. A text that already has them, which only [`SpecialTokens::Parse`] can see,
    /// keeps its own.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_prompt(&self, text: &str, special: SpecialTokens) -> Result<Vec<TokenId>> {
        let mut ids = self.encode(text, special)?;
        let bos = self.vocabulary.bos.filter(|_| self.vocabulary.add_bos);
        let eos = self.vocabulary.eos.filter(|_| self.vocabulary.add_eos);
        if let Some(bos) = bos.filter(|bos| ids.first() != Some(bos)) {
            ids.insert(0, bos);
        }
        ids.extend(eos.filter(|eos| ids.last() != Some(eos)));
        Ok(ids)
    }

    fn append(&self, text: &str, range: Range<usize>, ids: &mut Vec<TokenId>) -> Result<()> {
        let part = &text[range.clone()];
        let done = match &self.merger {
            Merger::ByteLevel(merger) => merger.append(part, ids)?,
            Merger::SentencePiece(merger) => merger.append(part, ids)?,
        };
        if done {
            return Ok(());
        }
        let spells = |c: char| match &self.merger {
            Merger::ByteLevel(merger) => merger.spells(c),
            Merger::SentencePiece(merger) => merger.spells(c),
        };
        let missing = part.char_indices().find(|&(_, c)| !spells(c));
        Err(unspellable(missing.map(|(at, c)| (range.start + at, c))))
    }

    /// The bytes that `token` adds to a text: none for control tokens; `None` outside the vocabulary.
    ///
    /// They need not be whole characters.
    pub fn bytes(&self, token: TokenId) -> Option<&[u8]> {
        let token = token as usize;
        Some(&self.bytes[*self.starts.get(token)?..*self.starts.get(token + 1)?])
    }

    /// The token as the vocabulary spells it (`Ġtea`, `▁tea`, `<bos>`); `None` outside the vocabulary.
    pub fn piece(&self, token: TokenId) -> Option<&str> {
        self.vocabulary.pieces.get(token as usize).map(String::as_str)
    }

    /// The token that the vocabulary spells `piece`; unused tokens and those without a spelling have
    /// none.
    pub fn token_id(&self, piece: &str) -> Option<TokenId> {
        let merged = match &self.merger {
            Merger::ByteLevel(merger) => merger.token(piece),
            Merger::SentencePiece(merger) => merger.token(piece),
        };
        merged.or_else(|| self.specials.token(piece))
    }

    /// Whether `token` is one that text does not show: control, unknown, or unused.
    pub fn is_special(&self, token: TokenId) -> bool {
        let kind = self.vocabulary.kinds.get(token as usize);
        matches!(kind, Some(TokenKind::Control | TokenKind::Unknown | TokenKind::Unused))
    }

    /// The bytes of a whole sequence. Tokens outside the vocabulary add nothing.
    ///
    /// `text_bytes(encode(text, Text), Hide)` is `text`, with two exceptions that SentencePiece has:
    /// a literal `▁` comes back as a space, and a space prefix comes back where it was added.
    pub fn text_bytes(&self, tokens: &[TokenId], show: ShowSpecial) -> Vec<u8> {
        let bytes = |&token: &TokenId| match show {
            ShowSpecial::Show if self.is_special(token) => self.piece(token).map(str::as_bytes),
            _ => self.bytes(token),
        };
        tokens.iter().filter_map(bytes).flatten().copied().collect()
    }

    /// The token that begins a sequence.
    pub fn bos(&self) -> Option<TokenId> {
        self.vocabulary.bos
    }

    /// The token that ends a sequence; [`ends`](Self::ends) lists all that end a generation.
    pub fn eos(&self) -> Option<TokenId> {
        self.vocabulary.eos
    }

    /// Every token that ends a generation, by id, with the reason.
    pub fn ends(&self) -> &[End] {
        &self.ends
    }

    /// Whether `token` ends a generation.
    pub fn is_end(&self, token: TokenId) -> bool {
        self.ends.binary_search_by_key(&token, |end| end.token).is_ok()
    }

    /// Whether a prompt begins with BOS.
    pub fn add_bos(&self) -> bool {
        self.vocabulary.add_bos
    }

    /// Whether a prompt ends with EOS.
    pub fn add_eos(&self) -> bool {
        self.vocabulary.add_eos
    }

    /// How many tokens there are.
    pub fn vocab_size(&self) -> usize {
        self.vocabulary.pieces.len()
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer")
            .field("vocab_size", &self.vocab_size())
            .field("merger", &self.merger)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

/// The error for a character that has no token, at its byte in the text.
fn unspellable(missing: Option<(usize, char)>) -> Error {
    let what = match missing {
        Some((at, c)) => format!("U+{:04X}, at byte {at} of the text", u32::from(c)),
        None => "a character of the text".to_owned(),
    };
    Error::new(ErrorKind::Tokenizer, format!("the vocabulary has no token for {what}"))
        .hint("leave the character out, or use a model whose vocabulary has all bytes")
}
