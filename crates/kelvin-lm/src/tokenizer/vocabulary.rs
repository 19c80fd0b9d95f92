//! What a tokenizer is built from, before anything is built.

use kelvin::TokenId;
use tokenizers::models::bpe::Vocab;

use super::{byte_level, sentence_piece, whole};
use crate::format::Text;
use crate::{Error, ErrorKind, Result};

/// What a token is for; the numbers are those of GGUF's `tokenizer.ggml.token_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// 1: a piece that merges make.
    Normal,
    /// 2: stands for what has no piece. Never made from text here: such text is an error.
    Unknown,
    /// 3: steers the model (`<bos>`, `<|im_end|>`). Made from text only under
    /// [`SpecialTokens::Parse`](super::SpecialTokens::Parse).
    Control,
    /// 4: a piece found in any text as a whole, before merging (Gemma's runs of newlines).
    UserDefined,
    /// 5: a number without use. Never made from text.
    Unused,
    /// 6: one byte, spelled `<0x0A>`.
    Byte,
}

impl TokenKind {
    /// The kind with this number.
    pub const fn from_gguf(number: i32) -> Option<Self> {
        Some(match number {
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => return None,
        })
    }
}

/// How pieces are spelled, and what merges them.
#[derive(Debug, Clone, PartialEq)]
pub enum Scheme {
    /// GPT-2's byte-level BPE (`tokenizer.ggml.model` = `gpt2`).
    ByteLevel {
        /// Name of the word splitter: `gpt-2`, `smollm`, `llama-bpe` or `default`.
        pre: String,
        /// Lines `left right`, best first.
        merges: Vec<String>,
    },
    /// SentencePiece BPE (`tokenizer.ggml.model` = `llama`).
    SentencePiece {
        /// One per piece, finite; among neighbours that could merge, the highest merges first.
        scores: Vec<f32>,
        /// Whether text at the start, or after a special token, gets a space before it.
        space_prefix: bool,
    },
}

/// A tokenizer's data: pieces with their kinds, the scheme, and the tokens with a role.
///
/// Plain fields, so that any source can fill them; [`Tokenizer::new`](super::Tokenizer::new) checks.
#[derive(Debug, Clone, PartialEq)]
pub struct Vocabulary {
    /// The spelling of each token, `[vocab_size]`.
    pub pieces: Vec<String>,
    /// What each is for, `[vocab_size]`.
    pub kinds: Vec<TokenKind>,
    /// How pieces are spelled and merged.
    pub scheme: Scheme,
    /// Begins a sequence.
    pub bos: Option<TokenId>,
    /// Ends a sequence.
    pub eos: Option<TokenId>,
    /// Ends a turn of a chat.
    pub eot: Option<TokenId>,
    /// Ends a message that expects an answer from a tool.
    pub eom: Option<TokenId>,
    /// Whether a prompt begins with `bos`.
    pub add_bos: bool,
    /// Whether a prompt ends with `eos`.
    pub add_eos: bool,
}

impl Vocabulary {
    /// Checks everything that does not need the merges.
    pub(super) fn check(&self) -> Result<()> {
        let n = self.pieces.len();
        if n == 0 || u32::try_from(n).is_err() {
            return Err(broken("tokens", &format!("{n} pieces, expected 1 to 4294967295")));
        }
        if self.kinds.len() != n {
            return Err(broken(
                "token_type",
                &format!("{} kinds for {n} pieces", self.kinds.len()),
            ));
        }
        if let Scheme::SentencePiece { scores, .. } = &self.scheme {
            check_scores(scores, n)?;
            self.check_lengths()?;
        }
        if let Some((id, piece)) =
            self.of_kind(TokenKind::Byte).find(|(_, p)| named_byte(p).is_none())
        {
            let piece = Text(piece.as_bytes());
            return Err(broken(
                "tokens",
                &format!("byte token {id} is \"{piece}\", expected \"<0x00>\" to \"<0xFF>\""),
            ));
        }
        self.check_roles()
    }

    fn check_lengths(&self) -> Result<()> {
        let too_long = |&(_, piece): &(TokenId, &str)| piece.len() > whole::LONGEST;
        match self.spelled().find(too_long) {
            Some((id, piece)) => {
                let (len, longest) = (piece.len(), whole::LONGEST);
                Err(broken(
                    "tokens",
                    &format!("piece {id} is {len} bytes long, the longest is {longest}"),
                ))
            }
            None => Ok(()),
        }
    }

    fn check_roles(&self) -> Result<()> {
        let n = self.pieces.len();
        let roles = [("bos", self.bos), ("eos", self.eos), ("eot", self.eot), ("eom", self.eom)];
        for (role, token) in roles {
            if let Some(token) = token.filter(|&token| token as usize >= n) {
                let key = format!("{role}_token_id");
                return Err(broken(
                    &key,
                    &format!("{token} is outside the vocabulary of {n} tokens"),
                ));
            }
        }
        for (add, role, token) in [(self.add_bos, "bos", self.bos), (self.add_eos, "eos", self.eos)]
        {
            if add && token.is_none() {
                let key = format!("add_{role}_token");
                return Err(broken(&key, &format!("true, and there is no {role}_token_id")));
            }
        }
        Ok(())
    }

    /// The tokens of one kind, by id.
    pub(super) fn of_kind(&self, kind: TokenKind) -> impl Iterator<Item = (TokenId, &str)> {
        let ids = 0..;
        ids.zip(&self.pieces)
            .zip(&self.kinds)
            .filter(move |&(_, &k)| k == kind)
            .map(|((id, piece), _)| (id, piece.as_str()))
    }

    /// The tokens that merges may make: never a control token, whatever a user's text spells.
    fn spelled(&self) -> impl Iterator<Item = (TokenId, &str)> {
        let merged = self.of_kind(TokenKind::Normal).chain(self.of_kind(TokenKind::UserDefined));
        merged.filter(|(_, piece)| !piece.is_empty())
    }

    /// The tokens that merges may make, by spelling.
    pub(super) fn spellable(&self) -> Result<Vocab> {
        let mut vocab = Vocab::with_capacity(self.pieces.len());
        for (id, piece) in self.spelled() {
            if let Some(first) = vocab.insert(piece.to_owned(), id) {
                let piece = Text(piece.as_bytes());
                return Err(broken(
                    "tokens",
                    &format!("tokens {first} and {id} are both \"{piece}\""),
                ));
            }
        }
        Ok(vocab)
    }

    /// The bytes that a token adds to a text; none for control, unknown and unused tokens.
    pub(super) fn bytes(&self, token: usize) -> Vec<u8> {
        let piece = self.pieces[token].as_str();
        match (self.kinds[token], &self.scheme) {
            (TokenKind::Unknown | TokenKind::Control | TokenKind::Unused, _) => Vec::new(),
            (TokenKind::UserDefined, _) => piece.as_bytes().to_vec(),
            (TokenKind::Byte, _) => named_byte(piece).into_iter().collect(),
            (TokenKind::Normal, Scheme::ByteLevel { .. }) => byte_level::bytes(piece),
            (TokenKind::Normal, Scheme::SentencePiece { .. }) => sentence_piece::bytes(piece),
        }
    }
}

fn check_scores(scores: &[f32], n: usize) -> Result<()> {
    if scores.len() != n {
        return Err(broken("scores", &format!("{} scores for {n} pieces", scores.len())));
    }
    match scores.iter().position(|score| !score.is_finite()) {
        Some(id) => Err(broken(
            "scores",
            &format!("score {id} is {}, expected a finite number", scores[id]),
        )),
        None => Ok(()),
    }
}

/// The byte that `<0x0A>` names.
fn named_byte(piece: &str) -> Option<u8> {
    let hex = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    let exact = hex.len() == 2 && hex.bytes().all(|c| matches!(c, b'0'..=b'9' | b'A'..=b'F'));
    u8::from_str_radix(hex, 16).ok().filter(|_| exact)
}

/// A tokenizer that contradicts itself; `key` without GGUF's prefix.
pub(super) fn broken(key: &str, detail: &str) -> Error {
    Error::new(ErrorKind::Tokenizer, format!("tokenizer.ggml.{key}: {detail}"))
}
