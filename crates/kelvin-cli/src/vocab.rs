//! What tokens are called: by a tokenizer, by a file, or by their numbers alone.

use std::borrow::Cow;

use kelvin::TokenId;

use crate::term::text;

/// Names for the tokens of a vocabulary.
#[derive(Debug)]
pub(crate) enum Names {
    /// Nothing but numbers.
    Numbers,
    /// A text for each id.
    Listed(Vec<String>),
}

impl Names {
    /// The token's bytes, where it has any.
    pub(crate) fn bytes(&self, token: TokenId) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Numbers => None,
            Self::Listed(tokens) => Some(tokens[token as usize].as_bytes().into()),
        }
    }

    /// The token on one line with its whitespace visible; `#7` where it has no text.
    pub(crate) fn visible(&self, token: TokenId) -> String {
        self.bytes(token).map_or_else(|| format!("#{token}"), |bytes| text::visible(&bytes))
    }

    /// The token's text for JSON; what is no whole character becomes U+FFFD.
    pub(crate) fn json(&self, token: TokenId) -> serde_json::Value {
        self.bytes(token).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).into()
    }
}
