//! Names of files in a repository: plain relative paths, and nothing that leads out of a folder.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::{Error, ErrorKind, Result};

/// The longest part between two slashes, in bytes: what file systems take.
const LONGEST_PART: usize = 255;
/// The most parts.
const DEEPEST: usize = 16;

/// The name of a file in a repository: `model.safetensors`, `BF16/model.gguf`.
///
/// Parts between slashes, none of them empty, `.` or `..`; no backslash, no control character. So
/// that it stays within whatever folder it is joined to.
///
/// ```
/// use kelvin_lm::hub::FileName;
///
/// let name: FileName = "onnx/model.onnx".parse()?;
/// assert_eq!(name.below("snapshot").file_name().unwrap(), "model.onnx");
/// assert!("../../.bashrc".parse::<FileName>().is_err());
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileName(String);

impl FileName {
    /// The name as the hub writes it, with slashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file of this name below `folder`.
    pub fn below(&self, folder: impl AsRef<Path>) -> PathBuf {
        let mut path = folder.as_ref().to_path_buf();
        path.extend(self.0.split('/'));
        path
    }

    /// How many folders it lies in.
    pub fn depth(&self) -> usize {
        self.0.matches('/').count()
    }

    /// Whether the name ends so, whatever the case: `.gguf`.
    pub fn ends_with(&self, ending: &str) -> bool {
        let start = self.0.len().checked_sub(ending.len());
        start
            .and_then(|start| self.0.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(ending))
    }
}

impl FromStr for FileName {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::Parameter`] for a name that could lead out of a folder.
    fn from_str(text: &str) -> Result<Self> {
        let bad_part = |part: &str| matches!(part, "" | "." | "..") || part.len() > LONGEST_PART;
        // on Windows a colon begins another drive, or another stream of the same file
        let forbidden = |c: char| c.is_control() || c == '\\' || (cfg!(windows) && c == ':');
        let is_bad = text.split('/').any(bad_part)
            || text.contains(forbidden)
            || text.split('/').count() > DEEPEST;
        if is_bad {
            let detail = format!("{text:?} is no plain name of a file within its repository");
            return Err(Error::new(ErrorKind::Parameter, detail)
                .hint("name a file as the repository lists it, for example model-Q4_K_M.gguf"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_their_folder() {
        let deep = format!("{}x", "a/".repeat(DEEPEST));
        let long = "x".repeat(256);
        for name in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../x",
            "a/../x",
            "a/..",
            ".",
            "./x",
            "a/./b",
            "a//b",
            "a/",
            "a\\b",
            "..\\x",
            "a\0b",
            "a\nb",
            "\u{1b}[2J",
            &long,
            &deep,
        ] {
            let error = name.parse::<FileName>().expect_err(name);
            assert!(error.to_string().contains("no plain name"), "{error}");
        }
        for name in
            ["x", "..x", "x..", "a/b/c.json", "größe", " x", "model-00001-of-00002.safetensors"]
        {
            let path = name.parse::<FileName>().expect(name).below("root");
            assert!(path.starts_with("root") && path.components().count() > 1, "{name}");
        }
    }

    #[test]
    fn endings_are_told_apart_from_parts_of_letters() {
        let name: FileName = "größe.GGUF".parse().expect("a name");
        assert!(name.ends_with(".gguf") && !name.ends_with("xgguf"));
        assert!(!name.ends_with("\u{9f}e.gguf") && !name.ends_with("a very long ending.gguf"));
    }
}
