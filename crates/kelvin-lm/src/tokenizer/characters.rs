//! A tokenizer whose tokens are the characters of a text, as a `tokenizer.json`.

use super::Tokenizer;
use crate::{Error, ErrorKind, Result};

/// The characters of a text, each of which is a token: the tokenizer of the smallest models.
///
/// A character is a Unicode scalar value, and its id is its place among them. So a text has as many
/// tokens as `len` says in Python, and line ends, runs of spaces and combining marks all come back as they
/// were.
///
/// ```
/// use kelvin_lm::tokenizer::{Characters, SpecialTokens};
///
/// let characters = Characters::of("to be, or not to be")?;
/// assert_eq!(characters.as_slice(), [' ', ',', 'b', 'e', 'n', 'o', 'r', 't']);
///
/// let tokenizer = characters.tokenizer()?;
/// assert_eq!(tokenizer.encode("to", SpecialTokens::Text)?, [7, 5]);
/// let error = tokenizer.encode("too?", SpecialTokens::Text).unwrap_err();
/// assert_eq!(error.to_string(), "the vocabulary has no token for U+003F '?' (byte 3)");
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Characters {
    /// In order, none twice, at least one.
    all: Vec<char>,
}

/// What comes before the vocabulary.
///
/// A word is a character, and must be a piece. `<unk>` has to be named and is no piece, so that a character
/// that is none is an error here and in the `tokenizers` crate (whose BPE would drop it in silence).
const HEAD: &str = r#"{
  "version": "1.0",
  "truncation": null,
  "padding": null,
  "added_tokens": [],
  "normalizer": null,
  "pre_tokenizer": {
    "type": "Split",
    "pattern": { "String": "" },
    "behavior": "Isolated",
    "invert": false
  },
  "post_processor": null,
  "decoder": { "type": "Fuse" },
  "model": {
    "type": "WordLevel",
    "vocab": {
"#;

/// What comes after it.
const TAIL: &str = r#"
    },
    "unk_token": "<unk>"
  }
}
"#;

impl Characters {
    /// The characters that stand in `text`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tokenizer`] for an empty text: a vocabulary has at least one token.
    pub fn of(text: &str) -> Result<Self> {
        let mut stands = vec![false; char::MAX as usize + 1];
        text.chars().for_each(|c| stands[c as usize] = true);
        let all: Vec<char> = ('\0'..=char::MAX).filter(|&c| stands[c as usize]).collect();
        if all.is_empty() {
            let detail = "the text is empty, a tokenizer needs at least one character";
            return Err(Error::new(ErrorKind::Tokenizer, detail));
        }
        Ok(Self { all })
    }

    /// The characters in the order of their ids, which is Unicode's.
    pub fn as_slice(&self) -> &[char] {
        &self.all
    }

    /// The tokenizer as a `tokenizer.json`: the same bytes for the same characters.
    pub fn tokenizer_json(&self) -> String {
        let entry = |(id, c): (usize, &char)| format!("      {}: {id}", quoted(*c));
        let vocab: Vec<String> = self.all.iter().enumerate().map(entry).collect();
        [HEAD, &vocab.join(",\n"), TAIL].concat()
    }

    /// The `tokenizer_config.json` that belongs beside it: without it transformers would read the vocabulary
    /// as that of the model's architecture.
    pub const fn tokenizer_config_json() -> &'static str {
        concat!(
            "{\n",
            "  \"clean_up_tokenization_spaces\": false,\n",
            "  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n",
            "}\n"
        )
    }

    /// The tokenizer, read from its own files.
    ///
    /// # Errors
    ///
    /// Those of [`Tokenizer::from_json`]; none are known.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        let config = Self::tokenizer_config_json().as_bytes();
        Tokenizer::from_json(self.tokenizer_json().as_bytes(), Some(config))
    }
}

/// A character as a string of JSON.
fn quoted(c: char) -> String {
    serde_json::to_string(&c).expect("a character is a string")
}
