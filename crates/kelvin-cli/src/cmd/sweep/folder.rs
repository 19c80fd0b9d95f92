//! The folder of a sweep, and how files come into it whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use kelvin_lab::Sample;
use kelvin_lab::sweep::{CellSummary, Manifest, Summary, tables};

use super::journal::Journal;
use crate::exit::Failure;

/// A folder that need not be there yet.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The folder at this path.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The samples, a line each, as they come.
    pub(super) fn journal(&self) -> PathBuf {
        self.0.join("samples.jsonl")
    }

    /// What the sweep is, where one was begun.
    ///
    /// # Errors
    ///
    /// Something read: a file that is no manifest.
    pub(crate) fn manifest(&self) -> Result<Option<Manifest>, Failure> {
        let path = self.0.join("manifest.json");
        let refuse = || Failure::read(format!("{} cannot be read", path.display()));
        match fs::read_to_string(&path) {
            Ok(json) => Manifest::read(&json).map(Some).map_err(|cause| refuse().caused_by(cause)),
            Err(cause) if is_nothing(&cause) => Ok(None),
            Err(cause) => Err(refuse().caused_by(cause)),
        }
    }

    /// Writes what the sweep is.
    ///
    /// # Errors
    ///
    /// Those of [`Folder::write`].
    pub(super) fn set_manifest(&self, manifest: &Manifest) -> Result<(), Failure> {
        self.write("manifest.json", |file| Ok(file.write_all(manifest.to_json().as_bytes())?))
    }

    /// Makes it, where it is not there.
    ///
    /// # Errors
    ///
    /// Something that broke: the disk refuses.
    pub(super) fn make(&self) -> Result<(), Failure> {
        let refused = |cause| {
            Failure::failed(format!("cannot make the folder {}", self.0.display())).caused_by(cause)
        };
        fs::create_dir_all(&self.0).map_err(refused)
    }

    /// Writes a file of it, whole or not at all, and on the disk before it has its name.
    ///
    /// # Errors
    ///
    /// Something that broke: the disk is full or refuses. Nothing that was there is lost.
    fn write(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<&File>) -> Result<()>,
    ) -> Result<(), Failure> {
        let (path, aside) = (self.0.join(name), self.0.join(format!("{name}.partial")));
        let written = || -> Result<()> {
            let file = File::create(&aside)?;
            let mut buffer = BufWriter::new(&file);
            write(&mut buffer)?;
            buffer.flush()?;
            drop(buffer);
            file.sync_all()?;
            fs::rename(&aside, &path)?;
            sync_folder(&self.0)?;
            Ok(())
        };
        written().map_err(|cause| {
            fs::remove_file(&aside).ok(); // what could not be written may not be there
            let cause: Box<dyn std::error::Error + Send + Sync> = cause.into();
            Failure::failed(format!("cannot write {}", path.display())).caused_by(cause)
        })
    }

    /// Writes the page about it.
    ///
    /// # Errors
    ///
    /// Those of [`Folder::write`].
    pub(super) fn write_report(&self, html: &str) -> Result<(), Failure> {
        self.write("report.html", |file| Ok(file.write_all(html.as_bytes())?))
    }

    /// Writes the tables and the summary of the samples in a journal, in the order of their keys.
    ///
    /// # Errors
    ///
    /// Those of [`Folder::write`], and a journal that cannot be read again.
    pub(crate) fn tabulate(&self, journal: &Journal) -> Result<Vec<CellSummary>> {
        let manifest = journal.manifest();
        self.write("samples.parquet", |file| {
            Ok(tables::write_samples(file, manifest, journal.samples())?)
        })?;
        self.write("steps.parquet", |file| {
            Ok(tables::write_steps(file, manifest, journal.samples())?)
        })?;
        let cells = summaries(journal)?;
        let summary = Summary { manifest, cells };
        let json = serde_json::to_string_pretty(&summary.to_json())? + "\n";
        self.write("report.json", |file| Ok(file.write_all(json.as_bytes())?))?;
        self.write("summary.csv", |file| Ok(file.write_all(summary.to_csv().as_bytes())?))?;
        Ok(summary.cells)
    }
}

/// Whether there is nothing of that name; what lies in its way is told when the folder is made.
fn is_nothing(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The numbers of each cell.
fn summaries(journal: &Journal) -> Result<Vec<CellSummary>> {
    let manifest = journal.manifest();
    let of = |(cell, samples): (usize, kelvin_lab::Result<Vec<Sample>>)| {
        Ok(CellSummary::of(manifest, cell, &samples?))
    };
    journal.cells().enumerate().map(of).collect()
}

/// Brings a folder's own list of names to the disk, where the system can.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
