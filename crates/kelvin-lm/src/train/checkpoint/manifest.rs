//! `manifest.json`: every file of a checkpoint by its name, size and SHA-256, and the manifest by its own.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::contents::{self, FILES};
use super::digest::{self, Digest};
use super::record::{VERSION, check_version};
use crate::format::Text;
use crate::format::file::Source;
use crate::format::json::{self, Limits};
use crate::{Error, ErrorKind, Result};

/// The name of the file.
pub(super) const MANIFEST: &str = "manifest.json";

/// Bytes that are hashed at a time.
const PIECE: usize = 1 << 18;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) n_bytes: u64,
    pub(super) sha256: String,
}

/// Every file of a checkpoint but the manifest, in the order of [`FILES`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    version: u32,
    files: Vec<Entry>,
    /// Of these bytes, with this field empty.
    sha256: String,
}

impl Manifest {
    pub(super) fn new(files: Vec<Entry>) -> Self {
        let mut manifest = Self { version: VERSION, files, sha256: String::new() };
        manifest.sha256 = digest::of(&manifest.to_bytes());
        manifest
    }

    /// The one spelling that a manifest has.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        contents::json(self)
    }

    /// The manifest of a folder, held to its own hash; the other files are not looked at.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Missing`] where there is none, [`ErrorKind::Format`] where it is damaged or names
    /// other files than a checkpoint has, [`ErrorKind::Unsupported`] for another version.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        Self::read_file(&path).map_err(|error| error.in_file(&path))
    }

    fn read_file(path: &Path) -> Result<Self> {
        check_regular(path)?;
        let bytes = Source::open(path, "a manifest")?.all(Limits::SETTINGS.bytes)?;
        check_version(&bytes, MANIFEST)?;
        let read: Self = json::object(&bytes, MANIFEST, Limits::SETTINGS)?;
        if !read.files.iter().map(|entry| &*entry.name).eq(FILES) {
            let detail = "names other files than a checkpoint has";
            return Err(Error::new(ErrorKind::Format, detail));
        }
        if Self::new(read.files.clone()).to_bytes() != bytes {
            let detail = "the manifest is damaged: its hash is not that of its text";
            return Err(Error::new(ErrorKind::Format, detail));
        }
        Ok(read)
    }

    /// Holds a folder to the sizes: these files are there, each as long as it should be, and no other.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Missing`] for a file that is not there, [`ErrorKind::Format`] for one too many, or of
    /// another size, or that is no regular file; [`ErrorKind::Io`] where the folder cannot be read.
    pub(super) fn check_sizes(&self, folder: &Path) -> Result<()> {
        for Entry { name, n_bytes, .. } in &self.files {
            let path = folder.join(name);
            let found = check_regular(&path).map_err(|error| error.in_file(&path))?;
            if found != *n_bytes {
                let detail = format!("has {found} bytes, the manifest says {n_bytes}");
                return Err(Error::new(ErrorKind::Format, detail).in_file(path));
            }
        }
        let unread = |cause| {
            let detail = "the folder cannot be read";
            Error::new(ErrorKind::Io, detail).in_file(folder).caused_by(cause)
        };
        for entry in fs::read_dir(folder).map_err(unread)? {
            let name = entry.map_err(unread)?.file_name();
            if !FILES.iter().chain([&MANIFEST]).any(|&known| name == known) {
                let name = Text(name.as_encoded_bytes()).to_string();
                let detail = format!("holds \"{name}\", which is no part of a checkpoint");
                return Err(Error::new(ErrorKind::Format, detail).in_file(folder));
            }
        }
        Ok(())
    }

    /// Holds a folder to sizes and hashes: reads every byte.
    ///
    /// # Errors
    ///
    /// Those of [`Manifest::check_sizes`], [`ErrorKind::Format`] for a file with other bytes,
    /// [`ErrorKind::Io`] where one cannot be read.
    pub(super) fn check(&self, folder: &Path) -> Result<()> {
        self.check_sizes(folder)?;
        self.files.iter().try_for_each(|entry| check_entry(folder, entry))
    }
}

/// Holds one file of a folder to its hash.
///
/// # Errors
///
/// As [`Manifest::check`].
pub(super) fn check_entry(folder: &Path, entry: &Entry) -> Result<()> {
    let path = folder.join(&entry.name);
    let found = hash_of(&path).map_err(|error| error.in_file(&path))?;
    if found == entry.sha256 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Format, damaged(&found, entry)).in_file(path))
}

fn damaged(found: &str, Entry { sha256, .. }: &Entry) -> String {
    let start = |hash: &str| Text(hash.as_bytes()).to_string().chars().take(12).collect::<String>();
    let (found, expected) = (start(found), start(sha256));
    format!("is damaged: its SHA-256 begins with {found}, the manifest says {expected}")
}

/// The size of a regular file; a link is none.
fn check_regular(path: &Path) -> Result<u64> {
    let found = fs::symlink_metadata(path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => Error::new(ErrorKind::Missing, "is not there"),
        _ => Error::new(ErrorKind::Io, "cannot be read").caused_by(cause),
    })?;
    if !found.is_file() {
        return Err(Error::new(ErrorKind::Format, "is no regular file"));
    }
    Ok(found.len())
}

fn hash_of(path: &Path) -> Result<String> {
    let source = Source::open(path, "a file of a checkpoint")?;
    let mut digest = Digest::default();
    let mut at = 0;
    while at < source.len() {
        let n = usize::try_from(source.len() - at).map_or(PIECE, |left| left.min(PIECE));
        digest.update(&source.read(at, n)?);
        at += n as u64;
    }
    Ok(digest.hex())
}
