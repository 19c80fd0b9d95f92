//! `post_processor`: what goes around a prompt.

use std::fmt;

use kelvin::TokenId;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::pieces::Pieces;
use super::component::{Doc, Few, Text};
use crate::Error;

const WHAT: &str = "post_processor";

/// The tokens before and after a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Around {
    pub(super) before: Option<TokenId>,
    pub(super) after: Option<TokenId>,
}

/// Several, one after the other.
#[derive(Deserialize)]
struct Sequence<'a> {
    #[serde(borrow)]
    processors: Few<&'a RawValue>,
}

/// A row of special tokens around the text; the one for pairs of texts is not needed.
#[derive(Deserialize)]
struct TemplateProcessing<'a> {
    #[serde(borrow)]
    single: Few<Piece<'a>>,
    #[serde(borrow)]
    special_tokens: &'a RawValue,
}

/// A part of a template.
#[derive(Deserialize)]
enum Piece<'a> {
    Sequence {
        #[serde(borrow)]
        id: Text<'a>,
    },
    SpecialToken {
        #[serde(borrow)]
        id: Text<'a>,
    },
}

/// What a special token of a template stands for.
#[derive(Deserialize)]
struct Special {
    ids: Few<TokenId>,
}

/// What the post-processor in `raw` puts around a prompt.
pub(super) fn around<'a>(
    doc: &Doc<'a>,
    raw: &'a RawValue,
    pieces: &Pieces,
) -> Result<Around, Error> {
    let kind = doc.kind(raw, WHAT)?;
    match &*kind.0 {
        "ByteLevel" => Ok(Around::default()), // it moves offsets, which are of no use here
        "TemplateProcessing" => template(doc, raw, pieces),
        "Sequence" => {
            let mut found = None;
            for raw in doc.object::<Sequence<'a>>(raw, WHAT)?.processors.0 {
                let next = around(doc, raw, pieces)?;
                if next != Around::default() && found.replace(next).is_some() {
                    let detail = format!("{WHAT}: more than one template, expected one");
                    return Err(doc.unsupported(raw, &detail));
                }
            }
            Ok(found.unwrap_or_default())
        }
        _ => Err(doc.unknown(raw, WHAT, &kind, &["ByteLevel", "Sequence", "TemplateProcessing"])),
    }
}

fn template<'a>(doc: &Doc<'a>, raw: &'a RawValue, pieces: &Pieces) -> Result<Around, Error> {
    let template: TemplateProcessing<'a> = doc.object(raw, WHAT)?;
    let rule =
        "expected the text A once, with at most one special token before it and one after it";
    let refused = || doc.unsupported(raw, &format!("{WHAT}: {rule}"));
    let (mut around, mut seen) = (Around::default(), false);
    for piece in template.single.0 {
        match piece {
            Piece::Sequence { id } if id.0 == "A" && !seen => seen = true,
            Piece::Sequence { .. } => return Err(refused()),
            Piece::SpecialToken { id } => {
                let token = token(doc, template.special_tokens, &id, pieces)?;
                let side = if seen { &mut around.after } else { &mut around.before };
                if side.replace(token).is_some() {
                    return Err(refused());
                }
            }
        }
    }
    if seen { Ok(around) } else { Err(refused()) }
}

/// The token that a template calls `name`.
fn token<'a>(
    doc: &Doc<'a>,
    raw: &'a RawValue,
    name: &Text<'_>,
    pieces: &Pieces,
) -> Result<TokenId, Error> {
    let refused = |rule: &str| doc.broken(raw, &format!("{WHAT}.special_tokens: {name} {rule}"));
    let special = doc.read_with(Find(name), raw, "post_processor.special_tokens")?;
    let special = special.ok_or_else(|| refused("is not there"))?;
    match special.ids.0[..] {
        [token] if (token as usize) < pieces.len() => Ok(token),
        [token] => {
            let n = pieces.len();
            Err(refused(&format!("is token {token}, outside the vocabulary of {n} tokens")))
        }
        ref ids => Err(refused(&format!("is {} tokens, expected one", ids.len()))),
    }
}

/// The value of one key.
struct Find<'n>(&'n Text<'n>);

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = Option<Special>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<Special>, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<Special>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of special tokens")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Special>, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if key == *self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}
