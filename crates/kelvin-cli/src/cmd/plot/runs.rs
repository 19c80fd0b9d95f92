//! Figures of what ran: a generation, samples, a sweep, a training.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lab::figure::{self, Animation, Diversity, Estimate, LossCurves};
use kelvin_lab::trace::Sequence;
use kelvin_lab::{Trace, measure};
use kelvin_lm::train::Metric;
use serde::Deserialize;

use super::super::explain;
use super::kind::still;
use super::{Picture, live};
use crate::console::Console;
use crate::exit::Failure;

/// Probability, entropy and nucleus size of each token.
pub(super) fn trace(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Picture> {
    let trace = generation(matches, console)?;
    let sequence = &trace.sequences[0];
    Ok(still(figure::generation(sequence), &[facts(sequence)]))
}

pub(super) fn animation(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Picture> {
    let trace = generation(matches, console)?;
    let sequence = &trace.sequences[0];
    let film = Animation::new(sequence, &trace.names).with_caption(facts(sequence));
    Ok(Picture::Film(film))
}

/// Model, policy and seed of a generation.
fn facts(sequence: &Sequence) -> String {
    let header = &sequence.header;
    let model = match &header.model["name"] {
        serde_json::Value::String(name) => name.as_str(),
        _ => "a model",
    };
    format!("{model} · {:?} · {} · seed {}", header.text, header.pipeline, header.seed)
}

/// The trace of `--from`, or one made now.
fn generation(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Trace> {
    if matches.contains_id("from") {
        return explain::read(one(matches, "this figure reads one trace")?, console);
    }
    live::generate(matches, console)
}

/// What was measured of each policy: of the samples of traces, or by a sweep.
pub(super) fn diversity(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Picture> {
    let paths = from(matches, "this figure counts the samples of traces or of a sweep")?;
    let facts = vec![paths.join(", ")];
    if let [path] = paths[..]
        && Path::new(path).is_dir()
    {
        let sweep = Sweep::read(path)?;
        let of = |cell: &Cell| {
            Some(Diversity {
                name: cell.pipeline.clone(),
                unique_sequences: cell.metric("unique_sequences")?,
                unique_tokens: cell.metric("mean_unique_tokens")?,
            })
        };
        let measured: Vec<Diversity> = sweep.cells.iter().filter_map(of).collect();
        let n_runs = sweep.cells.iter().map(|cell| cell.samples).max().unwrap_or(0);
        let n_tokens = sweep.manifest.max_new_tokens;
        return Ok(still(figure::diversity(&measured, n_runs, n_tokens), &facts));
    }
    let mut policies: Vec<(String, Vec<Vec<u32>>)> = Vec::new();
    for path in paths {
        for sequence in explain::read(path, console)?.sequences {
            let tokens = sequence.body();
            let name = sequence.header.experiment.unwrap_or(sequence.header.pipeline);
            match policies.iter_mut().find(|(known, _)| *known == name) {
                Some((_, samples)) => samples.push(tokens),
                None => policies.push((name, vec![tokens])),
            }
        }
    }
    let samples = || policies.iter().map(|(_, samples)| samples);
    let n_runs = samples().map(Vec::len).max().unwrap_or(0);
    let n_tokens = samples().flatten().map(Vec::len).max().unwrap_or(0);
    let measured: Vec<Diversity> = policies.iter().map(counted).collect();
    Ok(still(figure::diversity(&measured, n_runs, n_tokens), &facts))
}

/// Different texts, and different tokens of a text, among the samples of a policy.
fn counted((name, samples): &(String, Vec<Vec<u32>>)) -> Diversity {
    let tokens = samples.iter().map(|sample| measure::different(sample) as f64);
    Diversity {
        name: name.clone(),
        unique_sequences: measure::different(samples) as f64,
        unique_tokens: measure::mean(tokens).unwrap_or(0.0),
    }
}

/// The share of different texts at each temperature of a sweep; of several cells, their mean.
pub(super) fn uniqueness(matches: &ArgMatches, _: &mut Console<'_>) -> Result<Picture> {
    let path = one(matches, "this figure reads a sweep")?;
    let mut ratios: Vec<(f64, Vec<f64>)> = Vec::new();
    for cell in &Sweep::read(path)?.cells {
        let t = cell.settings.get("temperature").and_then(|value| value.parse::<f64>().ok());
        let (Some(t), Some(ratio)) = (t, cell.metric("unique_ratio")) else { continue };
        match ratios.iter_mut().find(|(known, _)| known.total_cmp(&t).is_eq()) {
            Some((_, all)) => all.push(ratio),
            None => ratios.push((t, vec![ratio])),
        }
    }
    if ratios.is_empty() {
        let failure = Failure::typed(format!("{path}: no temperature was swept"));
        return Err(failure.hint("kelvin sweep PROMPT -g temperature=0.1:1.5:0.2 -n 20").into());
    }
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mean = |(t, all): &(f64, Vec<f64>)| (*t, all.iter().sum::<f64>() / all.len() as f64);
    let ratios: Vec<(f64, f64)> = ratios.iter().map(mean).collect();
    Ok(still(figure::diversity_by_temperature(&ratios), &[path.to_owned()]))
}

/// Diversity against surprisal, a dot for each cell of a sweep. A sweep's report has no intervals;
/// those of `kelvin compare` do.
pub(super) fn pareto(matches: &ArgMatches, _: &mut Console<'_>) -> Result<Picture> {
    let path = one(matches, "this figure reads a sweep")?;
    let exactly = |value| Estimate { low: value, value, high: value };
    let dot = |cell: &Cell| {
        let (x, y) = (cell.metric("distinct_2")?, cell.metric("nats_per_token")?);
        Some((cell.pipeline.clone(), exactly(x), exactly(y)))
    };
    let dots: Vec<_> = Sweep::read(path)?.cells.iter().filter_map(dot).collect();
    Ok(still(figure::pareto(("distinct-2", "nats per token"), dots), &[path.to_owned()]))
}

/// The report of a sweep, as far as figures read it.
#[derive(Debug, Deserialize)]
struct Sweep {
    manifest: Manifest,
    cells: Vec<Cell>,
}

/// What it was asked for.
#[derive(Debug, Deserialize)]
struct Manifest {
    max_new_tokens: usize,
}

/// One policy of a sweep.
#[derive(Debug, Deserialize)]
struct Cell {
    settings: BTreeMap<String, String>,
    pipeline: String,
    samples: usize,
    metrics: BTreeMap<String, Option<f64>>,
}

impl Sweep {
    /// Reads the report in a sweep's folder.
    fn read(folder: &str) -> Result<Self> {
        let path = Path::new(folder).join("report.json");
        let refused = |error| {
            Failure::read(format!("cannot read {}", path.display()))
                .hint("a sweep has a report when it is done")
                .caused_by(error)
        };
        let json = fs::read_to_string(&path).map_err(refused)?;
        let what = |error| Failure::read(format!("no report of a sweep: {error}"));
        Ok(serde_json::from_str(&json)
            .map_err(|error| what(error).inside(&path.display().to_string()))?)
    }
}

impl Cell {
    fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.get(name).copied().flatten()
    }
}

/// The files of `--from`.
fn from<'a>(matches: &'a ArgMatches, needs: &str) -> Result<Vec<&'a str>> {
    let paths = matches.get_many::<String>("from").into_iter().flatten();
    let paths: Vec<&str> = paths.map(String::as_str).collect();
    if paths.is_empty() {
        let failure = Failure::typed(format!("{needs}, and none is given"));
        return Err(failure.hint("--from FILE or FOLDER").into());
    }
    Ok(paths)
}

/// The one file of `--from`.
fn one<'a>(matches: &'a ArgMatches, needs: &str) -> Result<&'a str> {
    match from(matches, needs)?[..] {
        [path] => Ok(path),
        ref paths => Err(Failure::typed(format!("{needs}, and {} are given", paths.len())).into()),
    }
}

pub(super) fn loss(matches: &ArgMatches, _: &mut Console<'_>) -> Result<Picture> {
    let path = one(matches, "this figure reads a run's folder or its metrics.jsonl")?;
    let folder = Path::new(path);
    let file = if folder.is_dir() { folder.join("metrics.jsonl") } else { folder.to_owned() };
    let refused = |error| Failure::read(format!("cannot read {}", file.display())).caused_by(error);
    let lines = fs::read_to_string(&file).map_err(refused)?;
    let mut losses = LossCurves::default();
    for (at, line) in lines.lines().enumerate() {
        let metric = serde_json::from_str(line).map_err(|error| {
            Failure::read(format!("line {}: no metric of a run: {error}", at + 1))
                .inside(&file.display().to_string())
        })?;
        match metric {
            Metric::Step { step, loss, .. } => losses.train(step, loss),
            Metric::Evaluation { step, validation_loss, .. } => {
                losses.validate(step, validation_loss);
            }
        }
    }
    Ok(still(losses.figure("Loss"), &[path.to_owned()]))
}
