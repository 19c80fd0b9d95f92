//! A model on disk, whatever its layout.

#![forbid(unsafe_code)]

use std::path::Path;

use crate::defaults::GenerationDefaults;
use crate::dtype::Dtype;
use crate::format::Folder;
use crate::format::gguf::Gguf;
use crate::{Config, Result};

/// A model on disk, opened and checked: one file, or a folder.
///
/// What a model is made of ([`Model`](crate::Model), [`Tokenizer`](crate::tokenizer::Tokenizer)) is
/// built from it, and nothing of it is kept.
#[derive(Debug)]
pub enum Checkpoint {
    /// One file in the format of llama.cpp.
    Gguf(Gguf),
    /// A folder in Hugging Face layout.
    Folder(Folder),
}

impl Checkpoint {
    /// Opens a `.gguf` file, a folder in Hugging Face layout, or the folder around a file of one.
    ///
    /// # Errors
    ///
    /// Those of [`Gguf::read`] and [`Folder::open`].
    pub fn open(path: &Path) -> Result<Self> {
        let of_folder = ["safetensors", "json"];
        let ending = path.extension().and_then(|ending| ending.to_str());
        if path.is_dir() {
            Folder::open(path).map(Self::Folder)
        } else if path.is_file() && ending.is_some_and(|ending| of_folder.contains(&ending)) {
            Folder::open(path.parent().unwrap_or(Path::new(""))).map(Self::Folder)
        } else {
            Gguf::read(path).map(Self::Gguf)
        }
    }

    /// The blueprint of the model; no weights are read.
    ///
    /// # Errors
    ///
    /// Those of [`Config::from_gguf`] and [`Config::from_folder`].
    pub fn config(&self) -> Result<Config> {
        match self {
            Self::Gguf(gguf) => Config::from_gguf(gguf),
            Self::Folder(folder) => Config::from_folder(folder),
        }
    }

    /// What its publisher wants generation to be like.
    ///
    /// # Errors
    ///
    /// Those of [`Folder::generation_config`] and [`GenerationDefaults::from_generation_config`].
    pub fn generation_defaults(&self) -> Result<GenerationDefaults> {
        match self {
            Self::Gguf(gguf) => Ok(GenerationDefaults::from_gguf(gguf.metadata())),
            Self::Folder(folder) => match folder.generation_config()? {
                Some(bytes) => GenerationDefaults::from_generation_config(&bytes)
                    .map_err(|error| error.in_file(folder.path())),
                None => ends_of_config(folder),
            },
        }
    }

    /// Of these, nothing but the tokens that end a text.
    ///
    /// # Errors
    ///
    /// Those of [`Folder::generation_config`], and [`ErrorKind::Format`](crate::ErrorKind::Format) where
    /// the file is no JSON object, or `eos_token_id` in it no token.
    pub fn ends(&self) -> Result<GenerationDefaults> {
        match self {
            Self::Gguf(_) => Ok(GenerationDefaults::default()), // its tokenizer names them
            Self::Folder(folder) => match folder.generation_config()? {
                Some(bytes) => GenerationDefaults::of_ends(&bytes, "generation_config.json")
                    .map_err(|error| error.in_file(folder.path())),
                None => ends_of_config(folder),
            },
        }
    }

    /// What the files say of each tensor, in the order of the table of a GGUF file, or of names.
    pub fn tensors(&self) -> Vec<Stored> {
        match self {
            Self::Gguf(gguf) => gguf
                .tensors()
                .map(|tensor| Stored {
                    name: tensor.name().to_owned(),
                    dtype: Some(tensor.dtype()),
                    dtype_name: tensor.dtype().to_string(),
                    shape: tensor.shape().to_vec(),
                    n_bytes: tensor.bytes().len() as u64,
                })
                .collect(),
            Self::Folder(folder) => folder
                .shards()
                .tensors()
                .map(|tensor| Stored {
                    name: tensor.name().to_owned(),
                    dtype: tensor.dtype(),
                    dtype_name: tensor.dtype_name(),
                    shape: tensor.shape().to_vec(),
                    n_bytes: tensor.n_bytes() as u64,
                })
                .collect(),
        }
    }

    /// The size in bytes of the files that hold tensors.
    pub fn n_bytes(&self) -> u64 {
        match self {
            Self::Gguf(gguf) => gguf.n_bytes(),
            Self::Folder(folder) => folder.shards().n_bytes(),
        }
    }

    /// The layout, for people: `GGUF 3`, `safetensors`, `safetensors in 2 files`.
    pub fn layout(&self) -> String {
        match self {
            Self::Gguf(gguf) => format!("GGUF {}", gguf.version()),
            Self::Folder(folder) => match folder.shards().files().len() {
                1 => "safetensors".to_owned(),
                n => format!("safetensors in {n} files"),
            },
        }
    }
}

/// A tensor as a checkpoint stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The name in the file.
    pub name: String,
    /// The format of its numbers; `None` for one that weights are not read in.
    pub dtype: Option<Dtype>,
    /// The format's name in the file: `BF16`, `I64`.
    pub dtype_name: String,
    /// The dimensions, outermost first.
    pub shape: Vec<u64>,
    /// Its size in bytes.
    pub n_bytes: u64,
}

impl Stored {
    /// How many numbers it holds.
    pub fn n_numbers(&self) -> u64 {
        self.shape.iter().product()
    }
}

/// The ends of a folder without a `generation_config.json`: transformers looks into `config.json` then.
fn ends_of_config(folder: &Folder) -> Result<GenerationDefaults> {
    GenerationDefaults::of_ends(folder.config_json(), "config.json")
        .map_err(|error| error.in_file(folder.path()))
}
