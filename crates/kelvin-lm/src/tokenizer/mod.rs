//! Text to tokens and back, with the tokenizers of GGUF files and of folders in Hugging Face layout.
//!
//! A text is encoded in four steps. Each is the same as in the program that the file was made for:
//! llama.cpp for a GGUF file, the `tokenizers` crate for a `tokenizer.json`.
//!
//! 1. *Whole tokens.* Pieces that the file calls user-defined are cut out (Gemma's runs of newlines, HTML
//!    tags). Control tokens are cut out only under [`SpecialTokens::Parse`]: a user's text never becomes
//!    one by itself.
//! 2. *Changes.* What is left is normalized: SentencePiece writes `▁` for each space, others compose
//!    characters, most do nothing.
//! 3. *Words.* It is split by the patterns that the file names, or taken whole. Byte-level BPE then spells
//!    each byte as a printable character.
//! 4. *Merges.* Each word starts as characters and merges neighbours by rank; or it is one token.
//!
//! Each step is linear in the text, and merging is n log n in a word. Patterns never backtrack: those that
//! look ahead are known by their text and rewritten, an unknown one is refused.
//!
//! What a vocabulary cannot spell becomes its unknown token, where it has one that is nothing else.
//! Without it that is an error that names the character; nothing is dropped. (`SmolLM2` lacks six control
//! characters, which other programs drop in silence.)
//!
//! Back, each token adds the same bytes wherever it stands: [`Tokenizer::bytes`]. They need not be whole
//! characters; [`Detok`](crate::generate::Detok) makes text of them.

#![forbid(unsafe_code)]

use std::fmt;
use std::ops::Range;

use kelvin::TokenId;

mod added;
mod bpe;
mod byte_level;
mod characters;
mod decoder;
mod ends;
mod gguf;
mod json;
mod model;
mod normalizer;
mod parts;
mod pattern;
mod pieces;
mod sentence_piece;
mod vocabulary;
mod whole;
mod words;

pub use characters::Characters;
pub use ends::End;
pub use vocabulary::{Scheme, TokenKind, Vocabulary};

use added::Special;
use bpe::Scratch;
use parts::{Parts, Roles};
use whole::Fragment;

use crate::format::Folder;
use crate::format::gguf::Gguf;
use crate::{Checkpoint, Error, ErrorKind, Result};

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
    parts: Parts,
    /// The bytes of all tokens, one after the other.
    bytes: Vec<u8>,
    /// Where those of each begin, `[vocab_size + 1]`.
    starts: Vec<usize>,
    ends: Vec<End>,
}

impl Tokenizer {
    /// The tokenizer of a model on disk: inside a GGUF file, or in a folder's `tokenizer.json`, or else its
    /// `vocab.json` and `merges.txt`.
    ///
    /// # Errors
    ///
    /// Those of [`from_gguf`](Self::from_gguf), [`from_json`](Self::from_json) and
    /// [`from_vocab_and_merges`](Self::from_vocab_and_merges), [`ErrorKind::Io`] for a folder without any of them.
    pub fn open(checkpoint: &Checkpoint) -> Result<Self> {
        match checkpoint {
            Checkpoint::Gguf(gguf) => Self::from_gguf(gguf),
            Checkpoint::Folder(folder) => {
                Self::from_folder(folder).map_err(|error| match error.path() {
                    Some(_) => error,
                    None => error.in_file(folder.path()),
                })
            }
        }
    }

    fn from_folder(folder: &Folder) -> Result<Self> {
        let config = folder.tokenizer_config()?;
        if let Some(json) = folder.tokenizer_json()? {
            return Self::from_json(&json, config.as_deref());
        }
        match (folder.vocab_json()?, folder.merges_txt()?) {
            (Some(vocab), Some(merges)) => {
                Self::from_vocab_and_merges(&vocab, &merges, config.as_deref())
            }
            _ => Err(Error::new(ErrorKind::Io, "the folder has no tokenizer.json").hint(
                "in Python, AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) writes it, from \
                 a tokenizer.model too",
            )),
        }
    }

    /// The tokenizer of a `tokenizer.json`, with the names of tokens in its `tokenizer_config.json`.
    ///
    /// Ids are those of the `tokenizers` crate for the same file; [`SpecialTokens::Text`] is its
    /// `encode_special_tokens`. Known are BPE and `WordLevel` models, and of the other components those that
    /// GPT-2, Llama, Gemma and their kin have. What a prompt begins and ends with is what this file says,
    /// as in transformers since version 5; its `added_tokens_decoder` adds tokens and says how they are
    /// found. Three things differ, so that a user's text never
    /// steers a model: special tokens are not pieces that merges may make; tokens that the configuration
    /// names are special; and an unknown token that also begins or ends sequences is not made of
    /// characters without a piece, which are then refused.
    ///
    /// ```
    /// use kelvin_lm::tokenizer::{ShowSpecial, SpecialTokens, Tokenizer};
    ///
    /// let json = br#"{
    ///     "version": "1.0",
    ///     "added_tokens": [{
    ///         "id": 0, "content": "<|end|>", "special": true,
    ///         "single_word": false, "lstrip": false, "rstrip": false, "normalized": false
    ///     }],
    ///     "pre_tokenizer": {
    ///         "type": "Split", "pattern": {"String": ""}, "behavior": "Isolated", "invert": false
    ///     },
    ///     "decoder": {"type": "Fuse"},
    ///     "model": {"type": "WordLevel", "vocab": {"<|end|>": 0, "a": 1, "e": 2, "t": 3}, "unk_token": "?"}
    /// }"#;
    /// let config = br#"{"eos_token": "<|end|>"}"#;
    /// let tokenizer = Tokenizer::from_json(json, Some(config))?;
    /// let ids = tokenizer.encode("tea", SpecialTokens::Text)?;
    /// assert_eq!(ids, [3, 2, 1]);
    /// assert_eq!(tokenizer.text_bytes(&ids, ShowSpecial::Hide), b"tea");
    /// assert!(tokenizer.is_end(0));
    /// # Ok::<(), kelvin_lm::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] where a file is no JSON, has a key twice, or a field of another type;
    /// [`ErrorKind::Tokenizer`] where it contradicts itself: ids that are not 0, 1, 2 and so on, merges of
    /// unknown pieces, names that no token has; [`ErrorKind::Unsupported`] for components that are not
    /// known, and for patterns that look around themselves or can take more than linear time. All name the
    /// file, and the byte where there is one.
    pub fn from_json(json: &[u8], config: Option<&[u8]>) -> Result<Self> {
        json::parts(json, config).map(Self::from_parts)
    }

    /// GPT-2's tokenizer of a `vocab.json` and a `merges.txt`, with the names of tokens in its
    /// `tokenizer_config.json`.
    ///
    /// Special are `<|endoftext|>`, where it is a piece, and what the configuration names.
    ///
    /// # Errors
    ///
    /// As [`from_json`](Self::from_json).
    pub fn from_vocab_and_merges(
        vocab: &[u8],
        merges: &[u8],
        config: Option<&[u8]>,
    ) -> Result<Self> {
        json::pair(vocab, merges, config).map(Self::from_parts)
    }

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
        vocabulary.parts().map(Self::from_parts)
    }

    fn from_parts(parts: Parts) -> Self {
        let (mut bytes, mut starts) = (Vec::with_capacity(parts.pieces.n_bytes()), vec![0]);
        for token in parts.pieces.tokens() {
            bytes.extend(parts.bytes(token));
            starts.push(bytes.len());
        }
        let ends = ends::ends(&parts);
        Self { parts, bytes, starts, ends }
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
    /// [`ErrorKind::Tokenizer`] where the vocabulary cannot spell a character of the text,
    /// [`ErrorKind::Unsupported`] for a text that is 4 GiB or more when its normalizer and splitter are
    /// done with it at their worst.
    pub fn encode(&self, text: &str, special: SpecialTokens) -> Result<Vec<TokenId>> {
        self.encode_where(text, Special::from(special))
    }

    /// The tokens of `text` alone, of which `quoted` is somebody else's: control tokens are parsed, but
    /// only where they have no byte in it, and so is what is written like one (`<|…|>`, `<｜…｜>`), whatever
    /// the file calls it. Everything else, words and merges included, goes across the
    /// borders as if there were none.
    ///
    /// `quoted` are byte ranges in order that do not overlap. With none this is
    /// [`encode`](Self::encode) under [`SpecialTokens::Parse`].
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_quoting(&self, text: &str, quoted: &[Range<usize>]) -> Result<Vec<TokenId>> {
        self.encode_where(text, Special::Outside(quoted))
    }

    fn encode_where(&self, text: &str, special: Special<'_>) -> Result<Vec<TokenId>> {
        let longest = u32::MAX as usize / self.parts.growth();
        if text.len() > longest {
            let detail = format!("a text of {} bytes, the longest has {longest}", text.len());
            return Err(Error::new(ErrorKind::Unsupported, detail).hint("encode it in parts"));
        }
        let mut run =
            Run { parts: &self.parts, special, ids: Vec::new(), scratch: Scratch::default() };
        self.parts.added.each(text, special, &mut |fragment| match fragment {
            Fragment::Token(token) => {
                run.ids.push(token);
                Ok(())
            }
            Fragment::Text(range) if run.append(text, range.clone()) => Ok(()),
            Fragment::Text(range) => Err(self.unspellable(text, range)),
        })?;
        Ok(run.ids)
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
        let Roles { before, after, .. } = self.parts.roles;
        if let Some(before) = before.filter(|before| ids.first() != Some(before)) {
            ids.insert(0, before);
        }
        ids.extend(after.filter(|after| ids.last() != Some(after)));
        Ok(ids)
    }

    /// The error for a part of a text that has no tokens: it names the first character that has none.
    fn unspellable(&self, text: &str, part: Range<usize>) -> Error {
        let spelled = |at: usize, c: char| {
            let special = Special::Nowhere;
            let mut run =
                Run { parts: &self.parts, special, ids: Vec::new(), scratch: Scratch::default() };
            run.append(text, at..at + c.len_utf8())
        };
        let mut chars = text[part.clone()].char_indices().map(|(at, c)| (part.start + at, c));
        let refused = |what: String, at: usize| {
            let detail = format!("the vocabulary has no token for {what}");
            Error::new(ErrorKind::Tokenizer, detail)
                .at(at as u64)
                .hint("leave the character out, or use a model whose vocabulary has all bytes")
        };
        match chars.find(|&(at, c)| !spelled(at, c)) {
            Some((at, c)) => refused(shown(c), at),
            None => refused(format!("a word of {} bytes", part.len()), part.start),
        }
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
        self.parts.pieces.get(token)
    }

    /// The token that the vocabulary spells `piece`; unused tokens and those without a spelling have
    /// none.
    pub fn token_id(&self, piece: &str) -> Option<TokenId> {
        let pieces = &self.parts.pieces;
        let merged = pieces.find_spelled(piece);
        merged.or_else(|| pieces.find_any(piece)).or_else(|| {
            let other = |&token: &TokenId| {
                pieces.kind(token) != TokenKind::Unused && pieces.get(token) == Some(piece)
            };
            pieces.tokens().filter(|_| !piece.is_empty()).find(other)
        })
    }

    /// Whether `token` is one that text does not show: control, unknown, or unused.
    pub fn is_special(&self, token: TokenId) -> bool {
        let known = (token as usize) < self.vocab_size();
        known && !self.parts.pieces.kind(token).is_spelled()
    }

    /// The bytes of a whole sequence. Tokens outside the vocabulary add nothing.
    ///
    /// `text_bytes(encode(text, Text), Hide)` is `text`, except for what the tokenizer did away with: a
    /// literal `▁` comes back as a space under SentencePiece, and what a normalizer changed stays changed.
    /// A space that the tokenizer put before the text is taken away again; those it put after special
    /// tokens stay.
    pub fn text_bytes(&self, tokens: &[TokenId], show: ShowSpecial) -> Vec<u8> {
        let mut text = Vec::new();
        let mut first = true;
        for &token in tokens.iter().filter(|&&token| (token as usize) < self.vocab_size()) {
            if self.is_special(token) && show == ShowSpecial::Hide {
                continue;
            }
            if first || self.is_special(token) {
                text.extend(self.parts.written(token, first));
            } else {
                text.extend(self.bytes(token).unwrap_or_default());
            }
            first = false;
        }
        let cut = self.parts.decoder.cut(&text);
        text.drain(..cut);
        text
    }

    /// The token that begins a sequence.
    pub fn bos(&self) -> Option<TokenId> {
        self.parts.roles.bos
    }

    /// The token that ends a sequence; [`ends`](Self::ends) lists all that end a generation.
    pub fn eos(&self) -> Option<TokenId> {
        self.parts.roles.eos
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
        self.parts.roles.before.is_some()
    }

    /// Whether a prompt ends with EOS.
    pub fn add_eos(&self) -> bool {
        self.parts.roles.after.is_some()
    }

    /// How many tokens there are.
    pub fn vocab_size(&self) -> usize {
        self.parts.pieces.len()
    }

    /// Checks that a model of `rows` embeddings has one for each token; it may have more.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`] where it has fewer.
    pub fn check_rows(&self, rows: usize) -> Result<()> {
        let n = self.vocab_size();
        if n <= rows {
            return Ok(());
        }
        let detail = format!("the tokenizer has {n} tokens, but the model has {rows} embeddings");
        Err(Error::new(ErrorKind::Shape, detail).hint("use the tokenizer that the model came with"))
    }
}

/// A text on its way to tokens.
struct Run<'a> {
    parts: &'a Parts,
    special: Special<'a>,
    ids: Vec<TokenId>,
    scratch: Scratch,
}

impl Run<'_> {
    /// Appends the tokens of `text[range]`, or returns false where a part has none.
    fn append(&mut self, text: &str, range: Range<usize>) -> bool {
        let parts = self.parts;
        let changed = parts.normalizer.apply(&text[range.clone()]);
        let mut done = true;
        let mut take = |fragment| {
            match fragment {
                Fragment::Token(token) => self.ids.push(token),
                Fragment::Text(part) if done => {
                    let first = range.start == 0 && part.start == 0;
                    let mut words = |word: &str| {
                        parts.model.append(&parts.pieces, word, &mut self.scratch, &mut self.ids)
                    };
                    done = parts.words.each(&changed[part], first, &mut words);
                }
                Fragment::Text(_) => {}
            }
            Ok(())
        };
        let found = parts.added.each_normalized(&changed, self.special, &mut take);
        found.is_ok() && done
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer")
            .field("vocab_size", &self.vocab_size())
            .field("model", &self.parts.model)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

/// A character by its number, and as it is where it can be seen.
fn shown(c: char) -> String {
    let number = u32::from(c);
    let visible = !c.is_whitespace() && c.escape_debug().len() == 1;
    if visible { format!("U+{number:04X} '{c}'") } else { format!("U+{number:04X}") }
}
