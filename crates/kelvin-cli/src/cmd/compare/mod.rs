//! `kelvin compare`: policies or models side by side.

mod json;
mod page;
pub(crate) mod policy;
mod report;
mod row;
mod side_by_side;
mod single;
mod target;

use std::path::PathBuf;

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lab::measure::{self, ByteBigrams, Metric};

use self::policy::Named;
use self::row::Row;
use crate::again::Again;
use crate::args::policy::text;
use crate::args::randomness::Randomness;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::judge::Judge;
use crate::playback;
use crate::term::text::quoted;
use crate::{models, prompts, suggest};

/// What one model is tried with where nobody says.
const POLICIES: [&str; 3] = ["greedy", "balanced", "creative"];
/// What several models are.
const POLICY: [&str; 1] = ["neutral"];
/// The columns of the table where nobody says.
const COLUMNS: [&str; 4] = ["distinct-2", "self-bleu", "rep-4", "nats-per-token"];
/// One more where a model judges.
const JUDGED: &str = "judge-perplexity";

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let plan = Plan::from_matches(matches)?;
    if text(matches, "example").is_some() {
        return single::run(matches, &plan, console);
    }
    let prompts = some_prompts(matches)?;
    let metrics = metrics(matches)?;
    let judge = Judge::from_matches(matches, console)?;
    let reference = reference(matches)?;
    let names = model_names(matches);
    if names == [None] {
        console.hint(models::UNNAMED)?;
    }
    for name in &names {
        models::locate(*name, console.places())?; // before any is run, which may take long
    }
    playback::listen_for_interrupts()?;
    let mut rows: Vec<Row> = Vec::new();
    for name in names {
        let more = row::of_model(name, matches, (&plan, &prompts), rows.first(), console)?;
        rows.extend(more);
        if playback::is_interrupted() {
            break;
        }
    }
    if let Some(judge) = &judge {
        for row in &mut rows {
            row.judge(judge, &prompts);
        }
    }
    for failure in rows.iter().flat_map(|row| &row.failures) {
        console.tell_error(failure)?;
    }
    let (judge, reference) = (judge.as_ref(), reference.as_ref());
    let all = All { plan: &plan, prompts: &prompts, rows: &rows, judge, reference };
    if matches.get_flag("json") {
        console.json(&json::object(&all))?;
    } else if !rows.is_empty() {
        page::write(&all, &metrics, console)?;
    }
    if let Some(path) = plan.report.as_ref().filter(|_| !rows.is_empty()) {
        report::write(&all, path, console)?;
    }
    Ok(match rows {
        _ if playback::is_interrupted() => Code::Interrupted,
        rows if rows.iter().any(|row| !row.failures.is_empty()) => Code::Failed,
        _ => Code::Done,
    })
}

/// What is compared, and how often.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The policies; the others are compared with the first.
    pub(crate) policies: Vec<Named>,
    /// Samples of each policy and prompt.
    pub(crate) n: u32,
    /// Tokens after which a sample ends.
    pub(crate) max_new_tokens: usize,
    /// The seed.
    pub(crate) randomness: Randomness,
    /// Whether all policies share their random numbers.
    pub(crate) is_coupled: bool,
    /// The command that gives the same numbers.
    pub(crate) again: Again,
    /// Samples shown of each prompt.
    show: u32,
    /// The page that is written.
    report: Option<PathBuf>,
}

/// Everything that is told.
pub(crate) struct All<'a> {
    pub(crate) plan: &'a Plan,
    /// The prompts' texts.
    pub(crate) prompts: &'a [String],
    pub(crate) rows: &'a [Row],
    /// The model that judged the texts.
    pub(crate) judge: Option<&'a Judge>,
    pub(crate) reference: Option<&'a ByteBigrams>,
}

impl Plan {
    fn from_matches(matches: &ArgMatches) -> Result<Self> {
        let typed = matches.get_many::<String>("policy");
        let default = if model_names(matches).len() > 1 { &POLICY[..] } else { &POLICIES };
        let dialects: Vec<&str> =
            matches.get_many("dialect").into_iter().flatten().map(String::as_str).collect();
        let policies = match typed {
            Some(typed) => policy::all(typed.map(String::as_str), &dialects)?,
            None => policy::all(default.iter().copied(), &dialects)?,
        };
        let randomness = Randomness::coupled(matches);
        let n = matches.get_one("n").copied().unwrap_or(1);
        let max_new_tokens = matches.get_one::<u32>("max-new-tokens").map_or(1, |&n| n as usize);
        let is_coupled = !matches.get_flag("independent");
        let again = again(matches, &policies, randomness.seed);
        let show = matches.get_one("show").copied().unwrap_or(1);
        let report = text(matches, "report").map(PathBuf::from);
        Ok(Self { policies, n, max_new_tokens, randomness, is_coupled, again, show, report })
    }

    /// The stream of a policy's random numbers: 0 for all, or its place from 1 on.
    pub(crate) fn stream(&self, place: usize) -> u64 {
        if self.is_coupled { 0 } else { place as u64 + 1 }
    }
}

/// What `-m` names; nothing, once, where nobody names a model.
fn model_names(matches: &ArgMatches) -> Vec<Option<&str>> {
    let named = matches.get_many::<String>("model");
    named.map_or_else(|| vec![None], |names| names.map(|name| Some(name.as_str())).collect())
}

/// The command line that gives the same numbers, whatever is a default by then.
fn again(matches: &ArgMatches, policies: &[Named], seed: u64) -> Again {
    let policies: Vec<String> =
        policies.iter().map(|it| format!("-s {}", quoted(&it.label))).collect();
    let number = |name: &str| matches.get_one::<u32>(name).copied().unwrap_or(1);
    let is_of_model = text(matches, "example").is_none();
    let length = is_of_model.then(|| format!("--max-new-tokens {}", number("max-new-tokens")));
    Again::of("compare", matches)
        .saying("report", None)
        .saying("dialect", None) // the policies say theirs
        .saying("policy", Some(policies.join(" ")))
        .saying("n", Some(format!("-n {}", number("n"))))
        .saying("max-new-tokens", length)
        .saying("seed", Some(format!("--seed {seed}")))
}

/// At least one prompt.
fn some_prompts(matches: &ArgMatches) -> Result<Vec<String>, Failure> {
    let prompts = prompts::read(matches)?;
    if prompts.is_empty() {
        let failure = Failure::typed("nothing to compare on");
        return Err(failure.hint("give a PROMPT, --prompts FILE or --example NAME"));
    }
    Ok(prompts)
}

/// The columns of the table.
fn metrics(matches: &ArgMatches) -> Result<Vec<&'static Metric>, Failure> {
    let known = || measure::ALL.iter().map(|metric| metric.name);
    let typed: Option<Vec<&str>> =
        matches.get_many::<String>("metrics").map(|names| names.map(String::as_str).collect());
    let names = match typed {
        Some(names) if names == ["all"] => return Ok(measure::ALL.iter().collect()),
        Some(names) => names,
        None => COLUMNS.into_iter().chain(text(matches, "judge").map(|_| JUDGED)).collect(),
    };
    let find = |name: &str| {
        measure::find(name.trim()).ok_or_else(|| suggest::unknown("metric", name, known()))
    };
    let metrics: Vec<&Metric> = names.into_iter().map(find).collect::<Result<_, _>>()?;
    let is_judged = |metric: &&&Metric| metric.name.starts_with("judge-");
    match metrics.iter().find(is_judged) {
        Some(metric) if text(matches, "judge").is_none() => {
            let failure = Failure::typed(format!("{} needs a second model", metric.name));
            Err(failure.hint("--judge MODEL names it"))
        }
        _ => Ok(metrics),
    }
}

/// The text that samples are held to.
fn reference(matches: &ArgMatches) -> Result<Option<ByteBigrams>, Failure> {
    let Some(path) = text(matches, "reference") else { return Ok(None) };
    let bytes = ByteBigrams::of([prompts::text_of(path)?.as_str()]);
    if bytes.total() == 0 {
        return Err(Failure::read(format!("{path}: the reference has no two bytes")));
    }
    Ok(Some(bytes))
}
