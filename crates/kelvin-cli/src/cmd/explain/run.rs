//! A whole text: each token with its probability before and after the policy.

use anyhow::Result;
use clap::ArgMatches;
use kelvin::stats;
use kelvin_lab::trace::{Line, Sequence, Step};

use super::{facts, origins};
use crate::console::Console;
use crate::term::number::{count, counted, percent};
use crate::term::table::{Align, Table};
use crate::term::text::cut;
use crate::vocab::Names;

/// Columns of a token.
const TOKEN: usize = 20;
/// Cells of a bar for the whole of a probability.
const BAR: usize = 20;

/// Tells every token, or gives the lines of the trace as they are.
pub(super) fn explain(
    sequence: &Sequence,
    names: &Names,
    matches: &ArgMatches,
    console: &mut Console<'_>,
) -> Result<()> {
    if matches.get_flag("json") {
        for step in &sequence.steps {
            console.json(&serde_json::to_value(Line::Step(Box::new(step.clone())))?)?;
        }
        return Ok(());
    }
    let (scale, unit) =
        if matches.get_flag("bits") { (stats::bits(1.0), "bits") } else { (1.0, "nats") };
    writeln!(console.out, "{}", facts(sequence).join(" · "))?;
    writeln!(console.out, "{}\n", sequence.header.pipeline)?;
    let shown = matches.get_one::<u32>("show").map_or(sequence.steps.len(), |&n| n as usize);
    table(&sequence.steps[..shown.min(sequence.steps.len())], names, (scale, unit))
        .write(console.out)?;
    writeln!(console.out, "\n{}", summary(sequence, scale, unit))?;
    writeln!(console.out, "{}", origins(&sequence.header.settings, |it| &it.name).join(" · "))?;
    if let Some(at) = most_surprising(&sequence.steps) {
        console.hint(&format!("--step {} shows the least likely token in full", at + 1))?;
    }
    Ok(())
}

fn table(steps: &[Step], names: &Names, (scale, unit): (f64, &'static str)) -> Table {
    let entropy = if unit == "bits" { "bits raw" } else { "nats raw" };
    let mut table = Table::new(&[
        ("#", Align::Right),
        ("token", Align::Left),
        ("raw p", Align::Right),
        ("final p", Align::Right),
        ("rank", Align::Right),
        (entropy, Align::Right),
        ("final", Align::Right),
        ("kept", Align::Right),
        ("", Align::Left),
    ]);
    for (at, step) in steps.iter().enumerate() {
        let (solid, shade) = crate::term::bar::bar(step.p, step.raw_p, 1.0, BAR);
        table.row([
            (at + 1).to_string(),
            cut(&names.visible(step.id), TOKEN),
            percent(step.raw_p),
            percent(step.p),
            count(step.raw_rank),
            format!("{:.2}", step.raw_entropy_nats * scale),
            format!("{:.2}", step.entropy_nats * scale),
            count(step.kept),
            solid + &shade,
        ]);
    }
    table
}

/// `12 tokens · 1.52 nats/token final, 2.31 raw · median 14 kept · length`.
fn summary(sequence: &Sequence, scale: f64, unit: &str) -> String {
    let steps = &sequence.steps;
    let mut parts = vec![counted(steps.len(), "token")];
    if !steps.is_empty() {
        // 0 less a sum of zeros is 0, not -0
        let nats = |of: fn(&Step) -> f64| 0.0 - steps.iter().map(of).sum::<f64>();
        let mean = |of| nats(of) * scale / steps.len() as f64;
        let (last, raw) = (mean(|step| step.logprob), mean(|step| step.raw_logprob));
        parts.push(format!("{last:.2} {unit}/token final, {raw:.2} raw"));
        let mut kept: Vec<usize> = steps.iter().map(|step| step.kept).collect();
        kept.sort_unstable();
        parts.push(format!("median {} kept", count(kept[kept.len() / 2])));
    }
    match (&sequence.done, &sequence.failed) {
        (Some(done), _) => parts.push(done.finish_reason.clone()),
        (None, Some(failed)) => parts.push(format!("failed: {}", failed.message)),
        (None, None) => parts.push("stopped before its end".to_owned()),
    }
    parts.join(" · ")
}

/// The place of the token with the least final probability, the first of equals.
fn most_surprising(steps: &[Step]) -> Option<usize> {
    let places = steps.iter().enumerate();
    places.min_by(|(_, a), (_, b)| a.logprob.total_cmp(&b.logprob)).map(|(at, _)| at)
}
