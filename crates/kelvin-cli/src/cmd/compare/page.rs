//! The page: what was run, the table, what its signs mean, the texts, how to do it again.

use std::io;

use anyhow::Result;
use kelvin_lab::compare::{Estimate, N_RESAMPLES, difference, estimate};
use kelvin_lab::measure::{ByteBigrams, Metric, Rule, frontier};

use super::row::{Leaving, Row};
use super::{All, side_by_side};
use crate::again::Again;
use crate::console::Console;
use crate::term::number::{count, counted};
use crate::term::paragraph;
use crate::term::table::{Align, Table};
use crate::term::text::cut;
use crate::term::theme;

/// Columns of a metric, and of the last one.
const METRIC: usize = 13;
/// The least and the most columns of a row's name.
const NAME: (usize, usize) = (12, 30);

/// Writes the page.
///
/// # Errors
///
/// Those of the writer.
pub(super) fn write(
    all: &All<'_>,
    metrics: &[&'static Metric],
    console: &mut Console<'_>,
) -> Result<()> {
    heading(all, console)?;
    table(all, metrics, console.width).write(console.out)?;
    writeln!(console.out)?;
    legend(all, metrics, console)?;
    side_by_side::write(all, console)?;
    Ok(again(&all.plan.again, console)?)
}

/// The command that does it again, on one line, so that a shell can have it.
pub(super) fn again(command: &Again, console: &mut Console<'_>) -> io::Result<()> {
    let quiet = theme::QUIET;
    writeln!(console.out, "{quiet}again{quiet:#}    {command}")
}

/// The letter of a row: A, B, … Z, A1, ….
pub(super) fn letter(place: usize) -> String {
    let letter = char::from(b'A' + u8::try_from(place % 26).unwrap_or(0));
    if place < 26 { letter.to_string() } else { format!("{letter}{}", place / 26) }
}

/// What is compared in a row: its policy, its model, or both.
pub(super) fn name(all: &All<'_>, row: &Row) -> String {
    let same = |of: fn(&Row) -> &String| all.rows.iter().all(|other| of(other) == of(row));
    match (same(|row| &row.policy), same(|row| &row.model)) {
        (false, false) => format!("{} · {}", row.model, row.policy),
        (true, false) => row.model.clone(),
        _ => row.policy.clone(),
    }
}

/// What ran: models, prompts, samples, seed, whether the random numbers are shared.
fn heading(all: &All<'_>, console: &mut Console<'_>) -> io::Result<()> {
    let mut models: Vec<String> = all.rows.iter().map(|row| row.facts.0.clone()).collect();
    models.dedup();
    let plan = all.plan;
    let prompts: Vec<String> = match all.prompts {
        [prompt] => vec![format!("{:?}", cut(prompt, 60))],
        prompts => vec![counted(prompts.len(), "prompt")],
    };
    let shared = if plan.is_coupled {
        "the same random numbers in each row"
    } else {
        "random numbers of its own in each row"
    };
    let samples = [
        format!("{} of each prompt in each row", count(plan.n as usize)),
        format!("up to {}", counted(plan.max_new_tokens, "token")),
        format!("seed {}", plan.randomness.shown()),
        shared.to_owned(),
    ];
    for (label, parts) in [("model", &models[..]), ("prompts", &prompts), ("samples", &samples)] {
        paragraph::write(console.out, label, parts, console.width)?;
    }
    for (place, row) in all.rows.iter().enumerate().filter(|(_, row)| row.policy != row.pipeline) {
        let label = format!("{} is", letter(place));
        let name = format!("{}: {}", row.policy, row.pipeline);
        paragraph::write(console.out, &label, &[name], console.width)?;
    }
    writeln!(console.out)
}

fn table(all: &All<'_>, metrics: &[&'static Metric], width: usize) -> Table {
    let room = width.saturating_sub(METRIC * (metrics.len() + 1)).clamp(NAME.0, NAME.1);
    let mut columns = vec![(String::new(), Align::Left)];
    for metric in metrics {
        columns.push((format!("{}{}", metric.name, metric.direction.sign()), Align::Left));
    }
    if all.reference.is_some() {
        columns.push(("frontier".to_owned(), Align::Right));
    }
    columns.push(("tok/s".to_owned(), Align::Right));
    let mut table = Table::of(columns);
    let base = all.rows.first().map(|row| row.groups(all.prompts)).unwrap_or_default();
    for (place, row) in all.rows.iter().enumerate() {
        let groups = row.groups(all.prompts);
        let mut cells = vec![cut(&format!("{} {}", letter(place), name(all, row)), room)];
        for metric in metrics {
            let apart = if place == 0 { None } else { difference(metric, &base, &groups) };
            cells.push(cell(estimate(metric, &groups), apart));
        }
        cells.extend(all.reference.map(|reference| {
            let near = frontier(&texts(row), reference);
            near.map_or("–".to_owned(), |near| format!("{near:.3}"))
        }));
        cells.push(row.speed.map_or("–".to_owned(), |speed| format!("{speed:.0}")));
        table.push(cells);
    }
    table
}

/// The bytes of a row's samples.
pub(super) fn texts(row: &Row) -> ByteBigrams {
    ByteBigrams::of(row.samples.iter().map(|sample| sample.text.as_str()))
}

/// `0.78 ±0.02*`: a number, half its interval, and whether it differs from the first row's.
fn cell(estimate: Option<Estimate>, apart: Option<Estimate>) -> String {
    let Some(Estimate { value, interval }) = estimate else { return "–".to_owned() };
    let digits = if value.abs() < 10.0 { 2 } else { 1 };
    let reach = interval.map(|interval| format!(" ±{:.digits$}", interval.half_width()));
    let star = if apart.is_some_and(differs) { "*" } else { "" };
    format!("{value:.digits$}{}{star}", reach.unwrap_or_default())
}

/// Whether 0 lies outside the interval of a difference.
pub(super) fn differs(apart: Estimate) -> bool {
    apart.interval.is_some_and(|interval| !interval.contains(0.0))
}

/// What the signs of the table mean, and where the rows part.
fn legend(all: &All<'_>, metrics: &[&'static Metric], console: &mut Console<'_>) -> io::Result<()> {
    let n = count(all.plan.n as usize);
    let is_set = |metric: &&&Metric| matches!(metric.rule, Rule::Set(_));
    let sets: Vec<&str> = metrics.iter().filter(is_set).map(|metric| metric.name).collect();
    let mut means = vec![
        format!("half a 95% interval over the {n} samples of each prompt"),
        format!("bootstrap of {N_RESAMPLES}"),
    ];
    if !sets.is_empty() {
        means.push(format!("jackknife for {}", sets.join(", ")));
    }
    if all.plan.n < 2 {
        means = vec!["one sample of each prompt is too few for an interval".to_owned()];
    }
    paragraph::write(console.out, "±", &means, console.width)?;
    if all.rows.len() > 1 {
        let star =
            "differs from A: the 95% interval of the difference, sample by sample, is not over 0";
        paragraph::write(console.out, "*", &[star.to_owned()], console.width)?;
    }
    if metrics.iter().any(|metric| !metric.direction.sign().is_empty()) {
        let arrow = "less is more diverse".to_owned();
        paragraph::write(console.out, "↓", &[arrow], console.width)?;
    }
    let parts: Vec<String> = all
        .rows
        .iter()
        .enumerate()
        .skip(1)
        .map(|(place, row)| parting(&letter(place), row, all))
        .collect();
    paragraph::write(console.out, "parting", &parts, console.width)?;
    writeln!(console.out)
}

/// `B leaves A at token 3 (median), 2 of 32 never`.
fn parting(letter: &str, row: &Row, all: &All<'_>) -> String {
    if !row.is_of_model(&all.rows[0]) {
        return format!("{letter} is another model, tokens do not compare");
    }
    let Some(Leaving { median, never, pairs }) = row.leaving() else {
        return format!("{letter} has no sample that A has too");
    };
    let Some(median) = median else { return format!("{letter} is A in every sample") };
    let never = match never {
        0 => String::new(),
        never => format!(", {} of {} never", count(never), count(pairs)),
    };
    let median = median + 1.0;
    format!("{letter} leaves A at token {median} (median){never}")
}

/// A line between sections.
pub(super) fn title(text: &str, console: &mut Console<'_>) -> io::Result<()> {
    let name = theme::NAME;
    writeln!(console.out, "{name}── {text} ──{name:#}")
}
