//! The tokens that end a text, alone: for files of which nothing else is wanted.

use std::fmt;

use kelvin::TokenId;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::Result;
use crate::format::json::{self, Limits};

/// What is read of a file.
#[derive(Deserialize)]
struct Fields {
    eos_token_id: Option<Tokens>,
}

/// One token, or a list of them.
struct Tokens(Vec<TokenId>);

/// `eos_token_id` of the JSON file in `bytes`, which `what` names: in order, each once.
pub(super) fn read(bytes: &[u8], what: &str) -> Result<Vec<TokenId>> {
    let fields: Fields = json::object(bytes, what, Limits::SETTINGS)?;
    let mut ends = fields.eos_token_id.map_or_else(Vec::new, |tokens| tokens.0);
    ends.sort_unstable();
    ends.dedup();
    Ok(ends)
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(json: D) -> std::result::Result<Self, D::Error> {
        json.deserialize_any(Self(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Tokens {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("eos_token_id to be a token id or a list of them")
    }

    fn visit_u64<E: serde::de::Error>(self, token: u64) -> std::result::Result<Self, E> {
        let wrong = |_| E::invalid_value(serde::de::Unexpected::Unsigned(token), &self);
        token.try_into().map(|token| Self(vec![token])).map_err(wrong)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> std::result::Result<Self, A::Error> {
        while let Some(token) = seq.next_element()? {
            self.0.push(token);
        }
        Ok(self)
    }
}
