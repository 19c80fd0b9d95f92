//! JSON files that nobody vouches for: walked once, without building anything, before they are read.
//!
//! The walk holds a file to JSON's grammar and to [`Limits`], and refuses an object that has a key
//! twice, which readers elsewhere settle in different ways. What is then built is the caller's type
//! alone.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::text::Sentence;
use crate::{Error, ErrorKind, Result};

/// How deep arrays and objects may lie inside each other.
const DEPTH: usize = 64;
/// The most bytes of one string, as it is written: eight times the longest chat template known. What
/// is built of a string before it is judged is a few times its size.
const STRING: usize = 1 << 18;

/// What a JSON file may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes.
    pub(crate) bytes: usize,
    /// Keys, of all objects together.
    pub(crate) keys: usize,
    /// Elements of one array.
    pub(crate) items: usize,
}

impl Limits {
    /// For a file of settings: a megabyte, a hundred times what they take.
    pub(crate) const SETTINGS: Self = Self { bytes: 1 << 20, keys: 1 << 14, items: 1 << 14 };
    /// For `generation_config.json`, whose values are kept: the longest known takes a quarter.
    pub(crate) const GENERATION: Self = Self { bytes: 1 << 14, keys: 1 << 12, items: 1 << 12 };
    /// For `tokenizer_config.json`, which may list every special token of a vocabulary: Gemma 3's has
    /// 6,400 of them, in 1.2 MB.
    pub(crate) const TOKENIZER_CONFIG: Self =
        Self { bytes: 1 << 24, keys: 1 << 19, items: 1 << 16 };
    /// For the header of a safetensors file of at most 4,096 tensors.
    pub(crate) const HEADER: Self = Self { bytes: 100_000_000, keys: 1 << 14, items: 8 };
    /// For a list of tensors and the files they are in.
    pub(crate) const INDEX: Self = Self { bytes: 1 << 24, keys: 1 << 13, items: 8 };
    /// For a tokenizer, which holds its vocabulary: eight times the largest known.
    pub(crate) const TOKENIZER: Self = Self { bytes: 1 << 28, keys: 1 << 22, items: 1 << 22 };
}

/// The value in `bytes`, a whole JSON document that `what` names in errors.
///
/// Unknown keys are passed over, unless `T` says otherwise.
///
/// # Errors
///
/// [`ErrorKind::Format`] at a byte: not JSON, a key twice, deeper than 64, or not what `T` expects.
/// [`ErrorKind::Unsupported`] beyond `limits`.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    what: &str,
    limits: Limits,
) -> Result<T> {
    check(bytes, what, limits)?;
    serde_json::from_slice(bytes).map_err(|cause| refused(bytes, what, &cause))
}

/// The same of a document that is an object.
///
/// # Errors
///
/// Those of [`read`].
pub(crate) fn object<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    what: &str,
    limits: Limits,
) -> Result<T> {
    read::<Object<T>>(bytes, what, limits).map(|object| object.0)
}

/// An object inside another, or nothing: for fields that are structs.
pub(crate) fn nested<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    json: D,
) -> std::result::Result<Option<T>, D::Error> {
    Option::<Object<T>>::deserialize(json).map(|object| object.map(|object| object.0))
}

/// The value that `seed` makes of `raw`, a part of the document `whole` that was read before.
///
/// # Errors
///
/// [`ErrorKind::Format`] at a byte of the whole document: not what the seed expects.
pub(crate) fn part<'a, S: DeserializeSeed<'a>>(
    seed: S,
    raw: &'a RawValue,
    whole: &[u8],
    what: &str,
) -> Result<S::Value> {
    let mut json = serde_json::Deserializer::from_str(raw.get());
    seed.deserialize(&mut json).map_err(|cause| {
        let error = refused(raw.get().as_bytes(), what, &cause);
        let at = error.offset().unwrap_or(0) + place(raw, whole);
        error.at(at)
    })
}

/// The byte of the document `whole` at which its part `raw` begins.
pub(crate) fn place(raw: &RawValue, whole: &[u8]) -> u64 {
    raw.get().as_ptr().addr().saturating_sub(whole.as_ptr().addr()) as u64
}

/// Holds `bytes` to the grammar and to `limits`; builds nothing.
///
/// # Errors
///
/// Those of [`read`] that do not depend on a type.
pub(crate) fn check(bytes: &[u8], what: &str, limits: Limits) -> Result<()> {
    if bytes.len() > limits.bytes {
        let detail =
            format!("{what} has {} bytes, more than the limit of {}", bytes.len(), limits.bytes);
        return Err(Error::new(ErrorKind::Unsupported, detail));
    }
    if let Some(at) = long_string(bytes) {
        let detail = format!("{what}: a string of more than {STRING} bytes");
        return Err(Error::new(ErrorKind::Unsupported, detail).at(at));
    }
    let mut tally = Tally { keys: 0, beyond: false };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let walked = Walk { limits, depth: 0, tally: &mut tally }.deserialize(&mut json);
    let walked = walked.and_then(|()| json.end()).map_err(|cause| refused(bytes, what, &cause));
    match walked {
        Err(error) if tally.beyond => Err(error.of_kind(ErrorKind::Unsupported)),
        walked => walked,
    }
}

/// Where a string of more than [`STRING`] bytes begins, if these are JSON.
fn long_string(bytes: &[u8]) -> Option<u64> {
    let (mut start, mut escaped) = (None, false);
    for (at, &byte) in bytes.iter().enumerate() {
        let quote = byte == b'"' && !escaped;
        match start {
            None => start = quote.then_some(at),
            Some(_) if quote => start = None,
            Some(start) if at - start > STRING => return Some(start as u64),
            Some(_) => escaped = byte == b'\\' && !escaped,
        }
    }
    None
}

fn refused(bytes: &[u8], what: &str, cause: &serde_json::Error) -> Error {
    let text = cause.to_string();
    let rule = text.rsplit_once(" at line ").map_or(&*text, |(rule, _)| rule);
    let at = offset(bytes, cause.line(), cause.column());
    Error::new(ErrorKind::Format, format!("{what}: {}", Sentence(rule))).at(at)
}

/// The byte at a line and column, both from 1 (column 0 is the line's start).
fn offset(bytes: &[u8], line: usize, column: usize) -> u64 {
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    let before: usize = lines.take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    (before + column.saturating_sub(1)).min(bytes.len()) as u64
}

/// A value that only an object gives: serde reads a struct from an array of its fields too.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> std::result::Result<Self, D::Error> {
        struct Read<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                map: A,
            ) -> std::result::Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        json.deserialize_map(Read(PhantomData))
    }
}

/// One value, walked.
struct Walk<'t> {
    limits: Limits,
    depth: usize,
    tally: &'t mut Tally,
}

/// What a walk has seen.
struct Tally {
    keys: usize,
    /// A limit was passed.
    beyond: bool,
}

impl Walk<'_> {
    fn deeper<E: serde::de::Error>(&mut self) -> std::result::Result<Walk<'_>, E> {
        if self.depth == DEPTH {
            return Err(E::custom(format_args!("nested deeper than {DEPTH}")));
        }
        Ok(Walk { limits: self.limits, depth: self.depth + 1, tally: self.tally })
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> std::result::Result<(), A::Error> {
        let limit = self.limits.items;
        let mut n = 0_usize;
        while seq.next_element_seed(self.deeper()?)?.is_some() {
            n += 1;
            if n > limit {
                self.tally.beyond = true;
                return Err(A::Error::custom(format_args!("an array of more than {limit}")));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<(), A::Error> {
        let limit = self.limits.keys;
        let mut seen = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            self.tally.keys += 1;
            if self.tally.keys > limit {
                self.tally.beyond = true;
                return Err(A::Error::custom(format_args!("more than {limit} keys")));
            }
            if seen.len() == seen.capacity() {
                seen.reserve_exact(seen.len() / 4 + 8); // doubling would take more than the file
            }
            seen.push(key);
            map.next_value_seed(self.deeper()?)?;
        }
        seen.sort_unstable();
        if seen.array_windows().any(|[a, b]| a == b) {
            return Err(A::Error::custom("an object has a key twice"));
        }
        Ok(())
    }
}

/// A key, as 64 bits of its `SipHash`: a million keys meet by chance once in forty million files.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<u64, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> std::result::Result<u64, E> {
        if key.len() > STRING {
            return Err(E::custom(format_args!("a key of more than {STRING} bytes")));
        }
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Ok(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::{Limits, STRING, check, read};

    fn refusal(text: &str) -> String {
        let small = Limits { bytes: 300, keys: 4, items: 3 };
        check(text.as_bytes(), "config.json", small).expect_err("refused").to_string()
    }

    #[test]
    fn what_is_sound_is_read() {
        let text = br#" {"a": [1, -2, 3.5], "b": {"a": null, "c": "\u00e9"}} "#;
        let value: std::collections::BTreeMap<String, serde_json::Value> =
            read(text, "config.json", Limits::SETTINGS).expect("sound");
        assert_eq!(value["b"]["c"], "é");
    }

    #[test]
    fn each_rule_has_its_refusal_and_its_place() {
        let cases = [
            ("{\"a\": 1,\n \"a\": 2}", "config.json: an object has a key twice (byte 16)"),
            ("{\"a\":1, \"\\u0061\":2}", "config.json: an object has a key twice (byte 18)"),
            ("{\"a\": }", "config.json: expected value (byte 6)"),
            ("[1,2,3,4]", "config.json: an array of more than 3 (byte 8)"),
            (
                "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}",
                "config.json: more than 4 keys (byte 23)",
            ),
            ("1 2", "config.json: trailing characters (byte 2)"),
            (
                "\"\u{1}\"",
                "config.json: control character (\\u0000-\\u001F) found while parsing a string (byte 1)",
            ),
            ("1e999", "config.json: number out of range (byte 4)"),
            ("", "config.json: EOF while parsing a value (byte 0)"),
        ];
        for (text, expected) in cases {
            assert_eq!(refusal(text), expected, "{text:?}");
        }
        assert_eq!(
            refusal(&" ".repeat(301)),
            "config.json has 301 bytes, more than the limit of 300"
        );
        assert!(refusal(&"[".repeat(299)).contains("nested deeper than 64 (byte"));
    }

    #[test]
    fn strings_are_short() {
        let check = |n: usize, tail: &str| {
            let text = format!("[\"\\\"\", \"{}{tail}", "x".repeat(n));
            check(text.as_bytes(), "it", Limits::SETTINGS).map_err(|error| error.to_string())
        };
        assert_eq!(check(STRING, "\"]"), Ok(()));
        let long = "it: a string of more than 262144 bytes (byte 7)";
        assert_eq!(check(STRING + 1, "\"]"), Err(long.to_owned()));
        assert_eq!(check(STRING - 1, "\\\"\"]"), Err(long.to_owned()));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let error = check(b"{\"\xFF\": 1}", "config.json", Limits::SETTINGS).expect_err("refused");
        assert!(error.to_string().contains("invalid unicode"), "{error}");
    }
}
