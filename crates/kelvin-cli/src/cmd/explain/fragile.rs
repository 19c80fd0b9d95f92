//! `kelvin explain --fragile`: where an engine's own rounding could decide otherwise than its rule.

use std::io::{self, Write};

use anyhow::Result;
use clap::ArgMatches;
use kelvin::dialect::Floats;
use kelvin::pipeline::Shown;
use kelvin::stage::Stage;
use kelvin::{Dialect, Pipeline};
use serde_json::{Value, json};

use super::edge::{Edge, Input};
use crate::args::randomness::Randomness;
use crate::cmd::next;
use crate::cmd::next::account::Subject;
use crate::console::Console;
use crate::exit::Code;
use crate::settings::Policy;
use crate::term::paragraph;
use crate::term::table::{Align, Table};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let (subject, policy, _) = next::subject(matches, console)?;
    let cuts = match policy.dialect.floats {
        None => Vec::new(),
        Some(floats) => {
            let level = crate::engine::level(matches)?;
            let seed = Randomness::from_matches(matches).for_prompt(&subject.prompt);
            let weights = |pipeline: &Pipeline| -> Result<_> {
                let mut sampler = subject.sampler(pipeline, seed, level)?;
                subject.trace(&mut sampler)?; // says what is wrong with a row
                Ok(sampler.weights(&subject.logits)?)
            };
            cuts(&subject, &policy, floats, weights)?
        }
    };
    let report = Report { subject, policy, cuts };
    if matches.get_flag("json") {
        console.json(&report.json())?;
    } else {
        report.write(console.width, console.out)?;
    }
    Ok(Code::Done)
}

/// A cut, and what lies at its edge.
#[derive(Debug)]
struct Cut {
    /// The stage in its text form.
    shown: String,
    /// The tokens at its edge; `None` for a stage whose edges are not looked at.
    edges: Option<Vec<Edge>>,
}

/// Every stage of the policy that cuts.
fn cuts(
    subject: &Subject,
    policy: &Policy,
    floats: Floats,
    weights: impl Fn(&Pipeline) -> Result<Vec<(kelvin::TokenId, u64)>>,
) -> Result<Vec<Cut>> {
    let stages = policy.pipeline.stages();
    let (mut cuts, mut t) = (Vec::new(), 1.0);
    for (at, stage) in stages.iter().enumerate() {
        if policy.pipeline.skips(stage.as_ref()) {
            continue;
        }
        let arguments = arguments(stage.as_ref());
        match stage.info().name {
            "temperature" => t *= value(&arguments),
            name if stage.info().effect == kelvin::stage::Effect::Truncation => {
                let before: Vec<String> =
                    stages[..at].iter().map(|stage| Shown(stage.as_ref()).to_string()).collect();
                let before: Pipeline = match before.join(" | ").as_str() {
                    "" => Pipeline::neutral(),
                    text => text.parse()?,
                };
                let input = Input::new(weights(&before)?, largest(subject) / t, floats);
                let shown = Shown(stage.as_ref()).to_string();
                cuts.push(Cut { shown, edges: edges(name, &arguments, &input) });
            }
            _ => {}
        }
    }
    Ok(cuts)
}

/// The largest |z| of the row.
fn largest(subject: &Subject) -> f64 {
    let finite = subject.logits.iter().filter(|logit| logit.is_finite());
    finite.map(|logit| f64::from(logit.abs())).fold(0.0, f64::max)
}

/// A stage's arguments, as text.
fn arguments(stage: &dyn Stage) -> Vec<String> {
    let mut text = String::new();
    let written = stage.write_arguments(&mut text);
    written.expect("a String takes everything");
    text.split(", ").map(str::to_owned).collect()
}

/// The first argument, a number.
fn value(arguments: &[String]) -> f64 {
    arguments.first().and_then(|text| text.parse().ok()).unwrap_or(1.0)
}

/// What lies at the edge of a cut; `None` for a stage whose edges are not looked at.
fn edges(name: &str, arguments: &[String], input: &Input) -> Option<Vec<Edge>> {
    let rule = |rule: &str| arguments.iter().any(|argument| argument == rule);
    let value = value(arguments);
    match name {
        "top-k" => {
            let k = arguments.first()?.parse().ok()?;
            Some(input.of_count(k, rule("ties=all")))
        }
        "top-p" => Some(input.of_mass(value, rule("crossing=drop"), rule("ties=all"))),
        "min-p" => Some(input.of_floor(value, true)),
        "epsilon-cutoff" => Some(input.of_floor(value, false)),
        _ => None,
    }
}

/// What was found.
#[derive(Debug)]
struct Report {
    subject: Subject,
    policy: Policy,
    cuts: Vec<Cut>,
}

impl Report {
    fn fragile(&self) -> impl Iterator<Item = (&Cut, &Edge)> {
        let edges = |cut| Cut::edges(cut).map(move |edge| (cut, edge));
        self.cuts.iter().flat_map(edges).filter(|(_, edge)| edge.is_fragile())
    }

    fn json(&self) -> Value {
        let Self { subject, policy, cuts } = self;
        let edge = |edge: &Edge| {
            json!({
                "id": edge.token,
                "token": subject.names.json(edge.token),
                "kept": edge.kept,
                "distance": edge.distance,
                "bound": edge.bound,
                "tied": edge.tied,
                "fragile": edge.is_fragile(),
            })
        };
        let cut = |cut: &Cut| {
            let edges = cut.edges.as_ref().map(|edges| edges.iter().map(edge).collect::<Value>());
            json!({"stage": cut.shown, "edges": edges})
        };
        json!({
            "dialect": policy.dialect.name,
            "version": policy.dialect.version,
            "floats": policy.dialect.floats.map(|floats| floats.name),
            "pipeline": policy.pipeline.to_string(),
            "cuts": cuts.iter().map(cut).collect::<Value>(),
            "fragile": self.fragile().count() > 0,
            "sentence": self.sentence(),
        })
    }

    fn write(&self, columns: usize, out: &mut dyn Write) -> io::Result<()> {
        let Self { subject, policy, cuts } = self;
        let Dialect { name, version, .. } = policy.dialect;
        let mut header = vec![subject.name.clone()];
        header.extend(subject.facts.iter().cloned());
        header.push(format!("dialect {name} ({version})"));
        writeln!(out, "{}\n", header.join(" · "))?;
        paragraph::write(out, "pipeline", &[policy.pipeline.to_string()], columns)?;
        writeln!(out)?;
        let mut table = Table::new(&[
            ("cut", Align::Left),
            ("token", Align::Left),
            ("", Align::Left),
            ("distance", Align::Right),
            ("rounding", Align::Right),
            ("", Align::Left),
        ]);
        for cut in cuts {
            for edge in cut.edges() {
                let name = subject.names.visible(edge.token);
                let kept = if edge.kept { "kept" } else { "removed" };
                let [distance, bound] = [edge.distance, edge.bound].map(|x| format!("{x:.1e}"));
                let verdict = match edge {
                    Edge { tied: true, .. } => "fragile: it ties",
                    edge if edge.is_fragile() => "fragile",
                    _ => "clear",
                };
                table.row([cut.shown.clone(), name, kept.into(), distance, bound, verdict.into()]);
            }
            if cut.edges.as_ref().is_none_or(Vec::is_empty) {
                let what = if cut.edges.is_none() { "not looked at" } else { "no edge" };
                let none = String::new;
                table.row([cut.shown.clone(), what.into(), none(), none(), none(), none()]);
            }
        }
        if !cuts.is_empty() {
            table.write(out)?;
            writeln!(out)?;
        }
        paragraph::write(out, "", &[self.sentence()], columns)
    }

    /// The outcome in one plain sentence.
    fn sentence(&self) -> String {
        let Self { subject, policy, cuts } = self;
        let name = policy.dialect.name;
        let Some(floats) = policy.dialect.floats else {
            return format!("Nothing is fragile: {name} decides on exact integers.");
        };
        if policy.pipeline.is_greedy() {
            return "Nothing is looked at: greedy makes no cut.".to_owned();
        }
        match self.fragile().next() {
            Some((cut, edge)) if edge.tied => format!(
                "Fragile: at {} the sort of {name} decides about {}, which ties there.",
                cut.shown,
                subject.names.visible(edge.token)
            ),
            Some((cut, edge)) => format!(
                "Fragile: at {} the rounding of {} could decide otherwise about {}.",
                cut.shown,
                floats.name,
                subject.names.visible(edge.token)
            ),
            None if cuts.iter().any(|cut| cut.edges.is_none()) => {
                "Nothing is fragile among the edges that were looked at.".to_owned()
            }
            None => format!(
                "Nothing is fragile: every edge lies farther from its threshold than {} can be wrong.",
                floats.name
            ),
        }
    }
}

impl Cut {
    fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().flatten()
    }
}
