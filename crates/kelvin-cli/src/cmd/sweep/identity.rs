//! What a sweep's samples depend on besides its settings: the model's files, the prompts' tokens.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use kelvin_lab::sweep::{ModelId, PromptId};
use sha2::{Digest as _, Sha256};

use crate::exit::Failure;
use crate::experiment::Prompt;
use crate::load::{self, Loaded};
use crate::models::Location;

/// What decodes, with the hash of its files.
///
/// # Errors
///
/// Something read: a file that is gone or changes under our eyes.
pub(super) fn of_model(loaded: &Loaded) -> Result<ModelId, Failure> {
    let engine = loaded.model.engine();
    let dtypes = loaded.model.dtypes();
    let held: Vec<&str> = dtypes.iter().map(|(dtype, _)| dtype.name()).collect();
    Ok(ModelId {
        name: loaded.card.name.clone(),
        sha256: match &loaded.card.location {
            Location::Path(path) => sha256(path)?,
            Location::Embedded => "embedded".to_owned(), // the version names it
        },
        dtype: held.join(" "),
        activations: load::activations_name(engine.activations()).to_owned(),
        profile: engine.profile().name().to_owned(),
    })
}

/// A prompt with the hash of its tokens.
pub(super) fn of_prompt(prompt: &Prompt) -> PromptId {
    let Prompt { text, ids, seed } = prompt;
    let hash = kelvin::stream_of(ids);
    PromptId { text: text.clone(), n_tokens: ids.len(), hash, stream: seed.stream }
}

/// The hash of a file, or of those in a folder by their names.
fn sha256(path: &Path) -> Result<String, Failure> {
    let hash = || -> io::Result<String> {
        let mut hash = Sha256::new();
        if path.is_dir() {
            for file in files(path)? {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                hash.update((name.len() as u64).to_le_bytes());
                hash.update(name.as_bytes());
                hash.update(file.metadata()?.len().to_le_bytes());
                add(&mut hash, &file)?;
            }
        } else {
            add(&mut hash, path)?;
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    };
    hash()
        .map_err(|cause| Failure::read(format!("cannot read {}", path.display())).caused_by(cause))
}

/// Adds a file's bytes to a hash.
fn add(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// The files that a model in a folder may be read from, in the order of their names.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        if path.is_file() && ["json", "safetensors", "model", "txt", "jinja"].contains(&extension) {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}
