//! Kelvin's own folder: GGUF files and folders in Hugging Face layout, each a model.

use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{cached, is_layout};

/// The models that `scripts/get-models` brings: their names and files.
const KNOWN: [(&str, &str); 2] =
    [("smollm2", "smollm2-135m-instruct-q4_1.gguf"), ("gemma3-270m", "gemma-3-270m-q4_k_m.gguf")];

/// Whether `scripts/get-models` brings a model of this name.
pub(crate) fn is_known(name: &str) -> bool {
    KNOWN.iter().any(|(known, _)| *known == name)
}

/// A model in the folder.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What `-m` takes: a short name, the file's name without its ending, or the folder's name.
    pub(crate) name: String,
    /// The file or folder.
    pub(crate) path: PathBuf,
    /// What it is.
    pub(crate) kind: Kind,
    /// The size of its files in bytes.
    pub(crate) n_bytes: u64,
    /// `GGUF 3`, `safetensors`; none for what only has the name of a model.
    pub(crate) format: Option<String>,
    /// The type of its weights, where a configuration says it.
    pub(crate) dtype: Option<String>,
}

/// What a model in the folder is; of two with one name, `-m` means the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A GGUF file.
    File,
    /// A folder in Hugging Face layout.
    Folder,
}

impl Entry {
    /// Whether `-m name` means this model.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let of_file = || {
            let file = self.path.file_name().is_some_and(|file| file == name);
            file || self.path.file_stem().is_some_and(|stem| stem == name)
        };
        self.name == name || (self.kind == Kind::File && of_file())
    }
}

/// The models in a folder, by name; none where there is no such folder.
pub(crate) fn list(folder: &Path) -> Vec<Entry> {
    let mut entries: Vec<Entry> = paths(folder).iter().filter_map(|path| file(path)).collect();
    entries.extend(layouts(folder));
    entries.sort_by(|a, b| (&a.name, a.kind).cmp(&(&b.name, b.kind)));
    entries
}

/// What is in a folder; nothing where it cannot be read.
fn paths(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// The folders in Hugging Face layout: `name`, and `org/name` where no link leads elsewhere.
fn layouts(folder: &Path) -> Vec<Entry> {
    let (mut models, others): (Vec<_>, Vec<_>) =
        paths(folder).into_iter().partition(|path| is_layout(path));
    let below = others.iter().filter(|path| !path.is_symlink()).flat_map(|path| paths(path));
    models.extend(below.filter(|path| is_layout(path)));
    models.into_iter().filter_map(|path| layout(folder, path)).collect()
}

/// A folder in Hugging Face layout below `folder`.
fn layout(folder: &Path, path: PathBuf) -> Option<Entry> {
    let parts = path.strip_prefix(folder).ok()?.iter().map(|part| part.to_string_lossy());
    let name = parts.collect::<Vec<_>>().join("/");
    let weights = ["model.safetensors", "model.safetensors.index.json"];
    let has_weights = weights.iter().any(|file| path.join(file).is_file());
    let files = paths(&path).into_iter().filter_map(|path| path.metadata().ok());
    let n_bytes = files.filter(Metadata::is_file).map(|file| file.len()).sum();
    let format = has_weights.then(|| "safetensors".to_owned());
    Some(Entry { name, kind: Kind::Folder, n_bytes, format, dtype: cached::dtype(&path), path })
}

fn file(path: &Path) -> Option<Entry> {
    let stem = path.file_stem()?.to_string_lossy().into_owned();
    let file = path.file_name()?;
    let is_model = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
    let n_bytes = path.metadata().ok().filter(|found| found.is_file() && is_model)?.len();
    let known = KNOWN.iter().find(|(_, known)| file == *known);
    let name = known.map_or(stem, |(name, _)| (*name).to_owned());
    let (path, kind, format) = (path.to_owned(), Kind::File, format(path));
    Some(Entry { name, path, kind, n_bytes, format, dtype: None })
}

/// The format that the file's first bytes announce.
pub(crate) fn format(path: &Path) -> Option<String> {
    let mut head = [0; 8];
    File::open(path).ok()?.read_exact(&mut head).ok()?;
    let [magic @ .., a, b, c, d] = head;
    (magic == *b"GGUF").then(|| format!("GGUF {}", u32::from_le_bytes([a, b, c, d])))
}
