//! What a template made of a conversation.

use std::ops::Range;

use super::jinja::Char;
use crate::tokenizer::{SpecialTokens, Tokenizer};
use crate::{Result, TokenId};

/// A rendered conversation: its text, and which of it comes from messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    text: String,
    quoted: Vec<Range<usize>>,
}

impl Prompt {
    pub(super) fn new(chars: &[Char]) -> Self {
        let mut text = String::with_capacity(chars.len());
        let mut quoted: Vec<Range<usize>> = Vec::new();
        for c in chars {
            let start = text.len();
            text.push(c.char());
            match quoted.last_mut() {
                _ if !c.is_quoted() => (),
                Some(last) if last.end == start => last.end = text.len(),
                _ => quoted.push(start..text.len()),
            }
        }
        Self { text, quoted }
    }

    /// The text, as transformers' `apply_chat_template` renders it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of the text that come from messages, in order, not touching.
    pub fn quoted(&self) -> &[Range<usize>] {
        &self.quoted
    }

    /// The tokens of the text, with BOS in front where the tokenizer wants one and the template did not
    /// write it.
    ///
    /// Text and messages are one text to the tokenizer, as in transformers: words and merges go across
    /// their borders. Control tokens do not: under [`SpecialTokens::Text`] they are found only in what the
    /// template wrote.
    ///
    /// # Errors
    ///
    /// Those of [`Tokenizer::encode`].
    pub fn encode(&self, tokenizer: &Tokenizer, messages: SpecialTokens) -> Result<Vec<TokenId>> {
        let own = tokenizer.encode_quoting(&self.text, &self.quoted)?;
        let bos = tokenizer.bos().filter(|bos| tokenizer.add_bos() && !own.contains(bos));
        let mut ids = match messages {
            SpecialTokens::Text => own,
            SpecialTokens::Parse => tokenizer.encode_quoting(&self.text, &[])?,
        };
        if let Some(bos) = bos.filter(|bos| ids.first() != Some(bos)) {
            ids.insert(0, bos);
        }
        Ok(ids)
    }
}
