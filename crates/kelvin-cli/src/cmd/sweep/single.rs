//! A sweep over one row of logits: each cell's law, exactly, and draws from it.

use anyhow::Result;
use clap::ArgMatches;
use kelvin::{Pipeline, Sampler};
use kelvin_lab::compare::Law;
use kelvin_lab::sweep::Grid;
use kelvin_lm::defaults::GenerationDefaults;
use serde_json::{Map, Value, json};

use super::cells;
use crate::args::policy::text;
use crate::args::randomness::Randomness;
use crate::console::Console;
use crate::examples;
use crate::exit::{Code, Failure};
use crate::experiment::Cell;
use crate::input::Row;
use crate::suggest;
use crate::term::number::{count, counted, percent};
use crate::term::table::{Align, Table};

/// What a cell makes of the row.
struct Swept {
    law: Law,
    /// The share of the row's own distribution that is left.
    mass: f64,
    /// The largest probability.
    top: f64,
    /// How often each token was drawn, in id order.
    counts: Vec<u32>,
}

impl Swept {
    fn unique(&self) -> usize {
        self.counts.iter().filter(|&&count| count > 0).count()
    }
}

/// Everything that is told.
struct Single<'a> {
    example: &'a str,
    grid: &'a Grid,
    cells: &'a [Cell],
    swept: Vec<Swept>,
    n: u32,
    seed: u64,
    /// A token whose share is asked for, and what it is called.
    target: Option<(usize, &'a str)>,
}

/// Runs the command on a built-in row.
pub(super) fn run(matches: &ArgMatches, grid: &Grid, console: &mut Console<'_>) -> Result<Code> {
    let example = text(matches, "example").unwrap_or_default();
    let row = examples::find(example)?.row();
    let target = text(matches, "target").map(|name| token(&row, name).map(|id| (id, name)));
    let target = target.transpose()?;
    let (cells, policies) = cells::policies(matches, grid, &GenerationDefaults::default())?;
    super::warn(&policies, console)?;
    let randomness = Randomness::from_matches(matches);
    let n = matches.get_one("n").copied().unwrap_or(1);
    let raw = Law::of(&Pipeline::neutral(), &row.logits)?;
    let mut swept = Vec::new();
    for cell in &cells {
        let seed = randomness.for_prompt(&[]);
        let mut sampler = Sampler::new(cell.pipeline.clone(), row.logits.len())?.with_seed(seed);
        let mut counts = vec![0; row.logits.len()];
        for (token, count) in sampler.draws(&row.logits, n)? {
            counts[token as usize] = count;
        }
        let law = Law::of(&cell.pipeline, &row.logits)?;
        let left = law.probabilities.iter().zip(&raw.probabilities).filter(|(p, _)| **p > 0.0);
        let mass = left.fold(0.0, |mass, (_, raw)| mass + raw);
        let top = law.probabilities.iter().copied().fold(0.0, f64::max);
        swept.push(Swept { law, mass, top, counts });
    }
    let seed = randomness.seed;
    let single = Single { example, grid, cells: &cells, swept, n, seed, target };
    if matches.get_flag("json") {
        console.json(&single.json())?;
    } else {
        let facts = [
            format!("example {example}"),
            counted(row.logits.len(), "token"),
            counted(n as usize, "draw"),
            format!("seed {}", randomness.shown()),
        ];
        console.talk(&facts.join(" · "))?;
        single.table().write(console.out)?;
    }
    Ok(Code::Done)
}

/// The token of this name in a row.
fn token(row: &Row, name: &str) -> Result<usize, Failure> {
    let names = row.tokens.as_deref().unwrap_or_default();
    let at = names.iter().position(|token| token == name);
    at.ok_or_else(|| suggest::unknown("token", name, names.iter().map(String::as_str)))
}

impl Single<'_> {
    fn table(&self) -> Table {
        let right = Align::Right;
        let mut columns = vec![
            ("cell", Align::Left),
            ("kept", right),
            ("raw mass", right),
            ("entropy", right),
            ("top", right),
            ("unique", right),
            ("drawn", right),
        ];
        if self.target.is_some() {
            columns.extend([("target", right), ("drawn", right)]);
        }
        let mut table = Table::new(&columns);
        for (cell, it) in self.cells.iter().zip(&self.swept) {
            let mut row = vec![
                cell.label.clone(),
                count(it.law.kept),
                percent(it.mass),
                format!("{:.4}", it.law.entropy_nats),
                percent(it.top),
                format!("{:.2}", it.law.expected_unique(self.n)),
                count(it.unique()),
            ];
            if let Some((id, _)) = self.target {
                row.push(percent(it.law.probabilities[id]));
                row.push(percent(f64::from(it.counts[id]) / f64::from(self.n)));
            }
            table.push(row);
        }
        table
    }

    fn json(&self) -> Value {
        let cells = self.swept.iter().enumerate().map(|(at, it)| self.cell_json(at, it));
        json!({
            "example": self.example,
            "n": self.n,
            "seed": self.seed,
            "target": self.target.map(|(_, name)| name),
            "cells": cells.collect::<Value>(),
        })
    }

    fn cell_json(&self, at: usize, it: &Swept) -> Value {
        let settings = self.grid.cell(at).into_iter();
        let settings: Map<String, Value> =
            settings.map(|(name, value)| (name.replace('-', "_"), value.into())).collect();
        let of_target = self
            .target
            .map(|(id, _)| json!({"p": it.law.probabilities[id], "count": it.counts[id]}));
        json!({
            "cell": at,
            "settings": settings,
            "pipeline": self.cells[at].pipeline.to_string(),
            "kept": it.law.kept,
            "raw_mass": it.mass,
            "entropy_nats": it.law.entropy_nats,
            "top": it.top,
            "expected_unique": it.law.expected_unique(self.n),
            "unique": it.unique(),
            "probabilities": it.law.probabilities,
            "counts": it.counts,
            "target": of_target,
        })
    }
}
