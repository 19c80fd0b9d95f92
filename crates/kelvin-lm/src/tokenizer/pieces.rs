//! The spellings of a vocabulary, by token and by text.

use std::hash::{BuildHasher, RandomState};

use kelvin::TokenId;

use super::TokenKind;

/// Stands for no token: vocabularies end before it.
pub(super) const NONE: TokenId = TokenId::MAX;

/// The spelling and kind of every token, and the tokens that spellings find.
///
/// All spellings lie in one text. A token is found through a table of open addresses, filled to at most
/// three quarters; its hash has random keys, so a file cannot choose spellings that collide. (Only the
/// time of a look-up depends on the keys.)
#[derive(Debug)]
pub(super) struct Pieces {
    text: String,
    /// Where each spelling lies in `text`, `[vocab_size]`; from [`NONE`] where there is none yet.
    spans: Vec<(u32, u32)>,
    kinds: Vec<TokenKind>,
    /// Tokens by hash, and [`NONE`]; a power of two of them, or none at all.
    slots: Vec<TokenId>,
    keys: RandomState,
    /// How many tokens the model itself has; those after them are never made of words.
    own: usize,
}

impl Pieces {
    /// `n` tokens without spellings, which will take `n_bytes` together: less than 2^32 both.
    pub(super) fn with_size(n: usize, n_bytes: usize) -> Self {
        Self {
            text: String::with_capacity(n_bytes),
            spans: vec![(NONE, NONE); n],
            kinds: vec![TokenKind::Normal; n],
            slots: Vec::new(),
            keys: RandomState::new(),
            own: n,
        }
    }

    /// Spells `token`; false where it is outside the vocabulary or has a spelling.
    pub(super) fn spell(&mut self, token: TokenId, piece: &str) -> bool {
        let start = self.text.len();
        let Some(span) = self.spans.get_mut(token as usize).filter(|span| span.0 == NONE) else {
            return false;
        };
        self.text.push_str(piece);
        *span = (offset(start), offset(self.text.len()));
        true
    }

    /// One more token, after all others, which is not the model's own.
    pub(super) fn push(&mut self, piece: &str) -> TokenId {
        let token = offset(self.spans.len());
        self.spans.push((NONE, NONE));
        self.kinds.push(TokenKind::Normal);
        self.spell(token, piece);
        token
    }

    /// Lets `tokens` be found. Two of them with one spelling are given back: the one found, the other.
    pub(super) fn index(
        &mut self,
        tokens: impl Iterator<Item = TokenId>,
    ) -> Result<(), (TokenId, TokenId)> {
        let room = self.spans.len() + self.spans.len() / 3 + 2;
        self.slots = vec![NONE; room.next_power_of_two()];
        for token in tokens {
            let slot = self.slot(self.get(token).unwrap_or_default());
            if self.slots[slot] != NONE {
                return Err((self.slots[slot], token));
            }
            self.slots[slot] = token;
        }
        Ok(())
    }

    /// The token that is spelled `piece`, among those of [`index`](Self::index).
    pub(super) fn find_any(&self, piece: &str) -> Option<TokenId> {
        if self.slots.is_empty() {
            return None;
        }
        Some(self.slots[self.slot(piece)]).filter(|&token| token != NONE)
    }

    /// The same, where it is the model's own.
    pub(super) fn find(&self, piece: &str) -> Option<TokenId> {
        self.find_any(piece).filter(|&token| (token as usize) < self.own)
    }

    /// The same, where merges may make the token.
    pub(super) fn find_spelled(&self, piece: &str) -> Option<TokenId> {
        self.find(piece).filter(|&token| self.kind(token).is_spelled())
    }

    /// Where `piece` is, or would be.
    fn slot(&self, piece: &str) -> usize {
        let mask = self.slots.len() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
        let mut slot = self.keys.hash_one(piece) as usize & mask;
        while self.slots[slot] != NONE && self.get(self.slots[slot]) != Some(piece) {
            slot = (slot + 1) & mask;
        }
        slot
    }

    /// The spelling of `token`; none outside the vocabulary.
    pub(super) fn get(&self, token: TokenId) -> Option<&str> {
        let &(start, end) = self.spans.get(token as usize)?;
        self.text.get(start as usize..end as usize)
    }

    /// What `token` is for.
    pub(super) fn kind(&self, token: TokenId) -> TokenKind {
        self.kinds.get(token as usize).copied().unwrap_or(TokenKind::Unused)
    }

    pub(super) fn set_kind(&mut self, token: TokenId, kind: TokenKind) {
        self.kinds[token as usize] = kind;
    }

    /// How many tokens there are.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// How many bytes all spellings take.
    pub(super) fn n_bytes(&self) -> usize {
        self.text.len()
    }

    /// Every token, by id.
    pub(super) fn tokens(&self) -> std::ops::Range<TokenId> {
        0..offset(self.spans.len())
    }

    /// The tokens of one kind, by id.
    pub(super) fn of_kind(&self, kind: TokenKind) -> impl Iterator<Item = (TokenId, &str)> {
        let tokens = self.tokens().filter(move |&token| self.kind(token) == kind);
        tokens.map(|token| (token, self.get(token).unwrap_or_default()))
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("the readers keep vocabularies far below 2^32 bytes")
}
