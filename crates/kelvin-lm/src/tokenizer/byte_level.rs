//! Byte-level BPE, as GPT-2 introduced it: bytes are spelled as printable characters, words are
//! merged from them.

use std::collections::BTreeSet;

use kelvin::TokenId;

use super::Vocabulary;
use super::bpe::{Bpe, Fallback};
use super::words::Words;
use crate::format::Text;
use crate::{Error, ErrorKind, Result};

/// A word splitter and its merges.
#[derive(Debug)]
pub(super) struct ByteLevel {
    words: Words,
    bpe: Bpe,
}

impl ByteLevel {
    /// `pre` names the word splitter; `merges` are lines `left right`, best first.
    pub(super) fn new(vocabulary: &Vocabulary, pre: &str, merges: &[String]) -> Result<Self> {
        let words = Words::named(pre)?;
        let vocab = vocabulary.spellable()?;
        let mut pairs = Vec::with_capacity(merges.len());
        let mut seen = BTreeSet::new();
        for (rank, line) in merges.iter().enumerate() {
            let (left, right) = sides(line).ok_or_else(|| bad_merge(rank, line, "two pieces"))?;
            let token = |piece: &str| vocab.get(piece).copied();
            let (Some(a), Some(b), Some(_)) =
                (token(left), token(right), token(&[left, right].concat()))
            else {
                return Err(bad_merge(rank, line, "both pieces and their union in the vocabulary"));
            };
            if seen.insert((a, b)) {
                pairs.push((left.to_owned(), right.to_owned())); // a repetition never gets its turn
            }
        }
        let bpe = Bpe::new(vocab, pairs, Fallback::Refuse, words.whole_word())?;
        Ok(Self { words, bpe })
    }

    /// Appends the tokens of `text`, or returns false where a byte has none.
    pub(super) fn append(&self, text: &str, ids: &mut Vec<TokenId>) -> Result<bool> {
        let mut spelled = String::new();
        for word in self.words.split(text) {
            spelled.clear();
            spelled.extend(word.bytes().map(symbol));
            if !self.bpe.append(&spelled, ids)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether every byte of `c` has a token.
    pub(super) fn spells(&self, c: char) -> bool {
        let mut utf8 = [0; 4];
        let mut name = [0; 4];
        let bytes = c.encode_utf8(&mut utf8).bytes();
        bytes.map(symbol).all(|symbol| self.bpe.token(symbol.encode_utf8(&mut name)).is_some())
    }

    pub(super) fn token(&self, piece: &str) -> Option<TokenId> {
        self.bpe.token(piece)
    }
}

/// A merge line is two pieces and a space between; the first piece may itself begin with a space.
fn sides(line: &str) -> Option<(&str, &str)> {
    let (at, _) = line.char_indices().skip(1).find(|&(_, c)| c == ' ')?;
    let (left, right) = (&line[..at], &line[at + 1..]);
    (!right.is_empty()).then_some((left, right))
}

fn bad_merge(rank: usize, line: &str, rule: &str) -> Error {
    let line = Text(line.as_bytes());
    let detail = format!("tokenizer.ggml.merges: merge {rank} is \"{line}\", expected {rule}");
    Error::new(ErrorKind::Tokenizer, detail)
}

/// The printable character that stands for `byte`: itself where it is printable and no space, else
/// one of the 68 characters from U+0100 on, in the order of the bytes (GPT-2's `bytes_to_unicode`).
pub(super) fn symbol(byte: u8) -> char {
    let code = match byte {
        0x00..=0x20 => 0x100 + u32::from(byte),
        0x7F..=0xA0 => 0x121 + u32::from(byte - 0x7F),
        0xAD => 0x143,
        _ => u32::from(byte),
    };
    char::from_u32(code).expect("every code here is below the surrogates")
}

/// The byte that `symbol` stands for.
fn byte(symbol: char) -> Option<u8> {
    let code = u32::from(symbol);
    let byte = match code {
        0x100..=0x120 => code - 0x100,
        0x121..=0x142 => code - 0x121 + 0x7F,
        0x143 => 0xAD,
        0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => code,
        _ => return None,
    };
    u8::try_from(byte).ok()
}

/// The bytes that a piece spells; a piece with other characters in it stands for its own UTF-8.
pub(super) fn bytes(piece: &str) -> Vec<u8> {
    let spelled: Option<Vec<u8>> = piece.chars().map(byte).collect();
    spelled.unwrap_or_else(|| piece.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::{byte, bytes, sides, symbol};

    #[test]
    fn symbols_are_a_bijection() {
        for b in 0..=u8::MAX {
            assert_eq!(byte(symbol(b)), Some(b));
            assert!(!symbol(b).is_whitespace() && !symbol(b).is_control());
        }
        let named = (0..=0x2FF_u32).filter_map(char::from_u32).filter(|&c| byte(c).is_some());
        assert_eq!(named.count(), 256);
    }

    #[test]
    fn symbols_of_gpt2() {
        assert_eq!([b' ', b'\n', b'a', 0x7F, 0xAD].map(symbol), ['Ġ', 'Ċ', 'a', 'ġ', 'Ń']);
        assert_eq!(bytes("Ġhé"), b" h\xE9");
        assert_eq!(bytes("日"), "日".as_bytes());
    }

    #[test]
    fn merge_lines() {
        assert_eq!(sides("Ġ t"), Some(("Ġ", "t")));
        assert_eq!(sides("  a"), Some((" ", "a")));
        assert_eq!(sides("é é"), Some(("é", "é")));
        for bad in ["", " ", "ab", "a ", " a"] {
            assert_eq!(sides(bad), None, "{bad:?}");
        }
    }
}
