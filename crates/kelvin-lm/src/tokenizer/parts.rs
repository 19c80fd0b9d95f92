//! What a tokenizer runs on, whatever file it came from.

use kelvin::TokenId;

use super::TokenKind;
use super::added::Added;
use super::decoder::{Decoder, Scope};
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
    /// Tokens that are written otherwise than their pieces, by token.
    pub(super) respelled: Vec<(TokenId, String)>,
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
        match self.pieces.kind(token) {
            TokenKind::Unknown | TokenKind::Control | TokenKind::Unused => Vec::new(),
            _ => self.written(token, false),
        }
    }

    /// The bytes of a token that is written out, whatever its kind; `first` says that a text begins
    /// with it.
    pub(super) fn written(&self, token: TokenId, first: bool) -> Vec<u8> {
        let piece = match self.respelled.binary_search_by_key(&token, |&(token, _)| token) {
            Ok(at) => &self.respelled[at].1,
            Err(_) => self.pieces.get(token).unwrap_or_default(),
        };
        match (self.decoder.scope, self.pieces.kind(token)) {
            (Scope::Merged, TokenKind::Byte) => named_byte(piece).into_iter().collect(),
            (Scope::All, _) | (_, TokenKind::Normal) if first => self.decoder.first_bytes(piece),
            (Scope::All, _) | (_, TokenKind::Normal) => self.decoder.bytes(piece),
            (Scope::Merged, _) => piece.as_bytes().to_vec(),
        }
    }

    /// How many times as long a text can become on its way to words.
    pub(super) fn growth(&self) -> usize {
        self.normalizer.growth().saturating_mul(self.words.growth())
    }
}
