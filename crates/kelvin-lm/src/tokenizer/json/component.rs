//! Reading one part of a document, and what parts are made of.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::super::pattern::Pattern;
use crate::format::json;
use crate::format::text;
use crate::{Error, ErrorKind, Result};

/// The most steps of a normalizer, a splitter or a decoder.
const STEPS: usize = 32;
/// The most bytes of a component.
const COMPONENT: usize = 1 << 18;

/// A document that was read once, in parts.
pub(super) struct Doc<'a> {
    /// All of it.
    pub(super) bytes: &'a [u8],
    /// Its file, for errors.
    pub(super) name: &'static str,
}

impl<'a> Doc<'a> {
    /// The value in `raw`, which `what` names.
    pub(super) fn read<T: Deserialize<'a>>(&self, raw: &'a RawValue, what: &str) -> Result<T> {
        self.read_with(PhantomData::<T>, raw, what)
    }

    /// The same of an object.
    pub(super) fn object<T: Deserialize<'a>>(&self, raw: &'a RawValue, what: &str) -> Result<T> {
        self.read::<json::Object<T>>(raw, what).map(|object| object.0)
    }

    /// What `seed` makes of `raw`.
    pub(super) fn read_with<S: DeserializeSeed<'a>>(
        &self,
        seed: S,
        raw: &'a RawValue,
        what: &str,
    ) -> Result<S::Value> {
        json::part(seed, raw, self.bytes, &format!("{}: {what}", self.name))
    }

    /// The type that a component says it is. A component may hold others, and is read twice at each depth:
    /// so it is short.
    pub(super) fn kind(&self, raw: &'a RawValue, what: &str) -> Result<Text<'a>> {
        #[derive(serde::Deserialize)]
        struct Tag<'a> {
            #[serde(rename = "type", borrow)]
            kind: Text<'a>,
        }
        if raw.get().len() > COMPONENT {
            let rule = format!("{} bytes long, the longest is {COMPONENT}", raw.get().len());
            return Err(self.unsupported(raw, &format!("{what}: {rule}")));
        }
        self.object::<Tag<'a>>(raw, what).map(|tag| tag.kind)
    }

    /// The error for a part that breaks a rule.
    pub(super) fn broken(&self, raw: &RawValue, detail: &str) -> Error {
        self.error(ErrorKind::Tokenizer, raw, detail)
    }

    /// The error for a part that this version does not do.
    pub(super) fn unsupported(&self, raw: &RawValue, detail: &str) -> Error {
        self.error(ErrorKind::Unsupported, raw, detail)
    }

    /// The error for a component of another type than the `known` ones.
    pub(super) fn unknown(
        &self,
        raw: &RawValue,
        what: &str,
        kind: &Text<'_>,
        known: &[&str],
    ) -> Error {
        let detail =
            format!("{what}: type {kind} is not known here, expected one of {}", known.join(", "));
        self.unsupported(raw, &detail)
            .hint("this version has the tokenizers of GPT-2, Llama, Gemma and their kin")
    }

    /// Checks that there is room for one more step after `n`.
    pub(super) fn check_room(&self, raw: &RawValue, what: &str, n: usize) -> Result<()> {
        if n < STEPS {
            return Ok(());
        }
        Err(self.unsupported(raw, &format!("{what}: more than {STEPS} steps")))
    }

    /// What is looked for, ready to look.
    pub(super) fn pattern(
        &self,
        raw: &RawValue,
        what: &str,
        wanted: &Wanted<'_>,
    ) -> Result<Pattern> {
        match wanted {
            Wanted::String(text) => Ok(Pattern::Text(text.0.clone().into_owned())),
            Wanted::Regex(text) => Pattern::regex(&text.0).map_err(|rule| {
                self.unsupported(raw, &format!("{what}: pattern {text} cannot be used: {rule}"))
            }),
        }
    }

    /// The error, at element `at` of the array in `raw`.
    pub(super) fn at_element(&self, raw: &'a RawValue, at: usize, error: Error) -> Error {
        match self.read_with(Element(at), raw, "").map_err(|place| place.offset()) {
            Err(Some(place)) => error.at(place),
            _ => error,
        }
    }

    fn error(&self, kind: ErrorKind, raw: &RawValue, detail: &str) -> Error {
        Error::new(kind, format!("{}: {detail}", self.name)).at(json::place(raw, self.bytes))
    }
}

/// One text for another, as normalizers and decoders have it.
#[derive(serde::Deserialize)]
pub(super) struct Replace<'a> {
    #[serde(borrow)]
    pub(super) pattern: Wanted<'a>,
    #[serde(borrow)]
    pub(super) content: Text<'a>,
}

/// A string of a document, quoted where it is shown and cut where it is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", text::Text(self.0.as_bytes()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> std::result::Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> std::result::Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        json.deserialize_str(Read)
    }
}

/// An array of at most 64: no file has more components, and a longer one would take memory.
#[derive(Debug)]
pub(super) struct Few<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> std::result::Result<Self, D::Error> {
        struct Read<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of at most 64")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> std::result::Result<Few<T>, A::Error> {
                let mut few = Vec::new();
                while let Some(next) = seq.next_element()? {
                    if few.len() == 64 {
                        return Err(A::Error::custom("an array of more than 64"));
                    }
                    few.push(next);
                }
                Ok(Few(few))
            }
        }
        json.deserialize_seq(Read(PhantomData))
    }
}

/// What is looked for in a text.
#[derive(Debug, serde::Deserialize)]
pub(super) enum Wanted<'a> {
    /// This text.
    #[serde(borrow)]
    String(Text<'a>),
    /// A regular expression.
    #[serde(borrow)]
    Regex(Text<'a>),
}

/// Fails at one element of an array, to find its place.
struct Element(usize);

impl<'de> DeserializeSeed<'de> for Element {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Element {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<(), A::Error> {
        let mut at = 0;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            if at == self.0 {
                return Err(A::Error::custom("here"));
            }
            at += 1;
        }
        Ok(())
    }
}
