//! What writing a folder asks of a disk, one operation a call, so that tests can fail each and undo any
//! that was not made durable.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// The operations that change a disk.
pub(super) trait Storage {
    /// A file that is being written.
    type File: Write;

    /// Makes a folder in one that is there.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes a file that is not there yet.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Returns when the bytes of a file will survive a power cut. The file is given up: what failed once
    /// may be reported as done the second time, so nobody can ask again.
    fn sync(&self, file: Self::File) -> io::Result<()>;

    /// Returns when the names in a folder will survive a power cut.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Gives a folder another name beside the old one, at once.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder that is empty.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Disk;

impl Storage for Disk {
    type File = File;

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    fn sync(&self, file: File) -> io::Result<()> {
        file.sync_all()
    }

    #[cfg(unix)]
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    /// Elsewhere a folder is no file, and its names are durable when the system says so.
    #[cfg(not(unix))]
    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }
}
