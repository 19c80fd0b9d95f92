//! `kelvin train`: a text to a model, watched, saved and gone on with.

mod beginning;
mod config_file;
mod outputs;
mod recipe;
mod sample;
mod value;
mod watch;

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lm::kernel::EngineOptions;
use kelvin_lm::tokenizer::SpecialTokens;
use kelvin_lm::train::{
    Checkpoints, Corpus, Ended, Event, Provenance, Run, Settings, TextFiles, Trainer, export,
};
use kelvin_lm::{Config, ErrorKind};

use self::beginning::Origins;
use self::config_file::ConfigFile;
use self::outputs::{Folder, Log};
use self::recipe::Recipe;
use self::sample::Sample;
use self::value::{Ledger, Origin};
use self::watch::Watch;
use crate::args::policy::text;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::memory;
use crate::playback;
use crate::term::number::{bytes, count, counted};

/// Values that say where a run is, not what it is: they stay out of its config file.
const OF_THIS_START: [&str; 5] = ["out", "export", "export-dtype", "threads", "simd"];

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let job = Job::prepare(matches, console)?;
    job.introduce(console).map_err(unbegun)?;
    playback::listen_for_interrupts()?;
    job.train(matches.get_flag("json"), console)
}

/// A run, ready to take its first step.
struct Job<'a> {
    ledger: Ledger<'a>,
    /// What is trained: a size, or the model that the run began with.
    name: String,
    recipe: Recipe,
    folder: Folder,
    data: Vec<PathBuf>,
    corpus: Corpus,
    sample: Sample,
    provenance: Provenance,
    checkpoints: Checkpoints,
    trainer: Trainer,
    /// The checkpoint that the run goes on from, where it does.
    resumed: Option<PathBuf>,
}

impl<'a> Job<'a> {
    /// Decides every value, reads what there is to read and checks it all, before anything is written.
    fn prepare(matches: &'a ArgMatches, console: &mut Console<'_>) -> Result<Self> {
        let typed =
            text(matches, "config").map(|path| ConfigFile::read(path.as_ref())).transpose()?;
        let folder = beginning::folder(matches, typed.as_ref())?;
        beginning::check_config(matches, &folder)?;
        let own =
            Some(folder.config()).filter(|path| matches.contains_id("resume") && path.exists());
        let file = own.map_or(Ok(typed), |path| ConfigFile::read(&path).map(Some))?;
        let data = data(matches, file.as_ref(), &folder)?;
        let mut ledger = Ledger::new(matches, file);
        let init = ledger.decide_open::<String>("init")?;
        let origins = Origins::find(matches, init.as_deref(), &folder, console)?;
        let recipe = Recipe::decide(&mut ledger, origins.beginning())?;
        let origin = match (text(matches, "resume"), ledger.said("out")) {
            (Some(_), None) => Origin::Flag,
            (_, Some((_, origin))) => origin,
            (None, None) => Origin::Default("after data and size"),
        };
        ledger.note("out", &folder.path().display().to_string(), origin);
        let checkpoints = Checkpoints::new(folder.path(), recipe.keep)?;
        let files = TextFiles::read(&data)?;
        let tokenizer = origins.tokenizer(&recipe, &files, console)?;
        let corpus = files.corpus(tokenizer.tokenizer(), SpecialTokens::Text, recipe.split)?;
        corpus.fits(recipe.settings.block_size)?;
        let sample = Sample::new(tokenizer.tokenizer(), &recipe, files.text())?;
        let provenance = Provenance {
            data: corpus.hash().to_owned(),
            data_files: names(&data),
            tokenizer,
            profile: origins.profile(),
        };
        let start = origins.start(&recipe, provenance)?;
        let engine = EngineOptions { profile: Some(start.provenance.profile), ..recipe.engine };
        let trainer = Trainer::new(start.state, engine)?;
        let (provenance, resumed) = (start.provenance, start.resumed);
        let name = init.as_deref().map_or(recipe.size.name, beginning::last_part).to_owned();
        Ok(Self {
            ledger,
            name,
            recipe,
            folder,
            data,
            corpus,
            sample,
            provenance,
            checkpoints,
            trainer,
            resumed,
        })
    }

    /// What runs, before it runs: the model, the data, each value with its origin.
    fn introduce(&self, console: &mut Console<'_>) -> Result<()> {
        if console.quiet {
            return Ok(());
        }
        let config = &self.trainer.state().config;
        let engine = self.trainer.engine();
        #[expect(clippy::cast_possible_truncation, reason = "below the size of memory")]
        let n_params = count(config.n_params() as usize);
        let model = [
            format!("GPT-2 of {n_params} parameters"),
            counted(config.vocab_size, "token") + " in the vocabulary",
            engine.profile().to_string(),
            engine.level().to_string(),
            counted(engine.threads(), "thread"),
        ];
        console.talk(&model.join(" · "))?;
        let (train, held_out) = (self.corpus.train().len(), self.corpus.validation().len());
        let data = format!("{}: {}", self.data_names(), counted(train, "token"));
        console.talk(&format!("{data} to train on, {} held out", count(held_out)))?;
        if let Some(path) = &self.resumed {
            console.talk(&format!("going on from {}", path.display()))?;
        }
        Ok(self.ledger.table().write(console.err)?)
    }

    fn data_names(&self) -> String {
        names(&self.data).join(", ")
    }

    /// Takes the steps, and whatever comes after the last one.
    fn train(mut self, json: bool, console: &mut Console<'_>) -> Result<Code> {
        let log = self.open(console).map_err(unbegun)?;
        let mut last = match self.resumed.take() {
            Some(path) => path,
            None => self.checkpoints.save(self.trainer.state(), &self.provenance)?,
        };
        let Self { trainer, corpus, checkpoints, provenance, sample, recipe, .. } = &mut self;
        let plan = recipe.plan;
        let watched = (provenance.tokenizer.tokenizer(), &*sample);
        let mut watch = Watch::new(console, log, watched, (trainer, plan.steps), json);
        let ended = Run { trainer, corpus, checkpoints, provenance, plan }.go(|trainer, event| {
            if let Event::Saved { path, .. } = event {
                path.clone_into(&mut last);
            }
            watch.tell(trainer, event)
        });
        let (summary, failed) = watch.finish();
        let ended = ended.and_then(|ended| heard(ended, failed));
        let ended = ended.map_err(|error| self.stopped(error, &last))?;
        let exported = self.export(&ended)?;
        let told =
            self.finish(&End { ended: &ended, last: &last, summary, exported, json }, console);
        told.or_else(|error| if is_unheard(&error) { Ok(()) } else { Err(error) })?;
        Ok(if matches!(ended, Ended::Stopped(_)) { Code::Interrupted } else { Code::Done })
    }

    /// The folder with its config file and its log, as they are before the first step of this run.
    fn open(&self, console: &mut Console<'_>) -> Result<Log> {
        self.checkpoints.make().map_err(|cause| {
            let what = format!("cannot make the folder {}", self.folder.path().display());
            Failure::failed(what).caused_by(cause)
        })?;
        let step = self.trainer.state().step;
        let title = format!("{} on {}", self.name, self.data_names());
        let log = if self.resumed.is_some() {
            let plan = self.recipe.plan;
            let evaluates = plan.evaluates_at(step) || step >= plan.steps; // there is no later one
            // after a model's own steps nobody knows where the run began
            let first = if self.ledger.said("init").is_some() { step } else { 0 };
            let (log, warnings) = Log::resume(self.folder.clone(), title, first..step, evaluates)?;
            console.warn_all(&warnings)?;
            log
        } else {
            Log::create(self.folder.clone(), title)?
        };
        Folder::write(&self.folder.config(), &self.ledger.to_toml(&self.data, &OF_THIS_START))?;
        Ok(log)
    }

    /// What ended a run before its time, and what is left of it.
    fn stopped(&self, error: anyhow::Error, last: &Path) -> anyhow::Error {
        let (dir, last) = (self.folder.path().display(), last.display());
        let way_out = match error.downcast_ref::<kelvin_lm::Error>().map(kelvin_lm::Error::kind) {
            Some(ErrorKind::Logits) => format!(
                "{last} is whole: begin again with a lower --learning-rate or more --warmup-steps, or with its weights, --init {last}"
            ),
            Some(ErrorKind::Write) => {
                format!("{last} is whole: kelvin train --resume {dir} goes on from it")
            }
            _ if is_unheard(&error) => {
                let what = "training stopped: nobody reads what it says any more";
                let hint = format!("{last} is whole: kelvin train --resume {dir} goes on from it");
                return Failure::failed(what).hint(hint).into();
            }
            _ => return error,
        };
        Failure::failed("training stopped").hint(way_out).caused_by(error).into()
    }

    /// Writes the model alone, where that is asked for and all steps are taken; where to.
    fn export(&self, ended: &Ended) -> Result<Option<&Path>> {
        let (Some((dir, dtype)), Ended::Done(_)) = (&self.recipe.export, ended) else {
            return Ok(None);
        };
        let state = self.trainer.state();
        export(dir, &state.config, &state.params, &self.provenance.tokenizer, *dtype)?;
        Ok(Some(dir))
    }

    /// Says what it came to, and where everything is. All is done by then: nobody need read it.
    fn finish(&self, end: &End<'_>, console: &mut Console<'_>) -> Result<()> {
        let (dir, last) = (self.folder.path().display(), end.last.display());
        console.talk(&end.summary)?;
        if let Ended::Done(None) = end.ended {
            let steps = self.recipe.plan.steps;
            console.talk(&format!(
                "all {} are taken; --steps N goes on to N",
                counted(steps as usize, "step")
            ))?;
        }
        if let Some(dir) = end.exported {
            console.talk(&format!("exported as {}", dir.display()))?;
        }
        if !end.json {
            writeln!(console.out, "{last}")?; // JSON has said it before
        }
        let next = match end.ended {
            Ended::Stopped(_) => format!("kelvin train --resume {dir} goes on"),
            Ended::Done(_) => format!("kelvin generate -m {last} \"…\" --context-shift"),
        };
        Ok(console.hint(&next)?)
    }
}

/// What a run has come to.
struct End<'a> {
    ended: &'a Ended,
    /// The folder of the last checkpoint.
    last: &'a Path,
    summary: String,
    /// Where the model alone went.
    exported: Option<&'a Path>,
    /// Whether stdout is JSON.
    json: bool,
}

/// How a run ended, where all that it had to say could be said, or its last step was taken before anybody
/// stopped reading.
///
/// # Errors
///
/// What could not be said.
fn heard(ended: Ended, failed: Option<anyhow::Error>) -> Result<Ended> {
    match failed {
        Some(error) if !(is_unheard(&error) && matches!(ended, Ended::Done(_))) => Err(error),
        _ => Ok(ended),
    }
}

/// The same error, or what it comes to that nobody reads what is said before the first step.
fn unbegun(error: anyhow::Error) -> anyhow::Error {
    if is_unheard(&error) {
        return Failure::failed("nobody reads what training says: it was not begun").into();
    }
    error
}

/// Whether an error says that nobody reads any more (`| head`).
fn is_unheard(error: &anyhow::Error) -> bool {
    let is_broken = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref().is_some_and(is_broken))
}

/// The text files: those of the flags, else those of the config file.
///
/// # Errors
///
/// Something typed: none. Something read: a folder without a run.
fn data(
    matches: &ArgMatches,
    file: Option<&ConfigFile>,
    folder: &Folder,
) -> Result<Vec<PathBuf>, Failure> {
    let typed = matches.get_many::<String>("data").map(|paths| paths.map(PathBuf::from).collect());
    let data: Vec<PathBuf> =
        typed.or_else(|| file.map(|file| file.data.clone())).unwrap_or_default();
    if !data.is_empty() {
        return Ok(data);
    }
    let dir = folder.path().display();
    if !matches.contains_id("resume") {
        let hint = "kelvin train FILE.txt begins a run";
        return Err(Failure::typed("no text file to train on").hint(hint));
    }
    match folder.latest_step() {
        None => Err(Failure::read(format!("{dir} holds no run: neither train.toml nor step-N"))
            .hint("name the folder that a run was saved in")),
        Some(_) => Err(Failure::typed(format!("{dir} does not say what it was trained on"))
            .hint(format!("name the same text files again: kelvin train FILE.txt --resume {dir}"))),
    }
}

/// Refuses a model that this machine has no memory to train.
///
/// # Errors
///
/// Something typed, with both sizes.
fn check_memory(settings: &Settings, config: &Config) -> Result<(), Failure> {
    memory::room().map_or(Ok(()), |room| fits(settings, config, room.total))
}

fn fits(settings: &Settings, config: &Config, total: u64) -> Result<(), Failure> {
    let need = settings.n_bytes(config);
    if need <= total {
        return Ok(());
    }
    let one_window = Settings { batch_size: 1, ..settings.clone() };
    let hint = if one_window.n_bytes(config) <= total {
        "a smaller --batch-size, and as much more --grad-accum"
    } else {
        "a smaller --size, or fewer --n-layers or --d-model, or a smaller --block-size"
    };
    let (need, total) = (bytes(need), bytes(total));
    let what = format!("training takes at least {need} of memory, and this machine has {total}");
    Err(Failure::typed(what).hint(hint))
}

/// What files are called, wherever they are.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    paths.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use kelvin_lm::train::Size;

    use super::*;

    #[test]
    fn what_cannot_be_held_is_refused_with_a_way_out() {
        let size = Size::from_name("gpt2-124m").expect("a size");
        let config = size.config(50_257).expect("a blueprint");
        let settings = Settings { batch_size: 64, block_size: 1024, ..size.settings.clone() };
        let need = settings.n_bytes(&config);
        assert!(need > 20 << 30, "{need}");
        fits(&settings, &config, need).expect("it fits to the byte");
        let refused = |total| fits(&settings, &config, total).expect_err("too much");
        let hints = [8 << 30, 1 << 30].map(|total| format!("{:?}", refused(total)));
        assert!(
            hints[0].contains("a smaller --batch-size, and as much more --grad-accum"),
            "{hints:?}"
        );
        assert!(hints[1].contains("a smaller --size"), "{hints:?}");
    }
}
