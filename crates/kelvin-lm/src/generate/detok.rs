//! The bytes of tokens, to text that will not change any more.

use crate::{Error, ErrorKind, Result};

/// Text out of tokens: takes their bytes, gives the text that is certain.
///
/// A token need not be a whole character, and a stop string may begin in one token and end in another.
/// So some bytes wait: those of an unfinished UTF-8 character (three at most), and the longest end of
/// the text that begins a stop string; never more. The text is that of [`String::from_utf8_lossy`] on
/// all bytes at once, cut at the stop, however the bytes were divided among tokens.
///
/// Stop strings are compared as bytes, literally (`a.b` does not stop on `axb`), with the bytes of the
/// text, whatever the tokens are. The match that *ends* first counts, and of two that end together the
/// one that starts first; the text ends where it starts. (Of stops `b` and `abc`, `b` always wins: text
/// cut at the start of `abc` would depend on whether `ab` came in one token.)
///
/// A pure state machine: no clock, no model, no tokenizer. A byte costs O(number of stops), amortised.
///
/// ```
/// use kelvin_lm::generate::Detok;
///
/// let mut detok = Detok::new(vec!["\n\n".to_owned()])?;
/// assert_eq!(detok.push(b"caf\xC3").text, "caf"); // half of an é
/// assert_eq!(detok.push(b"\xA9\n").text, "é"); // perhaps half of the stop
/// let progress = detok.push(b"\nnever seen");
/// assert_eq!((progress.text.as_str(), progress.stop), ("", Some(0)));
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Detok {
    stops: Vec<Stop>,
    /// The bytes that wait.
    held: Vec<u8>,
    stopped: Option<usize>,
}

/// What a token made certain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Text to append to what came before; it may be empty.
    pub text: String,
    /// The stop string that was met, by its place in the list; nothing comes after it.
    pub stop: Option<usize>,
}

impl Detok {
    /// A machine for these stop strings; none is fine.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] for an empty stop string, which would stop everything.
    pub fn new(stops: Vec<String>) -> Result<Self> {
        if let Some(place) = stops.iter().position(String::is_empty) {
            let detail = format!("stop string {place} is empty, expected at least one character");
            return Err(
                Error::new(ErrorKind::Parameter, detail).hint("leave it out to stop nowhere")
            );
        }
        let stops = stops.into_iter().map(|stop| Stop::new(stop.into_bytes())).collect();
        Ok(Self { stops, held: Vec::new(), stopped: None })
    }

    /// Takes a token's bytes. After a stop there is no more text, and the same stop is reported.
    pub fn push(&mut self, token: &[u8]) -> Progress {
        if self.stopped.is_some() {
            return Progress { text: String::new(), stop: self.stopped };
        }
        for &byte in token {
            self.held.push(byte);
            if let Some((stop, len)) = self.advance(byte) {
                self.held.truncate(self.held.len() - len);
                self.stopped = Some(stop);
                return Progress { text: self.take(0), stop: self.stopped };
            }
        }
        let begun = self.stops.iter().map(|stop| stop.matched).max().unwrap_or(0);
        Progress { text: self.take(begun.max(unfinished(&self.held))), stop: None }
    }

    /// Takes a control token, of which `shown` is seen (nothing, unless special tokens are shown).
    ///
    /// No character and no stop string reaches across it: what waited is certain now.
    pub fn push_special(&mut self, shown: &str) -> String {
        if self.stopped.is_some() {
            return String::new();
        }
        let mut text = self.finish();
        text.push_str(shown);
        text
    }

    /// The end of the tokens: what waited is certain now.
    pub fn finish(&mut self) -> String {
        for stop in &mut self.stops {
            stop.matched = 0;
        }
        self.take(0)
    }

    /// Follows every stop by one byte. The stop that ends here, with its length; of several, the longest,
    /// which starts first.
    fn advance(&mut self, byte: u8) -> Option<(usize, usize)> {
        let mut met: Option<(usize, usize)> = None;
        for (place, stop) in self.stops.iter_mut().enumerate() {
            if stop.advance(byte) && met.is_none_or(|(_, len)| stop.bytes.len() > len) {
                met = Some((place, stop.bytes.len()));
            }
        }
        met
    }

    /// The text of all bytes that wait but the last `kept`.
    ///
    /// Cutting there changes no character: a stop string begins with the first byte of one, and so does
    /// an unfinished character.
    fn take(&mut self, kept: usize) -> String {
        let certain = self.held.len() - kept;
        let text = String::from_utf8_lossy(&self.held[..certain]).into_owned();
        self.held.drain(..certain);
        text
    }
}

/// A stop string and how far the text has followed it (Knuth, Morris, Pratt 1977).
#[derive(Debug, Clone)]
struct Stop {
    bytes: Vec<u8>,
    /// For each length of a beginning, the longest shorter beginning that ends it, `[bytes.len() + 1]`.
    borders: Vec<usize>,
    /// The longest end of the text that is a beginning of `bytes`.
    matched: usize,
}

impl Stop {
    fn new(bytes: Vec<u8>) -> Self {
        let mut stop = Self { bytes, borders: vec![0; 2], matched: 0 };
        for at in 1..stop.bytes.len() {
            stop.advance(stop.bytes[at]); // the string follows itself, one byte behind
            stop.borders.push(stop.matched);
        }
        stop.matched = 0;
        stop
    }

    /// Follows the text by one byte; whether the stop ends there.
    fn advance(&mut self, byte: u8) -> bool {
        if self.matched == self.bytes.len() {
            self.matched = self.borders[self.matched];
        }
        while self.matched > 0 && self.bytes[self.matched] != byte {
            self.matched = self.borders[self.matched];
        }
        self.matched += usize::from(self.bytes[self.matched] == byte);
        self.matched == self.bytes.len()
    }
}

/// How many bytes at the end are a character that more bytes could finish: 0 to 3.
fn unfinished(bytes: &[u8]) -> usize {
    let waits = |&len: &usize| {
        let end = bytes.len().checked_sub(len).map(|from| std::str::from_utf8(&bytes[from..]));
        matches!(end, Some(Err(error)) if error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=3).find(waits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Detok, Stop, unfinished};
    use crate::ErrorKind;

    /// One line: the tokens, and the text certain after each; then what the end brings.
    #[track_caller]
    fn table(stops: &[&str], tokens: &[(&[u8], &str)], stop: Option<usize>, end: &str) {
        let stops = stops.iter().map(|&stop| stop.to_owned()).collect();
        let mut detok = Detok::new(stops).expect("no stop is empty");
        let mut met = None;
        for (place, &(token, text)) in tokens.iter().enumerate() {
            let progress = detok.push(token);
            assert_eq!(progress.text, text, "token {place}");
            met = progress.stop;
        }
        assert_eq!(met, stop);
        assert_eq!(detok.finish(), end);
    }

    #[test]
    fn characters_across_tokens() {
        table(&[], &[(b"\xF0", ""), (b"\x9F\x90", ""), (b"\x88!", "🐈!")], None, "");
        table(&[], &[(b"a\xE2\x82", "a"), (b"\xACb\xC3", "€b")], None, "\u{FFFD}");
        table(&[], &[("é".as_bytes(), "é"), (b"", ""), (b"x", "x")], None, "");
    }

    #[test]
    fn broken_utf8_is_replaced_as_soon_as_it_is_broken() {
        table(&[], &[(b"\xE2\x82", ""), (b"a", "\u{FFFD}a")], None, "");
        table(&[], &[(b"\xFFa\x80", "\u{FFFD}a\u{FFFD}")], None, "");
        table(&[], &[(b"\xED", ""), (b"\xA0", "\u{FFFD}\u{FFFD}")], None, ""); // a surrogate
        table(&[], &[(b"\xF4", ""), (b"\x90", "\u{FFFD}\u{FFFD}")], None, ""); // above U+10FFFF
        table(&["stop"], &[(b"\xE2s", "\u{FFFD}")], None, "s");
    }

    #[test]
    fn a_real_replacement_character_passes() {
        table(&[], &[("\u{FFFD}".as_bytes(), "\u{FFFD}"), (b"a", "a")], None, "");
        table(&[], &[(b"\xEF\xBF", ""), (b"\xBD", "\u{FFFD}")], None, "");
    }

    #[test]
    fn stops_across_and_inside_tokens() {
        let three: [(&[u8], &str); 3] = [(b"xST", "x"), (b"O", ""), (b"P later", "")];
        table(&["STOP"], &three, Some(0), "");
        table(&["b"], &[(b"abc", "a"), (b"d", "")], Some(0), "");
        table(&["STOP"], &[(b"STSTO", "ST"), (b"x", "STOx")], None, "");
        table(&["END", "STO"], &[(b"aEN", "a"), (b"STO", "EN")], Some(1), "");
        table(&["ab"], &[(b"a", "")], None, "a");
        table(&["è"], &[(b"x\xC3", "x"), (b"\xA9", "é"), (b"\xC3\xA8", "")], Some(0), "");
    }

    #[test]
    fn the_match_that_ends_first_wins_then_the_one_that_starts_first() {
        table(&["b", "abc"], &[(b"abc", "a")], Some(0), "");
        table(&["b", "abc"], &[(b"a", ""), (b"b", "a"), (b"c", "")], Some(0), "");
        table(&["c", "abc", "bc"], &[(b"xabc", "x")], Some(1), "");
        table(&["c", "c"], &[(b"c", "")], Some(0), "");
    }

    #[test]
    fn stops_are_literal() {
        table(&["a.b"], &[(b"axb a*b", "axb a*b"), (b"a.b", "")], Some(0), "");
        table(&["A"], &[(b"a", "a")], None, "");
    }

    #[test]
    fn a_special_token_makes_certain_what_waited() {
        let mut detok = Detok::new(vec!["stop".to_owned()]).expect("not empty");
        assert_eq!(detok.push(b"a st").text, "a ");
        assert_eq!(detok.push_special("<|im_end|>"), "st<|im_end|>");
        assert_eq!(detok.push(b"op").text, "op");
        assert_eq!(detok.push(b"\xC3").text, "");
        assert_eq!(detok.push_special(""), "\u{FFFD}");
        assert_eq!(detok.push(b"\xA9").text, "\u{FFFD}");
        assert_eq!(detok.push(b"stop").stop, Some(0));
        assert_eq!(detok.push_special("<eos>") + &detok.push(b"x").text + &detok.finish(), "");
    }

    #[test]
    fn an_empty_stop_is_refused() {
        let error = Detok::new(vec!["a".to_owned(), String::new()]).expect_err("an empty stop");
        assert_eq!(error.kind(), ErrorKind::Parameter);
        assert!(error.to_string().contains("stop string 1 is empty"), "{error}");
    }

    #[test]
    fn borders_are_the_longest() {
        for text in ["a", "aa", "abab", "aabaaab", "abcabcab", "aaaa"] {
            let stop = Stop::new(text.into());
            let longest = |len: usize| {
                (0..len).rev().find(|&b| text[..len].ends_with(&text[..b])).unwrap_or(0)
            };
            let borders: Vec<usize> = (0..=text.len()).map(longest).collect();
            assert_eq!(stop.borders, borders, "{text}");
        }
    }

    #[test]
    fn unfinished_characters() {
        let cases: [(&[u8], usize); 9] = [
            (b"", 0),
            (b"a", 0),
            (b"a\xC3", 1),
            (b"\xE2\x82", 2),
            (b"\xF0\x9F\x90", 3),
            (b"\xE2\x82\xAC", 0),
            (b"\x80", 0),
            (b"\xC0", 0),
            (b"\xE0\x80", 0),
        ];
        for (bytes, len) in cases {
            assert_eq!(unfinished(bytes), len, "{bytes:x?}");
        }
    }
}
