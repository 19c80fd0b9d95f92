//! What a model is, to the bit: the hash of each file that it is read from.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use kelvin_lm::embedded;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::Location;

/// Files of a folder that decide what a model says, besides its tensors.
const FILES: [&str; 6] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "model.safetensors.index.json",
];

/// Hashes that are being computed beside other work.
#[derive(Debug)]
pub(crate) struct Digest(JoinHandle<io::Result<Value>>);

impl Digest {
    /// Begins to hash the files of a model.
    pub(crate) fn start(location: &Location) -> Self {
        let location = location.clone();
        Self(std::thread::spawn(move || of(&location)))
    }

    /// An object with the SHA-256 of each file by its name; null where one could not be read.
    pub(crate) fn wait(self) -> Value {
        self.0.join().map_or(Value::Null, |hashes| hashes.unwrap_or(Value::Null))
    }
}

/// The SHA-256 of each file of a model, by its name.
///
/// # Errors
///
/// Those of reading them.
pub(crate) fn of(location: &Location) -> io::Result<Value> {
    let mut hashes = Map::new();
    match location {
        Location::Embedded => {
            for (name, bytes) in embedded::FILES {
                hashes.insert(name.to_owned(), hex(&Sha256::digest(bytes)).into());
            }
        }
        Location::Path(path) => {
            for file in files(path)? {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                hashes.insert(name, hex(&of_file(&file)?).into());
            }
        }
    }
    Ok(hashes.into())
}

fn of_file(path: &Path) -> io::Result<Vec<u8>> {
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().to_vec()),
            n_read => hasher.update(&buffer[..n_read]),
        }
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// The files of a model, by name.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        let is_tensors = file.extension().is_some_and(|ending| ending == "safetensors");
        let name = file.file_name().unwrap_or_default();
        if is_tensors || FILES.iter().any(|known| *known == name) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
