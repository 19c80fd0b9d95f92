//! Kelvin's own folder: GGUF files, each a model.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The models that `scripts/get-models` brings: their names and files.
const KNOWN: [(&str, &str); 2] =
    [("smollm2", "smollm2-135m-instruct-q4_1.gguf"), ("gemma3-270m", "gemma-3-270m-q4_k_m.gguf")];

/// Whether `scripts/get-models` brings a model of this name.
pub(crate) fn is_known(name: &str) -> bool {
    KNOWN.iter().any(|(known, _)| *known == name)
}

/// A model file in the folder.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What `-m` takes: a short name, or the file's name without its ending.
    pub(crate) name: String,
    /// The file.
    pub(crate) path: PathBuf,
    /// Its size in bytes.
    pub(crate) n_bytes: u64,
    /// `GGUF 3`; none for a file that only ends like one.
    pub(crate) format: Option<String>,
}

impl Entry {
    /// Whether `-m name` means this file.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let file = self.path.file_name().is_some_and(|file| file == name);
        file || self.name == name || self.path.file_stem().is_some_and(|stem| stem == name)
    }
}

/// The model files in a folder, by name; none where there is no such folder.
pub(crate) fn list(folder: &Path) -> Vec<Entry> {
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let mut entries: Vec<Entry> = files.filter_map(|file| entry(&file.ok()?.path())).collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

fn entry(path: &Path) -> Option<Entry> {
    let stem = path.file_stem()?.to_string_lossy().into_owned();
    let file = path.file_name()?;
    let is_model = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
    let n_bytes = path.metadata().ok().filter(|found| found.is_file() && is_model)?.len();
    let known = KNOWN.iter().find(|(_, known)| file == *known);
    let name = known.map_or(stem, |(name, _)| (*name).to_owned());
    Some(Entry { name, path: path.to_owned(), n_bytes, format: format(path) })
}

/// The format that the file's first bytes announce.
pub(crate) fn format(path: &Path) -> Option<String> {
    let mut head = [0; 8];
    File::open(path).ok()?.read_exact(&mut head).ok()?;
    let [magic @ .., a, b, c, d] = head;
    (magic == *b"GGUF").then(|| format!("GGUF {}", u32::from_le_bytes([a, b, c, d])))
}
