//! The writing side of the cache: partial files, blobs, links, references, locks.
//!
//! A reader sees a file whole or not at all: bytes gather in `blobs/<checksum>.incomplete`, and get
//! their name when the checksum is right. A revision is pointed to when all its files are there.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Checksum, FileState, PlannedFile, UNKNOWN_LIMIT};
use crate::hub::{Cache, FileName, RepoId, Revision};
use crate::{Error, ErrorKind, Result};

/// What tells backups that a folder holds nothing of its own: <https://bford.info/cachedir/>.
const CACHE_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n";

/// One repository's folder in the cache.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    locks: PathBuf,
}

/// A file on its way.
#[derive(Debug)]
pub(super) struct Partial {
    file: File,
    path: PathBuf,
    len: u64,
}

impl Store {
    /// Where a repository is, or would be; nothing is made yet.
    pub(super) fn new(cache: &Cache, repo: &RepoId) -> Self {
        Self { folder: cache.repo_folder(repo), locks: cache.locks(repo) }
    }

    /// Makes the folders.
    ///
    /// # Errors
    /// [`ErrorKind::Write`].
    pub(super) fn create(&self, cache: &Cache) -> Result<()> {
        for folder in [&self.folder.join("blobs"), &self.folder.join("snapshots"), &self.locks] {
            make_folder(folder)?;
        }
        let tag = cache.root().join("CACHEDIR.TAG");
        if !tag.exists() {
            fs::write(&tag, CACHE_TAG).ok(); // only backups miss it
        }
        Ok(())
    }

    /// What is there of a file.
    pub(super) fn state(&self, commit: &str, file: &PlannedFile) -> FileState {
        let size =
            |found: io::Result<fs::Metadata>| Some(found.ok().filter(fs::Metadata::is_file)?.len());
        let blob = size(self.blob(&file.checksum).metadata());
        // where links are impossible, the snapshot may have the only copy
        let copy = size(self.place(commit, &file.name).symlink_metadata());
        let is_right = |found: u64| file.n_bytes.is_none_or(|expected| expected == found);
        if [blob, copy].into_iter().flatten().any(is_right) {
            return FileState::Whole;
        }
        let partial = size(self.partial_path(&file.checksum).metadata());
        FileState::Partial(partial.unwrap_or(0))
    }

    /// The bytes of a file that is there, whole.
    pub(super) fn content(&self, commit: &str, file: &PlannedFile) -> Option<Vec<u8>> {
        let is_whole =
            self.state(commit, file) == FileState::Whole && file.limit() <= UNKNOWN_LIMIT;
        let places = [self.blob(&file.checksum), self.place(commit, &file.name)];
        places.into_iter().filter(|_| is_whole).find_map(|path| fs::read(path).ok())
    }

    /// Opens the partial file, with what an earlier run left in it.
    ///
    /// # Errors
    /// [`ErrorKind::Write`].
    pub(super) fn open_partial(&self, checksum: &Checksum) -> Result<Partial> {
        let path = self.partial_path(checksum);
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let opened = opened.and_then(|file| Ok((file.metadata()?.len(), file)));
        let (len, file) = opened.map_err(|error| unwritable(&path, error))?;
        Ok(Partial { file, path, len })
    }

    /// Takes the lock of one blob, as `huggingface_hub` does; `wait` is told where another has it.
    ///
    /// On a disk that knows no locks nothing is held: two writers then put the same bytes at the
    /// same places, and the checksum decides.
    ///
    /// # Errors
    /// [`ErrorKind::Write`].
    pub(super) fn lock(&self, checksum: &Checksum, wait: impl FnOnce()) -> Result<File> {
        let path = self.locks.join(format!("{checksum}.lock"));
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|error| unwritable(&path, error))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                wait();
                file.lock().map_err(|error| unwritable(&path, error))?;
            }
            Ok(()) | Err(TryLockError::Error(_)) => (),
        }
        Ok(file)
    }

    /// Gives a verified file its name.
    ///
    /// # Errors
    /// [`ErrorKind::Write`].
    pub(super) fn keep(&self, partial: Partial, checksum: &Checksum) -> Result<()> {
        let Partial { file, path, .. } = partial;
        let blob = self.blob(checksum);
        // on the disk before it has its name, so that no power cut leaves an empty blob
        let kept = file.sync_all().and_then(|()| fs::rename(&path, &blob));
        match kept {
            Err(_) if blob.exists() => Ok(()), // another writer was faster
            kept => kept.map_err(|error| unwritable(&blob, error)),
        }
    }

    /// Puts a file into the snapshot of a commit, as a link to its blob.
    ///
    /// # Errors
    /// [`ErrorKind::Write`].
    pub(super) fn link(&self, commit: &str, file: &PlannedFile) -> Result<()> {
        let (blob, place) = (self.blob(&file.checksum), self.place(commit, &file.name));
        if !blob.exists() || is_same(&blob, &place) {
            return Ok(()); // the snapshot has the only copy, or is linked already
        }
        let up = "../".repeat(2 + file.name.depth());
        let target = PathBuf::from(format!("{up}blobs/{}", file.checksum));
        make_folder(place.parent().unwrap_or(&self.folder))?;
        let ways: [&Way<'_>; 3] =
            [&|to| symlink(&target, to), &|to| fs::hard_link(&blob, to), &|to| {
                fs::copy(&blob, to).map(|_| ())
            }];
        put(&place, &ways).map_err(|error| unwritable(&place, error))
    }

    /// Notes that a revision is this commit; nothing for a commit itself.
    ///
    /// # Errors
    /// [`ErrorKind::Write`].
    pub(super) fn point(&self, revision: &Revision, commit: &str) -> Result<()> {
        if revision.as_str() == commit {
            return Ok(());
        }
        let mut path = self.folder.join("refs");
        path.extend(revision.as_str().split('/'));
        make_folder(path.parent().unwrap_or(&self.folder))?;
        put(&path, &[&|to| fs::write(to, commit)]).map_err(|error| unwritable(&path, error))
    }

    /// The snapshot's folder.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    fn place(&self, commit: &str, name: &FileName) -> PathBuf {
        name.below(self.snapshot(commit))
    }

    fn blob(&self, checksum: &Checksum) -> PathBuf {
        self.folder.join("blobs").join(checksum.to_string())
    }

    fn partial_path(&self, checksum: &Checksum) -> PathBuf {
        self.folder.join("blobs").join(format!("{checksum}.incomplete"))
    }
}

impl Partial {
    /// Bytes written.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// [`ErrorKind::Write`]; what was written stays, for the next try.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        // at its place and not at the file's end, whatever another writer does
        let written =
            self.file.seek(SeekFrom::Start(self.len)).and_then(|_| self.file.write_all(bytes));
        written.map_err(|error| unwritable(&self.path, error))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Forgets what was written.
    ///
    /// # Errors
    /// [`ErrorKind::Write`].
    pub(super) fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(|error| unwritable(&self.path, error))?;
        self.len = 0;
        Ok(())
    }

    /// The checksum of what was written, of the kind of `expected`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub(super) fn checksum(&mut self, expected: &Checksum) -> Result<Checksum> {
        let computed = self.file.rewind().and_then(|()| expected.of(&mut self.file, self.len));
        computed.map_err(|error| {
            let detail = "what was downloaded cannot be read back";
            Error::new(ErrorKind::Io, detail).in_file(&self.path).caused_by(error)
        })
    }

    /// Removes the file.
    pub(super) fn remove(self) {
        fs::remove_file(&self.path).ok(); // gone already, or in the way of the next try, which says so
    }
}

/// Tells this process's writers apart, so that none meets another's unfinished work.
static WRITERS: AtomicU64 = AtomicU64::new(0);

/// A way to put something in a place.
type Way<'a> = dyn Fn(&Path) -> io::Result<()> + 'a;

/// Puts something in a place by the first way that works, replacing what was there at once.
fn put(place: &Path, ways: &[&Way<'_>]) -> io::Result<()> {
    let mut aside = place.as_os_str().to_owned();
    let writer = WRITERS.fetch_add(1, Ordering::Relaxed);
    aside.push(format!(".{}-{writer}.incomplete", std::process::id()));
    let aside = PathBuf::from(aside);
    let mut result = Ok(());
    for way in ways {
        fs::remove_file(&aside).ok(); // a leftover of a process that had our number
        result = way(&aside);
        if result.is_ok() {
            break;
        }
    }
    let moved = result.and_then(|()| fs::rename(&aside, place));
    if moved.is_err() {
        fs::remove_file(&aside).ok();
    }
    moved
}

/// Whether both paths lead to one file, or to files of one size that are no links.
fn is_same(blob: &Path, place: &Path) -> bool {
    let same_file = matches!((blob.canonicalize(), place.canonicalize()), (Ok(a), Ok(b)) if a == b);
    let is_copy = || match (blob.metadata(), place.symlink_metadata()) {
        (Ok(blob), Ok(place)) => place.is_file() && place.len() == blob.len(),
        _ => false,
    };
    same_file || is_copy()
}

#[cfg(unix)]
fn symlink(target: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, place)
}

#[cfg(windows)]
fn symlink(target: &Path, place: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, place)
}

fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| unwritable(path, error))
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    let (detail, hint) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (
            "the disk is full",
            "free some space, or set HF_HUB_CACHE to another disk; what is there is kept, and the \
             next pull goes on from it",
        ),
        _ => {
            ("cannot be written", "set HF_HUB_CACHE (or HF_HOME) to a folder that you may write to")
        }
    };
    Error::new(ErrorKind::Write, detail).in_file(path).hint(hint).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_filled_by_the_first_way_that_works() {
        let place = std::env::temp_dir().join(format!("kelvin-put-{}", std::process::id()));
        let fails: &Way<'_> = &|_| Err(io::Error::from(io::ErrorKind::Unsupported));
        let works: &Way<'_> = &|to| fs::write(to, "new");
        fs::write(&place, "old").expect("writable");
        assert!(put(&place, &[fails]).is_err());
        assert_eq!(
            fs::read_to_string(&place).expect("readable"),
            "old",
            "a failure changes nothing"
        );
        put(&place, &[fails, works]).expect("the second way works");
        assert_eq!(fs::read_to_string(&place).expect("readable"), "new");
        fs::remove_file(&place).expect("ours");
    }

    #[test]
    fn a_full_disk_says_so_and_that_nothing_is_lost() {
        let full = unwritable(Path::new("/cache/x"), io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.to_string(), "/cache/x: the disk is full");
        assert!(full.way_out().expect("a way out").contains("goes on from it"));
        assert_eq!(full.kind(), ErrorKind::Write);
    }
}
