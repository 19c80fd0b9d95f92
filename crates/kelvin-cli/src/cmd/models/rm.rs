//! `kelvin models rm`: frees a model's disk space, and never touches anything else.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lm::hub::{CachedRepo, ModelName, RepoId};
use serde_json::json;

use crate::args::policy::text;
use crate::console::Console;
use crate::exit::Failure;
use crate::models::{Places, cached, folder};
use crate::term::number::{bytes, counted};

/// What would go.
#[derive(Debug)]
enum Target {
    /// A GGUF file in Kelvin's folder.
    File { path: PathBuf, n_bytes: u64 },
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

/// The file or folder of a name, by the order of `-m`: Kelvin's folder, then the hub's cache.
fn find(name: &str, places: Places<'_>) -> Result<Target, Failure> {
    if let Some(entry) = folder::list(places.folder).into_iter().find(|entry| entry.is_called(name))
    {
        let n_bytes = entry.path.symlink_metadata().map_or(0, |link| link.len());
        return Ok(Target::File { path: entry.path, n_bytes });
    }
    if let Some(repo) = cached::repos(&places.cache(), name).into_iter().next() {
        let of_part =
            name.parse::<ModelName>().is_ok_and(|name| name != name.repo().clone().into());
        return if of_part { Err(part(&repo)) } else { Ok(Target::of(repo)) };
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

impl Target {
    fn of(repo: CachedRepo) -> Self {
        let n_bytes = repo.n_bytes();
        let what = counted(repo.snapshots.len(), "revision");
        Self::Repo { id: repo.id, path: repo.path, n_bytes, what }
    }

    fn path(&self) -> &PathBuf {
        let (Self::File { path, .. } | Self::Repo { path, .. }) = self;
        path
    }

    fn describe(&self) -> String {
        match self {
            Self::File { path, n_bytes } => format!("{} ({})", path.display(), bytes(*n_bytes)),
            Self::Repo { id, path, n_bytes, what } => {
                format!("{id}: {} ({}, {what})", path.display(), bytes(*n_bytes))
            }
        }
    }

    /// Removes it; the bytes that this frees.
    fn remove(&self, places: Places<'_>) -> Result<u64> {
        match self {
            Self::Repo { id, .. } => Ok(places.cache().remove(id)?),
            Self::File { path, n_bytes } => {
                fs::remove_file(path).map_err(|error| {
                    Failure::failed(format!("{} cannot be removed", path.display()))
                        .caused_by(error)
                })?;
                Ok(*n_bytes)
            }
        }
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
