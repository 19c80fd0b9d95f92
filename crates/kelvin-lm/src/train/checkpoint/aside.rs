//! A folder that is written beside the place that it will have, and is given its name when it is whole.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::contents::Planned;
use super::digest::Digest;
use super::manifest::Entry;
use super::place;
use super::storage::Storage;
use crate::{Error, ErrorKind, Result};

/// A folder on its way.
pub(super) struct Aside<'d, S> {
    disk: &'d S,
    path: PathBuf,
    /// Bytes of all that will be in it, for the error of a full disk.
    n_bytes: u64,
}

impl<'d, S: Storage> Aside<'d, S> {
    /// Makes the folder, empty, for `n_bytes`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Write`].
    pub(super) fn new(disk: &'d S, path: PathBuf, n_bytes: u64) -> Result<Self> {
        place::clear(disk, &path)?;
        let aside = Self { disk, path, n_bytes };
        aside
            .disk
            .create_folder(&aside.path)
            .map_err(|cause| aside.unwritten(&aside.path, cause))?;
        Ok(aside)
    }

    /// Where it is written.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file and waits until it will survive a power cut; its size and hash are taken on the way.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Write`], and those of [`Planned::write`].
    pub(super) fn write(&self, planned: &Planned<'_>) -> Result<Entry> {
        let path = self.path.join(planned.name);
        let unwritten = |cause| self.unwritten(&path, cause);
        let mut file = self.disk.create(&path).map_err(unwritten)?;
        let mut digest = Digest::default();
        planned.write(|piece| {
            digest.update(piece);
            file.write_all(piece).map_err(unwritten)
        })?;
        self.disk.sync(file).map_err(unwritten)?;
        let name = planned.name.to_owned();
        Ok(Entry { name, n_bytes: planned.n_bytes(), sha256: digest.hex() })
    }

    /// Waits until the names in the folder will survive a power cut.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Write`].
    pub(super) fn sync(&self) -> Result<()> {
        self.disk.sync_folder(&self.path).map_err(|cause| self.unwritten(&self.path, cause))
    }

    /// Gives the folder its name, and waits until that will survive a power cut.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Write`].
    pub(super) fn settle(&self, place: &Path) -> Result<()> {
        self.disk.rename(&self.path, place).map_err(|cause| self.unwritten(place, cause))?;
        self.sync_parent()
    }

    /// Moves what is damaged and has the place of this folder to `old`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Write`].
    pub(super) fn make_way(&self, place: &Path, old: &Path) -> Result<()> {
        place::clear(self.disk, old)?;
        self.disk.rename(place, old).map_err(|cause| self.unwritten(place, cause))
    }

    /// Waits until the names beside this folder will survive a power cut.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Write`].
    pub(super) fn sync_parent(&self) -> Result<()> {
        let parent = place::parent(&self.path);
        self.disk.sync_folder(parent).map_err(|cause| self.unwritten(parent, cause))
    }

    /// Removes the folder and what is in it, as far as that goes: for the way out after an error, which is
    /// the one to report.
    pub(super) fn abandon(&self) {
        place::remove(self.disk, &self.path).ok();
    }

    fn unwritten(&self, path: &Path, cause: io::Error) -> Error {
        unwritten(path, self.n_bytes, cause)
    }
}

fn unwritten(path: &Path, n_bytes: u64, cause: io::Error) -> Error {
    let (detail, hint) = match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (
            format!("the disk is full: {n_bytes} bytes are needed"),
            "free as much, or name a folder on another disk; what was saved before is intact",
        ),
        _ => (
            "cannot be written".to_owned(),
            "check that the folder may be written to; what was saved before is intact",
        ),
    };
    Error::new(ErrorKind::Write, detail).in_file(path).hint(hint).caused_by(cause)
}

/// The error of a folder whose bytes are not those that were written.
pub(super) fn otherwise(path: &Path) -> Error {
    let detail = "what was written reads back otherwise";
    let hint = "the disk or the memory of this machine is failing; what was saved before is intact";
    Error::new(ErrorKind::Write, detail).in_file(path).hint(hint)
}
