//! A folder in Hugging Face layout.

use std::path::{Path, PathBuf};

use super::file::Source;
use super::shards::Shards;
use crate::{Error, ErrorKind, Result};

/// The most bytes of `config.json` and other settings.
const SETTINGS: usize = 1 << 20;
/// The most bytes of `tokenizer_config.json`, which may list every special token: Gemma 3's has 1.2 MB.
const TOKENIZER_CONFIG: usize = 1 << 24;
/// The most bytes of an index of tensors.
const INDEX: usize = 1 << 24;
/// The most bytes of a tokenizer, which holds its vocabulary: eight times the largest known.
const TOKENIZER: usize = 1 << 28;

const WEIGHTS: &str = "model.safetensors";
const WEIGHTS_INDEX: &str = "model.safetensors.index.json";
const CONFIG: &str = "config.json";

/// A model in Hugging Face layout: a folder of settings, texts and tensors.
///
/// ```text
/// config.json                      the architecture and its sizes
/// model.safetensors                the tensors, or
/// model.safetensors.index.json     the files that they are in
/// tokenizer.json                   text to tokens
/// vocab.json, merges.txt           the same, as GPT-2 has it
/// tokenizer_config.json            what else a tokenizer is asked for; older chat templates
/// chat_template.jinja              messages to a prompt
/// generation_config.json           the publisher's sampling settings
/// ```
///
/// The first two are needed. Nothing else in the folder is looked at, and no code in it is run.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    config: Vec<u8>,
    shards: Shards,
}

impl Folder {
    /// Opens the folder: `config.json` is read, tensors are found and their headers checked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where a file is missing or cannot be read, [`ErrorKind::Unsupported`] for
    /// weights that are a pickle, and the errors of [`Shards::single`] and [`Shards::indexed`].
    pub fn open(path: &Path) -> Result<Self> {
        let config = read(&path.join(CONFIG), SETTINGS)?.ok_or_else(|| missing(path, CONFIG))?;
        let (weights, index) = (path.join(WEIGHTS), path.join(WEIGHTS_INDEX));
        let shards = if weights.exists() {
            Shards::single(&weights)?
        } else if let Some(bytes) = read(&index, INDEX)? {
            Shards::indexed(&index, &bytes)?
        } else {
            return Err(without_weights(path));
        };
        Ok(Self { path: path.to_owned(), config, shards })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of `config.json`.
    pub fn config_json(&self) -> &[u8] {
        &self.config
    }

    /// The path of `config.json`, for errors.
    pub fn config_path(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// The tensors.
    pub fn shards(&self) -> &Shards {
        &self.shards
    }

    /// The bytes of `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where it cannot be read, [`ErrorKind::Unsupported`] where it is too large.
    pub fn tokenizer_json(&self) -> Result<Option<Vec<u8>>> {
        read(&self.path.join("tokenizer.json"), TOKENIZER)
    }

    /// The bytes of `vocab.json`.
    ///
    /// # Errors
    ///
    /// As [`Folder::tokenizer_json`].
    pub fn vocab_json(&self) -> Result<Option<Vec<u8>>> {
        read(&self.path.join("vocab.json"), TOKENIZER)
    }

    /// The bytes of `merges.txt`.
    ///
    /// # Errors
    ///
    /// As [`Folder::tokenizer_json`].
    pub fn merges_txt(&self) -> Result<Option<Vec<u8>>> {
        read(&self.path.join("merges.txt"), TOKENIZER)
    }

    /// The bytes of `tokenizer_config.json`.
    ///
    /// # Errors
    ///
    /// As [`Folder::tokenizer_json`].
    pub fn tokenizer_config(&self) -> Result<Option<Vec<u8>>> {
        read(&self.path.join("tokenizer_config.json"), TOKENIZER_CONFIG)
    }

    /// The bytes of `generation_config.json`.
    ///
    /// # Errors
    ///
    /// As [`Folder::tokenizer_json`].
    pub fn generation_config(&self) -> Result<Option<Vec<u8>>> {
        read(&self.path.join("generation_config.json"), SETTINGS)
    }

    /// The bytes of `chat_template.jinja`.
    ///
    /// # Errors
    ///
    /// As [`Folder::tokenizer_json`].
    pub fn chat_template(&self) -> Result<Option<Vec<u8>>> {
        read(&self.path.join("chat_template.jinja"), SETTINGS)
    }
}

/// The bytes of a file of at most `limit`; none where there is no such file.
fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>> {
    if !path.exists() {
        return Ok(None);
    }
    let bytes = Source::open(path, "a file").and_then(|source| source.all(limit));
    bytes.map(Some).map_err(|error| error.in_file(path))
}

fn missing(path: &Path, file: &str) -> Error {
    let what =
        if path.is_dir() { format!("the folder has no {file}") } else { "no such folder".into() };
    let hint = "name a .gguf file, or a folder with config.json and model.safetensors";
    Error::new(ErrorKind::Io, what).in_file(path).hint(hint)
}

fn without_weights(path: &Path) -> Error {
    let pickles = ["pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt"];
    match pickles.into_iter().find(|file| path.join(file).exists()) {
        None => missing(path, &format!("{WEIGHTS} and no {WEIGHTS_INDEX}")),
        Some(file) => {
            let detail = "is a Python pickle, which is never read: it can run code";
            let hint = "in Python, AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW) \
                        writes safetensors";
            Error::new(ErrorKind::Unsupported, detail).in_file(path.join(file)).hint(hint)
        }
    }
}
