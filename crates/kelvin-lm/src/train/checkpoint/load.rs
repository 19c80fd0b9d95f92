//! Loading: the newest checkpoint that is whole, every byte of it held to its hash.

use std::io;
use std::path::{Path, PathBuf};

use super::contents::{
    self, CONFIG, MOMENTS, OPTIMIZER, STATE, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS,
};
use super::drift;
use super::manifest::Manifest;
use super::place::{Kind, Place};
use super::provenance::{Provenance, TokenizerFiles};
use super::record::Record;
use super::save::Checkpoints;
use crate::dtype::Dtype;
use crate::format::file::Source;
use crate::format::json::Limits;
use crate::format::{Safetensors, Tensor, Text};
use crate::train::{Layout, Params, Settings, State};
use crate::{Config, Error, ErrorKind, Result};

/// Bytes of numbers that are read at a time.
const PIECE: usize = 1 << 18;

/// A checkpoint, read.
#[derive(Debug)]
pub struct Saved {
    /// What the run goes on from.
    pub state: State,
    /// What it was made of.
    pub provenance: Provenance,
    /// The version of Kelvin that wrote it.
    pub kelvin: String,
}

/// The newest checkpoint that is whole.
#[derive(Debug)]
pub struct Latest {
    /// Its folder.
    pub path: PathBuf,
    /// What it holds.
    pub saved: Saved,
    /// What is wrong with each newer one, newest first: damaged, or unfinished. They are still there.
    pub passed_over: Vec<Error>,
}

impl Checkpoints {
    /// The newest step with a folder of its own, whole or not; none where there is no such folder.
    pub fn newest_step(&self) -> Option<u32> {
        let places = Place::list(self.dir()).ok()?;
        places.iter().find(|place| place.kind == Kind::Whole).map(|place| place.step)
    }

    /// The newest checkpoint that is whole. Newer folders that are not are passed over, each with its
    /// reason, and stay as they are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Missing`] where none is whole, with the newest one's reason; [`ErrorKind::Io`] where
    /// the folder cannot be read.
    pub fn latest(&self) -> Result<Latest> {
        let places = match Place::list(self.dir()) {
            Ok(places) => places,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(cause) => {
                let error = Error::new(ErrorKind::Io, "cannot be read");
                return Err(error.in_file(self.dir()).caused_by(cause));
            }
        };
        let mut passed_over = Vec::new();
        for Place { step, kind, path } in places {
            match kind {
                Kind::Old => (),
                Kind::Partial => passed_over.push(unfinished(&path)),
                Kind::Whole => match Saved::open_step(&path, step) {
                    Ok(saved) => return Ok(Latest { path, saved, passed_over }),
                    Err(error) => passed_over.push(error),
                },
            }
        }
        Err(none_whole(self.dir(), passed_over))
    }
}

fn unfinished(path: &Path) -> Error {
    Error::new(ErrorKind::Format, "is unfinished: its run was stopped while it saved").in_file(path)
}

fn none_whole(dir: &Path, passed_over: Vec<Error>) -> Error {
    let n = passed_over.len();
    match passed_over.into_iter().next() {
        None => Error::new(ErrorKind::Missing, "holds no checkpoint: no folder step-N")
            .in_file(dir)
            .hint("name the folder that a run was saved in"),
        Some(newest) => {
            let detail =
                format!("holds no checkpoint that is whole, but {n} damaged or unfinished");
            Error::new(ErrorKind::Missing, detail).in_file(dir).caused_by(newest)
        }
    }
}

impl Saved {
    /// Reads the checkpoint in this folder, whatever it is called: every byte is held to the manifest.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Missing`] for a file that is not there; [`ErrorKind::Format`] where a byte is another
    /// than was written, or a file is too many; [`ErrorKind::Unsupported`] for another version; each names
    /// the file. Bytes that hold together and yet are no checkpoint are errors of the kinds of
    /// [`Safetensors::open`], [`Config::from_json`] and [`TokenizerFiles::new`].
    pub fn open(path: &Path) -> Result<Self> {
        Manifest::read(path)?.check(path)?;
        let config_json = read(path, CONFIG, Limits::SETTINGS)?;
        let config = inside(path, CONFIG, Config::from_json(&config_json))?;
        let record = inside(path, STATE, Record::read(&read(path, STATE, Limits::SETTINGS)?))?;
        let profile = inside(path, STATE, record.profile())?;
        inside(path, STATE, record.settings.check(config.max_seq))?;
        let tokenizer = tokenizer(path, &record)?;
        inside(path, TOKENIZER, tokenizer.check_rows(config.vocab_size))?;
        let layout = inside(path, CONFIG, Layout::new(&config))?;
        let [params] = numbers(path, WEIGHTS, &layout, [""])?;
        let [exp_avg, exp_avg_sq] = numbers(path, OPTIMIZER, &layout, MOMENTS)?;
        let Record { kelvin, step, data, settings, .. } = record;
        let state = State { config, settings, layout, step, params, exp_avg, exp_avg_sq };
        let (data, data_files) = (data.sha256, data.files);
        let provenance = Provenance { data, data_files, tokenizer, profile };
        Ok(Self { state, provenance, kelvin })
    }

    /// The same of the folder of a step.
    fn open_step(path: &Path, step: u32) -> Result<Self> {
        let saved = Self::open(path)?;
        if saved.state.step == step {
            return Ok(saved);
        }
        let detail = format!("holds step {}, and is named after another", saved.state.step);
        Err(Error::new(ErrorKind::Format, detail).in_file(path))
    }

    /// Whether a run of these parts would go on as this one: same blueprint, same settings, same data, same
    /// tokenizer, same arithmetic.
    ///
    /// ```
    /// # use kelvin_lm::train::{Saved, Settings};
    /// # fn example(saved: &Saved, settings: &Settings) {
    /// let Saved { state, provenance, .. } = saved;
    /// saved.check(&state.config, &state.settings, provenance).expect("it is itself");
    /// let faster = Settings { learning_rate: 3e-3, ..state.settings.clone() };
    /// let error = saved.check(&state.config, &faster, provenance).expect_err("another run");
    /// assert!(error.to_string().ends_with("\n  learning-rate: 0.001 → 0.003"));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] with a line for each value that differs, the saved one first.
    pub fn check(&self, config: &Config, settings: &Settings, made_of: &Provenance) -> Result<()> {
        drift::check(self, config, settings, made_of)
    }
}

/// An error of a file of the folder, where it does not say so itself.
fn inside<T>(folder: &Path, name: &str, result: Result<T>) -> Result<T> {
    result.map_err(|error| match error.path() {
        Some(_) => error,
        None => error.in_file(folder.join(name)),
    })
}

fn read(folder: &Path, name: &str, limits: Limits) -> Result<Vec<u8>> {
    let source = Source::open(&folder.join(name), "a file of a checkpoint");
    inside(folder, name, source.and_then(|source| source.all(limits.bytes)))
}

fn tokenizer(folder: &Path, record: &Record) -> Result<TokenizerFiles> {
    let json = read(folder, TOKENIZER, Limits::TOKENIZER)?;
    let config = read(folder, TOKENIZER_CONFIG, Limits::TOKENIZER_CONFIG)?;
    let files = inside(folder, TOKENIZER, TokenizerFiles::new(json, Some(config)))?;
    if files.hash() == record.tokenizer.sha256 {
        return Ok(files);
    }
    let detail = "is not the tokenizer that state.json names";
    Err(Error::new(ErrorKind::Format, detail).in_file(folder.join(TOKENIZER)))
}

/// The numbers of a file that holds the tensors of a layout once for each prefix.
fn numbers<const N: usize>(
    folder: &Path,
    name: &str,
    layout: &Layout,
    prefixes: [&str; N],
) -> Result<[Params; N]> {
    let read = || {
        let file = Safetensors::open(&folder.join(name))?;
        check_tensors(&file, layout, &prefixes)?; // before memory is taken for them
        let mut all = [(); N].map(|()| Params::zeros(layout));
        for (params, prefix) in all.iter_mut().zip(prefixes) {
            fill(params, &file, layout, prefix)?;
            contents::check(layout, params, prefix)?;
        }
        Ok(all)
    };
    inside(folder, name, read())
}

/// Whether a file holds the tensors of a layout, once for each prefix, and no others.
fn check_tensors(file: &Safetensors, layout: &Layout, prefixes: &[&str]) -> Result<()> {
    for prefix in prefixes {
        for tensor in layout.tensors() {
            let found = find(file, prefix, tensor.name())?;
            let expected = tensor.shape().iter().map(|&size| size as u64);
            if found.dtype() != Some(Dtype::F32) || !found.shape().iter().copied().eq(expected) {
                let (name, dtype) = (Text(found.name().as_bytes()), found.dtype_name());
                let (given, expected) = (found.shape(), tensor.shape());
                let detail =
                    format!("tensor {name} is {dtype} {given:?}, expected F32 {expected:?}");
                return Err(Error::new(ErrorKind::Shape, detail).at(found.offset()));
            }
        }
    }
    let (given, expected) = (file.tensors().len(), prefixes.len() * layout.tensors().len());
    if given == expected {
        return Ok(());
    }
    let detail = format!("holds {given} tensors, expected {expected}");
    Err(Error::new(ErrorKind::Shape, detail))
}

fn find<'a>(file: &'a Safetensors, prefix: &str, name: &str) -> Result<&'a Tensor> {
    let name = format!("{prefix}{name}");
    file.tensor(&name)
        .ok_or_else(|| Error::new(ErrorKind::Shape, format!("holds no tensor {name}")))
}

fn fill(params: &mut Params, file: &Safetensors, layout: &Layout, prefix: &str) -> Result<()> {
    for tensor in layout.tensors() {
        let found = find(file, prefix, tensor.name())?;
        let mut at = 0;
        for piece in params[&tensor.range()].chunks_mut(PIECE / 4) {
            let bytes = file.piece(found, at..at + 4 * piece.len())?;
            at += bytes.len();
            for (x, bytes) in piece.iter_mut().zip(bytes.as_chunks().0) {
                *x = f32::from_le_bytes(*bytes);
            }
        }
    }
    Ok(())
}
