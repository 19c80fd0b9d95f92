//! Sweeps as Parquet: a table of samples, and one of their tokens. Equal sweeps have equal bytes.

use std::io::Write;
use std::mem;

use super::columns::{Kind, Table, Values};
use super::{Axis, Manifest};
use crate::measure::{self, Metric, Rule};
use crate::{Result, Sample};

/// Rows of a group, about: what a reader holds at once.
const GROUP: usize = 1 << 16;
/// Tokens of a group of samples, about.
const GROUP_TOKENS: usize = 1 << 20;

/// Writes a row for each sample: its place, the values of its cell, its text and tokens, its numbers.
///
/// `nats` is the surprisal of the whole text under the policy, `raw_nats` under the model. Every
/// [metric](crate::measure::ALL) that a sample has by itself has a column.
///
/// # Errors
///
/// Those of the samples and of the sink.
pub fn write_samples(
    sink: impl Write + Send,
    manifest: &Manifest,
    samples: impl IntoIterator<Item = Result<Sample>>,
) -> Result<()> {
    let axes: Vec<&Axis> = varied(manifest).collect();
    let mut columns = named(&[("cell", Kind::Count)]);
    columns.extend(axes.iter().map(|axis| (axis.name.replace('-', "_"), kind(axis))));
    columns.extend(named(&[
        ("pipeline", Kind::Text),
        ("prompt", Kind::Count),
        ("prompt_text", Kind::Text),
        ("sample", Kind::Count),
        ("seed", Kind::Long),
        ("stream", Kind::Long),
        ("text", Kind::Text),
        ("token_ids", Kind::Ids),
        ("finish", Kind::Text),
        ("n_tokens", Kind::Count),
        ("nats", Kind::Number),
        ("raw_nats", Kind::Number),
    ]));
    columns.extend(metrics().map(|metric| (metric.json_name(), Kind::Optional)));
    let mut table = Table::new(sink, "samples", &columns)?;
    let (mut waiting, mut n_tokens) = (Vec::new(), 0);
    for sample in samples {
        let sample = sample?;
        n_tokens += sample.token_ids.len();
        waiting.push(sample);
        if waiting.len() >= GROUP || n_tokens >= GROUP_TOKENS {
            table.group(sample_columns(manifest, &axes, &mem::take(&mut waiting)))?;
            n_tokens = 0;
        }
    }
    if !waiting.is_empty() {
        table.group(sample_columns(manifest, &axes, &waiting))?;
    }
    table.finish()
}

/// The parameters that have a column of their own; pipelines have theirs anyway.
fn varied(manifest: &Manifest) -> impl Iterator<Item = &Axis> {
    manifest.grid.axes().iter().filter(|axis| axis.name != "pipeline")
}

fn named(columns: &[(&str, Kind)]) -> Vec<(String, Kind)> {
    columns.iter().map(|&(name, kind)| (name.to_owned(), kind)).collect()
}

/// Numbers, with nothing for `off`, where every value is one.
fn kind(axis: &Axis) -> Kind {
    let is_number = |value: &String| value == "off" || value.parse::<f64>().is_ok();
    if axis.values.iter().all(is_number) { Kind::Optional } else { Kind::Text }
}

fn sample_columns(manifest: &Manifest, axes: &[&Axis], samples: &[Sample]) -> Vec<Values> {
    let cells: Vec<Vec<(&str, &str)>> =
        samples.iter().map(|sample| manifest.grid.cell(sample.cell)).collect();
    let values = |axis: &&Axis| -> Values {
        let of = |cell: &Vec<(&str, &str)>| -> String {
            let value = cell.iter().find(|(name, _)| *name == axis.name);
            value.map_or_else(String::new, |(_, value)| (*value).to_owned())
        };
        let values = cells.iter().map(of);
        match kind(axis) {
            Kind::Optional => Values::Optional(values.map(|value| value.parse().ok()).collect()),
            _ => Values::Text(values.collect()),
        }
    };
    let prompt = |sample: &Sample| &manifest.prompts[sample.prompt];
    let mut columns = vec![counts(samples, |it| it.cell)];
    columns.extend(axes.iter().map(values));
    columns.extend([
        texts(samples, |it| &manifest.pipelines[it.cell]),
        counts(samples, |it| it.prompt),
        texts(samples, |it| &prompt(it).text),
        counts(samples, |it| it.sample as usize),
        Values::Long(vec![manifest.seed; samples.len()]),
        Values::Long(samples.iter().map(|it| it.stream).collect()),
        texts(samples, |it| &it.text),
        Values::Ids(samples.iter().map(|it| it.token_ids.clone()).collect()),
        texts(samples, |it| &it.finish),
        counts(samples, |it| it.token_ids.len()),
        numbers(samples, |it| nats(&it.logprobs)),
        numbers(samples, |it| nats(&it.raw_logprobs)),
    ]);
    columns.extend(metrics().map(|metric| {
        Values::Optional(samples.iter().map(|sample| metric.of_sample(sample)).collect())
    }));
    columns
}

/// The metrics that a sample has by itself.
fn metrics() -> impl Iterator<Item = &'static Metric> {
    measure::ALL.iter().filter(|metric| !matches!(metric.rule, Rule::Set(_)))
}

/// Writes a row for each token: where it stands, counted from the prompt's beginning, and its numbers.
///
/// # Errors
///
/// As [`write_samples`].
pub fn write_steps(
    sink: impl Write + Send,
    manifest: &Manifest,
    samples: impl IntoIterator<Item = Result<Sample>>,
) -> Result<()> {
    let columns = named(&[
        ("cell", Kind::Count),
        ("prompt", Kind::Count),
        ("sample", Kind::Count),
        ("pos", Kind::Count),
        ("id", Kind::Count),
        ("raw_logprob", Kind::Number),
        ("logprob", Kind::Number),
        ("raw_entropy", Kind::Number),
        ("entropy", Kind::Number),
        ("kept", Kind::Count),
    ]);
    let mut table = Table::new(sink, "steps", &columns)?;
    let (mut waiting, mut n_rows) = (Vec::new(), 0);
    for sample in samples {
        let sample = sample?;
        if sample.token_ids.is_empty() {
            continue;
        }
        n_rows += sample.token_ids.len();
        waiting.push(sample);
        if n_rows >= GROUP {
            table.group(step_columns(manifest, &mem::take(&mut waiting)))?;
            n_rows = 0;
        }
    }
    if n_rows > 0 {
        table.group(step_columns(manifest, &waiting))?;
    }
    table.finish()
}

fn step_columns(manifest: &Manifest, samples: &[Sample]) -> Vec<Values> {
    let for_each = |of: &dyn Fn(&Sample) -> usize| {
        let repeated = |it: &Sample| std::iter::repeat_n(of(it), it.token_ids.len());
        Values::Count(samples.iter().flat_map(repeated).map(count).collect())
    };
    let positions = samples.iter().flat_map(|it| {
        let start = manifest.prompts[it.prompt].n_tokens;
        start..start + it.token_ids.len()
    });
    let ids =
        |of: fn(&Sample) -> &[u32]| Values::Count(samples.iter().flat_map(of).copied().collect());
    let lists =
        |of: fn(&Sample) -> &[f64]| Values::Number(samples.iter().flat_map(of).copied().collect());
    vec![
        for_each(&|it| it.cell),
        for_each(&|it| it.prompt),
        for_each(&|it| it.sample as usize),
        Values::Count(positions.map(count).collect()),
        ids(|it| &it.token_ids),
        lists(|it| &it.raw_logprobs),
        lists(|it| &it.logprobs),
        lists(|it| &it.raw_entropies),
        lists(|it| &it.entropies),
        ids(|it| &it.kept),
    ]
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn counts(samples: &[Sample], of: impl Fn(&Sample) -> usize) -> Values {
    Values::Count(samples.iter().map(|sample| count(of(sample))).collect())
}

fn numbers(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> Values {
    Values::Number(samples.iter().map(of).collect())
}

fn texts<'a>(samples: &'a [Sample], of: impl Fn(&'a Sample) -> &'a String) -> Values {
    Values::Text(samples.iter().map(|sample| of(sample).clone()).collect())
}

/// Surprisal of a whole text.
fn nats(logprobs: &[f64]) -> f64 {
    logprobs.iter().fold(0.0, |nats, logprob| nats - logprob) // never −0
}
