//! A model on disk, whatever its layout.

use std::path::Path;

use crate::Result;
use crate::defaults::GenerationDefaults;
use crate::format::Folder;
use crate::format::gguf::Gguf;

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

    /// What its publisher wants generation to be like.
    ///
    /// # Errors
    ///
    /// Those of [`Folder::generation_config`] and [`GenerationDefaults::from_generation_config`].
    pub fn generation_defaults(&self) -> Result<GenerationDefaults> {
        match self {
            Self::Gguf(gguf) => Ok(GenerationDefaults::from_gguf(gguf.metadata())),
            Self::Folder(folder) => folder.generation_config()?.map_or_else(
                || Ok(GenerationDefaults::default()),
                |bytes| {
                    let defaults = GenerationDefaults::from_generation_config(&bytes);
                    defaults.map_err(|error| error.in_file(folder.path()))
                },
            ),
        }
    }
}
