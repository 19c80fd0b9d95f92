//! The hub's cache: what of it `-m` can name.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use kelvin_lm::hub::{
    ALIASES, Cache, CachedRepo, FileName, ModelName, Revision, Snapshot, Weights,
};
use serde_json::Value;

use super::folder;

/// The longest configuration worth reading for one word of it, in bytes.
const CONFIG_LIMIT: u64 = 1 << 20;

/// A model in the cache.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What `-m` takes: `org/name[@revision][:file]`.
    pub(crate) name: String,
    /// Its folder, or its GGUF file.
    pub(crate) path: PathBuf,
    /// The size of its files in bytes.
    pub(crate) n_bytes: u64,
    /// `safetensors`, `GGUF 3`, or why it is no model here.
    pub(crate) format: String,
    /// The type of its weights, where the configuration says it.
    pub(crate) dtype: Option<String>,
    /// The commit.
    pub(crate) commit: String,
    /// Whether there is something that Kelvin reads.
    pub(crate) is_model: bool,
}

/// What is in the cache: an entry for each snapshot, and for each GGUF file of one.
pub(crate) fn list(cache: &Cache) -> Vec<Entry> {
    let of_repo = |repo: CachedRepo| {
        let of = |snapshot: &Snapshot| entries(&repo, snapshot);
        repo.snapshots.iter().flat_map(of).collect::<Vec<_>>()
    };
    cache.repos().into_iter().flat_map(of_repo).collect()
}

fn entries(repo: &CachedRepo, snapshot: &Snapshot) -> Vec<Entry> {
    let names = repo.names_of(snapshot);
    let is_main = names.iter().any(|name| *name == Revision::default().as_str());
    let name = match is_main.then(|| repo.id.to_string()) {
        Some(name) => name,
        None => format!("{}@{}", repo.id, names[0]),
    };
    let (format, is_model) = match snapshot.weights() {
        Weights::Safetensors if snapshot.model(None).is_err() => ("safetensors: incomplete", false),
        Weights::Safetensors => ("safetensors", true),
        Weights::Pickle => ("pickle: not read", false),
        Weights::Missing => ("no weights", false),
        Weights::Gguf => {
            let files = snapshot.ggufs();
            return files.iter().map(|file| gguf(&name, snapshot, file)).collect();
        }
    };
    vec![Entry {
        name,
        path: snapshot.path().to_owned(),
        n_bytes: snapshot.files().iter().map(|file| file.n_bytes).sum(),
        format: format.to_owned(),
        dtype: dtype(snapshot.path()),
        commit: snapshot.commit().to_owned(),
        is_model,
    }]
}

fn gguf(name: &str, snapshot: &Snapshot, file: &FileName) -> Entry {
    let path = file.below(snapshot.path());
    Entry {
        name: format!("{name}:{file}"),
        n_bytes: path.metadata().map_or(0, |found| found.len()),
        format: folder::format(&path).unwrap_or_else(|| "not a model".to_owned()),
        dtype: None,
        commit: snapshot.commit().to_owned(),
        is_model: true,
        path,
    }
}

/// The type that a folder's configuration says the weights have, as GGUF files would call it.
pub(crate) fn dtype(folder: &Path) -> Option<String> {
    let file = File::open(folder.join("config.json")).ok()?;
    let mut text = String::new();
    file.take(CONFIG_LIMIT).read_to_string(&mut text).ok()?;
    let config: Value = serde_json::from_str(&text).ok()?;
    let said = config.get("dtype").or_else(|| config.get("torch_dtype"))?.as_str()?;
    let known = [("bfloat16", "BF16"), ("float16", "F16"), ("float32", "F32")];
    let known = known.iter().find(|(name, _)| *name == said);
    known.map(|(_, name)| (*name).to_owned())
}

/// What a name may stand for on the hub, the likeliest first.
///
/// Other libraries keep `gpt2` under that bare name, hence both.
///
/// # Errors
///
/// Something typed: the rule that what is no name there breaks.
pub(crate) fn candidates(model: &str) -> kelvin_lm::Result<Vec<ModelName>> {
    let name: ModelName = model.parse()?;
    let alias = ALIASES.iter().find(|alias| alias.name == name.repo().as_str());
    let stands_for = alias.map(|alias| name.clone().with_repo(alias.repo_id()));
    Ok(stands_for.into_iter().chain([name]).collect())
}

/// The repositories that a name may stand for, as far as they are cached.
pub(crate) fn repos(cache: &Cache, model: &str) -> Vec<CachedRepo> {
    let names = candidates(model).unwrap_or_default();
    names.iter().filter_map(|name| cache.repo(name.repo())).collect()
}
