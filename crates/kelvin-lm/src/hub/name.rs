//! `org/name[@revision][:file]`: the hub's rules for names, and what they become on a disk.

use std::fmt;
use std::str::FromStr;

use super::FileName;
use crate::{Error, ErrorKind, Result};

/// The longest part of a repository's name, in bytes.
const LONGEST_PART: usize = 96;
/// The longest revision: what a file system takes for one name.
const LONGEST_REVISION: usize = 255;
/// What stands between the parts of a repository's name on disk, and hence never within one.
const SEPARATOR: &str = "--";

/// The id of a repository on the hub: `org/name`, or the bare `name` of the hub's first years.
///
/// ```
/// use kelvin_lm::hub::RepoId;
///
/// let repo: RepoId = "openai-community/gpt2".parse()?;
/// assert_eq!(repo.folder_name(), "models--openai-community--gpt2");
/// assert_eq!(RepoId::from_folder_name("models--openai-community--gpt2"), Some(repo));
/// assert!("openai--community/gpt2".parse::<RepoId>().is_err());
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RepoId(String);

impl RepoId {
    /// The id as it is written: `org/name`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its folder in the cache: `models--org--name`. One path segment, never `..`.
    pub fn folder_name(&self) -> String {
        format!("models{SEPARATOR}{}", self.0.replace('/', SEPARATOR))
    }

    /// The repository whose folder this is; `None` for a folder that is no model's.
    pub fn from_folder_name(folder: &str) -> Option<Self> {
        let parts = folder.strip_prefix("models")?.strip_prefix(SEPARATOR)?;
        parts.replace(SEPARATOR, "/").parse().ok()
    }
}

impl FromStr for RepoId {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::Parameter`] for what the hub would not take as an id.
    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.len() > 2 {
            return Err(misnamed(text, "a repository is org/name, with one slash"));
        }
        match parts.into_iter().find_map(broken_rule) {
            Some(rule) => Err(misnamed(text, rule)),
            None => Ok(Self(text.to_owned())),
        }
    }
}

/// The rule of the hub that one part of an id breaks.
fn broken_rule(part: &str) -> Option<&'static str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let rules = [
        (part.is_empty() || part.len() > LONGEST_PART, "each part has 1 to 96 characters"),
        (!part.chars().all(is_plain), "each part has letters, digits, '-', '_' and '.' only"),
        (part.starts_with(['-', '.']) || part.ends_with(['-', '.']), "no '-' or '.' at an end"),
        (part.contains(SEPARATOR) || part.contains(".."), "no '--' and no '..'"),
        (part.strip_suffix(".git").is_some(), "no '.git' at the end"),
    ];
    rules.into_iter().find_map(|(is_broken, rule)| is_broken.then_some(rule))
}

fn misnamed(text: &str, rule: &str) -> Error {
    Error::new(ErrorKind::Parameter, format!("{text:?} is no repository's id: {rule}"))
        .hint("name a repository as the hub does, for example openai-community/gpt2")
}

impl fmt::Display for RepoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A branch, a tag, a `refs/pr/…`, or a commit of a repository; the default is `main`.
///
/// ```
/// use kelvin_lm::hub::Revision;
///
/// let revision: Revision = "refs/pr/7".parse()?;
/// assert_eq!(revision.commit(), None);
/// assert_eq!(Revision::default().as_str(), "main");
/// assert!("../../etc".parse::<Revision>().is_err());
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(String);

impl Revision {
    /// The revision as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The commit, where the revision is one in full: 40 lower-case hexadecimal digits.
    pub fn commit(&self) -> Option<&str> {
        is_commit(&self.0).then_some(self.as_str())
    }
}

impl Default for Revision {
    fn default() -> Self {
        Self("main".to_owned())
    }
}

impl FromStr for Revision {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::Parameter`] for what git would not take as a reference.
    fn from_str(text: &str) -> Result<Self> {
        let forbidden = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
        let bad_part = |part: &str| {
            let bad_end = part.ends_with('.') || part.strip_suffix(".lock").is_some();
            part.is_empty() || part.starts_with(['.', '-']) || bad_end
        };
        let is_bad = text.len() > LONGEST_REVISION
            || text == "@"
            || text.contains(forbidden)
            || ["..", "@{"].iter().any(|pair| text.contains(pair))
            || text.split('/').any(bad_part);
        if is_bad {
            let detail = format!("{text:?} is no revision: not a branch, tag or commit of git");
            return Err(Error::new(ErrorKind::Parameter, detail)
                .hint("leave it out for main, or name a branch, a tag or a commit"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether this is a commit in full.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What names a model on the hub: a repository, a revision of it, and for GGUF files which one.
///
/// ```
/// use kelvin_lm::hub::ModelName;
///
/// let name: ModelName = "org/name@v1.0:Q4_K_M".parse()?;
/// assert_eq!(name.repo().as_str(), "org/name");
/// assert_eq!(name.revision().as_str(), "v1.0");
/// assert_eq!(name.file().map(|file| file.as_str()), Some("Q4_K_M"));
/// assert_eq!("org/name@main".parse::<ModelName>()?.to_string(), "org/name");
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelName {
    repo: RepoId,
    revision: Revision,
    file: Option<FileName>,
}

impl ModelName {
    /// The repository.
    pub fn repo(&self) -> &RepoId {
        &self.repo
    }

    /// The revision; `main` where none was named.
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// Which GGUF file: its name, or what its name ends in (`Q4_K_M`).
    pub fn file(&self) -> Option<&FileName> {
        self.file.as_ref()
    }

    /// The same revision and file of another repository: what a short name stands for.
    #[must_use]
    pub fn with_repo(self, repo: RepoId) -> Self {
        Self { repo, ..self }
    }

    /// The same revision of the same repository, and no file of it in particular.
    #[must_use]
    pub fn without_file(self) -> Self {
        Self { file: None, ..self }
    }
}

impl From<RepoId> for ModelName {
    fn from(repo: RepoId) -> Self {
        Self { repo, revision: Revision::default(), file: None }
    }
}

impl FromStr for ModelName {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::Parameter`], as for [`RepoId`], [`Revision`] and [`FileName`].
    fn from_str(text: &str) -> Result<Self> {
        if text.contains("://") {
            return Err(address(text));
        }
        // git allows no ':' in a revision, and the hub no '@' in an id
        let (head, file) = match text.split_once(':') {
            Some((head, file)) => (head, Some(file.parse()?)),
            None => (text, None),
        };
        let (repo, revision) = match head.split_once('@') {
            Some((repo, revision)) => (repo, revision.parse()?),
            None => (head, Revision::default()),
        };
        Ok(Self { repo: repo.parse()?, revision, file })
    }
}

/// The error for an address, with the name that one of the hub has in it.
fn address(text: &str) -> Error {
    let place = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let parts = place.unwrap_or_default().split(['/', '?', '#']);
    let mut parts = parts.skip(1).filter(|part| !part.is_empty());
    let id = [parts.next(), parts.next()].into_iter().flatten().collect::<Vec<_>>().join("/");
    let named = id.parse::<RepoId>().map_or_else(|_| String::new(), |id| format!(": {id}"));
    Error::new(ErrorKind::Parameter, format!("{text:?} is an address, and a model has a name"))
        .hint(format!("name it as org/name, as its address does after the host{named}"))
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repo)?;
        if self.revision != Revision::default() {
            write!(f, "@{}", self.revision)?;
        }
        match &self.file {
            Some(file) => write!(f, ":{file}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_the_hub_takes() {
        for id in ["gpt2", "openai-community/gpt2", "TinyLlama/TinyLlama-1.1B-Chat-v1.0", "a/_b_"] {
            let repo: RepoId = id.parse().expect(id);
            assert_eq!(repo.to_string(), id);
            assert_eq!(RepoId::from_folder_name(&repo.folder_name()), Some(repo));
        }
        let long = "x".repeat(97);
        for id in [
            "", "/", "a/", "/b", "a/b/c", "..", "../etc", "a/..", "a/b..c", "a--b/c", "a/b--c",
            "-a/b", "a/b-", ".a/b", "a/b.", "a/b.git", "a b/c", "a/b\0", "a\\b", "café/x", "a/b@c",
            &long,
        ] {
            let error = id.parse::<RepoId>().expect_err(id);
            assert_eq!(error.kind(), ErrorKind::Parameter);
            assert!(error.to_string().starts_with(&format!("{id:?} is no ")), "{error}");
        }
    }

    #[test]
    fn folders_of_other_things_are_no_models() {
        for folder in ["datasets--a--b", "models--", "models", "models--a--b--c", "blobs", ".locks"]
        {
            assert_eq!(RepoId::from_folder_name(folder), None, "{folder}");
        }
    }

    #[test]
    fn revisions_are_what_git_takes() {
        for revision in [
            "main",
            "v1.0",
            "refs/pr/12",
            "feature/x",
            "a@1",
            "607a30d783dfa663caf39e06633721c8d4cfcd7e",
        ] {
            assert_eq!(revision.parse::<Revision>().expect(revision).as_str(), revision);
        }
        let long = "x".repeat(256);
        for revision in [
            "", "/", "a/", "/a", "a//b", "..", "a/../b", "a..b", ".a", "a/.b", "-x", "a b", "a\nb",
            "a:b", "a\\b", "a~1", "a^", "a@{1}", "@", "x.lock", "x.lock/y", "a.", &long,
        ] {
            assert!(revision.parse::<Revision>().is_err(), "{revision:?}");
        }
    }

    #[test]
    fn a_commit_has_forty_digits() {
        let commit = "607a30d783dfa663caf39e06633721c8d4cfcd7e";
        assert_eq!(commit.parse::<Revision>().expect("a commit").commit(), Some(commit));
        for other in ["607a30d", &commit.to_uppercase(), "main"] {
            assert_eq!(other.parse::<Revision>().expect("a revision").commit(), None);
        }
    }

    #[test]
    fn an_address_is_told_the_name_in_it() {
        for (address, name) in [
            ("https://huggingface.co/gpt2", ": gpt2"),
            ("https://huggingface.co/org/name", ": org/name"),
            ("https://huggingface.co/org/name/tree/main?x=1", ": org/name"),
            ("https://huggingface.co//org/name#files", ": org/name"),
            ("http://huggingface.co", ""),
            ("file:///home/ada/a b", ""),
            ("://", ""),
        ] {
            let error = address.parse::<ModelName>().expect_err(address);
            assert!(error.to_string().ends_with("is an address, and a model has a name"));
            let expected = format!("name it as org/name, as its address does after the host{name}");
            assert_eq!(error.way_out(), Some(expected.as_str()), "{address}");
        }
    }

    #[test]
    fn names_come_apart_and_back_together() {
        for name in ["a/b", "a/b@v1", "a/b:x.gguf", "a/b@refs/pr/1:BF16/x-00001.gguf", "gpt2"] {
            assert_eq!(name.parse::<ModelName>().expect(name).to_string(), name);
        }
        for name in
            ["a/b@", "a/b:", "a/b@x:", "@x", ":x", "a/b:../x", "a/b:/x", "./a/b", "http://a/b"]
        {
            assert!(name.parse::<ModelName>().is_err(), "{name}");
        }
    }
}
