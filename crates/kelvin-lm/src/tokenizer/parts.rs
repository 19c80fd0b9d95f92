//! What a tokenizer runs on, whatever file it came from.

#![forbid(unsafe_code)]

use kelvin::TokenId;

use super::TokenKind;
use super::added::Added;
use super::decoder::{Decoder, Scope, Start};
use super::model::Model;
use super::normalizer::Normalizer;
use super::pieces::Pieces;
use super::vocabulary::named_byte;
use super::words::Words;

/// The steps of a text's way to tokens and back, in order.
#[derive(Debug)]
pub(super) struct Parts {
    /// Spellings and kinds.
    pub(super) pieces: Pieces,
    /// What is cut out as a whole.
    pub(super) added: Added,
    /// What is done to the rest.
    pub(super) normalizer: Normalizer,
    /// Where it is cut into words.
    pub(super) words: Words,
    /// What makes tokens of words.
    pub(super) model: Model,
    /// What makes bytes of tokens.
    pub(super) decoder: Decoder,
    /// The tokens with a role.
    pub(super) roles: Roles,
}

/// Tokens with a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Roles {
    /// Begins a sequence.
    pub(super) bos: Option<TokenId>,
    /// Ends a sequence.
    pub(super) eos: Option<TokenId>,
    /// Ends a turn of a chat.
    pub(super) eot: Option<TokenId>,
    /// Ends a message to a tool.
    pub(super) eom: Option<TokenId>,
    /// What a prompt begins with.
    pub(super) before: Option<TokenId>,
    /// What a prompt ends with.
    pub(super) after: Option<TokenId>,
}

impl Parts {
    /// The bytes that a token adds to a text; none for control, unknown and unused tokens.
    pub(super) fn bytes(&self, token: TokenId) -> Vec<u8> {
        let piece = self.pieces.get(token).unwrap_or_default();
        match (self.pieces.kind(token), self.decoder.scope) {
            (TokenKind::Unknown | TokenKind::Control | TokenKind::Unused, _) => Vec::new(),
            (TokenKind::UserDefined, Scope::Merged) => piece.as_bytes().to_vec(),
            (TokenKind::Byte, Scope::Merged) => named_byte(piece).into_iter().collect(),
            (TokenKind::Normal, _) | (_, Scope::All) => self.decoder.bytes(piece),
        }
    }

    /// The bytes of a token that a text begins with.
    pub(super) fn first_bytes(&self, token: TokenId, piece: &str) -> Vec<u8> {
        match self.decoder.start {
            Start::Drop(_) => self.decoder.first_bytes(piece),
            _ => self.bytes(token),
        }
    }

    /// A token's spelling, where special tokens are shown.
    pub(super) fn spelled(&self, piece: &str, first: bool) -> Vec<u8> {
        match self.decoder.scope {
            Scope::Merged => piece.as_bytes().to_vec(),
            Scope::All if first => self.decoder.first_bytes(piece),
            Scope::All => self.decoder.bytes(piece),
        }
    }

    /// How many times as long a text can become on its way to words.
    pub(super) fn growth(&self) -> usize {
        self.normalizer.growth().saturating_mul(self.words.growth())
    }
}
