//! Where models are, and what they are called for short.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::exit::Failure;

/// The models that `scripts/get-models` brings: their names, their files, what they are.
pub(crate) const KNOWN: [(&str, &str, &str); 2] = [
    ("smollm2", "smollm2-135m-instruct-q4_1.gguf", "SmolLM2 135M Instruct: follows instructions"),
    ("gemma3-270m", "gemma-3-270m-q4_k_m.gguf", "Gemma 3 270M base: continues text"),
];

const BRING: &str =
    "scripts/get-models brings smollm2 and gemma3-270m; -m FILE takes any .gguf file";

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
    let known = KNOWN.iter().find(|(_, known, _)| file == *known);
    let name = known.map_or(stem, |(name, ..)| (*name).to_owned());
    Some(Entry { name, path: path.to_owned(), n_bytes, format: format(path) })
}

/// The format that the file's first bytes announce.
fn format(path: &Path) -> Option<String> {
    let mut head = [0; 8];
    File::open(path).ok()?.read_exact(&mut head).ok()?;
    let [magic @ .., a, b, c, d] = head;
    (magic == *b"GGUF").then(|| format!("GGUF {}", u32::from_le_bytes([a, b, c, d])))
}

/// The file of a model: a path, or the name of a file in the folder.
///
/// # Errors
///
/// Something read (exit 3): where was looked, and what is there.
pub(crate) fn locate(model: &str, folder: &Path) -> Result<PathBuf, Failure> {
    let known = KNOWN.iter().find(|(name, ..)| *name == model).map(|(_, file, _)| *file);
    let named = known.map_or_else(|| format!("{model}.gguf"), str::to_owned);
    let candidates = [PathBuf::from(model), folder.join(model), folder.join(named)];
    let looks_like_path = model.contains(['/', '\\']);
    let found = candidates.iter().find(|path| path.exists());
    match found {
        Some(path) => Ok(path.clone()),
        None if looks_like_path => Ok(candidates[0].clone()), // the reader says what is wrong
        None => Err(not_found(model, folder)),
    }
}

fn not_found(model: &str, folder: &Path) -> Failure {
    let there: Vec<String> = list(folder).into_iter().map(|entry| entry.name).collect();
    let there = match (there.is_empty(), folder.is_dir()) {
        (false, _) => there.join(", "),
        (true, true) => "nothing: the folder holds no .gguf file".to_owned(),
        (true, false) => "nothing: there is no such folder".to_owned(),
    };
    Failure::read(format!(
        "no model {model:?}\n  looked in  . and {}\n  found      {there}",
        folder.display()
    ))
    .hint(BRING)
}

/// What to say where no model is named: none is built in yet.
pub(crate) fn unnamed() -> Failure {
    Failure::read("no model is named (-m), and none is built in yet")
        .hint(format!("{BRING}; kelvin next --example paris needs no model"))
}
