//! The values of metadata: thirteen types, read where they stand in the file.

use std::fmt::{self, Display};

use crate::{Error, ErrorKind, Result};

use super::cursor::{Cursor, INCOMPLETE, checked};
use crate::format::text::Text;

/// A metadata value. Strings are bytes: most are UTF-8, but tokens need not be.
///
/// `Display` is a short readable form on one line, safe to print: control characters are escaped,
/// long strings cut, arrays shown as `[49152 strings] a, b, c, d, ...`.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// A number of any of the eight integer types, u8 to u64 and i8 to i64.
    Int(i128),
    /// A number in single precision; it may be infinite or NaN.
    F32(f32),
    /// A number in double precision; it may be infinite or NaN.
    F64(f64),
    /// A truth value.
    Bool(bool),
    /// A string's bytes.
    Str(&'a [u8]),
    /// Elements of one type.
    Array(Array<'a>),
}

impl<'a> Value<'a> {
    /// Reads the value of `key`, and the type that stands before it.
    pub(super) fn read(cursor: &mut Cursor<'a>, key: &str) -> Result<(Kind, Self)> {
        let what = Part { name: "the value", key };
        let kind = Kind::read(cursor, what)?;
        let value = match kind {
            Kind::Array => Self::Array(Array::read(cursor, key)?),
            _ => Self::read_plain(cursor, kind, what)?,
        };
        Ok((kind, value))
    }

    /// Reads a value that is not an array.
    fn read_plain(cursor: &mut Cursor<'a>, kind: Kind, what: impl Display) -> Result<Self> {
        Ok(match kind {
            Kind::U8 => Self::Int(u8::from_le_bytes(cursor.array(what)?).into()),
            Kind::I8 => Self::Int(i8::from_le_bytes(cursor.array(what)?).into()),
            Kind::U16 => Self::Int(u16::from_le_bytes(cursor.array(what)?).into()),
            Kind::I16 => Self::Int(i16::from_le_bytes(cursor.array(what)?).into()),
            Kind::U32 => Self::Int(u32::from_le_bytes(cursor.array(what)?).into()),
            Kind::I32 => Self::Int(i32::from_le_bytes(cursor.array(what)?).into()),
            Kind::U64 => Self::Int(u64::from_le_bytes(cursor.array(what)?).into()),
            Kind::I64 => Self::Int(i64::from_le_bytes(cursor.array(what)?).into()),
            Kind::F32 => Self::F32(f32::from_le_bytes(cursor.array(what)?)),
            Kind::F64 => Self::F64(f64::from_le_bytes(cursor.array(what)?)),
            Kind::Bool => Self::Bool(read_bool(cursor, what)?),
            Kind::Str => Self::Str(cursor.string(what)?),
            Kind::Array => return Err(nested(cursor, what)),
        })
    }
}

impl Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::F32(number) => show_float(*number, (*number).into(), f),
            Self::F64(number) => show_float(*number, *number, f),
            Self::Bool(truth) => truth.fmt(f),
            Self::Str(bytes) => Text(bytes).fmt(f),
            Self::Array(array) => array.fmt(f),
        }
    }
}

/// A number, of this size, without an exponent where that is short.
fn show_float(
    number: impl Display + fmt::LowerExp,
    size: f64,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let short = size == 0.0 || !size.is_finite() || (1e-9..1e15).contains(&size.abs());
    if short { write!(f, "{number}") } else { write!(f, "{number:e}") }
}

/// The elements of an array that its short form shows.
const SHOWN: usize = 4;

/// An array of metadata: elements of one type, none of them an array.
#[derive(Clone, Copy)]
pub struct Array<'a> {
    kind: Kind,
    len: usize,
    file: &'a [u8],
    /// Where the first element stands in the file, in bytes.
    start: u32,
}

impl<'a> Array<'a> {
    /// Reads type and count, and checks the elements.
    fn read(cursor: &mut Cursor<'a>, key: &str) -> Result<Self> {
        let what = Part { name: "the array", key };
        let kind_at = cursor.clone();
        let kind = Kind::read(cursor, what)?;
        if kind == Kind::Array {
            return Err(nested(&kind_at, what));
        }
        let count_at = cursor.clone();
        let n = cursor.u64(Part { name: "the array count", key })?;
        let most = cursor.left() / kind.min_bytes();
        let Some(len) = usize::try_from(n).ok().filter(|_| n <= most) else {
            let (left, name) = (cursor.left(), kind.name());
            let detail =
                format!("{what} has {n} {name}s, but the {left} bytes left hold at most {most}");
            return Err(count_at.error(detail).hint(INCOMPLETE));
        };
        let start = cursor.at();
        let element = |i| Element { i, key };
        match kind {
            Kind::Str => (0..len).try_for_each(|i| cursor.string(element(i)).map(drop))?,
            Kind::Bool => (0..len).try_for_each(|i| read_bool(cursor, element(i)).map(drop))?,
            _ => cursor.take(n * kind.min_bytes(), what).map(drop)?,
        }
        Ok(Self { kind, len, file: cursor.file(), start })
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The elements, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Value<'a>> + use<'a> {
        let (kind, mut cursor) = (self.kind, self.cursor());
        (0..self.len).map(move |_| checked(Value::read_plain(&mut cursor, kind, "an element")))
    }

    /// The elements, where they are strings.
    pub(super) fn strings(&self) -> Option<Strings<'a>> {
        let Kind::Str = self.kind else { return None };
        let mut cursor = self.cursor();
        let starts = (0..self.len).map(|_| {
            let start = cursor.at();
            checked(cursor.string("an element"));
            start
        });
        Some(Strings { file: self.file, starts: starts.collect() })
    }

    fn cursor(&self) -> Cursor<'a> {
        Cursor::resume(self.file, u32::MAX, self.start)
    }
}

impl Display for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.len == 1 { "" } else { "s" };
        write!(f, "[{} {}{plural}]", self.len, self.kind.name())?;
        for (i, value) in self.iter().take(SHOWN).enumerate() {
            write!(f, "{} {value}", if i == 0 { "" } else { "," })?;
        }
        if self.len > SHOWN { f.write_str(", ...") } else { Ok(()) }
    }
}

impl fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// The strings of an array, each in constant time: 4 bytes for each beside the file's own.
#[derive(Clone)]
pub struct Strings<'a> {
    file: &'a [u8],
    /// Where each string's length stands in the file, in bytes.
    starts: Vec<u32>,
}

impl<'a> Strings<'a> {
    /// The number of strings.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are no strings.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The bytes of string `i`. Those of a token need not be UTF-8.
    ///
    /// # Panics
    ///
    /// Where `i` is not below [`len`](Self::len), as the index of a slice does.
    pub fn get(&self, i: usize) -> &'a [u8] {
        self.string_at(self.starts[i])
    }

    /// All strings, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.starts.iter().map(|&at| self.string_at(at))
    }

    /// The byte offset of string `i` in the file (of its length, which stands first), for an error
    /// about it.
    ///
    /// # Panics
    ///
    /// Where `i` is not below [`len`](Self::len).
    pub fn offset(&self, i: usize) -> u64 {
        self.starts[i].into()
    }

    fn string_at(&self, at: u32) -> &'a [u8] {
        checked(Cursor::resume(self.file, u32::MAX, at).string("an element"))
    }
}

impl fmt::Debug for Strings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|bytes| Text(bytes).to_string())).finish()
    }
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    Str,
    Array,
    U64,
    I64,
    F64,
}

impl Kind {
    /// Every type at the place of its code: its name, and the fewest bytes that a value takes (all
    /// but strings and arrays take exactly these).
    const BY_CODE: [(Self, &str, u64); 13] = [
        (Self::U8, "u8", 1),
        (Self::I8, "i8", 1),
        (Self::U16, "u16", 2),
        (Self::I16, "i16", 2),
        (Self::U32, "u32", 4),
        (Self::I32, "i32", 4),
        (Self::F32, "f32", 4),
        (Self::Bool, "bool", 1),
        (Self::Str, "string", 8),
        (Self::Array, "array", 12),
        (Self::U64, "u64", 8),
        (Self::I64, "i64", 8),
        (Self::F64, "f64", 8),
    ];

    fn read(cursor: &mut Cursor<'_>, what: impl Display) -> Result<Self> {
        let start = cursor.clone();
        let code = cursor.u32(format_args!("the type of {what}"))?;
        let found = usize::try_from(code).ok().and_then(|code| Self::BY_CODE.get(code));
        found
            .map(|&(kind, ..)| kind)
            .ok_or_else(|| start.error(format!("{what} has type {code}, expected 0 to 12")))
    }

    /// As messages have it.
    pub(super) fn name(self) -> &'static str {
        Self::BY_CODE[self as usize].1
    }

    fn min_bytes(self) -> u64 {
        Self::BY_CODE[self as usize].2
    }
}

fn read_bool(cursor: &mut Cursor<'_>, what: impl Display) -> Result<bool> {
    let start = cursor.clone();
    match cursor.array(&what)? {
        [0] => Ok(false),
        [1] => Ok(true),
        [byte] => Err(start.error(format!("{what} is {byte}, expected a bool of 0 or 1"))),
    }
}

fn nested(at: &Cursor<'_>, what: impl Display) -> Error {
    let detail = format!("{what} holds arrays, expected numbers, bools or strings");
    Error::new(ErrorKind::Unsupported, detail).at(at.offset())
}

/// What belongs to a key, in messages.
#[derive(Clone, Copy)]
struct Part<'a> {
    name: &'static str,
    key: &'a str,
}

impl Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of \"{}\"", self.name, Text(self.key.as_bytes()))
    }
}

/// An element of a key's array, in messages.
struct Element<'a> {
    i: usize,
    key: &'a str,
}

impl Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "element {} of \"{}\"", self.i, Text(self.key.as_bytes()))
    }
}
