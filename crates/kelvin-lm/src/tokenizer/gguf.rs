//! A vocabulary from the metadata of a GGUF file.

use kelvin::TokenId;

use super::vocabulary::broken;
use super::{Scheme, TokenKind, Vocabulary};
use crate::format::Text;
use crate::format::gguf::{Gguf, Metadata};
use crate::{Error, ErrorKind, Result};

/// What every key here begins with.
const PREFIX: &str = "tokenizer.ggml.";

/// The keys of a tokenizer, without their prefix.
struct Keys<'a>(&'a Metadata);

impl Vocabulary {
    /// The vocabulary inside a model file: the keys `tokenizer.ggml.*`.
    ///
    /// Where a file is silent, llama.cpp's defaults hold (`pre` is `default`, SentencePiece prefixes a
    /// space and wants BOS), except that a role without a key has no token.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tokenizer`] where a required key is missing or a piece is not UTF-8,
    /// [`ErrorKind::Format`] where a key has another type, [`ErrorKind::Unsupported`] for a model other
    /// than `gpt2` and `llama`.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self> {
        let keys = Keys(gguf.metadata());
        let pieces = required("tokens", keys.strings("tokens")?)?;
        let scheme = keys.scheme()?;
        let bos = keys.token("bos")?;
        Ok(Self {
            kinds: keys.kinds(pieces.len())?,
            add_bos: match keys.0.bool(&name("add_bos_token"))? {
                Some(add) => add,
                None => bos.is_some() && wants_bos(&scheme),
            },
            add_eos: keys.0.bool(&name("add_eos_token"))?.unwrap_or(false),
            eos: keys.token("eos")?,
            eot: keys.token("eot")?,
            eom: keys.token("eom")?,
            bos,
            scheme,
            pieces,
        })
    }
}

impl Keys<'_> {
    fn scheme(&self) -> Result<Scheme> {
        match required("model", self.0.str(&name("model"))?)? {
            "gpt2" => Ok(Scheme::ByteLevel {
                pre: self.0.str(&name("pre"))?.unwrap_or("default").to_owned(),
                merges: required("merges", self.strings("merges")?)?,
            }),
            "llama" => Ok(Scheme::SentencePiece {
                scores: required("scores", self.0.f32s(&name("scores"))?)?,
                space_prefix: self.0.bool(&name("add_space_prefix"))?.unwrap_or(true),
            }),
            other => {
                let other = Text(other.as_bytes());
                let detail = format!(
                    "tokenizer.ggml.model: \"{other}\" is unknown, expected \"gpt2\" or \"llama\""
                );
                Err(self.at("model", Error::new(ErrorKind::Unsupported, detail)))
            }
        }
    }

    /// The kinds of `n` pieces, all normal where the file does not say.
    fn kinds(&self, n: usize) -> Result<Vec<TokenKind>> {
        let Some(numbers) = self.0.i32s(&name("token_type"))? else {
            return Ok(vec![TokenKind::Normal; n]);
        };
        let kind = |(token, &number)| {
            TokenKind::from_gguf(number).ok_or_else(|| {
                let detail = format!("token {token} has type {number}, expected 1 to 6");
                self.at("token_type", broken("token_type", &detail))
            })
        };
        numbers.iter().enumerate().map(kind).collect()
    }

    /// The token with a role, such as `bos`.
    fn token(&self, role: &str) -> Result<Option<TokenId>> {
        self.0.u32(&name(&format!("{role}_token_id")))
    }

    fn strings(&self, key: &str) -> Result<Option<Vec<String>>> {
        let Some(strings) = self.0.strings(&name(key))? else {
            return Ok(None);
        };
        let string = |(i, bytes): (usize, &[u8])| match std::str::from_utf8(bytes) {
            Ok(string) => Ok(string.to_owned()),
            Err(cause) => {
                let error = broken(key, &format!("string {i} is not UTF-8"));
                Err(error.at(strings.offset(i)).caused_by(cause))
            }
        };
        strings.iter().enumerate().map(string).collect::<Result<_>>().map(Some)
    }

    /// `error`, at the place of `key` in the file.
    fn at(&self, key: &str, error: Error) -> Error {
        match self.0.offset(&name(key)) {
            Some(offset) => error.at(offset),
            None => error,
        }
    }
}

fn name(key: &str) -> String {
    format!("{PREFIX}{key}")
}

fn required<T>(key: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| {
        broken(key, "missing")
            .hint("this file holds no tokenizer; use one that was converted whole")
    })
}

/// Whether a model of this scheme begins its prompts with BOS when the file does not say.
fn wants_bos(scheme: &Scheme) -> bool {
    match scheme {
        Scheme::SentencePiece { .. } => true,
        Scheme::ByteLevel { pre, .. } => {
            matches!(pre.as_str(), "llama-bpe" | "llama3" | "llama-v3")
        }
    }
}
