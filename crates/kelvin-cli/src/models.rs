//! Where models are, and what they are called.

pub(crate) mod cached;
pub(crate) mod digest;
pub(crate) mod folder;

use std::fmt;
use std::path::{Path, PathBuf};

use kelvin_lm::hub::{ALIASES, Access, Cache, Environment, ModelName, alias};
use kelvin_lm::{Checkpoint, embedded};
use serde_json::Value;

use crate::exit::Failure;

/// What to know of a run that names no model.
pub(crate) const UNNAMED: &str = "no -m: the embedded model answers, and Shakespeare is all it knows; \
    kelvin models ls lists others, kelvin models pull gpt2 brings one";
const BRING: &str = "kelvin models pull gpt2 brings a model, scripts/get-models two small ones";
/// Models named in an error.
const SHOWN: usize = 8;

/// Where models are looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a> {
    /// Kelvin's own folder of models.
    pub(crate) folder: &'a Path,
    /// The hub, and the cache that its tools share.
    pub(crate) hub: &'a Environment,
}

/// What a model is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// A file or a folder.
    Path(PathBuf),
    /// The program itself.
    Embedded,
}

impl Location {
    /// The model, opened and checked.
    ///
    /// # Errors
    ///
    /// Those of [`Checkpoint::open`].
    pub(crate) fn checkpoint(&self) -> kelvin_lm::Result<Checkpoint> {
        match self {
            Self::Path(path) => Checkpoint::open(path),
            Self::Embedded => embedded::checkpoint(),
        }
    }

    /// An error in the model, which says where it is.
    pub(crate) fn blame(&self, error: kelvin_lm::Error) -> kelvin_lm::Error {
        match self {
            _ if error.path().is_some() => error,
            Self::Path(path) => error.in_file(path),
            Self::Embedded => error.in_file(embedded::NAME),
        }
    }

    /// The path for JSON: null where there is none.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Path(path) => path.to_string_lossy().into(),
            Self::Embedded => Value::Null,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Embedded => f.write_str("embedded"),
        }
    }
}

impl Places<'_> {
    /// The hub's cache.
    pub(crate) fn cache(&self) -> Cache {
        Cache::new(&self.hub.cache)
    }

    /// What `-m` can name here.
    fn names(&self) -> Vec<String> {
        let own = folder::list(self.folder).into_iter().filter(|entry| entry.format.is_some());
        let own = own.map(|entry| entry.name);
        let cached = cached::list(&self.cache()).into_iter().filter(|entry| entry.is_model);
        let embedded = [embedded::NAME.to_owned()];
        own.chain(cached.map(|entry| entry.name)).chain(embedded).collect()
    }
}

/// What a model is read from: a path, a name in Kelvin's folder, the embedded model's name, or a name
/// in the hub's cache, in this order; without a name, the embedded model. Nothing is downloaded.
///
/// # Errors
///
/// Something read (exit 3): where was looked, what is there, and how to get it. Something typed
/// (exit 2) for an empty name.
pub(crate) fn locate(model: Option<&str>, places: Places<'_>) -> anyhow::Result<Location> {
    match model {
        None => Ok(Location::Embedded),
        Some(model) => named(model, places),
    }
}

fn named(model: &str, places: Places<'_>) -> anyhow::Result<Location> {
    if model.is_empty() {
        let failure = Failure::typed("the model's name is empty");
        return Err(failure.hint("kelvin models ls lists what -m can name").into());
    }
    let path = PathBuf::from(model);
    if is_model(&path) {
        return Ok(Location::Path(path));
    }
    if let Some(found) = in_folder(model, places.folder) {
        return Ok(Location::Path(found));
    }
    if model == embedded::NAME {
        return Ok(Location::Embedded);
    }
    if looks_like_path(model) {
        return Ok(Location::Path(path)); // the reader says what is wrong
    }
    in_cache(model, path, places)
}

/// A name in the hub's cache, or else what is wrong with it as a path.
fn in_cache(model: &str, path: PathBuf, places: Places<'_>) -> anyhow::Result<Location> {
    let candidates = match cached::candidates(model) {
        Ok(candidates) => candidates,
        Err(_) if path.exists() => return Ok(Location::Path(path)), // likewise
        Err(error) => return Err(misnamed(model, &error).into()),
    };
    let cache = places.cache();
    let mut broken = None;
    for name in &candidates {
        let Some(snapshot) = cache.snapshot(name.repo(), name.revision()) else { continue };
        match snapshot.model(name.file()) {
            Ok(path) => return Ok(Location::Path(path)),
            Err(error) => broken = broken.or_else(|| Some(incomplete(error, name))),
        }
    }
    Err(broken.unwrap_or_else(|| not_found(model, &candidates, places)).into())
}

/// A file, or a folder with a model in it. Any other folder may just have the name of a model.
pub(crate) fn is_model(path: &Path) -> bool {
    path.is_file() || is_layout(path)
}

/// A folder in Hugging Face layout.
fn is_layout(path: &Path) -> bool {
    path.join("config.json").is_file()
}

fn in_folder(model: &str, folder: &Path) -> Option<PathBuf> {
    let called = folder::list(folder).into_iter().find(|entry| entry.is_called(model));
    let below = Some(folder.join(model)).filter(|path| is_model(path));
    called.map(|entry| entry.path).or(below)
}

/// What nobody would type who means a name.
pub(crate) fn looks_like_path(model: &str) -> bool {
    let endings = [".gguf", ".safetensors", ".json"];
    let lower = model.to_ascii_lowercase();
    let ends = endings.iter().any(|ending| lower.ends_with(ending));
    model.starts_with(['.', '/', '~', '\\']) || (ends && !model.contains(':'))
}

/// Nothing of this name is here, and the hub has no such names.
fn misnamed(model: &str, error: &kelvin_lm::Error) -> Failure {
    let what = format!("no file or folder {model:?} here, and as a name on the hub: {error}");
    match error.way_out() {
        Some(hint) => Failure::read(what).hint(hint),
        None => Failure::read(what),
    }
}

/// The cache has a revision, but not what a model needs of it.
fn incomplete(error: kelvin_lm::Error, name: &ModelName) -> Failure {
    Failure::read(format!("{name} is in the hub's cache, but not as a model"))
        .hint(format!("kelvin models pull {name} brings what is missing"))
        .caused_by(error)
}

fn not_found(model: &str, candidates: &[ModelName], places: Places<'_>) -> Failure {
    let offline = places.hub.offline.as_ref();
    let offline = offline.map_or_else(String::new, |set| format!(", and {set}"));
    let looked = [format!("./{model} (nothing there)"), in_own(places.folder, model)]
        .into_iter()
        .chain(candidates.iter().map(|name| cached_as(name, places)));
    let rows = [
        ("looked in", looked.collect::<Vec<_>>().join("\n             ")),
        ("you have", there(places)),
        ("try", try_this(model, candidates, places.hub)),
    ];
    let rows = rows.map(|(label, text)| format!("\n  {label:<9}  {text}"));
    let failure =
        Failure::read(format!("no model {model:?} on this machine{offline}{}", rows.concat()));
    match nearest(model, places) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure,
    }
}

fn in_own(folder: &Path, model: &str) -> String {
    let why =
        if folder.is_dir() { format!("no {model}.gguf") } else { "no such folder".to_owned() };
    format!("{} ({why})", folder.display())
}

fn cached_as(name: &ModelName, places: Places<'_>) -> String {
    let cache = places.cache();
    let folder = cache.repo_folder(name.repo());
    let why = match cache.repo(name.repo()) {
        None => "no such folder".to_owned(),
        Some(repo) => {
            let known: Vec<String> = repo.refs.iter().map(|(name, _)| name.to_string()).collect();
            let known =
                if known.is_empty() { "no revision by name".to_owned() } else { known.join(", ") };
            format!("no revision {}, but {known}", name.revision())
        }
    };
    format!("{} ({why})", folder.display())
}

fn there(places: Places<'_>) -> String {
    let names = places.names();
    let more = names.len().saturating_sub(SHOWN);
    match more {
        0 => names.join(", "),
        _ => format!("{} and {more} more (kelvin models ls)", names[..SHOWN].join(", ")),
    }
}

/// The command that brings the model.
fn try_this(model: &str, candidates: &[ModelName], hub: &Environment) -> String {
    let is_on_hub = candidates.len() > 1 || model.contains('/');
    if !is_on_hub {
        return BRING.to_owned();
    }
    let online = hub.offline.as_ref().and_then(|set| set.split('=').next());
    let online = online.map_or_else(String::new, |name| format!("{name}=0 "));
    let gated = |name: &ModelName| {
        let listed = ALIASES.iter().find(|alias| alias.repo == name.repo().as_str());
        listed.is_some_and(|alias| alias.access == Access::Gated)
    };
    let note = match folder::is_known(model) {
        true => "   (or scripts/get-models)",
        false if candidates.iter().any(gated) => "   (gated: needs HF_TOKEN)",
        false => "",
    };
    format!("{online}kelvin models pull {model}{note}")
}

/// The name that was probably meant.
fn nearest(model: &str, places: Places<'_>) -> Option<String> {
    let names = places.names();
    let aliases = ALIASES.iter().flat_map(|alias| [alias.name, alias.repo]);
    let known = names.iter().map(String::as_str).chain(aliases).filter(|known| *known != model);
    let is_exact = alias(model).is_some() || ALIASES.iter().any(|alias| alias.repo == model);
    kelvin::nearest(model, known).filter(|_| !is_exact).map(str::to_owned)
}
