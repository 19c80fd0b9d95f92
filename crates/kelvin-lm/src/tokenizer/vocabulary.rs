//! What a tokenizer is built from, before anything is built.

use kelvin::TokenId;

use super::added::Added;
use super::bpe::{Bpe, Merge, Rules, Unknown, WholeWord};
use super::byte_level;
use super::decoder::{Decoder, Scope, Start, Undo};
use super::model::Model;
use super::normalizer::{Change, Normalizer};
use super::parts::{Parts, Roles};
use super::pattern::Pattern;
use super::pieces::Pieces;
use super::sentence_piece;
use super::whole::{self, Wholes};
use super::words::{self, Words};
use crate::format::Text;
use crate::{Error, ErrorKind, Result};

/// What SentencePiece writes for a space.
pub(super) const SPACE: char = '▁';

/// What a token is for; the numbers are those of GGUF's `tokenizer.ggml.token_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// 1: a piece that merges make.
    Normal,
    /// 2: stands for what has no piece. Made from text only by a `tokenizer.json` that says so; without
    /// it such text is an error.
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

    /// Whether merges may make such a token: never a control token, whatever a user's text spells.
    pub(super) const fn is_spelled(self) -> bool {
        matches!(self, Self::Normal | Self::UserDefined | Self::Byte)
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

/// A tokenizer's data as GGUF files have them: pieces with their kinds, the scheme, and the tokens with a
/// role.
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
        let n_bytes: usize = self.pieces.iter().map(String::len).sum();
        if u32::try_from(n_bytes).is_err() {
            return Err(broken("tokens", &format!("{n_bytes} bytes, the most is 4294967295")));
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

    /// The tokens that merges may make: never a control token, whatever a user's text spells. A defined
    /// token stands for its text as it is, so that byte-level merges, which spell bytes, make only those
    /// for which that is the same.
    fn spelled(&self) -> impl Iterator<Item = (TokenId, &str)> {
        let is_byte_level = matches!(self.scheme, Scheme::ByteLevel { .. });
        let defined = self.of_kind(TokenKind::UserDefined).filter(move |(_, piece)| {
            !is_byte_level || byte_level::bytes(piece) == piece.as_bytes()
        });
        let merged = self.of_kind(TokenKind::Normal).chain(defined);
        merged.filter(|(_, piece)| !piece.is_empty())
    }

    /// What a tokenizer runs on, of data that [`check`](Self::check) let pass.
    pub(super) fn parts(self) -> Result<Parts> {
        let pieces = self.indexed()?;
        let wholes = |kinds: &[TokenKind]| {
            Wholes::new(kinds.iter().flat_map(|&kind| pieces.of_kind(kind))).map_err(too_long)
        };
        let control = [TokenKind::UserDefined, TokenKind::Control, TokenKind::Unknown];
        let added = Added::LongestFirst { defined: wholes(&control[..1])?, all: wholes(&control)? };
        let (normalizer, words, model) = match &self.scheme {
            Scheme::ByteLevel { pre, merges } => {
                let words = Words::named(pre)?;
                let rules = byte_level_rules(&pieces, pre, merges)?;
                (Normalizer(Vec::new()), words, Model::Bpe(Bpe::new(&pieces, rules)))
            }
            Scheme::SentencePiece { scores, space_prefix } => {
                let rules = Rules {
                    merges: sentence_piece::merges(&pieces, scores),
                    byte_fallback: true,
                    unknown: Unknown::Refuse,
                    whole_word: WholeWord::Merge,
                };
                let model = Model::Bpe(Bpe::new(&pieces, rules));
                (sentence_piece_changes(*space_prefix), Words(Vec::new()), model)
            }
        };
        let (decoder, roles, respelled) = (self.decoder(), self.roles(), Vec::new());
        Ok(Parts { pieces, added, normalizer, words, model, decoder, respelled, roles })
    }

    /// The pieces, of which those that merges may make are found.
    fn indexed(&self) -> Result<Pieces> {
        let n_bytes = self.pieces.iter().map(String::len).sum();
        let mut pieces = Pieces::with_size(self.pieces.len(), n_bytes);
        for ((token, piece), &kind) in (0..).zip(&self.pieces).zip(&self.kinds) {
            pieces.spell(token, piece);
            pieces.set_kind(token, kind);
        }
        let mut merged: Vec<TokenId> = self.spelled().map(|(token, _)| token).collect();
        merged.sort_unstable();
        pieces.index(merged.into_iter()).map_err(|(first, again)| {
            let piece = &self.pieces[again as usize];
            let piece = Text(piece.as_bytes());
            broken("tokens", &format!("tokens {first} and {again} are both \"{piece}\""))
        })?;
        Ok(pieces)
    }

    fn decoder(&self) -> Decoder {
        let (undo, start) = match self.scheme {
            Scheme::ByteLevel { .. } => (Undo::ByteLevel, Start::Keep),
            Scheme::SentencePiece { space_prefix, .. } => {
                let start = if space_prefix { Start::Strip(' ', 1) } else { Start::Keep };
                (Undo::Replace(SPACE.to_string(), " ".to_owned()), start)
            }
        };
        Decoder { undo: vec![undo], start, scope: Scope::Merged }
    }

    fn roles(&self) -> Roles {
        Roles {
            bos: self.bos,
            eos: self.eos,
            eot: self.eot,
            eom: self.eom,
            before: self.bos.filter(|_| self.add_bos),
            after: self.eos.filter(|_| self.add_eos),
        }
    }
}

/// What SentencePiece does to a text: `▁` for each space, and one before it where that is wanted.
fn sentence_piece_changes(space_prefix: bool) -> Normalizer {
    let prefix = space_prefix.then(|| Change::Prepend(SPACE.to_string()));
    let spaces = Change::Replace(Pattern::Text(" ".to_owned()), SPACE.to_string());
    Normalizer(prefix.into_iter().chain([spaces]).collect())
}

/// The rules of byte-level BPE; `merges` are lines `left right`, best first.
fn byte_level_rules(pieces: &Pieces, pre: &str, merges: &[String]) -> Result<Rules> {
    let mut all = Vec::with_capacity(merges.len());
    for (rank, line) in merges.iter().enumerate() {
        let (left, right) = sides(line).ok_or_else(|| bad_merge(rank, line, "two pieces"))?;
        let token = |piece: &str| pieces.find(piece);
        let (Some(left), Some(right), Some(union)) =
            (token(left), token(right), token(&[left, right].concat()))
        else {
            return Err(bad_merge(rank, line, "both pieces and their union in the vocabulary"));
        };
        all.push(Merge { left, right, union });
    }
    let takes = words::LLAMA3_NAMES.contains(&pre);
    let whole_word = if takes { WholeWord::Take } else { WholeWord::Merge };
    Ok(Rules { merges: all, byte_fallback: false, unknown: Unknown::Refuse, whole_word })
}

/// A merge line is two pieces and a space between; the first piece may itself begin with a space.
fn sides(line: &str) -> Option<(&str, &str)> {
    let (at, _) = line.char_indices().skip(1).find(|&(_, c)| c == ' ')?;
    let (left, right) = (&line[..at], &line[at + 1..]);
    (!right.is_empty()).then_some((left, right))
}

fn bad_merge(rank: usize, line: &str, rule: &str) -> Error {
    let line = Text(line.as_bytes());
    broken("merges", &format!("merge {rank} is \"{line}\", expected {rule}"))
}

fn too_long((token, len): (TokenId, usize)) -> Error {
    let longest = whole::LONGEST;
    let detail = format!(
        "tokenizer.ggml.tokens: special token {token} is {len} bytes long, the longest is {longest}"
    );
    Error::new(ErrorKind::Unsupported, detail)
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
pub(super) fn named_byte(piece: &str) -> Option<u8> {
    let hex = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    let exact = hex.len() == 2 && hex.bytes().all(|c| matches!(c, b'0'..=b'9' | b'A'..=b'F'));
    u8::from_str_radix(hex, 16).ok().filter(|_| exact)
}

/// A tokenizer that contradicts itself; `key` without GGUF's prefix.
pub(super) fn broken(key: &str, detail: &str) -> Error {
    Error::new(ErrorKind::Tokenizer, format!("tokenizer.ggml.{key}: {detail}"))
}

#[cfg(test)]
mod tests {
    use super::sides;

    #[test]
    fn merge_lines() {
        assert_eq!(sides("Ġ t"), Some(("Ġ", "t")));
        assert_eq!(sides("  a"), Some((" ", "a")));
        assert_eq!(sides("é é"), Some(("é", "é")));
        for bad in ["", " ", "ab", "a ", " a"] {
            assert_eq!(sides(bad), None, "{bad:?}");
        }
    }
}
