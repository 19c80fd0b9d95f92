//! The embedded model: it answers where no model is named, without a file and without a network.
//!
//! A model of 1.8 million parameters in GPT-2 layout that continues Shakespeare's verse character by
//! character, trained by `kelvin train`. `fixtures/MADE.md` has the command that made it.
//!
//! ```
//! use kelvin::{Pipeline, Sampler, Seed};
//! use kelvin_lm::generate::Chooser;
//! use kelvin_lm::tokenizer::{ShowSpecial, SpecialTokens, Tokenizer};
//! use kelvin_lm::{EngineOptions, Model, Session, embedded};
//!
//! let checkpoint = embedded::checkpoint()?;
//! let model = Model::open(&checkpoint, EngineOptions::default())?;
//! let tokenizer = Tokenizer::open(&checkpoint)?;
//!
//! let prompt = tokenizer.encode_prompt("ROMEO:", SpecialTokens::Text)?;
//! let policy: Pipeline = "temperature(0.8)".parse()?;
//! let sampler = Sampler::new(policy, tokenizer.vocab_size())?.with_seed(Seed::new(1));
//! let mut sampler = sampler.with_prompt(&prompt)?;
//! let mut session = Session::new(&model);
//! let mut next = sampler.choose(session.feed(&prompt)?)?;
//! for _ in 1..40 {
//!     next = sampler.choose(session.feed(&[next])?)?;
//! }
//! let text = tokenizer.text_bytes(sampler.history().tokens(), ShowSpecial::Hide);
//! let text = String::from_utf8(text)?;
//! assert!(text.starts_with("ROMEO:"));
//! assert_eq!(text.chars().count(), 6 + 40, "a token is a character");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

use crate::format::Folder;
use crate::train::TokenizerFiles;
use crate::{Checkpoint, Result};

/// What the model is called.
pub const NAME: &str = "verse";

static TOKENIZER: &[u8] = include_bytes!("../../../fixtures/verse/tokenizer.json");
static TOKENIZER_CONFIG: &[u8] = include_bytes!("../../../fixtures/verse/tokenizer_config.json");

/// Its folder in Hugging Face layout: names and contents.
pub static FILES: [(&str, &[u8]); 5] = [
    ("config.json", include_bytes!("../../../fixtures/verse/config.json")),
    ("generation_config.json", include_bytes!("../../../fixtures/verse/generation_config.json")),
    ("model.safetensors", include_bytes!("../../../fixtures/verse/model.safetensors")),
    ("tokenizer.json", TOKENIZER),
    ("tokenizer_config.json", TOKENIZER_CONFIG),
];

/// The model, opened and checked like any other; its weights are read where they lie in the program.
///
/// # Errors
///
/// Those of [`Folder::open`]; none are known.
pub fn checkpoint() -> Result<Checkpoint> {
    Folder::in_memory(NAME, &FILES).map(Checkpoint::Folder)
}

/// The files of its tokenizer, for another model of the same characters.
///
/// # Errors
///
/// Those of [`TokenizerFiles::new`]; none are known.
pub fn tokenizer_files() -> Result<TokenizerFiles> {
    TokenizerFiles::new(TOKENIZER.to_vec(), Some(TOKENIZER_CONFIG.to_vec()))
}
