//! What tokens are called: by a tokenizer, by a file, or by their numbers alone.

use kelvin::TokenId;
use kelvin_lab::trace;
use kelvin_lm::tokenizer::Tokenizer;
use serde_json::Value;

use crate::term::text;

/// Names for the tokens of a vocabulary.
#[derive(Debug)]
pub(crate) enum Names {
    /// Nothing but numbers.
    Numbers,
    /// A text for each id.
    Listed(Vec<String>),
    /// A model's own.
    Model(Box<Tokenizer>),
    /// Those that a trace names.
    Recorded(trace::Names),
}

impl Names {
    /// The token on one line with its whitespace visible; `#7` where it has no text.
    pub(crate) fn visible(&self, token: TokenId) -> String {
        match self {
            Self::Numbers => format!("#{token}"),
            Self::Listed(tokens) => text::visible(tokens[token as usize].as_bytes()),
            Self::Model(tokenizer) => visible(tokenizer, token),
            Self::Recorded(names) => match names.get(token) {
                Some(name) => text::visible(name.as_bytes()),
                None => format!("#{token}"),
            },
        }
    }

    /// The token's text for JSON; what is no whole character becomes U+FFFD.
    pub(crate) fn json(&self, token: TokenId) -> Value {
        match self {
            Self::Numbers => Value::Null,
            Self::Listed(tokens) => tokens[token as usize].as_str().into(),
            Self::Model(tokenizer) => json(tokenizer, token),
            Self::Recorded(names) => {
                names.get(token).map_or(Value::Null, |name| name.to_lossy().into())
            }
        }
    }
}

/// A model's token on one line with its whitespace visible; control tokens as they are spelled.
pub(crate) fn visible(tokenizer: &Tokenizer, token: TokenId) -> String {
    match tokenizer.bytes(token).filter(|bytes| !bytes.is_empty()) {
        Some(bytes) => text::visible(bytes),
        None => tokenizer.piece(token).map_or_else(|| format!("#{token}"), str::to_owned),
    }
}

/// A model's token for JSON; what is no whole character becomes U+FFFD.
pub(crate) fn json(tokenizer: &Tokenizer, token: TokenId) -> Value {
    match tokenizer.bytes(token).filter(|bytes| !bytes.is_empty()) {
        Some(bytes) => String::from_utf8_lossy(bytes).into_owned().into(),
        None => tokenizer.piece(token).into(),
    }
}
