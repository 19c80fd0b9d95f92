//! The tensors of a model, in one safetensors file or in several with an index.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::files::Files;
use super::json::{self, Limits};
use super::safetensors::{Safetensors, Tensor};
use super::text::Text;
use crate::{Error, ErrorKind, Result};

/// How many bytes of a tensor are held when it is compared.
const PIECE: usize = 1 << 20;

/// All tensors of a model, wherever they lie.
///
/// The index of a model in several files names a file for each tensor. Those names are plain file
/// names in the folder of the index; every tensor is in the file that the index says, in no other,
/// and no file holds one that the index does not know.
#[derive(Debug)]
pub struct Shards {
    files: Vec<(PathBuf, Safetensors)>,
    places: BTreeMap<String, Place>,
}

/// Where a tensor is.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Its file, in `files`.
    file: usize,
    /// Its place among the file's tensors.
    tensor: usize,
}

/// The most bytes of a file's name, as on most systems.
const LONGEST: usize = 255;

/// `model.safetensors.index.json`.
#[derive(Deserialize)]
#[serde(expecting = "an object with a weight_map")]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Shards {
    /// The tensors of one file, which lies at `path`.
    pub fn single(path: PathBuf, file: Safetensors) -> Self {
        let mut shards = Self { files: Vec::new(), places: BTreeMap::new() };
        shards.add(path, file);
        shards
    }

    /// The tensors of the files that an index names, which lie in its folder.
    ///
    /// # Errors
    ///
    /// Those of [`Safetensors::open`] for each file; [`ErrorKind::Format`] for an index that is no
    /// JSON, names a file outside its folder, or contradicts a file.
    pub fn indexed(index: &Path, bytes: &[u8]) -> Result<Self> {
        let folder = index.parent().unwrap_or(Path::new(""));
        Self::of_files(&Files::Disk(folder.to_owned()), index, bytes)
    }

    /// The tensors of the files of a folder that the bytes of its `index` name.
    ///
    /// # Errors
    ///
    /// Those of [`indexed`](Self::indexed).
    pub(super) fn of_files(files: &Files, index: &Path, bytes: &[u8]) -> Result<Self> {
        Self::of_index(files, bytes).map_err(|error| match error.path() {
            Some(_) => error,
            None => error.in_file(index),
        })
    }

    fn of_index(files: &Files, bytes: &[u8]) -> Result<Self> {
        let index: Index = json::object(bytes, "the index", Limits::INDEX)?;
        let names: BTreeSet<&str> = index.weight_map.values().map(String::as_str).collect();
        names.iter().try_for_each(|name| check_name(name))?;
        let mut shards = Self { files: Vec::new(), places: BTreeMap::new() };
        for name in names {
            let belongs = |tensor: &str| index.weight_map.get(tensor).is_some_and(|it| it == name);
            files.check_inside(name)?;
            let (path, file) = (files.path(name), files.safetensors(name)?);
            check_tensors(&file, belongs).map_err(|error| error.in_file(&path))?;
            shards.add(path, file);
        }
        let lost = index.weight_map.iter().find(|(name, _)| !shards.places.contains_key(*name));
        match lost {
            None => Ok(shards),
            Some((tensor, file)) => {
                let tensor = Text(tensor.as_bytes());
                let detail =
                    format!("the index has tensor \"{tensor}\" here, but the file lacks it");
                Err(Error::new(ErrorKind::Format, detail).in_file(files.path(file)))
            }
        }
    }

    /// Adds the tensors of a file.
    fn add(&mut self, path: PathBuf, file: Safetensors) {
        for (at, tensor) in file.tensors().iter().enumerate() {
            let place = Place { file: self.files.len(), tensor: at };
            self.places.insert(tensor.name().to_owned(), place);
        }
        self.files.push((path, file));
    }

    fn at(&self, place: Place) -> &Tensor {
        &self.files[place.file].1.tensors()[place.tensor]
    }

    /// The tensors, in the order of their names.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = &Tensor> {
        self.places.values().map(|&place| self.at(place))
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.places.get(name).map(|&place| self.at(place))
    }

    /// The file that a tensor lies in.
    pub fn file_of(&self, tensor: &Tensor) -> Option<&Path> {
        self.places.get(tensor.name()).map(|place| self.files[place.file].0.as_path())
    }

    /// The tensor's numbers as they are stored, read from its file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where the file changed since it was opened; [`ErrorKind::Parameter`] for a
    /// tensor of another model.
    pub fn bytes(&self, tensor: &Tensor) -> Result<Vec<u8>> {
        self.piece(tensor, 0..tensor.n_bytes())
    }

    /// A part of the bytes of a tensor.
    fn piece(&self, tensor: &Tensor, range: Range<usize>) -> Result<Vec<u8>> {
        let Some(place) = self.places.get(tensor.name()) else {
            let name = Text(tensor.name().as_bytes());
            let detail = format!("tensor \"{name}\" is no part of this model");
            return Err(Error::new(ErrorKind::Parameter, detail));
        };
        let (path, file) = &self.files[place.file];
        file.piece(tensor, range).map_err(|error| error.in_file(path))
    }

    /// Whether two tensors are stored as the same bytes, of which a few are held at a time.
    ///
    /// # Errors
    ///
    /// Those of [`bytes`](Self::bytes).
    pub(crate) fn are_equal(&self, one: &Tensor, other: &Tensor) -> Result<bool> {
        if one.n_bytes() != other.n_bytes() {
            return Ok(false);
        }
        for start in (0..one.n_bytes()).step_by(PIECE) {
            let range = start..one.n_bytes().min(start + PIECE);
            if self.piece(one, range.clone())? != self.piece(other, range)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The files, in the order of their names.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// The size of all files in bytes.
    pub fn n_bytes(&self) -> u64 {
        self.files.iter().map(|(_, file)| file.n_bytes()).sum()
    }
}

/// Whether `name` is a plain file name, whatever the system: no folder, no drive, nothing that a
/// terminal would obey.
fn check_name(name: &str) -> Result<()> {
    let plain = matches!(
        Path::new(name).components().collect::<Vec<_>>()[..],
        [Component::Normal(only)] if only == name
    );
    let printable = name.escape_debug().eq(name.chars()); // which a backslash is not, nor a quote
    if plain
        && printable
        && name.len() <= LONGEST
        && !name.contains(':')
        && name.ends_with(".safetensors")
    {
        return Ok(());
    }
    let shown = Text(name.as_bytes());
    let detail =
        format!("a tensor lies in \"{shown}\", expected a plain name of a .safetensors file");
    Err(Error::new(ErrorKind::Format, detail).hint("take the model from who published it"))
}

/// Whether each tensor of a file `belongs` to it.
fn check_tensors(file: &Safetensors, belongs: impl Fn(&str) -> bool) -> Result<()> {
    let Some(tensor) = file.tensors().iter().find(|tensor| !belongs(tensor.name())) else {
        return Ok(());
    };
    let name = Text(tensor.name().as_bytes());
    let detail = format!("tensor \"{name}\" is here, but not by the index");
    Err(Error::new(ErrorKind::Format, detail).at(tensor.offset()))
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for good in ["a.safetensors", "model-00001-of-00002.safetensors", "..a.safetensors"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let bad = [
            "",
            ".",
            "..",
            "../a.safetensors",
            "/a.safetensors",
            "a/b.safetensors",
            "./a.safetensors",
            "a.safetensors/",
            "a\\b.safetensors",
            "c:a.safetensors",
            "a\0.safetensors",
            "a\x1b[2J.safetensors",
            "a\u{202e}.safetensors",
            "a.bin",
        ];
        for bad in bad {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
