//! `decoder`: from pieces back to text.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::decoder::{Decoder, Scope, Start, Undo};
use super::component::{Doc, Few, Replace, Text, Wanted};
use super::pre_tokenizer::{Metaspace, PrependScheme};
use crate::Error;

const WHAT: &str = "decoder";
const KNOWN: [&str; 7] =
    ["ByteFallback", "ByteLevel", "Fuse", "Metaspace", "Replace", "Sequence", "Strip"];

#[derive(Deserialize)]
struct Sequence<'a> {
    #[serde(borrow)]
    decoders: Few<&'a RawValue>,
}

#[derive(Deserialize)]
struct Strip {
    content: char,
    start: usize,
    stop: usize,
}

/// What a step sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sees {
    /// One token.
    Token,
    /// A run of bytes as if they were a token.
    Bytes,
    /// The whole text.
    Text,
}

/// A decoder in the making.
struct Draft {
    undo: Vec<Undo>,
    start: Start,
    sees: Sees,
}

/// The decoder in `raw`. Without one, spaces go between the tokens.
pub(super) fn decoder<'a>(doc: &Doc<'a>, raw: Option<&'a RawValue>) -> Result<Decoder, Error> {
    let mut draft = Draft { undo: Vec::new(), start: Start::Keep, sees: Sees::Token };
    if let Some(raw) = raw {
        draft.add(doc, raw)?;
    } else {
        draft.undo.push(Undo::Prepend(' '));
        draft.start = Start::Strip(' ', 1);
    }
    Ok(Decoder { undo: draft.undo, start: draft.start, scope: Scope::All })
}

impl Draft {
    fn add<'a>(&mut self, doc: &Doc<'a>, raw: &'a RawValue) -> Result<(), Error> {
        let kind = doc.kind(raw, WHAT)?;
        doc.check_room(raw, WHAT, self.undo.len())?;
        match &*kind.0 {
            "Sequence" => {
                let sequence: Sequence<'a> = doc.object(raw, WHAT)?;
                return sequence.decoders.0.into_iter().try_for_each(|raw| self.add(doc, raw));
            }
            "Fuse" => self.sees = Sees::Text,
            "Strip" => self.strip(doc, raw)?,
            "ByteFallback" => {
                self.needs_a_token(doc, raw, &kind)?;
                (self.sees, self.undo) = (Sees::Bytes, self.with(Undo::ByteFallback));
            }
            "ByteLevel" => {
                self.needs_a_token(doc, raw, &kind)?;
                (self.sees, self.undo) = (Sees::Text, self.with(Undo::ByteLevel));
            }
            "Replace" => {
                self.needs_a_token(doc, raw, &kind)?;
                self.undo = self.with(replace(doc, raw)?);
            }
            "Metaspace" => {
                self.needs_a_token(doc, raw, &kind)?;
                let metaspace: Metaspace = doc.object(raw, WHAT)?;
                let c = metaspace.replacement;
                if metaspace.scheme(doc, raw)? != PrependScheme::Never {
                    self.begins(doc, raw, Start::Drop(c), self.undo.is_empty())?;
                }
                self.undo = self.with(Undo::Replace(c.to_string(), " ".to_owned()));
            }
            _ => return Err(doc.unknown(raw, WHAT, &kind, &KNOWN)),
        }
        Ok(())
    }

    fn with(&mut self, undo: Undo) -> Vec<Undo> {
        let mut all = std::mem::take(&mut self.undo);
        all.push(undo);
        all
    }

    fn needs_a_token(&self, doc: &Doc<'_>, raw: &RawValue, kind: &Text<'_>) -> Result<(), Error> {
        if self.sees == Sees::Token {
            return Ok(());
        }
        let detail = format!("{WHAT}: {kind} behind what joins tokens, expected it before");
        Err(doc.unsupported(raw, &detail))
    }

    /// Says what is different at the start of a text, once and only where nothing is in the way.
    fn begins(
        &mut self,
        doc: &Doc<'_>,
        raw: &RawValue,
        start: Start,
        free: bool,
    ) -> Result<(), Error> {
        if free && self.start == Start::Keep {
            self.start = start;
            return Ok(());
        }
        let detail = format!("{WHAT}: more than one rule for the start of a text");
        Err(doc.unsupported(raw, &detail))
    }

    fn strip<'a>(&mut self, doc: &Doc<'a>, raw: &'a RawValue) -> Result<(), Error> {
        let Strip { content, start, stop } = doc.object(raw, WHAT)?;
        if stop != 0 {
            let detail = format!("{WHAT}: Strip takes {stop} characters off the end, expected 0");
            return Err(doc.unsupported(raw, &detail));
        }
        match self.sees {
            Sees::Token => self.undo = self.with(Undo::Strip(content, start)),
            Sees::Text => self.begins(doc, raw, Start::Strip(content, start), true)?,
            Sees::Bytes => {
                let detail = format!("{WHAT}: Strip between ByteFallback and Fuse");
                return Err(doc.unsupported(raw, &detail));
            }
        }
        Ok(())
    }
}

/// A replacement of one text by another that is not longer.
fn replace<'a>(doc: &Doc<'a>, raw: &'a RawValue) -> Result<Undo, Error> {
    let Replace { pattern, content } = doc.object(raw, WHAT)?;
    match pattern {
        Wanted::String(text) if text.0.len() >= content.0.len() && !text.0.is_empty() => {
            Ok(Undo::Replace(text.0.into_owned(), content.0.into_owned()))
        }
        Wanted::String(text) => {
            let detail = format!("{WHAT}: Replace makes {text} longer, expected it not to");
            Err(doc.unsupported(raw, &detail))
        }
        Wanted::Regex(_) => {
            let detail = format!("{WHAT}: Replace by a regular expression, expected a text");
            Err(doc.unsupported(raw, &detail))
        }
    }
}
