//! What is scored: a text, or the two parts of one.

use std::io::{self, Read as _};

use clap::ArgMatches;
use kelvin_lm::eval::{Text, first_bytes};
use kelvin_lm::tokenizer::{SpecialTokens, Tokenizer};

use crate::args::policy::text;
use crate::exit::Failure;

/// A text, and where it comes from.
#[derive(Debug)]
pub(super) struct Subject {
    /// The file's name, `stdin` or `--text`.
    pub(super) name: String,
    text: String,
    /// Bytes of the first part; none where the text is scored whole.
    split: Option<usize>,
    /// Whether what is wrong with it was typed, not read.
    is_typed: bool,
}

/// A part of the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    /// `all`, `train` or `validation`.
    pub(super) name: &'static str,
    /// Its text, never cut inside a character.
    pub(super) text: &'a str,
}

impl Subject {
    /// The text that the flags name.
    ///
    /// # Errors
    ///
    /// Something typed: a share outside 0 to 1. Something read: no such file, or one that is no UTF-8.
    pub(super) fn from_matches(matches: &ArgMatches) -> Result<Self, Failure> {
        let share = text(matches, "split").map(share).transpose()?;
        let (name, text, is_typed) = match (text(matches, "text"), text(matches, "file")) {
            (Some(text), _) => ("--text", text.to_owned(), true),
            (None, Some("-")) => ("stdin", utf8("stdin", read_stdin())?, false),
            (None, path) => {
                let path = path.expect("without --text a file is required");
                (path, utf8(path, std::fs::read(path))?, false)
            }
        };
        let split = share.map(|share| first_bytes(&text, share));
        Ok(Self { name: name.to_owned(), text, split, is_typed })
    }

    /// What is scored on its own.
    pub(super) fn parts(&self) -> Vec<Part<'_>> {
        let Some(split) = self.split else {
            return vec![Part { name: "all", text: &self.text }];
        };
        let (train, validation) = self.text.split_at(split);
        vec![Part { name: "train", text: train }, Part { name: "validation", text: validation }]
    }

    /// The tokens of a part.
    ///
    /// # Errors
    ///
    /// What the vocabulary cannot spell, or nothing to score: typed or read, like the text.
    pub(super) fn tokens(
        &self,
        part: Part<'_>,
        tokenizer: &Tokenizer,
        special: SpecialTokens,
    ) -> Result<Text, Failure> {
        Text::new(tokenizer, part.text, special).map_err(|error| {
            let place =
                if self.split.is_some() { format!(", {}", part.name) } else { String::new() };
            let message = format!("{}{place}: {error}", self.name);
            let failure =
                if self.is_typed { Failure::typed(message) } else { Failure::read(message) };
            match error.way_out() {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })
    }
}

fn share(text: &str) -> Result<f64, Failure> {
    let share = text.parse().ok().filter(|share| (0.0..1.0).contains(share) && *share > 0.0);
    share.ok_or_else(|| {
        Failure::typed(format!("--split {text} is outside 0 < share < 1"))
            .hint("--split 0.9 scores the first nine tenths and the rest")
    })
}

fn read_stdin() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text in a file's bytes.
fn utf8(name: &str, bytes: io::Result<Vec<u8>>) -> Result<String, Failure> {
    let bytes =
        bytes.map_err(|error| Failure::read(format!("cannot read {name}")).caused_by(error))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let byte = error.as_bytes()[at];
        Failure::read(format!("{name}: byte {at} is 0x{byte:02X}, which is no UTF-8 there"))
            .hint("convert the file to UTF-8 first")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_lie_between_nothing_and_everything() {
        assert_eq!(share("0.9").ok(), Some(0.9));
        for text in ["0", "1", "-0.1", "1.5", "nan", "inf", "half", ""] {
            let refused = share(text).expect_err("outside").to_string();
            assert_eq!(refused, format!("--split {text} is outside 0 < share < 1"));
        }
    }
}
