//! Strings whose characters know where they come from.

use std::ops::{Deref, Range};
use std::rc::Rc;

use super::meter::{Meter, Outcome};

/// A character with its origin: the template's own, or quoted from a message.
///
/// Characters are equal where they are the same character, wherever they come from: a template reads
/// a message as if it had no marks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Char(u32);

/// The bit of a quoted character; characters end at 0x10FFFF.
const QUOTED: u32 = 1 << 31;

impl Char {
    /// A character of the template.
    pub(super) const fn own(c: char) -> Self {
        Self(c as u32)
    }

    /// A character of a message.
    pub(super) const fn quoted(c: char) -> Self {
        Self(c as u32 | QUOTED)
    }

    /// The character.
    pub(crate) fn char(self) -> char {
        char::from_u32(self.0 & !QUOTED).expect("made from a character")
    }

    /// Whether it comes from a message.
    pub(crate) const fn is_quoted(self) -> bool {
        self.0 & QUOTED != 0
    }

    /// Another character of the same origin.
    pub(super) const fn with(self, c: char) -> Self {
        Self(c as u32 | self.0 & QUOTED)
    }

    /// White space, as Python's `str.isspace` has it.
    pub(super) fn is_space(self) -> bool {
        let c = self.char();
        c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
    }
}

impl PartialEq for Char {
    fn eq(&self, other: &Self) -> bool {
        self.char() == other.char()
    }
}

impl Eq for Char {}

impl PartialOrd for Char {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Char {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.char().cmp(&other.char())
    }
}

impl PartialEq<char> for Char {
    fn eq(&self, other: &char) -> bool {
        self.char() == *other
    }
}

/// An immutable string of [`Char`]s; a copy shares them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text(Rc<[Char]>);

impl Text {
    /// A string of the template.
    pub(super) fn own(text: &str, meter: &Meter) -> Outcome<Self> {
        meter.chars(text.len())?;
        Ok(Self(text.chars().map(Char::own).collect()))
    }

    /// A string of a message.
    pub(super) fn quoted(text: &str, meter: &Meter) -> Outcome<Self> {
        meter.chars(text.len())?;
        Ok(Self(text.chars().map(Char::quoted).collect()))
    }

    /// A copy of these characters.
    pub(super) fn of(chars: &[Char], meter: &Meter) -> Outcome<Self> {
        meter.chars(chars.len())?;
        Ok(Self(chars.into()))
    }

    /// The characters of a buffer that was paid for as it grew.
    pub(super) fn paid(chars: Vec<Char>) -> Self {
        Self(chars.into())
    }

    /// As Rust has it, without marks; for names, formats and messages.
    pub(super) fn plain(&self, meter: &Meter) -> Outcome<String> {
        plain(self, meter)
    }

    /// Whether this is exactly `text`.
    pub(super) fn is(&self, text: &str) -> bool {
        self.len() <= text.len() && self.iter().map(|c| c.char()).eq(text.chars())
    }
}

impl Deref for Text {
    type Target = [Char];

    fn deref(&self) -> &[Char] {
        &self.0
    }
}

/// Characters without their marks.
pub(super) fn plain(chars: &[Char], meter: &Meter) -> Outcome<String> {
    meter.chars(chars.len())?;
    Ok(chars.iter().map(|c| c.char()).collect())
}

/// Where `part` begins in `text`, at `from` or later. Pays for what it reads.
pub(super) fn find(
    text: &[Char],
    part: &[Char],
    from: usize,
    meter: &Meter,
) -> Outcome<Option<usize>> {
    let Some(last) = text.len().checked_sub(part.len()) else { return Ok(None) };
    for at in from..=last {
        let same = text[at..].iter().zip(part).take_while(|(a, b)| a == b).count();
        meter.chars(1 + same)?;
        if same == part.len() {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Where `part` begins last in `text`.
pub(super) fn rfind(text: &[Char], part: &[Char], meter: &Meter) -> Outcome<Option<usize>> {
    let Some(last) = text.len().checked_sub(part.len()) else { return Ok(None) };
    for at in (0..=last).rev() {
        let same = text[at..].iter().zip(part).take_while(|(a, b)| a == b).count();
        meter.chars(1 + same)?;
        if same == part.len() {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// The ends of `text` that `strip` takes off, as the range that stays.
pub(super) fn stripped(text: &[Char], strip: impl Fn(Char) -> bool, ends: Ends) -> Range<usize> {
    let kept = |c: &Char| !strip(*c);
    let start = match ends {
        Ends::Right => 0,
        Ends::Left | Ends::Both => text.iter().position(kept).unwrap_or(text.len()),
    };
    let end = match ends {
        Ends::Left => text.len(),
        Ends::Right | Ends::Both => text.iter().rposition(kept).map_or(start, |last| last + 1),
    };
    start..end.max(start)
}

/// Which ends of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    Left,
    Right,
    Both,
}

/// Each character in upper case, of the same origin.
pub(super) fn upper(text: &[Char], out: &mut Vec<Char>) {
    for &c in text {
        out.extend(c.char().to_uppercase().map(|u| c.with(u)));
    }
}

/// Each character of a part of a text in lower case, of the same origin; a sigma that ends a word is ς.
pub(super) fn lower(text: &[Char], part: Range<usize>, out: &mut Vec<Char>) {
    for at in part {
        let c = text[at];
        let letter = |c: Option<&Char>| c.is_some_and(|c| c.char().is_alphabetic());
        if c == 'Σ' && letter(text[..at].last()) && !letter(text.get(at + 1)) {
            out.push(c.with('ς'));
        } else {
            out.extend(c.char().to_lowercase().map(|l| c.with(l)));
        }
    }
}
