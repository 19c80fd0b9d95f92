//! What a run was made of, besides its settings: data, tokenizer, arithmetic.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::digest;
use crate::kernel::Profile;
use crate::tokenizer::Tokenizer;
use crate::{Result, TokenId};

/// What the bits of a run depend on, besides blueprint and settings.
#[derive(Debug, Clone)]
pub struct Provenance {
    /// The SHA-256 of the tokens that are trained on, in hex digits.
    pub data: String,
    /// The names of the files that they came from, for people: a change of names alone is no change.
    pub data_files: Vec<String>,
    /// Text to tokens.
    pub tokenizer: TokenizerFiles,
    /// How multiply and add are rounded.
    pub profile: Profile,
}

/// A tokenizer, with the two files that a folder holds of it.
///
/// ```
/// use kelvin_lm::tokenizer::Characters;
/// use kelvin_lm::train::TokenizerFiles;
///
/// let json = Characters::of("to be, or not to be")?.tokenizer_json();
/// let files = TokenizerFiles::new(json.into_bytes(), None)?;
/// assert_eq!(files.tokenizer().vocab_size(), 8);
/// assert!(TokenizerFiles::new(b"{}".to_vec(), None).is_err());
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Clone)]
pub struct TokenizerFiles {
    json: Vec<u8>,
    config: Vec<u8>,
    tokenizer: Arc<Tokenizer>,
}

/// As much of a `tokenizer_config.json` as transformers needs to open a `tokenizer.json` as it is.
#[derive(Serialize)]
struct Minimal<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    bos_token: Option<&'a str>,
    clean_up_tokenization_spaces: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    eos_token: Option<&'a str>,
    tokenizer_class: &'static str,
}

impl TokenizerFiles {
    /// The tokenizer of a `tokenizer.json` and its `tokenizer_config.json`; a small one is made where
    /// there is none.
    ///
    /// # Errors
    ///
    /// Those of [`Tokenizer::from_json`].
    pub fn new(json: Vec<u8>, config: Option<Vec<u8>>) -> Result<Self> {
        let config = match config {
            Some(config) => config,
            None => minimal(&Tokenizer::from_json(&json, None)?),
        };
        let tokenizer = Arc::new(Tokenizer::from_json(&json, Some(&config))?);
        Ok(Self { json, config, tokenizer })
    }

    /// The bytes of `tokenizer.json`.
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// The bytes of `tokenizer_config.json`.
    pub fn config(&self) -> &[u8] {
        &self.config
    }

    /// The tokenizer itself.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The SHA-256 of `tokenizer.json`, in hex digits.
    pub(super) fn hash(&self) -> String {
        digest::of(&self.json)
    }

    /// The tokens that begin and end a text.
    pub(super) fn ends(&self) -> (Option<TokenId>, Option<TokenId>) {
        (self.tokenizer.bos(), self.tokenizer.eos())
    }

    /// Whether a model with so many rows can read all of its tokens.
    ///
    /// # Errors
    ///
    /// Those of [`Tokenizer::check_rows`].
    pub(super) fn check_rows(&self, rows: usize) -> Result<()> {
        self.tokenizer.check_rows(rows)
    }
}

impl fmt::Debug for TokenizerFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (json, config) = (self.json.len(), self.config.len());
        f.debug_struct("TokenizerFiles")
            .field("json_bytes", &json)
            .field("config_bytes", &config)
            .field("tokenizer", &self.tokenizer)
            .finish()
    }
}

fn minimal(tokenizer: &Tokenizer) -> Vec<u8> {
    let name = |token: Option<TokenId>| tokenizer.piece(token?);
    let config = Minimal {
        bos_token: name(tokenizer.bos()),
        clean_up_tokenization_spaces: false,
        eos_token: name(tokenizer.eos()),
        tokenizer_class: "PreTrainedTokenizerFast",
    };
    super::contents::json(&config)
}
