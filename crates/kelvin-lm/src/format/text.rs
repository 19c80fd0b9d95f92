//! Bytes from a file, made safe to print.

use std::fmt::{self, Write};

/// The most characters of one string that are shown.
const SHOWN: usize = 64;
/// The most characters of a sentence that quotes a file, as it is shown.
const SENTENCE: usize = 400;

/// Text of unknown origin on one line: control and invisible characters and stray bytes are escaped,
/// the end is cut after 64 characters.
pub(crate) struct Text<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = SHOWN;
        for chunk in self.0.utf8_chunks() {
            let chars = chunk.valid().chars().map(Piece::Char);
            let bytes = chunk.invalid().iter().map(|&byte| Piece::Byte(byte));
            for piece in chars.chain(bytes) {
                if room == 0 {
                    return f.write_str("...");
                }
                room -= 1;
                match piece {
                    Piece::Char('\'') => f.write_char('\'')?,
                    Piece::Char(c) => write!(f, "{}", c.escape_debug())?,
                    Piece::Byte(byte) => write!(f, "\\x{byte:02x}")?,
                }
            }
        }
        Ok(())
    }
}

/// A sentence of another library that may quote a file: as [`Text`], with its quotes as they are, cut
/// after 400 characters.
pub(crate) struct Sentence<'a>(pub(crate) &'a str);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = SENTENCE;
        for c in self.0.chars() {
            let as_is = matches!(c, '\'' | '"' | '\\');
            let n = if as_is { 1 } else { c.escape_debug().len() };
            if n > room {
                return f.write_str("...");
            }
            room -= n;
            if as_is { f.write_char(c)? } else { write!(f, "{}", c.escape_debug())? }
        }
        Ok(())
    }
}

enum Piece {
    Char(char),
    Byte(u8),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let shown = |bytes: &[u8]| Text(bytes).to_string();
        assert_eq!(shown("▁größe".as_bytes()), "▁größe");
        assert_eq!(shown(b"it's\n\x1b[2J"), "it's\\n\\u{1b}[2J");
        assert_eq!(shown("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert_eq!(shown(b"\xff\xc3("), "\\xff\\xc3(");
        assert_eq!(shown(&[b'x'; 65]), format!("{}...", "x".repeat(64)));
        assert_eq!(Sentence("\"it's\\n\"\x1b").to_string(), "\"it's\\n\"\\u{1b}");
        assert_eq!(Sentence(&"x".repeat(401)).to_string(), format!("{}...", "x".repeat(400)));
        assert_eq!(Sentence(&"\x1b".repeat(99)).to_string(), "\\u{1b}".repeat(66) + "...");
    }
}
