//! The samples of a sweep on the disk: added as they come, never lost, never twice.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use kelvin_lab::sweep::{Manifest, journal};
use kelvin_lab::{Key, Sample};

use super::folder::Folder;
use crate::exit::Failure;
use crate::term::number::counted;

/// Samples after which they are brought to the disk: what a power cut can cost.
const GROUP: usize = 64;
/// Differences between two sweeps that are told.
const TOLD: usize = 4;

/// The journal of one folder, which no other process writes meanwhile.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    manifest: Manifest,
    index: journal::Index,
    /// Samples added since they were last brought to the disk.
    unsynced: usize,
}

impl Journal {
    /// Begins the journal of a sweep in a folder, or goes on with it.
    ///
    /// # Errors
    ///
    /// Something typed: the folder holds another sweep. Something read: a journal that is damaged.
    /// Something that broke: the disk refuses, or another process writes there. Nothing is lost.
    pub(crate) fn open(folder: &Folder, manifest: Manifest) -> Result<Self, Failure> {
        folder.make()?;
        let path = folder.journal();
        let refused =
            |cause| Failure::failed(format!("cannot write {}", path.display())).caused_by(cause);
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(&path).map_err(refused)?;
        lock(&file, folder)?;
        let bytes = fs::read(&path).map_err(refused)?;
        match folder.manifest()? {
            Some(there) => check(folder, &manifest, &there)?,
            None if bytes.is_empty() => folder.set_manifest(&manifest)?,
            None => {
                let what = format!("{} holds samples of nobody knows what", path.display());
                return Err(Failure::read(what).hint("choose another folder with -o"));
            }
        }
        let index = index(&path, &bytes, &manifest)?;
        if index.len() < bytes.len() as u64 {
            file.set_len(index.len()).and_then(|()| file.sync_all()).map_err(refused)?;
        }
        Ok(Self { file, path, manifest, index, unsynced: 0 })
    }

    /// Opens the journal of a sweep that somebody else wrote; what is torn at its end is left alone.
    ///
    /// # Errors
    ///
    /// Something read: no journal, a damaged one.
    pub(crate) fn read_only(folder: &Folder, manifest: Manifest) -> Result<Self, Failure> {
        let path = folder.journal();
        let refused =
            |cause| Failure::read(format!("cannot read {}", path.display())).caused_by(cause);
        let file = File::open(&path).map_err(refused)?;
        let bytes = fs::read(&path).map_err(refused)?;
        let index = index(&path, &bytes, &manifest)?;
        Ok(Self { file, path, manifest, index, unsynced: 0 })
    }

    /// What the samples are of.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How many samples there are.
    pub(crate) fn n_samples(&self) -> usize {
        self.index.n_samples()
    }

    /// The samples that are still to come, in the order of their keys.
    pub(crate) fn missing(&self) -> Vec<Key> {
        self.manifest.keys().filter(|key| self.index.place(*key).is_none()).collect()
    }

    /// Whether a sample is there.
    pub(crate) fn has(&self, key: Key) -> bool {
        self.index.place(key).is_some()
    }

    /// Adds a sample.
    ///
    /// # Errors
    ///
    /// Something that broke: the disk is full or refuses. The samples before it are whole.
    pub(crate) fn add(&mut self, sample: &Sample) -> Result<()> {
        let line = journal::line(sample)?;
        if let Err(cause) = self.file.write_all(line.as_bytes()) {
            self.file.set_len(self.index.len()).ok(); // else the next start cuts it off
            return Err(self.broken(cause).into());
        }
        self.index.add(sample.key(), line.len())?;
        self.unsynced += 1;
        if self.unsynced >= GROUP {
            self.sync()?;
        }
        Ok(())
    }

    /// Brings everything to the disk.
    ///
    /// # Errors
    ///
    /// As [`Journal::add`].
    pub(crate) fn sync(&mut self) -> Result<(), Failure> {
        self.unsynced = 0;
        self.file.sync_data().map_err(|cause| self.broken(cause))
    }

    fn broken(&self, cause: io::Error) -> Failure {
        let samples = counted(self.n_samples(), "sample");
        Failure::failed(format!("cannot write {}", self.path.display()))
            .hint(format!("make room and give the same command again: it goes on after {samples}"))
            .caused_by(cause)
    }

    /// All samples, in the order of their keys, each read from the disk.
    pub(crate) fn samples(&self) -> impl Iterator<Item = kelvin_lab::Result<Sample>> {
        self.index.keys().map(|key| self.sample(key))
    }

    /// The samples of each cell in turn, also of one that has none; those of one are in memory at a time.
    pub(crate) fn cells(&self) -> impl Iterator<Item = kelvin_lab::Result<Vec<Sample>>> {
        let mut samples = self.samples().peekable();
        (0..self.manifest.grid.n_cells()).map(move |cell| {
            let is_here = |sample: &kelvin_lab::Result<Sample>| {
                sample.as_ref().map_or(true, |sample| sample.cell == cell)
            };
            std::iter::from_fn(|| samples.next_if(is_here)).collect()
        })
    }

    /// A sample, read from the disk.
    ///
    /// # Errors
    ///
    /// A file that cannot be read again.
    pub(crate) fn sample(&self, key: Key) -> kelvin_lab::Result<Sample> {
        let failed = |cause| {
            let what = format!("cannot read {} again", self.path.display());
            kelvin_lab::Error::new(what).caused_by(cause)
        };
        let place = self.index.place(key).unwrap_or_default();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(place.start)).map_err(failed)?;
        let mut line = String::new();
        file.take(place.end - place.start).read_to_string(&mut line).map_err(failed)?;
        journal::read(&line)
    }
}

/// Where the samples of a journal are.
fn index(path: &Path, bytes: &[u8], manifest: &Manifest) -> Result<journal::Index, Failure> {
    journal::Index::of(bytes, manifest).map_err(|cause| {
        Failure::read(format!("{} is damaged", path.display()))
            .hint("the lines before it are whole; choose another folder with -o")
            .caused_by(cause)
    })
}

/// Makes this process the only one that writes there, until it ends.
fn lock(file: &File, folder: &Folder) -> Result<(), Failure> {
    let dir = folder.path().display();
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::failed(format!("another kelvin is writing to {dir}"))
                .hint("wait for it, or choose another folder with -o"))
        }
        Err(TryLockError::Error(cause)) => {
            Err(Failure::failed(format!("cannot lock {dir}")).caused_by(cause))
        }
    }
}

/// Whether a folder's sweep is the one that is asked for.
fn check(folder: &Folder, wanted: &Manifest, there: &Manifest) -> Result<(), Failure> {
    let differences = wanted.differences(there);
    if differences.is_empty() {
        return Ok(());
    }
    let (dir, n) = (folder.path().display(), differences.len());
    let mut told = differences;
    told.truncate(TOLD);
    if n > TOLD {
        told.push(format!("and {} more", n - TOLD));
    }
    Err(Failure::typed(format!("{dir} holds another sweep: {}", told.join("; ")))
        .hint("choose another folder with -o, or the settings of the one that is there"))
}
