//! A model alone, in Hugging Face layout.

use std::fs;
use std::path::Path;

use super::aside::{self, Aside};
use super::contents::{self, Planned};
use super::manifest;
use super::place;
use super::provenance::TokenizerFiles;
use super::storage::{Disk, Storage};
use crate::dtype::Dtype;
use crate::train::{Layout, Params};
use crate::{Config, Error, ErrorKind, Result};

/// Writes a model as a folder in Hugging Face layout, its weights rounded to F32, F16 or BF16.
///
/// The folder is written under its name with `.partial`, made durable, read back and renamed, so that it is
/// there whole or not at all.
///
/// # Errors
///
/// [`ErrorKind::Write`] where the folder is there and not empty, or the disk is full or refuses;
/// [`ErrorKind::Unsupported`] for weights that F16 cannot hold, and for other formats;
/// [`ErrorKind::Logits`] for weights that are not finite; [`ErrorKind::Shape`] for other numbers than the
/// blueprint has.
pub fn export(
    dir: &Path,
    config: &Config,
    params: &Params,
    tokenizer: &TokenizerFiles,
    dtype: Dtype,
) -> Result<()> {
    let layout = Layout::new(config)?;
    let files = contents::of_model(config, &layout, params, tokenizer, dtype)?;
    write(&Disk, dir, &files)
}

pub(super) fn write<S: Storage>(disk: &S, dir: &Path, files: &[Planned<'_>]) -> Result<()> {
    let Some(name) = dir.file_name() else {
        let detail = "has no name that a folder could be given";
        return Err(Error::new(ErrorKind::Write, detail).in_file(dir));
    };
    check_free(dir)?;
    let parent = place::parent(dir);
    place::make(disk, parent)?;
    let mut partial = name.to_owned();
    partial.push(".partial");
    let aside = Aside::new(disk, parent.join(partial), files.iter().map(Planned::n_bytes).sum())?;
    fill(&aside, files).and_then(|()| aside.settle(dir)).inspect_err(|_| aside.abandon())
}

/// Writes the files and holds what was written to their hashes.
fn fill<S: Storage>(aside: &Aside<'_, S>, files: &[Planned<'_>]) -> Result<()> {
    let entries = files.iter().map(|file| aside.write(file)).collect::<Result<Vec<_>>>()?;
    aside.sync()?;
    let mut checked = entries.iter().map(|entry| manifest::check_entry(aside.path(), entry));
    checked
        .try_for_each(|checked| checked)
        .map_err(|cause| aside::otherwise(aside.path()).caused_by(cause))
}

/// Whether [`export`] may write here: the name is free, or that of an empty folder.
///
/// # Errors
///
/// [`ErrorKind::Write`].
pub fn check_free(dir: &Path) -> Result<()> {
    let is_free = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !place::is_taken(dir),
    };
    if is_free {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Write, "is there already, and is not empty");
    Err(error.in_file(dir).hint("name a new folder"))
}
