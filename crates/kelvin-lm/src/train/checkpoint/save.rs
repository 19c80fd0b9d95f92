//! Saving: aside, durable, read back, named; and only then is an old one removed.

use std::path::{Path, PathBuf};

use super::aside::Aside;
use super::contents::{self, Planned};
use super::manifest::{MANIFEST, Manifest};
use super::place::{self, Kind, Place};
use super::provenance::Provenance;
use super::storage::{Disk, Storage};
use crate::train::{Layout, State};
use crate::{Error, ErrorKind, Result};

/// The checkpoints of one run: folders `step-N` in a folder.
///
/// One run at a time writes into it.
///
/// ```
/// use kelvin_lm::kernel::Profile;
/// use kelvin_lm::tokenizer::Characters;
/// use kelvin_lm::train::{Checkpoints, Corpus, Provenance, Size, State, TokenizerFiles};
///
/// let size = Size { n_layers: 1, d_model: 8, ..Size::from_name("char-tiny")? };
/// let corpus = Corpus::new([0, 1, 2, 1].repeat(50), 160)?;
/// let json = Characters::of("tea")?.tokenizer_json();
/// let mut state = State::new(size.config(3)?, size.settings)?;
/// let provenance = Provenance {
///     data: corpus.hash().to_owned(),
///     data_files: vec!["tea.txt".to_owned()],
///     tokenizer: TokenizerFiles::new(json.into_bytes(), None)?,
///     profile: Profile::detect(),
/// };
///
/// let dir = std::env::temp_dir().join(format!("kelvin-doc-checkpoints-{}", std::process::id()));
/// let checkpoints = Checkpoints::new(&dir, 2)?;
/// for step in [100, 200, 300] {
///     state.step = step; // in earnest, Trainer::step takes them
///     checkpoints.save(&state, &provenance)?;
/// }
/// assert!(!dir.join("step-100").exists()); // two are kept
/// let latest = checkpoints.latest()?;
/// assert!(latest.path.ends_with("step-300"));
/// assert_eq!(latest.saved.state, state);
/// # std::fs::remove_dir_all(dir).unwrap();
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoints {
    dir: PathBuf,
    keep: usize,
}

impl Checkpoints {
    /// The checkpoints in `dir`, which need not be there yet; of older ones than the last saved,
    /// `keep - 1` are kept.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] for a `keep` below 2: with one, a checkpoint that turns out to be damaged
    /// would be the last.
    pub fn new(dir: impl Into<PathBuf>, keep: usize) -> Result<Self> {
        if keep < 2 {
            let detail = format!("keep = {keep} is outside 2 and more");
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        Ok(Self { dir: dir.into(), keep })
    }

    /// The folder that they are in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes the folder and those that it is in, so that they survive a power cut; [`save`](Self::save) does
    /// it by itself. Its name is made durable as long as nothing was saved in it, whoever made it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Write`] where the disk refuses.
    pub fn make(&self) -> Result<()> {
        self.make_on(&Disk)
    }

    pub(super) fn make_on<S: Storage>(&self, disk: &S) -> Result<()> {
        let is_first = Place::list(&self.dir)
            .is_ok_and(|places| places.iter().all(|place| place.kind != Kind::Whole));
        if is_first { place::make_durable(disk, &self.dir) } else { place::make(disk, &self.dir) }
    }

    /// Saves a state as `step-N`, and gives the path of that folder.
    ///
    /// The folder is written as `step-N.partial`, made durable file by file, the manifest last, read back
    /// and renamed. Then older checkpoints beyond those to be kept are removed, and what runs that were
    /// killed have left. An equal checkpoint that is there already is left alone, a damaged one is
    /// replaced, and any other is an error, one that cannot be read or is of a newer version too. Beside
    /// the state this takes less than a megabyte of memory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Write`] where the disk is full or refuses, what was written reads back otherwise, or
    /// the folder belongs to another run; [`ErrorKind::Logits`] for numbers that are not finite. All
    /// that was saved before is as it was. An error that says `is saved, but` concerns old folders
    /// alone.
    pub fn save(&self, state: &State, provenance: &Provenance) -> Result<PathBuf> {
        self.save_on(&Disk, state, provenance)
    }

    pub(super) fn save_on<S: Storage>(
        &self,
        disk: &S,
        state: &State,
        provenance: &Provenance,
    ) -> Result<PathBuf> {
        check(state)?;
        let files = contents::of_run(state, provenance)?;
        self.make_on(disk)?;
        let partial = Place::new(&self.dir, state.step, Kind::Partial);
        let aside = Aside::new(disk, partial.path, files.iter().map(Planned::n_bytes).sum())?;
        let saved =
            write(&aside, &files).and_then(|manifest| self.settle(&aside, state.step, &manifest));
        let path = saved.inspect_err(|_| aside.abandon())?;
        self.prune(disk, state.step).map_err(|error| {
            let detail =
                format!("step {} is saved, but an old folder cannot be removed", state.step);
            let hint = "remove it by hand, or make its folder yours";
            let place = error.path().unwrap_or(&self.dir).to_owned();
            Error::new(ErrorKind::Write, detail).in_file(place).hint(hint).caused_by(error)
        })?;
        Ok(path)
    }

    /// Gives a whole folder its name, where nothing sound has it.
    fn settle<S: Storage>(
        &self,
        aside: &Aside<'_, S>,
        step: u32,
        manifest: &Manifest,
    ) -> Result<PathBuf> {
        let path = Place::new(&self.dir, step, Kind::Whole).path;
        if place::is_taken(&path) {
            match Manifest::read(&path).and_then(|found| found.check(&path).map(|()| found)) {
                Ok(found) if found == *manifest => {
                    aside.abandon();
                    aside.sync_parent()?; // its name may be younger than the last power cut
                    return Ok(path);
                }
                Ok(_) => return Err(taken(&path)),
                Err(cause) if is_damage(&cause) => {
                    aside.make_way(&path, &Place::new(&self.dir, step, Kind::Old).path)?;
                }
                Err(cause) => return Err(unknown(&path, cause)),
            }
        }
        aside.settle(&path)?;
        Ok(path)
    }

    /// Removes checkpoints of older steps beyond those to be kept, and what killed runs have left.
    ///
    /// Only folders that are whole by their sizes count and are removed: a damaged one neither stands for
    /// a sound one nor disappears.
    fn prune<S: Storage>(&self, disk: &S, newest: u32) -> Result<()> {
        let list = || {
            Place::list(&self.dir).map_err(|cause| {
                Error::new(ErrorKind::Io, "cannot be read").in_file(&self.dir).caused_by(cause)
            })
        };
        let is_whole = |place: &Place| {
            let manifest = Manifest::read(&place.path);
            manifest.and_then(|manifest| manifest.check_sizes(&place.path)).is_ok()
        };
        let older = list()?.into_iter().filter(|it| it.kind == Kind::Whole && it.step < newest);
        for place in older.filter(is_whole).skip(self.keep - 1) {
            let old = Place::new(&self.dir, place.step, Kind::Old).path;
            place::clear(disk, &old)?;
            let renamed = disk.rename(&place.path, &old);
            renamed.map_err(|cause| place::stays(&place.path, cause))?;
        }
        for leftover in list()?.iter().filter(|place| place.kind != Kind::Whole) {
            place::remove(disk, &leftover.path)?;
        }
        Ok(())
    }
}

/// Whether the parts of a state belong together.
fn check(state: &State) -> Result<()> {
    state.settings.check(state.config.max_seq)?;
    if Layout::new(&state.config)? == state.layout {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Shape, "the state's layout is not that of its blueprint"))
}

/// Writes the files, the manifest last, and holds what was written to it.
fn write<S: Storage>(aside: &Aside<'_, S>, files: &[Planned<'_>]) -> Result<Manifest> {
    let entries = files.iter().map(|file| aside.write(file)).collect::<Result<_>>()?;
    let manifest = Manifest::new(entries);
    aside.write(&Planned::text(MANIFEST, manifest.to_bytes()))?;
    aside.sync()?;
    let read =
        Manifest::read(aside.path()).and_then(|read| read.check(aside.path()).map(|()| read));
    match read {
        Ok(read) if read == manifest => Ok(manifest),
        Ok(_) => Err(super::aside::otherwise(aside.path())),
        Err(cause) => Err(super::aside::otherwise(aside.path()).caused_by(cause)),
    }
}

/// Whether what was found wrong with a checkpoint is its own: one that cannot be read now, or is of a newer
/// version, may be whole.
fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Missing | ErrorKind::Format)
}

fn unknown(path: &Path, cause: Error) -> Error {
    let detail = "is there already, and cannot be told from a whole checkpoint";
    let hint = "move it to another place, or name a folder of its own for this run";
    Error::new(ErrorKind::Write, detail).in_file(path).hint(hint).caused_by(cause)
}

fn taken(path: &Path) -> Error {
    let detail = "is there already, and holds another state";
    let hint = "go on from it, or name a folder of its own for this run";
    Error::new(ErrorKind::Write, detail).in_file(path).hint(hint)
}
