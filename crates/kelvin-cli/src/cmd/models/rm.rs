//! `kelvin models rm`: frees a model's disk space, and never touches anything else.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lm::embedded;
use kelvin_lm::hub::{CachedRepo, RepoId};
use serde_json::json;

use crate::args::policy::text;
use crate::console::Console;
use crate::exit::Failure;
use crate::models::folder::{self, Kind};
use crate::models::{Places, cached};
use crate::term::number::{bytes, counted};

/// What would go.
#[derive(Debug)]
enum Target {
    /// A GGUF file in Kelvin's folder.
    File { path: PathBuf, n_bytes: u64 },
    /// A folder there, or a link to one.
    Folder { path: PathBuf, n_bytes: u64, what: String },
    /// A repository's folder in the hub's cache.
    Repo { id: RepoId, path: PathBuf, n_bytes: u64, what: String },
}

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<()> {
    let name = text(matches, "model").expect("a name is required");
    let target = find(name, console.places())?;
    if !matches.get_flag("yes") && !asked(&target, console)? {
        return Ok(console.talk("nothing was removed")?);
    }
    let freed = target.remove(console.places())?;
    let path = target.path().display().to_string();
    if matches.get_flag("json") {
        return Ok(console.json(&json!({"removed": path, "freed_bytes": freed}))?);
    }
    Ok(console.talk(&format!("removed {path}: {} freed", bytes(freed)))?)
}

/// What a name means here, by the order of `-m`: Kelvin's folder, then the hub's cache.
fn find(name: &str, places: Places<'_>) -> Result<Target, Failure> {
    if let Some(entry) = folder::list(places.folder).into_iter().find(|entry| entry.is_called(name))
    {
        return Target::own(entry);
    }
    if name == embedded::NAME {
        return Err(Failure::typed(format!("{name} is a part of the program, and stays")));
    }
    if let Some(repo) = cached::repos(&places.cache(), name).into_iter().next() {
        // also one that is spelled out and what the bare name means: who types it means that alone
        let has_part = name.contains(['@', ':']);
        return if has_part { Err(part(&repo)) } else { Ok(Target::of(repo)) };
    }
    let (folder, cache) = (places.folder.display(), places.hub.cache.display());
    let failure = Failure::read(format!("no model {name:?} in {folder} or {cache}"));
    Err(failure.hint("kelvin models ls lists what can be removed; other files are yours to remove"))
}

/// Revisions of a repository share their files, so that one alone frees little and is easily missed.
fn part(repo: &CachedRepo) -> Failure {
    Failure::typed("a repository is removed as a whole, with all its revisions and files")
        .hint(format!("kelvin models rm {}", repo.id))
}

/// Bytes and number of the files below a folder, no link followed.
fn content(folder: &Path) -> (u64, usize) {
    let Ok(entries) = fs::read_dir(folder) else { return (0, 0) };
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => content(&entry.path()),
        Ok(found) => (found.len(), 1),
        Err(_) => (0, 1),
    };
    let sum = |(bytes, files): (u64, usize), (more, n): (u64, usize)| (bytes + more, files + n);
    entries.filter_map(Result::ok).map(of).fold((0, 0), sum)
}

impl Target {
    /// A model in Kelvin's folder. A folder without weights may be anything, and stays.
    fn own(entry: folder::Entry) -> Result<Self, Failure> {
        let folder::Entry { path, kind, format, .. } = entry;
        match (kind, format) {
            (Kind::File, _) => {
                let n_bytes = path.symlink_metadata().map_or(0, |link| link.len());
                Ok(Self::File { path, n_bytes })
            }
            (Kind::Folder, _) if path.is_symlink() => {
                Ok(Self::Folder { path, n_bytes: 0, what: "a link".to_owned() })
            }
            (Kind::Folder, Some(_)) => {
                let (n_bytes, n_files) = content(&path);
                Ok(Self::Folder { path, n_bytes, what: counted(n_files, "file") })
            }
            (Kind::Folder, None) => {
                let what = format!("{} has no safetensors: it is no model", path.display());
                Err(Failure::read(what).hint("folders that are none are yours to remove"))
            }
        }
    }

    fn of(repo: CachedRepo) -> Self {
        let n_bytes = repo.n_bytes();
        let what = counted(repo.snapshots.len(), "revision");
        Self::Repo { id: repo.id, path: repo.path, n_bytes, what }
    }

    fn path(&self) -> &PathBuf {
        match self {
            Self::File { path, .. } | Self::Folder { path, .. } | Self::Repo { path, .. } => path,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::File { path, n_bytes } => format!("{} ({})", path.display(), bytes(*n_bytes)),
            Self::Folder { path, n_bytes, what } => {
                format!("{} ({}, {what})", path.display(), bytes(*n_bytes))
            }
            Self::Repo { id, path, n_bytes, what } => {
                format!("{id}: {} ({}, {what})", path.display(), bytes(*n_bytes))
            }
        }
    }

    /// Removes it; the bytes that this frees.
    fn remove(&self, places: Places<'_>) -> Result<u64> {
        let (removed, n_bytes) = match self {
            Self::Repo { id, .. } => return Ok(places.cache().remove(id)?),
            Self::File { path, n_bytes } => (fs::remove_file(path), n_bytes),
            // which removes links and follows none
            Self::Folder { path, n_bytes, .. } => (fs::remove_dir_all(path), n_bytes),
        };
        removed.map_err(|error| {
            Failure::failed(format!("{} cannot be removed", self.path().display())).caused_by(error)
        })?;
        Ok(*n_bytes)
    }
}

/// Whether the user says yes.
fn asked(target: &Target, console: &mut Console<'_>) -> Result<bool> {
    let what = target.describe();
    if !io::stdin().is_terminal() {
        let failure =
            Failure::typed(format!("--yes is needed to remove {what} where nobody can be asked"));
        return Err(failure.hint("add --yes; nothing was removed").into());
    }
    write!(console.err, "remove {what}? [y/N] ")?;
    console.err.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
