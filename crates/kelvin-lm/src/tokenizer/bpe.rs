//! The one place that meets the merge loop of the `tokenizers` crate.

use std::fmt;

use kelvin::TokenId;
use tokenizers::Model as _;
use tokenizers::models::bpe::{BPE, Vocab};

use crate::{Error, ErrorKind, Result};

/// What becomes of a character that is no piece of the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fallback {
    /// There is none: the text cannot be encoded.
    Refuse,
    /// Its UTF-8 bytes, as the tokens `<0x00>` to `<0xFF>`.
    Bytes,
}

/// What becomes of a word that is a piece as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WholeWord {
    /// It is merged from its characters like any other.
    Merge,
    /// It is that token, even where no merges lead to it.
    Take,
}

/// Byte pair encoding of one word: characters, merged by rank and then from the left.
pub(super) struct Bpe(BPE);

impl Bpe {
    /// Merges in the order of their rank. Each side and each result must be in `vocab`, and no pair
    /// may come twice: the crate indexes a buffer by their lengths without looking.
    pub(super) fn new(
        vocab: Vocab,
        merges: Vec<(String, String)>,
        fallback: Fallback,
        whole_word: WholeWord,
    ) -> Result<Self> {
        BPE::builder()
            .vocab_and_merges(vocab, merges)
            .byte_fallback(fallback == Fallback::Bytes)
            .ignore_merges(whole_word == WholeWord::Take)
            .cache_capacity(0) // the crate's cache is per thread and outlives the tokenizer
            .build()
            .map(Self)
            .map_err(|cause| refused("its merges cannot be built", cause))
    }

    /// Appends the tokens of `word`, or returns false where a character has none.
    pub(super) fn append(&self, word: &str, ids: &mut Vec<TokenId>) -> Result<bool> {
        let tokens = self.0.tokenize(word).map_err(|cause| refused("a word was refused", cause))?;
        // The crate skips what it cannot spell, and its offsets then end early.
        if tokens.last().is_none_or(|last| last.offsets.1 != word.len()) {
            return Ok(word.is_empty());
        }
        ids.extend(tokens.iter().map(|token| token.id));
        Ok(true)
    }

    /// The token that is spelled `piece`.
    pub(super) fn token(&self, piece: &str) -> Option<TokenId> {
        self.0.token_to_id(piece)
    }
}

impl fmt::Debug for Bpe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f) // sizes, not the 262,144 pieces
    }
}

fn refused(what: &str, cause: tokenizers::Error) -> Error {
    Error::new(ErrorKind::Tokenizer, format!("tokenizer: {what}: {cause}")).caused_by(cause)
}
