//! `tokenizer_config.json`: names of tokens, and what goes around a prompt.

#![forbid(unsafe_code)]

use std::fmt;

use kelvin::TokenId;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::pieces::Pieces;
use super::component::Text;
use crate::format::json::{self, Limits};
use crate::{Error, ErrorKind};

const NAME: &str = "tokenizer_config.json";

/// What a tokenizer takes from its configuration. Everything else in it is for other programs.
#[derive(Default, serde::Deserialize)]
pub(super) struct Config<'a> {
    #[serde(borrow)]
    bos_token: Option<Named<'a>>,
    #[serde(borrow)]
    eos_token: Option<Named<'a>>,
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
    pub(super) add_prefix_space: Option<bool>,
}

/// A token by its text: a string, or an object with `content`.
#[derive(Debug)]
pub(super) struct Named<'a>(pub(super) Text<'a>);

/// Tokens by their texts: an array, or an object whose keys say what they are for.
struct Names<'a>(Vec<Named<'a>>);

/// The most names of one list.
const MOST: usize = 4096;

impl<'a> Config<'a> {
    /// The configuration in `bytes`; an empty one where there is none.
    pub(super) fn read(bytes: Option<&'a [u8]>) -> Result<Self, Error> {
        bytes.map_or(Ok(Self::default()), |bytes| json::read(bytes, NAME, Limits::SETTINGS))
    }

    /// The token that begins a sequence.
    pub(super) fn bos(&self, pieces: &Pieces) -> Result<Option<TokenId>, Error> {
        token("bos_token", self.bos_token.as_ref(), pieces)
    }

    /// The token that ends a sequence.
    pub(super) fn eos(&self, pieces: &Pieces) -> Result<Option<TokenId>, Error> {
        token("eos_token", self.eos_token.as_ref(), pieces)
    }

    /// Every token that the configuration calls special.
    pub(super) fn special(&self) -> impl Iterator<Item = &str> {
        let named = [&self.bos_token, &self.eos_token, &self.pad_token, &self.unk_token];
        let named = named.into_iter().flatten();
        let lists = [&self.additional_special_tokens, &self.extra_special_tokens];
        let listed = lists.into_iter().flatten().flat_map(|names| &names.0);
        named.chain(listed).map(|Named(name)| &*name.0)
    }

    /// Whether it decides what a prompt begins and ends with.
    pub(super) fn says_what_goes_around(&self) -> bool {
        self.add_bos_token.is_some() || self.add_eos_token.is_some()
    }

    /// Whether a prompt begins with BOS, where the configuration says.
    pub(super) fn adds_bos(&self) -> bool {
        self.add_bos_token.unwrap_or(false)
    }

    /// Whether a prompt ends with EOS, where the configuration says.
    pub(super) fn adds_eos(&self) -> bool {
        self.add_eos_token.unwrap_or(false)
    }
}

fn token(key: &str, name: Option<&Named<'_>>, pieces: &Pieces) -> Result<Option<TokenId>, Error> {
    let Some(Named(name)) = name else { return Ok(None) };
    let missing = || {
        let detail = format!("{NAME}: {key} is {name}, which is not in the vocabulary");
        Error::new(ErrorKind::Tokenizer, detail)
    };
    pieces.find_any(&name.0).ok_or_else(missing).map(Some)
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
