//! From tokens back to bytes.

use std::borrow::Cow;

use super::byte_level;

/// What is done to a piece to get its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Undo {
    /// Each of these texts becomes the other.
    Replace(String, String),
    /// `<0x0A>` becomes the byte it names.
    ByteFallback,
    /// Each character becomes the byte it stands for, if all stand for one.
    ByteLevel,
    /// Up to so many of this character at the start go away.
    Strip(char, usize),
    /// This comes first.
    Prepend(char),
}

/// What is different at the start of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// Nothing.
    Keep,
    /// Up to so many of this character go away.
    Strip(char, usize),
    /// The first piece loses all of this character.
    Drop(char),
}

/// Which pieces are undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All of them, as in the `tokenizers` crate.
    All,
    /// Those that merges make, as in llama.cpp; user-defined and control tokens are spelled as they
    /// are.
    Merged,
}

/// A piece to bytes, the same wherever it stands but at the start of a text.
#[derive(Debug)]
pub(super) struct Decoder {
    pub(super) undo: Vec<Undo>,
    pub(super) start: Start,
    pub(super) scope: Scope,
}

impl Decoder {
    /// The bytes that `piece` adds to a text.
    pub(super) fn bytes(&self, piece: &str) -> Vec<u8> {
        let mut piece = Cow::Borrowed(piece);
        for undo in &self.undo {
            match undo {
                Undo::Replace(from, to) => piece = Cow::Owned(piece.replace(from, to)),
                Undo::Strip(c, n) => piece = Cow::Owned(stripped(&piece, *c, *n).to_owned()),
                Undo::Prepend(c) => piece = Cow::Owned(format!("{c}{piece}")),
                Undo::ByteLevel => return byte_level::bytes(&piece),
                Undo::ByteFallback => {
                    if let Some(byte) = hexadecimal(&piece) {
                        return vec![byte];
                    }
                }
            }
        }
        piece.into_owned().into_bytes()
    }

    /// The bytes that `piece` adds where a text begins with it.
    pub(super) fn first_bytes(&self, piece: &str) -> Vec<u8> {
        match self.start {
            Start::Drop(c) => self.bytes(&piece.replace(c, "")),
            Start::Keep | Start::Strip(..) => self.bytes(piece),
        }
    }

    /// How many bytes go away at the start of a text.
    pub(super) fn cut(&self, text: &[u8]) -> usize {
        let Start::Strip(c, n) = self.start else { return 0 };
        let mut utf8 = [0; 4];
        let c = c.encode_utf8(&mut utf8).as_bytes();
        text.chunks_exact(c.len()).take(n).take_while(|chunk| *chunk == c).count() * c.len()
    }
}

/// `text` without up to `n` of `c` at its start.
fn stripped(text: &str, c: char, n: usize) -> &str {
    (0..n).try_fold(text, |text, _| text.strip_prefix(c).ok_or(text)).unwrap_or_else(|text| text)
}

/// The byte that `<0x0A>` or `<0x0a>` names.
fn hexadecimal(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 2)
}
