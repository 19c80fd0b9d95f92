//! Reads the cache that all Hugging Face libraries share.
//!
//! ```text
//! models--org--name/
//!   refs/main                    the commit that `main` was
//!   blobs/<checksum>             the files' bytes
//!   snapshots/<commit>/NAME      a link to the blob, for each file of that commit
//! ```
//!
//! Nothing here goes to the network, and nothing but [`Cache::remove`] writes.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::choice::{self, Choice, INDEX, SINGLE};
use super::name::is_commit;
use super::{FileName, RepoId, Revision, Weights};
use crate::format::json::Limits;
use crate::{Error, ErrorKind, Result};

/// Folders within folders that are looked into.
const DEEPEST: usize = 8;
/// Digits of a commit that people are shown.
const SHORT: usize = 7;

/// The cache in one folder.
///
/// ```
/// use kelvin_lm::hub::Cache;
///
/// let cache = Cache::new("no-cache-here");
/// assert!(cache.repos().is_empty());
/// let gpt2 = "openai-community/gpt2".parse()?;
/// assert!(cache.repo_folder(&gpt2).ends_with("models--openai-community--gpt2"));
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// A repository of which something is cached.
#[derive(Debug, Clone)]
pub struct CachedRepo {
    /// Its id.
    pub id: RepoId,
    /// Its folder.
    pub path: PathBuf,
    /// Branches, tags and the like, each with its commit; by name.
    pub refs: Vec<(Revision, String)>,
    /// What is there of each commit, by commit.
    pub snapshots: Vec<Snapshot>,
}

/// The files of one commit, as far as they are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    repo: RepoId,
    commit: String,
    path: PathBuf,
}

/// A file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedFile {
    /// Its name in the repository.
    pub name: FileName,
    /// Its size in bytes.
    pub n_bytes: u64,
}

impl Cache {
    /// The cache in this folder, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a repository is, or would be.
    pub fn repo_folder(&self, repo: &RepoId) -> PathBuf {
        self.root.join(repo.folder_name())
    }

    /// What is there of a revision: a branch or tag, or a commit, of which 7 digits will do.
    /// `None` where the cache has not heard of it.
    pub fn snapshot(&self, repo: &RepoId, revision: &Revision) -> Option<Snapshot> {
        let folder = self.repo_folder(repo);
        let of_ref = read_ref(&folder.join("refs"), revision);
        let named = of_ref.unwrap_or_else(|| revision.to_string());
        let mut there = snapshots(repo, &folder.join("snapshots"));
        there.retain(|snapshot| named.len() >= SHORT && snapshot.commit.starts_with(&named));
        if there.len() == 1 { there.pop() } else { None }
    }

    /// What is there of a repository; `None` where it has no folder.
    pub fn repo(&self, id: &RepoId) -> Option<CachedRepo> {
        let path = self.repo_folder(id);
        path.is_dir().then(|| CachedRepo {
            refs: refs(&path.join("refs")),
            snapshots: snapshots(id, &path.join("snapshots")),
            id: id.clone(),
            path,
        })
    }

    /// Every model repository in the cache, by id; none where there is no such folder.
    pub fn repos(&self) -> Vec<CachedRepo> {
        let ids =
            entries(&self.root).into_iter().filter_map(|name| RepoId::from_folder_name(&name));
        let mut repos: Vec<CachedRepo> = ids.filter_map(|id| self.repo(&id)).collect();
        repos.sort_by(|a, b| a.id.cmp(&b.id));
        repos
    }

    /// Removes a repository's folder, all its revisions; the bytes that this frees.
    ///
    /// Links are removed, never followed: what lies outside the folder stays.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] where it is not there, [`ErrorKind::Write`] where it cannot be removed.
    pub fn remove(&self, repo: &RepoId) -> Result<u64> {
        let Some(cached) = self.repo(repo) else {
            let detail = format!("{repo} is not in the cache");
            return Err(Error::new(ErrorKind::Missing, detail).in_file(&self.root));
        };
        let freed = cached.n_bytes();
        fs::remove_dir_all(&cached.path).map_err(|error| {
            Error::new(ErrorKind::Write, "cannot be removed").in_file(&cached.path).caused_by(error)
        })?;
        // locks are empty files beside the repositories; what cannot be removed harms nobody
        fs::remove_dir_all(self.locks(repo)).ok();
        Ok(freed)
    }

    /// The folder of a repository's lock files, where `huggingface_hub` has them.
    pub(super) fn locks(&self, repo: &RepoId) -> PathBuf {
        self.root.join(".locks").join(repo.folder_name())
    }
}

impl CachedRepo {
    /// The bytes that its folder takes, without what links in it lead to.
    pub fn n_bytes(&self) -> u64 {
        if self.path.is_symlink() { 0 } else { disk_bytes(&self.path, DEEPEST) }
    }

    /// What a snapshot is called: its branches and tags, or the start of its commit.
    pub fn names_of(&self, snapshot: &Snapshot) -> Vec<String> {
        let refs = self.refs.iter().filter(|(_, commit)| *commit == snapshot.commit);
        let names: Vec<String> = refs.map(|(revision, _)| revision.to_string()).collect();
        if names.is_empty() { vec![snapshot.commit[..SHORT].to_owned()] } else { names }
    }
}

impl Snapshot {
    /// The repository.
    pub fn repo(&self) -> &RepoId {
        &self.repo
    }

    /// The commit: 40 hexadecimal digits.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The files that are there, by name; a link to nothing is not.
    pub fn files(&self) -> Vec<CachedFile> {
        let mut files = Vec::new();
        walk(&self.path, "", DEEPEST, &mut files);
        files.sort_by(|a, b| a.name.cmp(&b.name));
        files
    }

    /// The kind of weights that are there.
    pub fn weights(&self) -> Weights {
        Weights::among(&self.names())
    }

    /// The GGUF files that are there.
    pub fn ggufs(&self) -> Vec<FileName> {
        choice::ggufs(&self.names()).cloned().collect()
    }

    /// What a model is read from: this folder, or a GGUF file in it.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] where a part of the model is not there or it is not said which file,
    /// [`ErrorKind::Unsupported`] for weights that Kelvin does not read; each with the folder.
    pub fn model(&self, file: Option<&FileName>) -> Result<PathBuf> {
        let names = self.names();
        match choice::choose(&names, file).map_err(|error| error.in_file(&self.path))? {
            Choice::Folder => match self.lacking_shard(&names) {
                Some(shard) => {
                    let detail = format!("there is no {shard}, which {INDEX} names");
                    Err(Error::new(ErrorKind::Missing, detail).in_file(&self.path))
                }
                None => Ok(self.path.clone()),
            },
            Choice::Gguf(file) => Ok(file.below(&self.path)),
        }
    }

    /// The first file of weights that is not there; none where one file holds all of them, and where
    /// the index cannot be read: the reader says what is wrong with it.
    fn lacking_shard(&self, names: &[FileName]) -> Option<FileName> {
        if choice::has(names, SINGLE) {
            return None;
        }
        let mut index = Vec::new();
        let file = fs::File::open(self.path.join(INDEX)).ok()?;
        file.take(Limits::INDEX.bytes as u64).read_to_end(&mut index).ok()?;
        choice::lacking_shard(names, &index)
    }

    fn names(&self) -> Vec<FileName> {
        self.files().into_iter().map(|file| file.name).collect()
    }

    #[cfg(feature = "hub")]
    pub(super) fn new(repo: RepoId, commit: String, path: PathBuf) -> Self {
        Self { repo, commit, path }
    }
}

/// The commit in `refs/revision`. A file that holds anything else is none: it becomes a path.
fn read_ref(refs: &Path, revision: &Revision) -> Option<String> {
    let mut path = refs.to_path_buf();
    path.extend(revision.as_str().split('/'));
    let mut text = String::new();
    fs::File::open(path).ok()?.take(64).read_to_string(&mut text).ok()?;
    let commit = text.trim();
    is_commit(commit).then(|| commit.to_owned())
}

fn refs(folder: &Path) -> Vec<(Revision, String)> {
    let mut files = Vec::new();
    walk(folder, "", DEEPEST, &mut files);
    let mut refs: Vec<(Revision, String)> = files
        .into_iter()
        .filter_map(|file| {
            let revision: Revision = file.name.as_str().parse().ok()?;
            let commit = read_ref(folder, &revision)?;
            Some((revision, commit))
        })
        .collect();
    refs.sort();
    refs
}

fn snapshots(repo: &RepoId, folder: &Path) -> Vec<Snapshot> {
    let commits = entries(folder).into_iter().filter(|name| is_commit(name));
    let mut snapshots: Vec<Snapshot> = commits
        .map(|commit| Snapshot { repo: repo.clone(), path: folder.join(&commit), commit })
        .filter(|snapshot| snapshot.path.is_dir())
        .collect();
    snapshots.sort_by(|a, b| a.commit.cmp(&b.commit));
    snapshots
}

/// The names in a folder; none where it cannot be read.
fn entries(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// Collects the files below `folder`, links followed to files and never to folders.
fn walk(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<CachedFile>) {
    for entry in entries(folder) {
        let path = folder.join(&entry);
        let name = format!("{prefix}{entry}");
        let Ok(kind) = path.symlink_metadata() else { continue };
        if kind.is_dir() && depth > 0 {
            walk(&path, &format!("{name}/"), depth - 1, files);
        } else if let Some(file) = cached_file(&path, &name) {
            files.push(file);
        }
    }
}

fn cached_file(path: &Path, name: &str) -> Option<CachedFile> {
    let found = path.metadata().ok().filter(fs::Metadata::is_file)?;
    Some(CachedFile { name: name.parse().ok()?, n_bytes: found.len() })
}

/// Bytes of the files below `folder`, with no link followed.
fn disk_bytes(folder: &Path, depth: usize) -> u64 {
    let size = |name: String| {
        let path = folder.join(name);
        let found: io::Result<fs::Metadata> = path.symlink_metadata();
        match found {
            Ok(found) if found.is_dir() && depth > 0 => disk_bytes(&path, depth - 1),
            Ok(found) if found.is_file() => found.len(),
            _ => 0,
        }
    };
    entries(folder).into_iter().map(size).fold(0, u64::saturating_add)
}
