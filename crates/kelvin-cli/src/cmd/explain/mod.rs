//! `kelvin explain`: why each token of a past run came; where dialects differ on one row.

mod diff;
mod edge;
mod fragile;
mod run;
pub(crate) mod step;

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lab::Trace;
use kelvin_lab::trace::{Sequence, Setting};

use crate::args::explain::chosen_sequence;
use crate::args::policy::text;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::runs::LAST;
use crate::settings;
use crate::term::number::{count, counted};
use crate::vocab::Names;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let (is_fragile, is_diff) = (matches.get_flag("fragile"), matches.contains_id("diff"));
    if is_fragile || is_diff {
        check_row(matches)?;
        return if is_diff { diff::run(matches, console) } else { fragile::run(matches, console) };
    }
    let trace = read(text(matches, "prompt").unwrap_or(LAST), console)?;
    if trace.is_cut {
        console.talk("the last line of the trace is cut off: the run was stopped in the middle")?;
    }
    let sequence = chosen(&trace, chosen_sequence(matches))?;
    if matches.get_flag("settings") {
        tell_settings(&sequence.header.settings, console)?;
        return Ok(Code::Done);
    }
    let names = Names::Recorded(trace.names.clone());
    match matches.get_one::<i64>("step") {
        None => run::explain(sequence, &names, matches, console)?,
        Some(&number) => {
            let at = index(number, sequence.steps.len())?;
            step::explain(sequence, at, &names, (matches, console))?;
        }
    }
    Ok(Code::Done)
}

/// Whether there is a row to look at.
///
/// # Errors
///
/// Something typed: there is none.
fn check_row(matches: &ArgMatches) -> Result<(), Failure> {
    if ["prompt", "example", "logits"].iter().any(|name| matches.contains_id(name)) {
        return Ok(());
    }
    Err(Failure::typed("no row of logits to look at")
        .hint("name an example (--example cat8), a file (--logits), or a text for a model"))
}

/// The trace of this name.
///
/// # Errors
///
/// Something typed: no such run. Something read: no such file, or no trace.
pub(crate) fn read(name: &str, console: &Console<'_>) -> Result<Trace> {
    let path = console.runs.find(name)?;
    let shown = path.display();
    let file = std::fs::File::open(&path)
        .map_err(|error| Failure::read(format!("cannot read {shown}")).caused_by(error))?;
    let trace = Trace::read(std::io::BufReader::new(file));
    Ok(trace.map_err(|error| Failure::read(format!("{shown}: {error}")))?)
}

/// The sequence of this prompt and sample.
///
/// # Errors
///
/// Something typed: there is none.
pub(crate) fn chosen(trace: &Trace, place: (usize, usize)) -> Result<&Sequence, Failure> {
    trace.sequence(place.0, place.1).ok_or_else(|| {
        let number = |at: usize| at.saturating_add(1);
        let (prompts, samples) = trace.sequences.iter().fold((0, 0), |(prompts, samples), it| {
            (prompts.max(number(it.header.prompt)), samples.max(number(it.header.sample)))
        });
        let (prompt, sample) = (number(place.0), number(place.1));
        let has = (counted(prompts, "prompt"), counted(samples, "sample"));
        Failure::typed(format!("the trace has no sample {sample} of prompt {prompt}"))
            .hint(format!("it has {} and {}", has.0, has.1))
    })
}

/// The place of the step of this number: counted from 1, or from the end.
fn index(number: i64, n_steps: usize) -> Result<usize, Failure> {
    let n = i64::try_from(n_steps).unwrap_or(i64::MAX);
    let at = if number < 0 { n.saturating_add(number) } else { number - 1 };
    match usize::try_from(at) {
        Ok(at) if at < n_steps => Ok(at),
        _ if n_steps == 0 => Err(Failure::read("the trace has no token")),
        _ => Err(Failure::typed(format!(
            "--step {number}: the text has {}",
            counted(n_steps, "token")
        ))
        .hint(format!("1 to {}, or -1 for the last", count(n_steps)))),
    }
}

/// Values and where they come from, one a line.
fn tell_settings(settings: &[Setting], console: &mut Console<'_>) -> Result<()> {
    for line in origins(settings, |setting| &setting.value) {
        writeln!(console.out, "{line}")?;
    }
    Ok(())
}

/// What was set, grouped by who set it.
fn origins(settings: &[Setting], told: impl Fn(&Setting) -> &str) -> Vec<String> {
    let settings = settings.iter().map(|setting| (told(setting), setting.origin.clone()));
    settings::grouped(&settings.collect::<Vec<_>>())
}

/// What a header says of the run: model, length of the prompt, dialect, seed.
pub(crate) fn facts(sequence: &Sequence) -> Vec<String> {
    let header = &sequence.header;
    let model = &header.model;
    let known = ["name", "dtype", "profile"].iter().filter_map(|key| model[*key].as_str());
    let mut facts: Vec<String> = known.map(str::to_owned).collect();
    facts.push(counted(header.prompt_ids.len(), "prompt token"));
    facts.push(format!("dialect {}", header.dialect));
    facts.push(format!("seed {}", header.seed));
    if header.choice > 0 {
        facts.push(format!("sample {}", u64::from(header.choice) + 1));
    }
    facts
}
