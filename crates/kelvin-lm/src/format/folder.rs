//! A folder in Hugging Face layout.

use std::path::{Path, PathBuf};

use super::files::Files;
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
    files: Files,
    config: Vec<u8>,
    shards: Shards,
}

impl Folder {
    /// Opens the folder: `config.json` is read, tensors are found and their headers checked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where a file is missing or cannot be read, [`ErrorKind::Unsupported`] for
    /// weights that are a pickle, and the errors of [`Safetensors::open`](super::Safetensors::open)
    /// and [`Shards::indexed`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::of(Files::Disk(path.to_owned()))
    }

    /// The same of files in memory, each with its name; `name` is the folder's in errors. Nothing is
    /// copied but settings, and each tensor when it is asked for.
    ///
    /// ```
    /// use kelvin_lm::format::Folder;
    ///
    /// let error = Folder::in_memory("tiny", &[("config.json", b"{}")]).unwrap_err();
    /// let what = "the folder has no model.safetensors and no model.safetensors.index.json";
    /// assert_eq!(error.to_string(), format!("tiny: {what}"));
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Folder::open`].
    pub fn in_memory(name: &str, files: &'static [(&'static str, &'static [u8])]) -> Result<Self> {
        Self::of(Files::Memory(name.into(), files))
    }

    fn of(files: Files) -> Result<Self> {
        let config = files.read(CONFIG, SETTINGS)?.ok_or_else(|| missing(&files, CONFIG))?;
        let shards = if files.has(WEIGHTS) {
            Shards::single(files.path(WEIGHTS), files.safetensors(WEIGHTS)?)
        } else if let Some(bytes) = files.read(WEIGHTS_INDEX, INDEX)? {
            Shards::of_files(&files, &files.path(WEIGHTS_INDEX), &bytes)?
        } else {
            return Err(without_weights(&files));
        };
        Ok(Self { files, config, shards })
    }

    /// The folder itself; of files in memory, their folder's name.
    pub fn path(&self) -> &Path {
        self.files.folder()
    }

    /// The bytes of `config.json`.
    pub fn config_json(&self) -> &[u8] {
        &self.config
    }

    /// The path of `config.json`, for errors.
    pub fn config_path(&self) -> PathBuf {
        self.files.path(CONFIG)
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
        self.files.read("tokenizer.json", TOKENIZER)
    }

    /// The bytes of `vocab.json`.
    ///
    /// # Errors
    ///
    /// As [`Folder::tokenizer_json`].
    pub fn vocab_json(&self) -> Result<Option<Vec<u8>>> {
        self.files.read("vocab.json", TOKENIZER)
    }

    /// The bytes of `merges.txt`.
    ///
    /// # Errors
    ///
    /// As [`Folder::tokenizer_json`].
    pub fn merges_txt(&self) -> Result<Option<Vec<u8>>> {
        self.files.read("merges.txt", TOKENIZER)
    }

    /// The bytes of `tokenizer_config.json`.
    ///
    /// # Errors
    ///
    /// As [`Folder::tokenizer_json`].
    pub fn tokenizer_config(&self) -> Result<Option<Vec<u8>>> {
        self.files.read("tokenizer_config.json", TOKENIZER_CONFIG)
    }

    /// The bytes of `generation_config.json`.
    ///
    /// # Errors
    ///
    /// As [`Folder::tokenizer_json`].
    pub fn generation_config(&self) -> Result<Option<Vec<u8>>> {
        self.files.read("generation_config.json", SETTINGS)
    }

    /// The bytes of `chat_template.jinja`.
    ///
    /// # Errors
    ///
    /// As [`Folder::tokenizer_json`].
    pub fn chat_template(&self) -> Result<Option<Vec<u8>>> {
        self.files.read("chat_template.jinja", SETTINGS)
    }
}

fn missing(files: &Files, file: &str) -> Error {
    let what = if files.is_folder() {
        format!("the folder has no {file}")
    } else {
        "no such folder".into()
    };
    let hint = "name a .gguf file, or a folder with config.json and model.safetensors";
    Error::new(ErrorKind::Io, what).in_file(files.folder()).hint(hint)
}

fn without_weights(files: &Files) -> Error {
    let pickles = ["pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt"];
    match pickles.into_iter().find(|file| files.has(file)) {
        None => missing(files, &format!("{WEIGHTS} and no {WEIGHTS_INDEX}")),
        Some(file) => {
            let detail = "is a Python pickle, which is never read: it can run code";
            let hint = "in Python, AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW) \
                        writes safetensors";
            Error::new(ErrorKind::Unsupported, detail).in_file(files.path(file)).hint(hint)
        }
    }
}
