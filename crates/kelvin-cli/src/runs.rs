//! The folder of past runs: a trace of each, the newest ones kept.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::exit::Failure;

/// Traces that are kept.
const KEPT: u32 = 100;
/// How the name of the newest run is typed.
pub(crate) const LAST: &str = "@last";

/// The folder of past runs; nothing is kept where there is none.
#[derive(Debug, Clone)]
pub(crate) struct Runs(Option<PathBuf>);

impl Runs {
    /// Runs kept in this folder.
    pub(crate) fn in_folder(folder: PathBuf) -> Self {
        Self(Some(folder))
    }

    /// Runs that nobody keeps.
    pub(crate) fn off() -> Self {
        Self(None)
    }

    /// Whether any are.
    pub(crate) fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// A new file for a run, readable by its owner alone; the oldest beyond a hundred go. Nothing where
    /// no runs are kept.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub(crate) fn create(&self) -> io::Result<Option<(File, PathBuf)>> {
        let Some(folder) = &self.0 else { return Ok(None) };
        fs::create_dir_all(folder)?;
        let mut number = self.newest().map_or(1, |newest| newest.saturating_add(1));
        loop {
            let path = file(folder, number);
            match private().open(&path) {
                Ok(file) => {
                    self.forget_before(folder, number.saturating_sub(KEPT - 1));
                    return Ok(Some((file, path)));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The file that a name means: `@last`, `@12`, or a path.
    ///
    /// # Errors
    ///
    /// Something typed: no such run. Something read: no run is kept yet.
    pub(crate) fn find(&self, name: &str) -> Result<PathBuf, Failure> {
        let Some(which) = name.strip_prefix('@') else { return Ok(name.into()) };
        let none = || {
            Failure::read("no run is kept yet")
                .hint("kelvin generate \"ROMEO:\" makes one; --trace FILE names a file of its own")
        };
        let folder = self.0.as_deref().ok_or_else(none)?;
        let newest = self.newest().ok_or_else(none)?;
        let number = match which {
            "last" => newest,
            which => which.parse().map_err(|_| {
                Failure::typed(format!("{name}: a run is called {LAST} or @NUMBER"))
            })?,
        };
        let path = file(folder, number);
        if path.is_file() {
            return Ok(path);
        }
        let oldest = self.numbers().min().unwrap_or(newest);
        Err(Failure::typed(format!("no run {name}"))
            .hint(format!("the runs kept are @{oldest} to @{newest}")))
    }

    fn newest(&self) -> Option<u32> {
        self.numbers().max()
    }

    /// The numbers of the runs, in no order.
    fn numbers(&self) -> impl Iterator<Item = u32> {
        let entries = self.0.as_ref().and_then(|folder| fs::read_dir(folder).ok());
        let names = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter_map(|name| name.strip_suffix(".jsonl")?.parse().ok())
    }

    /// Removes older runs; one that cannot be removed stays.
    fn forget_before(&self, folder: &Path, number: u32) {
        for old in self.numbers().filter(|&old| old < number) {
            fs::remove_file(file(folder, old)).ok();
        }
    }
}

/// The file of a run.
fn file(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:06}.jsonl"))
}

/// How a file is made that holds somebody's prompts.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
