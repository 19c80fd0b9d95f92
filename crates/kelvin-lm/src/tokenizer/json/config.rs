//! `tokenizer_config.json`: names of tokens, and what goes around a prompt.

use std::fmt;

use kelvin::TokenId;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::super::pieces::Pieces;
use super::added::{AddedTokens, TokensById};
use super::component::{Doc, Text};
use crate::Error;
use crate::format::json::{self, Limits};

/// What a tokenizer takes from its configuration. Everything else in it is for other programs.
#[derive(Default, Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    bos_token: Option<&'a RawValue>,
    #[serde(borrow)]
    eos_token: Option<&'a RawValue>,
    #[serde(borrow)]
    unk_token: Option<Named<'a>>,
    #[serde(borrow)]
    pad_token: Option<Named<'a>>,
    #[serde(borrow)]
    additional_special_tokens: Option<Names<'a>>,
    #[serde(borrow)]
    extra_special_tokens: Option<Names<'a>>,
    add_bos_token: Option<bool>,
    add_eos_token: Option<bool>,
    add_prefix_space: Option<bool>,
    #[serde(borrow)]
    added_tokens_decoder: Option<&'a RawValue>,
}

/// A configuration, with the tokens that it names.
pub(super) struct Config<'a> {
    doc: Doc<'a>,
    bos: Option<(&'a RawValue, Named<'a>)>,
    eos: Option<(&'a RawValue, Named<'a>)>,
    fields: Fields<'a>,
}

/// A token by its text: a string, or an object with `content`.
#[derive(Debug)]
struct Named<'a>(Text<'a>);

/// Tokens by their texts: an array, or an object whose keys say what they are for.
struct Names<'a>(Vec<Named<'a>>);

/// A document, a part of it, and the tokens in this part.
type Listed<'a, 'd> = (&'d Doc<'a>, &'a RawValue, AddedTokens<'a>);

/// The most names of one list.
const MOST: usize = 4096;

impl<'a> Config<'a> {
    /// The configuration in `bytes`; an empty one where there is none.
    pub(super) fn read(bytes: Option<&'a [u8]>) -> Result<Self, Error> {
        let doc = Doc { bytes: bytes.unwrap_or_default(), name: "tokenizer_config.json" };
        let fields = match bytes {
            Some(bytes) => json::object(bytes, doc.name, Limits::TOKENIZER_CONFIG)?,
            None => Fields::default(),
        };
        let named = |raw: Option<&'a RawValue>, what| match raw {
            Some(raw) => doc.read::<Named<'a>>(raw, what).map(|name| Some((raw, name))),
            None => Ok(None),
        };
        let (bos, eos) =
            (named(fields.bos_token, "bos_token")?, named(fields.eos_token, "eos_token")?);
        Ok(Self { doc, bos, eos, fields })
    }

    /// The tokens that it adds, with where they are listed.
    pub(super) fn added_tokens(&self) -> Result<Option<Listed<'a, '_>>, Error> {
        let Some(raw) = self.fields.added_tokens_decoder else { return Ok(None) };
        let TokensById(tokens) = self.doc.read(raw, "added_tokens_decoder")?;
        Ok(Some((&self.doc, raw, tokens)))
    }

    /// The token that begins a sequence.
    pub(super) fn bos(&self, pieces: &Pieces) -> Result<Option<TokenId>, Error> {
        self.token("bos_token", self.bos.as_ref(), pieces)
    }

    /// The token that ends a sequence.
    pub(super) fn eos(&self, pieces: &Pieces) -> Result<Option<TokenId>, Error> {
        self.token("eos_token", self.eos.as_ref(), pieces)
    }

    fn token(
        &self,
        key: &str,
        named: Option<&(&RawValue, Named<'_>)>,
        pieces: &Pieces,
    ) -> Result<Option<TokenId>, Error> {
        let Some((raw, Named(name))) = named else { return Ok(None) };
        let missing =
            || self.doc.broken(raw, &format!("{key} is {name}, which is not in the vocabulary"));
        pieces.find_any(&name.0).ok_or_else(missing).map(Some)
    }

    /// Every token that the configuration calls special.
    pub(super) fn special(&self) -> impl Iterator<Item = &str> {
        let around = [&self.bos, &self.eos].into_iter().flatten().map(|(_, name)| name);
        let others = [&self.fields.pad_token, &self.fields.unk_token].into_iter().flatten();
        let lists = [&self.fields.additional_special_tokens, &self.fields.extra_special_tokens];
        let listed = lists.into_iter().flatten().flat_map(|names| &names.0);
        around.chain(others).chain(listed).map(|Named(name)| &*name.0)
    }

    /// Whether a prompt begins with BOS, where only the configuration can say.
    pub(super) fn adds_bos(&self) -> bool {
        self.fields.add_bos_token.unwrap_or(false)
    }

    /// Whether a prompt ends with EOS, where only the configuration can say.
    pub(super) fn adds_eos(&self) -> bool {
        self.fields.add_eos_token.unwrap_or(false)
    }

    /// Whether a text that does not begin with a space gets one.
    pub(super) fn adds_a_space(&self) -> bool {
        self.fields.add_prefix_space.unwrap_or(false)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Named<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Named<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a token's text, or an object with its content")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Named<'de>, E> {
                Ok(Named(Text(text.into())))
            }

            fn visit_str<E>(self, text: &str) -> Result<Named<'de>, E> {
                Ok(Named(Text(text.to_owned().into())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<'de>, A::Error> {
                let mut content = None;
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    if key.0 == "content" {
                        content = Some(map.next_value::<Text<'de>>()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                content.map(Named).ok_or_else(|| A::Error::missing_field("content"))
            }
        }
        json.deserialize_any(Read)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Names<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Names<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of tokens")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Names<'de>, A::Error> {
                let mut names = Names(Vec::new());
                while let Some(name) = seq.next_element()? {
                    names.add(name)?;
                }
                Ok(names)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names<'de>, A::Error> {
                let mut names = Names(Vec::new());
                while let Some((_, name)) = map.next_entry::<IgnoredAny, _>()? {
                    names.add(name)?;
                }
                Ok(names)
            }
        }
        json.deserialize_any(Read)
    }
}

impl<'a> Names<'a> {
    fn add<E: serde::de::Error>(&mut self, name: Named<'a>) -> Result<(), E> {
        if self.0.len() == MOST {
            return Err(E::custom(format_args!("more than {MOST} tokens")));
        }
        self.0.push(name);
        Ok(())
    }
}
