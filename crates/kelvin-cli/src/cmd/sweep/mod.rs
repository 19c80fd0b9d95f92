//! `kelvin sweep`: every combination of some settings, sampled, kept and summed up.

mod cells;
mod estimate;
mod folder;
mod identity;
mod journal;
mod progress;
mod report;
mod single;
mod table;

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lab::sample::Judged;
use kelvin_lab::sweep::{Grid, Manifest, SCHEMA, Shard, Summary};
use kelvin_lab::{Key, Sample};
use kelvin_lm::generate::{Context, Detok};

pub(crate) use self::folder::Folder;
pub(crate) use self::journal::Journal;
pub(crate) use self::table::report;

use self::progress::Progress;
use crate::again::Again;
use crate::args::context;
use crate::args::policy::text;
use crate::args::randomness::Randomness;
use crate::chat::Chat;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::experiment::{Cell, Ended, Experiment, Prompt, Rows};
use crate::judge::Judge;
use crate::load::{self, Loaded};
use crate::playback;
use crate::prompts;
use crate::settings::{self, Policy};
use crate::term::number::{bytes, count, counted};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let grid = cells::grid(matches)?;
    if text(matches, "example").is_some() {
        return single::run(matches, &grid, console);
    }
    let texts = prompts::read(matches)?;
    let folder = text(matches, "out").map(Folder::new);
    let begun = folder.as_ref().map(Folder::manifest).transpose()?.flatten();
    let randomness = Randomness::from_matches(matches).or_seed(begun.map(|begun| begun.seed));
    let (mut loaded, (cells, policies)) = load::with_policies(matches, console, |defaults, _| {
        cells::policies(matches, &grid, defaults)
    })?;
    warn(&policies, console)?;
    let stops = match matches.get_many::<String>("stop") {
        Some(stops) => stops.cloned().collect(),
        None => policies[0].stops.clone().map_or_else(Vec::new, |(stops, _)| stops),
    };
    let prompts = read_prompts(matches, texts, &mut loaded, randomness)?;
    let judge = Judge::from_matches(matches, console)?;
    let (models, grid) = ((&loaded, judge.as_ref()), (grid, cells, &policies[..]));
    let job = Job::new(matches, models, grid, (prompts, stops), randomness)?;
    job.introduce(&randomness, console)?;
    match folder {
        Some(folder) if !matches.get_flag("dry-run") => {
            job.sample(&folder, matches.get_flag("json"), console)
        }
        folder => job.estimate(folder.as_ref(), matches.get_flag("json"), console),
    }
}

/// Says what the policies deserve, each warning once.
fn warn(policies: &[Policy], console: &mut Console<'_>) -> Result<()> {
    let mut warnings: Vec<String> = Vec::new();
    for warning in policies.iter().flat_map(|policy| &policy.warnings) {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
    Ok(console.warn_all(&warnings)?)
}

/// The prompts, as text or as messages.
fn read_prompts(
    matches: &ArgMatches,
    texts: Vec<String>,
    loaded: &mut Loaded,
    randomness: Randomness,
) -> Result<Vec<Prompt>> {
    let chat = matches.get_flag("chat").then(|| Chat::from_matches(matches, loaded)).transpose()?;
    let special = load::special_tokens(matches);
    let max_new_tokens = matches.get_one::<u32>("max-new-tokens").map(|&n| n as usize);
    let context = Context::fixed(loaded.model.config().max_seq);
    let mut prompts = Vec::new();
    for text in texts {
        let ids = match &chat {
            None => loaded.encode(&text, special)?,
            Some(chat) => chat.encode(&chat.render(&chat.beginning(&text))?, loaded)?,
        };
        context::check(ids.len(), max_new_tokens, context)?;
        let seed = randomness.for_prompt(&ids);
        prompts.push(Prompt { text, ids, seed });
    }
    Ok(prompts)
}

/// A sweep, ready to begin.
struct Job<'a> {
    loaded: &'a Loaded,
    judge: Option<&'a Judge>,
    cells: Vec<Cell>,
    /// Who set the values of each cell.
    origins: Vec<String>,
    /// The command that does it again.
    again: Again,
    prompts: Vec<Prompt>,
    manifest: Manifest,
    detok: Detok,
}

impl<'a> Job<'a> {
    fn new(
        matches: &ArgMatches,
        (loaded, judge): (&'a Loaded, Option<&'a Judge>),
        (grid, cells, policies): (Grid, Vec<Cell>, &[Policy]),
        (prompts, stop): (Vec<Prompt>, Vec<String>),
        randomness: Randomness,
    ) -> Result<Self> {
        let manifest = Manifest {
            schema: SCHEMA.to_owned(),
            kelvin: env!("CARGO_PKG_VERSION").to_owned(),
            model: identity::of_model(loaded)?,
            judge: judge.map(identity::of_judge).transpose()?,
            grid,
            pipelines: cells.iter().map(|cell| cell.pipeline.to_string()).collect(),
            prompts: prompts.iter().map(identity::of_prompt).collect(),
            n: matches.get_one("n").copied().unwrap_or(1),
            seed: randomness.seed,
            max_new_tokens: matches.get_one::<u32>("max-new-tokens").map_or(1, |&n| n as usize),
            stop: stop.clone(),
            shard: matches.get_one("shard").copied().unwrap_or(Shard::WHOLE),
        };
        manifest.check().map_err(|error| Failure::typed(error.to_string()))?;
        let detok = Detok::new(stop)?;
        let origins = policies
            .iter()
            .map(|policy| settings::origins(&policy.settings, |setting| setting.name).join(" · "));
        let (origins, again) = (origins.collect(), report::again(matches, &manifest));
        Ok(Self { loaded, judge, cells, origins, again, prompts, manifest, detok })
    }

    /// What is swept, before it is.
    fn introduce(&self, randomness: &Randomness, console: &mut Console<'_>) -> Result<()> {
        let Manifest { n, max_new_tokens, shard, .. } = &self.manifest;
        let mut facts = self.loaded.facts();
        facts.push(format!("seed {}", randomness.shown()));
        console.talk(&facts.join(" · "))?;
        if let Some(judge) = self.judge {
            console.talk(&format!("judge: {}", judge.model().facts().join(" · ")))?;
        }
        let mut counts = vec![
            counted(self.cells.len(), "cell"),
            counted(self.prompts.len(), "prompt"),
            counted(*n as usize, "sample"),
        ];
        counts.push(format!("at most {}", counted(*max_new_tokens, "token")));
        let of_shard = match *shard {
            Shard::WHOLE => String::new(),
            shard => format!(" · shard {shard}"),
        };
        console.talk(&format!("{}{of_shard}", counts.join(" × ")))?;
        Ok(())
    }

    fn experiment(&self, n_samples: usize) -> Experiment<'_> {
        let Self { loaded, cells, prompts, manifest, detok, .. } = self;
        let longest = prompts.iter().map(|prompt| prompt.ids.len()).max().unwrap_or(0);
        let positions = longest + manifest.max_new_tokens;
        Experiment {
            model: &loaded.model,
            tokenizer: &loaded.tokenizer,
            cells,
            prompts,
            detok: detok.clone(),
            max_new_tokens: manifest.max_new_tokens,
            rows: Rows::that_fit(&loaded.model, positions).at_most(n_samples),
        }
    }

    /// Samples what the folder does not hold yet, then writes its tables and says what they hold.
    fn sample(&self, folder: &Folder, json: bool, console: &mut Console<'_>) -> Result<Code> {
        let mut journal = Journal::open(folder, self.manifest.clone())?;
        let missing = journal.missing();
        let there = journal.n_samples();
        let dir = folder.path().display();
        if there > 0 {
            console.talk(&format!("{dir} holds {} of them", counted(there, "sample")))?;
        }
        playback::listen_for_interrupts()?;
        let experiment = self.experiment(missing.len());
        let rows = experiment.rows;
        let together = counted(rows.n(), "sample");
        console.talk(&format!("{together} together, in {} of memory", bytes(rows.bytes())))?;
        let mut progress = Progress::new(self, &mut journal, &missing, console);
        let ended = experiment.run(missing, &mut progress);
        let (failures, footer) = progress.finish();
        journal.sync()?;
        if ended? == Ended::Interrupted {
            let samples = counted(journal.n_samples(), "sample");
            console.hint(&format!("{dir} holds {samples}; the same command goes on"))?;
            return Ok(Code::Interrupted);
        }
        console.talk(&footer)?;
        let cells = folder.tabulate(&journal)?;
        folder.write_report(&report::html(self, &journal)?)?;
        report(&Summary { manifest: &self.manifest, cells }, json, console)?;
        self.tell_failures(&failures, console)?;
        let unjudged = self.unjudged(&journal)?;
        if let Some(told) = &unjudged {
            console.tell_error(told)?;
        }
        let is_whole = failures.is_empty() && unjudged.is_none();
        Ok(if is_whole { Code::Done } else { Code::Failed })
    }

    /// What the judge makes of a sample; nothing of an empty one, or without a judge.
    fn judged(&self, sample: &Sample) -> kelvin_lm::Result<Option<Judged>> {
        let Some(judge) = self.judge else { return Ok(None) };
        judge.of(&sample.text, &self.prompts[sample.prompt].text)
    }

    /// How many samples the judge could not read, and why not the first; nothing where it read all.
    fn unjudged(&self, journal: &Journal) -> Result<Option<String>> {
        let Some(judge) = self.judge else { return Ok(None) };
        let (mut n_unread, mut first) = (0, None);
        for sample in journal.samples() {
            let sample = sample?;
            if !sample.text.is_empty() && sample.judged.is_none() {
                n_unread += 1;
                first = first.or(Some(sample));
            }
        }
        let Some(first) = first else { return Ok(None) };
        let of = format!("{} of {} samples", count(n_unread), count(journal.n_samples()));
        let which = format!(
            "the first, {}, prompt {}, sample {}",
            self.cells[first.cell].label,
            first.prompt + 1,
            first.sample + 1
        );
        let why = self.judged(&first).err().map_or_else(String::new, |why| format!(": {why}"));
        Ok(Some(format!("{} cannot judge {of}; {which}{why}", judge.model().card.name)))
    }

    /// Which samples could not be had, and why; each reason once.
    fn tell_failures(&self, failures: &[(Key, String)], console: &mut Console<'_>) -> Result<()> {
        let mut told: Vec<(&str, usize, Key)> = Vec::new();
        for (key, why) in failures {
            match told.iter_mut().find(|(known, _, _)| known == why) {
                Some((_, n, _)) => *n += 1,
                None => told.push((why, 1, *key)),
            }
        }
        for (why, n, key) in told {
            let first = &self.cells[key.cell].label;
            let samples = counted(n, "sample");
            console.tell_error(&format!("{samples} could not be had, first of {first}: {why}"))?;
        }
        Ok(())
    }
}
