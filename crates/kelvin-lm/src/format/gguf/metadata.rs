//! Key-value pairs: look-ups by key and type.

use std::fmt;

use crate::{Error, ErrorKind, Result};

use super::cursor::{Cursor, checked};
use super::index::Index;
use super::value::{Array, Kind, Strings, Value};
use crate::format::text::Text;

/// The smallest pair: a key of one character, a type, one byte.
pub(super) const MIN_BYTES: u64 = 8 + 1 + 4 + 1;

const ALIGNMENT: &str = "general.alignment";
const DEFAULT_ALIGNMENT: u64 = 32;

/// The key-value pairs of a file.
///
/// Each look-up is `Ok(None)` where the key is absent and an error of kind [`ErrorKind::Format`],
/// with the byte offset, where the value has another type. Integers are read from any integer type,
/// as long as the value fits.
pub struct Metadata {
    /// The whole file, tensors included: values are read where they stand.
    file: Vec<u8>,
    keys: Index,
}

impl Metadata {
    pub(super) fn new(file: Vec<u8>, keys: Index) -> Self {
        Self { file, keys }
    }

    pub(super) fn file(&self) -> &[u8] {
        &self.file
    }

    /// The multiple at which tensors start, in bytes.
    pub(super) fn alignment(&self) -> Result<u64> {
        let Some(pair) = self.pair(ALIGNMENT) else { return Ok(DEFAULT_ALIGNMENT) };
        let given = match pair.value {
            Value::Int(n @ 1..=4096) if pair.kind == Kind::U32 => u64::try_from(n).ok(),
            _ => None,
        };
        given
            .filter(|n| n.is_power_of_two())
            .ok_or_else(|| pair.error("a u32 that is a power of two up to 4096"))
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.keys.in_order().len()
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All pairs, in file order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Value<'_>)> {
        self.keys.in_order().iter().map(|&at| {
            let pair = Pair::at(&self.file, at);
            (pair.key, pair.value)
        })
    }

    /// The value of `key`, whatever its type.
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        self.pair(key).map(|pair| pair.value)
    }

    /// The byte offset of the value of `key` in the file (of its type, which stands first), for an
    /// error about it.
    pub fn offset(&self, key: &str) -> Option<u64> {
        self.pair(key).map(|pair| pair.offset)
    }

    /// The string under `key`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] where the value is not a string or not UTF-8.
    pub fn str(&self, key: &str) -> Result<Option<&str>> {
        self.typed(key, "a string that is UTF-8", |value| match value {
            Value::Str(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        })
    }

    /// The integer under `key`, if it is one from 0 to 2³² − 1.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] where the value is no such integer.
    pub fn u32(&self, key: &str) -> Result<Option<u32>> {
        self.integer(key, "an integer from 0 to 4294967295")
    }

    /// The integer under `key`, if it is one from 0 to 2⁶⁴ − 1.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] where the value is no such integer.
    pub fn u64(&self, key: &str) -> Result<Option<u64>> {
        self.integer(key, "an integer, not negative")
    }

    /// The integer under `key`, if it is one from −2⁶³ to 2⁶³ − 1.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] where the value is no such integer.
    pub fn i64(&self, key: &str) -> Result<Option<i64>> {
        self.integer(key, "an integer below 2^63")
    }

    /// The number of type f32 under `key`; it may be infinite or NaN.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] where the value is not an f32.
    pub fn f32(&self, key: &str) -> Result<Option<f32>> {
        self.typed(key, "an f32", |value| match value {
            Value::F32(number) => Some(number),
            _ => None,
        })
    }

    /// The bool under `key`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] where the value is not a bool.
    pub fn bool(&self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "a bool", |value| match value {
            Value::Bool(truth) => Some(truth),
            _ => None,
        })
    }

    /// The array of strings under `key`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] where the value is not an array of strings.
    pub fn strings(&self, key: &str) -> Result<Option<Strings<'_>>> {
        self.array(key, "an array of strings", |array| array.strings())
    }

    /// The array of f32 under `key`; elements may be infinite or NaN.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] where the value is not an array of f32.
    pub fn f32s(&self, key: &str) -> Result<Option<Vec<f32>>> {
        let number = |value| match value {
            Value::F32(number) => Some(number),
            _ => None,
        };
        self.array(key, "an array of f32", |array| array.iter().map(number).collect())
    }

    /// The array of integers under `key`, if all are from −2³¹ to 2³¹ − 1.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] where the value is no such array.
    pub fn i32s(&self, key: &str) -> Result<Option<Vec<i32>>> {
        let number = |value| match value {
            Value::Int(number) => i32::try_from(number).ok(),
            _ => None,
        };
        self.array(key, "an array of integers that fit in an i32", |array| {
            array.iter().map(number).collect()
        })
    }

    fn integer<T: TryFrom<i128>>(&self, key: &str, expected: &str) -> Result<Option<T>> {
        self.typed(key, expected, |value| match value {
            Value::Int(number) => T::try_from(number).ok(),
            _ => None,
        })
    }

    fn array<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl FnOnce(Array<'a>) -> Option<T>,
    ) -> Result<Option<T>> {
        self.typed(key, expected, |value| match value {
            Value::Array(array) => read(array),
            _ => None,
        })
    }

    fn typed<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl FnOnce(Value<'a>) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(pair) = self.pair(key) else { return Ok(None) };
        read(pair.value).map(Some).ok_or_else(|| pair.error(expected))
    }

    fn pair(&self, key: &str) -> Option<Pair<'_>> {
        self.keys.find(&self.file, key).map(|at| Pair::at(&self.file, at))
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// One pair, as it stands in the file.
struct Pair<'a> {
    key: &'a str,
    kind: Kind,
    value: Value<'a>,
    /// Where the value's type stands, in bytes from the start of the file.
    offset: u64,
}

impl<'a> Pair<'a> {
    /// The pair at byte `at`, which [`check_pair`] has seen.
    fn at(file: &'a [u8], at: u32) -> Self {
        let mut cursor = Cursor::resume(file, u32::MAX, at);
        let key = checked(cursor.name("a key"));
        let offset = cursor.offset();
        let (kind, value) = checked(Value::read(&mut cursor, key));
        Self { key, kind, value, offset }
    }

    fn error(&self, expected: &str) -> Error {
        let (key, kind, value) = (Text(self.key.as_bytes()), self.kind.name(), self.value);
        let detail = format!("\"{key}\" is {kind} {value}, expected {expected}");
        Error::new(ErrorKind::Format, detail).at(self.offset)
    }
}

/// Checks what follows a key: type and value.
pub(super) fn check_pair(cursor: &mut Cursor<'_>, key: &str) -> Result<()> {
    Value::read(cursor, key).map(drop)
}
