//! The files of a folder, on disk or in memory.

use std::fs;
use std::path::{Path, PathBuf};

use super::file::Source;
use super::safetensors::Safetensors;
use crate::{Error, ErrorKind, Result};

/// Where the files of a folder are.
#[derive(Debug, Clone)]
pub(super) enum Files {
    /// In a folder of the file system.
    Disk(PathBuf),
    /// In memory, each with its name; the folder's own name only shows in errors.
    Memory(PathBuf, &'static [(&'static str, &'static [u8])]),
}

impl Files {
    /// The folder's path, or its name in memory.
    pub(super) fn folder(&self) -> &Path {
        match self {
            Self::Disk(path) | Self::Memory(path, _) => path,
        }
    }

    /// The path of a file, for errors too.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Whether there is a folder at all.
    pub(super) fn is_folder(&self) -> bool {
        match self {
            Self::Disk(path) => path.is_dir(),
            Self::Memory(..) => true,
        }
    }

    /// Whether a file is there.
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::Disk(path) => path.join(name).exists(),
            Self::Memory(_, files) => files.iter().any(|(file, _)| *file == name),
        }
    }

    /// The bytes of a file of at most `limit`; none where there is no such file.
    ///
    /// # Errors
    ///
    /// Those of [`Source::open`] and [`Source::all`], with the path.
    pub(super) fn read(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>> {
        if !self.has(name) {
            return Ok(None);
        }
        let bytes = self.source(name, "a file").and_then(|source| source.all(limit));
        bytes.map(Some).map_err(|error| error.in_file(self.path(name)))
    }

    /// A file of tensors, its header checked.
    ///
    /// # Errors
    ///
    /// Those of [`Safetensors::open`].
    pub(super) fn safetensors(&self, name: &str) -> Result<Safetensors> {
        let source = self.source(name, "a safetensors file");
        source.and_then(Safetensors::new).map_err(|error| error.in_file(self.path(name)))
    }

    /// Whether a file that others name really lies in the folder, links followed, or in the `blobs` of
    /// the cached repository that the folder is a snapshot of, or in those that all repositories of
    /// that cache share.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where there is none, [`ErrorKind::Format`] where it lies elsewhere.
    pub(super) fn check_inside(&self, name: &str) -> Result<()> {
        match self {
            Self::Disk(folder) => check_inside(folder, name),
            Self::Memory(..) => Ok(()),
        }
    }

    fn source(&self, name: &str, expected: &str) -> Result<Source> {
        match self {
            Self::Disk(path) => Source::open(&path.join(name), expected),
            Self::Memory(_, files) => match files.iter().find(|(file, _)| *file == name) {
                Some((_, bytes)) => Ok(Source::memory(*bytes)),
                None => Err(Error::new(ErrorKind::Io, "no such file")), // an index names it
            },
        }
    }
}

fn check_inside(folder: &Path, name: &str) -> Result<()> {
    let path = folder.join(name);
    let unreadable = |cause: std::io::Error| {
        let hint = "the index names it; the download is incomplete";
        let what = if cause.kind() == std::io::ErrorKind::NotFound {
            "no such file"
        } else {
            "cannot read the file"
        };
        Error::new(ErrorKind::Io, what).in_file(&path).hint(hint).caused_by(cause)
    };
    let real = fs::canonicalize(&path).map_err(unreadable)?;
    let home =
        fs::canonicalize(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let home = home.map_err(unreadable)?;
    let snapshot = home.parent().filter(|parent| parent.ends_with("snapshots"));
    let repository = snapshot.and_then(Path::parent);
    let blobs = [repository, repository.and_then(Path::parent)].into_iter().flatten();
    let in_blobs = |owner: &Path| real.starts_with(owner.join("blobs"));
    if real.starts_with(&home) || blobs.into_iter().any(in_blobs) {
        return Ok(());
    }
    let detail = "links to a file outside the model's folder";
    Err(Error::new(ErrorKind::Format, detail).in_file(&path))
}
