//! A disk that notes what it is asked, and fails when it is told to. Its folders are real; it waits for
//! nothing.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::super::storage::{Disk, Storage};

/// What was asked for and done; paths below the disk's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Op {
    CreateFolder(PathBuf),
    Create(PathBuf),
    Write(PathBuf, Vec<u8>),
    Sync(PathBuf),
    SyncFolder(PathBuf),
    Rename(PathBuf, PathBuf),
    RemoveFile(PathBuf),
    RemoveFolder(PathBuf),
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// This error of the operating system, once.
    Once(i32),
    /// The same, and again for everything that follows.
    FromThenOn(i32),
    /// A write takes half of the bytes, and says so.
    Short,
    /// A write changes a bit, and says nothing.
    Garbled,
    /// A write takes nothing, and says that it took all.
    Lost,
}

#[derive(Clone)]
pub(super) struct WatchedDisk(Rc<Watched>);

struct Watched {
    root: PathBuf,
    log: RefCell<Vec<Op>>,
    /// The operation that fails, counted from 0, and how.
    fault: Option<(usize, Fault)>,
    asked: RefCell<usize>,
}

pub(super) struct WatchedFile {
    disk: WatchedDisk,
    path: PathBuf,
    file: File,
}

impl WatchedDisk {
    /// A disk that does as it is told.
    pub(super) fn new(root: &Path) -> Self {
        Self::failing(root, None)
    }

    /// A disk whose operation of this number fails.
    pub(super) fn failing(root: &Path, fault: Option<(usize, Fault)>) -> Self {
        let (root, log, asked) = (root.to_owned(), RefCell::default(), RefCell::default());
        Self(Rc::new(Watched { root, log, fault, asked }))
    }

    /// What was done.
    pub(super) fn log(&self) -> Vec<Op> {
        self.0.log.borrow().clone()
    }

    /// Counts an operation; the fault that it meets, where it meets one.
    fn ask(&self) -> io::Result<Option<Fault>> {
        let mut asked = self.0.asked.borrow_mut();
        let now = *asked;
        *asked += 1;
        match self.0.fault {
            Some((at, Fault::Once(code))) if at == now => Err(io::Error::from_raw_os_error(code)),
            Some((at, Fault::FromThenOn(code))) if at <= now => {
                Err(io::Error::from_raw_os_error(code))
            }
            Some((at, fault)) if at == now => Ok(Some(fault)),
            _ => Ok(None),
        }
    }

    fn done<T>(&self, op: impl FnOnce(&dyn Fn(&Path) -> PathBuf) -> Op, value: T) -> T {
        let below = |path: &Path| path.strip_prefix(&self.0.root).expect("below").to_owned();
        self.0.log.borrow_mut().push(op(&below));
        value
    }
}

impl Write for WatchedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = match self.disk.ask()? {
            None | Some(Fault::Once(_) | Fault::FromThenOn(_)) => bytes.to_vec(),
            Some(Fault::Short) => bytes[..bytes.len().div_ceil(2)].to_vec(),
            Some(Fault::Lost) => return Ok(bytes.len()),
            Some(Fault::Garbled) => {
                let mut garbled = bytes.to_vec();
                garbled[bytes.len() / 2] ^= 4;
                garbled
            }
        };
        self.file.write_all(&taken)?;
        let n = taken.len();
        Ok(self.disk.done(|below| Op::Write(below(&self.path), taken), n))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Storage for WatchedDisk {
    type File = WatchedFile;

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.ask()?;
        fs::create_dir(path)?;
        self.done(|below| Op::CreateFolder(below(path)), Ok(()))
    }

    fn create(&self, path: &Path) -> io::Result<WatchedFile> {
        self.ask()?;
        let file = Disk.create(path)?;
        let file = WatchedFile { disk: self.clone(), path: path.to_owned(), file };
        Ok(self.done(|below| Op::Create(below(path)), file))
    }

    fn sync(&self, file: WatchedFile) -> io::Result<()> {
        self.ask()?;
        self.done(|below| Op::Sync(below(&file.path)), Ok(()))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.ask()?;
        self.done(|below| Op::SyncFolder(below(path)), Ok(()))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.ask()?;
        Disk.rename(from, to)?;
        self.done(|below| Op::Rename(below(from), below(to)), Ok(()))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.ask()?;
        Disk.remove_file(path)?;
        self.done(|below| Op::RemoveFile(below(path)), Ok(()))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.ask()?;
        Disk.remove_folder(path)?;
        self.done(|below| Op::RemoveFolder(below(path)), Ok(()))
    }
}
