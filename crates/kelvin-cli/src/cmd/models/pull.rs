//! `kelvin models pull`: a model from the hub, with progress and verification.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clap::ArgMatches;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kelvin_lm::hub::pull::{Client, Event, FileState, Plan, PlannedFile};
use kelvin_lm::hub::{ALIASES, ModelName, alias};
use serde_json::{Value, json};

use crate::args::policy::text;
use crate::console::Console;
use crate::exit::Failure;
use crate::memory::free_disk;
use crate::term::number::{bytes, counted};

/// Digits of a commit that people are shown.
const SHORT: usize = 7;
/// What the bar shows; its name comes first, because that is what changes.
const BAR: &str =
    "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<()> {
    let name = named(text(matches, "model").expect("a name is required"))?;
    let client = Client::new(&console.hub)?;
    let plan = client.plan(&name, &mut |event| tell(console, &event))?;
    announce(&plan, console)?;
    if matches.get_flag("dry-run") {
        return list(&plan, matches, console);
    }
    check_disk(&plan, &console.hub.cache)?;
    let mut progress = Progress::new(&plan, console.quiet);
    let snapshot = client.fetch(&plan, &mut |event| progress.show(console, &event));
    progress.bar.finish_and_clear();
    let path = snapshot?.model(name.file())?;
    if matches.get_flag("json") {
        return Ok(console.json(&object(&plan, Some(&path)))?);
    }
    let total = format!("{}, {}", counted(plan.files.len(), "file"), bytes(plan.n_bytes()));
    console.talk(&format!("{total}; -m {name} reads"))?;
    Ok(writeln!(console.out, "{}", path.display())?)
}

/// What a name means on the hub: a repository there, or a short name for one.
fn named(model: &str) -> Result<ModelName, anyhow::Error> {
    let name: ModelName = model.parse()?;
    if let Some(alias) = alias(name.repo().as_str()) {
        return Ok(name.with_repo(alias.repo_id()));
    }
    if name.repo().as_str().contains('/') {
        return Ok(name);
    }
    let failure = Failure::typed(format!("no short name {model:?}, and a repository is org/name"));
    let near = kelvin::nearest(model, ALIASES.iter().map(|alias| alias.name));
    Err(failure
        .hint(near.map_or_else(
            || format!("the short names are {}", ALIASES.map(|alias| alias.name).join(", ")),
            |near| format!("did you mean {near}?"),
        ))
        .into())
}

fn announce(plan: &Plan, console: &mut Console<'_>) -> Result<()> {
    let Plan { repo, revision, commit, files } = plan;
    let short = &commit[..SHORT];
    let commit = if revision.as_str() == commit {
        short.to_owned()
    } else {
        format!("{revision} = {short}")
    };
    let missing = match plan.n_missing() {
        0 => "all there".to_owned(),
        missing => format!("{} to fetch", bytes(missing)),
    };
    let size = format!("{}, {}", counted(files.len(), "file"), bytes(plan.n_bytes()));
    let endpoint = &console.hub.endpoint;
    let line = format!("{repo} ({commit}) from {endpoint}: {size}, {missing}");
    Ok(console.talk(&line)?)
}

/// Refuses what the disk has no room for, before the first byte.
fn check_disk(plan: &Plan, cache: &Path) -> Result<(), Failure> {
    let (missing, free) = (plan.n_missing(), free_disk(cache).ok().flatten());
    match free.filter(|free| *free < missing) {
        Some(free) => {
            let (missing, free) = (bytes(missing), bytes(free));
            let what =
                format!("{missing} to fetch, and {free} free on the disk of {}", cache.display());
            Err(Failure::failed(what)
                .hint("free some space (kelvin models rm), or set HF_HUB_CACHE to another disk"))
        }
        None => Ok(()),
    }
}

/// A bar over all bytes. No thread redraws it: this one holds stderr.
struct Progress {
    bar: ProgressBar,
    /// Where the file began that is on its way.
    start: u64,
}

impl Progress {
    fn new(plan: &Plan, quiet: bool) -> Self {
        let hidden = ProgressDrawTarget::hidden;
        let target = if quiet { hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(plan.n_bytes()), target);
        bar.set_style(ProgressStyle::with_template(BAR).expect("a template that a test renders"));
        Self { bar, start: 0 }
    }

    /// Draws what happens, and says what is worth a line.
    fn show(&mut self, console: &mut Console<'_>, event: &Event<'_>) {
        let bar = &self.bar;
        match event {
            Event::Begin { file, n_bytes } => {
                self.start = bar.position();
                bar.set_message(file.name.to_string());
                bar.inc(*n_bytes);
            }
            Event::Bytes(n) => bar.inc(*n),
            Event::Verify { file } => bar.set_message(format!("{}: verifying", file.name)),
            _ => {
                if matches!(event, Event::Restart { .. }) {
                    bar.set_position(self.start);
                }
                bar.suspend(|| tell(console, event));
            }
        }
    }
}

/// Says what is worth a line; where stderr is gone, nobody is left to be told.
fn tell(console: &mut Console<'_>, event: &Event<'_>) {
    let line = match event {
        Event::Restart { file } => format!("{}: again from its start", file.name),
        Event::Retry { cause, pause } => format!("{cause}; trying again{}", after(*pause)),
        Event::Waiting { file } => {
            format!("{}: waiting for another process to bring it", file.name)
        }
        Event::Done { file } => done(file),
        _ => return,
    };
    console.talk(&line).ok();
}

fn after(pause: Duration) -> String {
    match pause.as_secs() {
        0 => String::new(),
        seconds => format!(" in {seconds} s"),
    }
}

fn done(file: &PlannedFile) -> String {
    let size = file.n_bytes.map_or_else(String::new, |n| format!("{}, ", bytes(n)));
    let state = if file.state == FileState::Whole { "there already" } else { "verified" };
    format!("{}: {size}{state}", file.name)
}

/// What a dry run prints.
fn list(plan: &Plan, matches: &ArgMatches, console: &mut Console<'_>) -> Result<()> {
    if matches.get_flag("json") {
        return Ok(console.json(&object(plan, None))?);
    }
    for file in &plan.files {
        let state = match (file.state, file.n_bytes) {
            (FileState::Whole, _) => "there".to_owned(),
            (FileState::Partial(0), Some(n)) => format!("{} to fetch", bytes(n)),
            (FileState::Partial(_), Some(n)) => {
                format!("{} of {} to fetch", bytes(file.n_missing()), bytes(n))
            }
            (FileState::Partial(_), None) => "to fetch".to_owned(),
        };
        writeln!(console.out, "{}: {state}", file.name)?;
    }
    Ok(())
}

fn object(plan: &Plan, path: Option<&Path>) -> Value {
    let file = |file: &PlannedFile| {
        json!({
            "name": file.name.as_str(),
            "bytes": file.n_bytes,
            "checksum": format!("{}:{}", file.checksum.kind().replace(' ', "-"), file.checksum),
            "missing_bytes": file.n_missing(),
        })
    };
    json!({
        "repo": plan.repo.as_str(),
        "revision": plan.revision.as_str(),
        "commit": plan.commit,
        "path": path.map(|path| path.to_string_lossy()),
        "bytes": plan.n_bytes(),
        "fetched_bytes": if path.is_some() { plan.n_missing() } else { 0 },
        "missing_bytes": if path.is_some() { 0 } else { plan.n_missing() },
        "files": plan.files.iter().map(file).collect::<Value>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_one_that_can_be_drawn() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }

    #[test]
    fn a_short_name_keeps_its_revision_and_file() {
        let full = |name: &str| named(name).expect(name).to_string();
        assert_eq!(full("gpt2"), "openai-community/gpt2");
        assert_eq!(full("gemma3-1b-it@v1"), "google/gemma-3-1b-it@v1");
        assert_eq!(full("org/name@x:Q4_0"), "org/name@x:Q4_0");
    }
}
