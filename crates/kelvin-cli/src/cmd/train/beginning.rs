//! What a run begins with: nothing, a model, or its own newest checkpoint.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lm::kernel::{EngineOptions, Profile};
use kelvin_lm::tokenizer::Characters;
use kelvin_lm::train::{Checkpoints, Latest, Provenance, Saved, State, TextFiles, TokenizerFiles};
use kelvin_lm::{Model, ModelOptions, WeightDtype, embedded};

use super::check_memory;
use super::config_file::ConfigFile;
use super::outputs::Folder;
use super::recipe::{Beginning, Recipe, SIZE};
use crate::args::policy::text;
use crate::console::Console;
use crate::exit::Failure;
use crate::load;
use crate::models::{self, Location};

/// The files of a checkpoint that no other model has.
const OWN: [&str; 2] = ["manifest.json", "state.json"];
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// What a run begins with.
#[derive(Debug)]
pub(super) enum Origins {
    /// Fresh weights.
    Fresh,
    /// The weights of a model.
    Model {
        /// What it is called.
        name: String,
        /// Its file or folder.
        location: Location,
        /// The weights, and no step taken.
        model: Box<Model>,
    },
    /// A checkpoint of another run: its weights, its optimizer and its steps, under new settings.
    Checkpoint {
        /// What it is called.
        name: String,
        /// What it holds.
        saved: Box<Saved>,
    },
    /// The newest checkpoint of this run.
    Run {
        /// What it is called.
        name: String,
        /// What it holds, and what was passed over.
        latest: Box<Latest>,
    },
}

impl Origins {
    /// What the flags ask for.
    ///
    /// # Errors
    ///
    /// Something read: no such model or checkpoint. Something typed: a folder that has checkpoints or the
    /// files of a run already.
    pub(super) fn find(
        matches: &ArgMatches,
        init: Option<&str>,
        folder: &Folder,
        console: &mut Console<'_>,
    ) -> Result<Self> {
        if matches.contains_id("resume") {
            if let Some(run) = Self::resume(matches, folder, console)? {
                return Ok(run);
            }
        } else if let Some(step) = folder.latest_step() {
            let dir = folder.path().display();
            let what = format!("{dir} holds a run already, saved at step {step}");
            let hint =
                format!("kelvin train --resume {dir} goes on with it; another --out begins anew");
            return Err(Failure::typed(what).hint(hint).into());
        } else if let Some(path) = folder.leftover() {
            let (path, dir) = (path.display(), folder.path().display());
            let what = format!("{path} is there already, of a run that saved nothing");
            let hint = format!("--resume {dir} begins that run again; another --out keeps it");
            return Err(Failure::typed(what).hint(hint).into());
        }
        init.map_or(Ok(Self::Fresh), |name| Self::init(name, console))
    }

    /// The newest checkpoint; none where none was ever finished and the run is described, so that the same
    /// command line begins a run and goes on with it.
    fn resume(
        matches: &ArgMatches,
        folder: &Folder,
        console: &mut Console<'_>,
    ) -> Result<Option<Self>> {
        let may_begin = matches.contains_id("data") || folder.config().exists();
        if folder.latest_step().is_none() && may_begin {
            let dir = folder.path().display();
            console.talk(&format!("{dir} has no checkpoint yet: beginning at step 0"))?;
            return Ok(None);
        }
        let latest = Checkpoints::new(folder.path(), 2)?.latest()?;
        for error in &latest.passed_over {
            console.warn_all(&[format!("{error}; passed over")])?;
        }
        let name = latest.path.display().to_string();
        Ok(Some(Self::Run { name, latest: Box::new(latest) }))
    }

    fn init(name: &str, console: &Console<'_>) -> Result<Self> {
        let location = models::locate(Some(name), console.places())?;
        if let Location::Path(path) = &location
            && OWN.iter().all(|file| path.join(file).is_file())
        {
            let saved = Box::new(Saved::open(path)?);
            return Ok(Self::Checkpoint { name: name.to_owned(), saved });
        }
        let (checkpoint, card) = load::open_named(Some(name), console)?;
        let options = ModelOptions { engine: EngineOptions::default(), dtype: WeightDtype::F32 };
        let model = Model::open(&checkpoint, options).map_err(|error| location.blame(error))?;
        Ok(Self::Model { name: card.name, location, model: Box::new(model) })
    }

    /// The same, as far as it decides values.
    pub(super) fn beginning(&self) -> Beginning<'_> {
        match self {
            Self::Fresh => Beginning::Fresh,
            Self::Model { name, model, .. } => Beginning::Model(name, model.config()),
            Self::Checkpoint { name, saved } => Beginning::State(name, &saved.state),
            Self::Run { name, latest } => Beginning::Run(name, &latest.saved.state),
        }
    }

    /// The tokenizer: the named one, else that of the run or model, else the characters of the text.
    ///
    /// # Errors
    ///
    /// Something read: a model without a `tokenizer.json`.
    pub(super) fn tokenizer(
        &self,
        recipe: &Recipe,
        files: &TextFiles,
        console: &Console<'_>,
    ) -> Result<TokenizerFiles> {
        match (self, &recipe.tokenizer) {
            (_, Some(name)) => named(name, console),
            (Self::Run { latest, .. }, None) => copy(&latest.saved.provenance.tokenizer),
            (Self::Checkpoint { saved, .. }, None) => copy(&saved.provenance.tokenizer),
            (Self::Model { location, .. }, None) => at(location),
            (Self::Fresh, None) => {
                let json = Characters::of(files.text())?.tokenizer_json();
                let config = Characters::tokenizer_config_json().as_bytes().to_vec();
                Ok(TokenizerFiles::new(json.into_bytes(), Some(config))?)
            }
        }
    }

    /// How multiply and add are rounded: as the run began, else as the machine does it best.
    pub(super) fn profile(&self) -> Profile {
        match self {
            Self::Run { latest, .. } => latest.saved.provenance.profile,
            _ => Profile::detect(),
        }
    }

    /// The state before the first step of this run.
    ///
    /// # Errors
    ///
    /// Something typed or read: a blueprint that is not trained, a tokenizer with more tokens than the
    /// model has rows, or a run that was another one when it was saved.
    pub(super) fn start(self, recipe: &Recipe, made_of: Provenance) -> Result<Start> {
        let settings = recipe.settings.clone();
        let state = match self {
            Self::Fresh => {
                let vocab_size = made_of.tokenizer.tokenizer().vocab_size();
                let config = recipe.size.config(vocab_size);
                let config = config.map_err(|error| Failure::typed(error.to_string()))?;
                check_memory(&settings, &config)?;
                State::new(config, settings)?
            }
            Self::Model { model, .. } => {
                check_memory(&settings, model.config())?;
                State::from_model(&model, settings)?
            }
            Self::Checkpoint { saved, .. } => {
                check_memory(&settings, &saved.state.config)?;
                State { settings, ..saved.state }
            }
            Self::Run { latest, .. } => {
                let Latest { path, saved, .. } = *latest;
                saved.check(&saved.state.config, &settings, &made_of)?;
                let Saved { state, provenance, .. } = saved;
                return Ok(Start { state, provenance, resumed: Some(path) });
            }
        };
        made_of.tokenizer.tokenizer().check_rows(state.config.vocab_size)?;
        Ok(Start { state, provenance: made_of, resumed: None })
    }
}

/// Where a run stands before it takes a step.
#[derive(Debug)]
pub(super) struct Start {
    /// What the first step depends on.
    pub(super) state: State,
    /// What its checkpoints say that it was made of.
    pub(super) provenance: Provenance,
    /// The checkpoint that it goes on from, where it does.
    pub(super) resumed: Option<PathBuf>,
}

/// The same files once more: a tokenizer is no small thing, and is not copied by accident.
fn copy(files: &TokenizerFiles) -> Result<TokenizerFiles> {
    Ok(TokenizerFiles::new(files.json().to_vec(), Some(files.config().to_vec()))?)
}

/// What `--tokenizer` names: a `tokenizer.json`, or a model that has one.
fn named(name: &str, console: &Console<'_>) -> Result<TokenizerFiles> {
    let path = Path::new(name);
    if path.extension().is_some_and(|ending| ending == "json") {
        return in_file(path);
    }
    at(&models::locate(Some(name), console.places())?)
}

/// The tokenizer of a model.
fn at(location: &Location) -> Result<TokenizerFiles> {
    match location {
        Location::Path(path) => in_folder(path),
        Location::Embedded => Ok(embedded::tokenizer_files()?),
    }
}

fn in_folder(path: &Path) -> Result<TokenizerFiles> {
    let file = path.join(TOKENIZER);
    if file.is_file() {
        return in_file(&file);
    }
    let what = format!("{}: no {TOKENIZER} in it", path.display());
    Err(Failure::read(what).hint("--tokenizer names a tokenizer.json, or a folder with one").into())
}

/// A `tokenizer.json` with the settings beside it, where there are any.
fn in_file(path: &Path) -> Result<TokenizerFiles> {
    let read = |path: &Path| {
        fs::read(path).map_err(|cause| {
            Failure::read(format!("cannot read {}", path.display())).caused_by(cause)
        })
    };
    let beside = path.with_file_name(TOKENIZER_CONFIG);
    let config = beside.is_file().then(|| read(&beside)).transpose()?;
    let files = TokenizerFiles::new(read(path)?, config);
    Ok(files.map_err(|error| if error.path().is_some() { error } else { error.in_file(path) })?)
}

/// Refuses to write over the file that `--config` names.
///
/// # Errors
///
/// Something typed.
pub(super) fn check_config(matches: &ArgMatches, folder: &Folder) -> Result<(), Failure> {
    let Some(name) = text(matches, "config") else { return Ok(()) };
    let [typed, own] = [Path::new(name), &folder.config()].map(|path| path.canonicalize().ok());
    if typed.is_none() || typed != own {
        return Ok(());
    }
    let dir = folder.path().display();
    let what = format!("--config {name} is the file that a run in {dir} writes its values to");
    let hint = format!(
        "kelvin train --resume {dir} reads it by itself; a copy elsewhere begins another run"
    );
    Err(Failure::typed(what).hint(hint))
}

/// The folder of the run: `--resume DIR`, `--out DIR`, or one named after the data and what is trained.
///
/// # Errors
///
/// Something typed: two different folders, or nothing to name one after.
pub(super) fn folder(matches: &ArgMatches, file: Option<&ConfigFile>) -> Result<Folder, Failure> {
    let said = |name: &str| text(matches, name).or_else(|| file?.text(name));
    let resumed = text(matches, "resume").filter(|dir| !dir.is_empty());
    match (resumed, said("out")) {
        (Some(dir), Some(out)) if Path::new(dir) != Path::new(out) => {
            Err(Failure::typed(format!("--resume {dir} and --out {out} are two folders"))
                .hint("name the run's folder once"))
        }
        (Some(dir), _) | (None, Some(dir)) => Ok(Folder::new(dir)),
        (None, None) => {
            let typed = matches.get_many::<String>("data").and_then(|mut data| data.next());
            let first = typed.map(Path::new).or_else(|| Some(file?.data.first()?.as_path()));
            let stem = first.and_then(Path::file_stem).ok_or_else(|| {
                Failure::typed("neither a text file to train on nor the folder of a run")
                    .hint("kelvin train FILE.txt begins a run, kelvin train --resume DIR goes on with one")
            })?;
            let what = said("init").map(last_part).or(said("size")).unwrap_or(SIZE);
            Ok(Folder::new(format!("{}-{what}", stem.to_string_lossy())))
        }
    }
}

/// What a model is called in short: `gpt2` of `openai-community/gpt2`.
pub(super) fn last_part(model: &str) -> &str {
    let mut parts = model.rsplit(['/', '\\']);
    parts.find(|part| !part.is_empty()).unwrap_or(model)
}
