//! The names of the folders of a run, and what is done with whole folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::contents::FILES;
use super::manifest::MANIFEST;
use super::storage::Storage;
use crate::{Error, ErrorKind, Result};

/// What a folder of a run is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `step-N.old`: a checkpoint that is being removed, or was damaged and is replaced.
    Old,
    /// `step-N.partial`: a checkpoint that is being written, or was when its run ended.
    Partial,
    /// `step-N`: a checkpoint.
    Whole,
}

/// A folder of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) step: u32,
    pub(super) kind: Kind,
    pub(super) path: PathBuf,
}

impl Place {
    /// Where the folder of a step is, or would be.
    pub(super) fn new(dir: &Path, step: u32, kind: Kind) -> Self {
        Self { step, kind, path: dir.join(format!("step-{step}{}", kind.suffix())) }
    }

    /// The folder of this name; none for other names.
    fn from_name(dir: &Path, name: &str) -> Option<Self> {
        let kinds = [Kind::Partial, Kind::Old, Kind::Whole]; // the empty suffix last
        let (kind, rest) =
            kinds.into_iter().find_map(|kind| Some((kind, name.strip_suffix(kind.suffix())?)))?;
        let step = rest.strip_prefix("step-")?.parse().ok()?;
        let place = Self::new(dir, step, kind);
        (place.path == dir.join(name)).then_some(place) // no +5, no 005
    }

    /// The folders in `dir`, the newest step first.
    pub(super) fn list(dir: &Path) -> io::Result<Vec<Self>> {
        let mut places = Vec::new();
        for entry in fs::read_dir(dir)? {
            let name = entry?.file_name();
            places.extend(name.to_str().and_then(|name| Self::from_name(dir, name)));
        }
        places.sort_by_key(|place| std::cmp::Reverse((place.step, place.kind)));
        Ok(places)
    }
}

impl Kind {
    fn suffix(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Partial => ".partial",
            Self::Old => ".old",
        }
    }
}

/// The folder that `path` is in.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) => Path::new("."),
        None => path,
    }
}

/// Whether anything has this name, a dangling link too.
pub(super) fn is_taken(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Makes the folder and those that it is in, so that they survive a power cut.
///
/// # Errors
///
/// [`ErrorKind::Write`].
pub(super) fn make<S: Storage>(disk: &S, path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = parent(path);
    if parent != path {
        make(disk, parent)?;
    }
    disk.create_folder(path).map_err(|cause| unmade(path, cause))?;
    make_durable(disk, path)
}

/// Waits until the name of a folder that is there will survive a power cut.
///
/// # Errors
///
/// [`ErrorKind::Write`].
pub(super) fn make_durable<S: Storage>(disk: &S, path: &Path) -> Result<()> {
    disk.sync_folder(parent(path)).map_err(|cause| unmade(path, cause))
}

fn unmade(path: &Path, cause: io::Error) -> Error {
    let error = Error::new(ErrorKind::Write, "the folder cannot be made").in_file(path);
    error.hint("name a folder that you may write to").caused_by(cause)
}

/// Removes a folder that holds nothing but files of a checkpoint, the manifest first; any other is left
/// as it is. Whether it is gone.
///
/// # Errors
///
/// [`ErrorKind::Write`] where one that is ours stays.
pub(super) fn remove<S: Storage>(disk: &S, folder: &Path) -> Result<bool> {
    let names = match names_in(folder) {
        Ok(names) => names,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(cause) => return Err(stays(folder, cause)),
    };
    let Some(names) = names else { return Ok(false) };
    for name in names {
        let path = folder.join(name);
        disk.remove_file(&path).map_err(|cause| stays(&path, cause))?;
    }
    disk.remove_folder(folder).map_err(|cause| stays(folder, cause))?;
    Ok(true)
}

/// The files in a folder, the manifest first, where all of them are files of a checkpoint.
fn names_in(folder: &Path) -> io::Result<Option<Vec<&'static str>>> {
    if !folder.symlink_metadata()?.is_dir() {
        return Ok(None);
    }
    let known = || [MANIFEST].into_iter().chain(FILES);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        match known().position(|known| name == known) {
            Some(at) if !entry.file_type()?.is_dir() => found.push(at),
            _ => return Ok(None),
        }
    }
    found.sort_unstable();
    Ok(Some(found.into_iter().filter_map(|at| known().nth(at)).collect()))
}

/// Makes room for a folder that will be written here: removes what an earlier run left.
///
/// # Errors
///
/// [`ErrorKind::Write`] where something else has the name, or it cannot be removed.
pub(super) fn clear<S: Storage>(disk: &S, folder: &Path) -> Result<()> {
    if remove(disk, folder)? {
        return Ok(());
    }
    let detail = "is in the way, and holds what no checkpoint has";
    Err(Error::new(ErrorKind::Write, detail).in_file(folder).hint("move it to another place"))
}

/// The error of what should be removed and is not.
pub(super) fn stays(path: &Path, cause: io::Error) -> Error {
    Error::new(ErrorKind::Write, "cannot be removed").in_file(path).caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_step_and_kind() {
        let dir = Path::new("run");
        for (name, step, kind) in [
            ("step-0", 0, Kind::Whole),
            ("step-4294967295", u32::MAX, Kind::Whole),
            ("step-12.partial", 12, Kind::Partial),
            ("step-12.old", 12, Kind::Old),
        ] {
            let place = Place::from_name(dir, name).expect("a name");
            assert_eq!(place, Place::new(dir, step, kind));
            assert_eq!(place.path, dir.join(name));
        }
        for name in [
            "",
            "step-",
            "step-x",
            "step-+5",
            "step-05",
            "step--1",
            "step-4294967296",
            "Step-5",
            "step-5.tmp",
            "step-5.old.old",
            ".step-5",
            "step-5 ",
            "step-.partial",
            "metrics.jsonl",
        ] {
            assert_eq!(Place::from_name(dir, name), None, "{name}");
        }
    }

    #[test]
    fn a_path_of_one_name_is_in_the_folder_that_is_current() {
        let parents = ["a/b", "a", "/a", "/"].map(|path| parent(Path::new(path)));
        assert_eq!(parents, ["a", ".", "/", "/"].map(Path::new));
    }
}
