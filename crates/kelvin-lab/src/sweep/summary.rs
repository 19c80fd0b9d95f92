//! What a sweep came to: every metric of every cell.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::Manifest;
use crate::Sample;
use crate::measure::{self, Group};

/// The numbers of one cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellSummary {
    /// Its place in the grid.
    pub cell: usize,
    /// How many samples there are of it.
    pub n_samples: usize,
    /// How many tokens they have together.
    pub n_tokens: usize,
    /// How many ended in each way.
    pub finishes: BTreeMap<String, usize>,
    /// Each metric of [`measure::ALL`], in that order; nothing where it is not defined.
    pub metrics: Vec<Option<f64>>,
}

impl CellSummary {
    /// The numbers of a cell's samples, which are in the order of their keys.
    pub fn of(manifest: &Manifest, cell: usize, samples: &[Sample]) -> Self {
        let by_prompt = samples.chunk_by(|a, b| a.prompt == b.prompt);
        let groups: Vec<Group<'_>> = by_prompt.map(|samples| group(manifest, samples)).collect();
        let mut finishes = BTreeMap::new();
        for sample in samples {
            *finishes.entry(sample.finish.clone()).or_default() += 1;
        }
        Self {
            cell,
            n_samples: samples.len(),
            n_tokens: samples.iter().map(|sample| sample.token_ids.len()).sum(),
            finishes,
            metrics: measure::ALL.iter().map(|metric| metric.of_groups(&groups)).collect(),
        }
    }

    /// A metric by its name.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let at = measure::ALL.iter().position(|metric| metric.name == name)?;
        self.metrics[at]
    }
}

/// Samples of one prompt, at least one.
fn group<'a>(manifest: &'a Manifest, samples: &'a [Sample]) -> Group<'a> {
    let prompt = manifest.prompts[samples[0].prompt].text.as_str();
    Group { prompt, samples: samples.iter().collect() }
}

/// The numbers of all cells.
#[derive(Debug, Clone)]
pub struct Summary<'a> {
    /// What was swept.
    pub manifest: &'a Manifest,
    /// Its cells, in order.
    pub cells: Vec<CellSummary>,
}

impl Summary<'_> {
    /// Everything, with what the sweep was.
    pub fn to_json(&self) -> Value {
        json!({
            "schema": "kelvin.sweep-report/1",
            "manifest": self.manifest,
            "cells": self.cells.iter().map(|cell| self.cell_json(cell)).collect::<Value>(),
        })
    }

    fn cell_json(&self, it: &CellSummary) -> Value {
        let settings = self.manifest.grid.cell(it.cell).into_iter();
        let settings: Map<String, Value> =
            settings.map(|(name, value)| (name.replace('-', "_"), value.into())).collect();
        let metrics = measure::ALL.iter().zip(&it.metrics);
        let metrics: Map<String, Value> =
            metrics.map(|(metric, value)| (metric.json_name(), json!(value))).collect();
        json!({
            "cell": it.cell,
            "settings": settings,
            "pipeline": self.manifest.pipelines[it.cell],
            "samples": it.n_samples,
            "tokens": it.n_tokens,
            "finish": it.finishes,
            "metrics": metrics,
        })
    }

    /// A line for each cell: its settings, and its numbers; nothing stands where one is not defined.
    pub fn to_csv(&self) -> String {
        let axes = self.manifest.grid.axes().iter().map(|axis| axis.name.replace('-', "_"));
        let metrics = measure::ALL.iter().map(measure::Metric::json_name);
        let heading = ["cell".to_owned()].into_iter().chain(axes);
        let heading = heading.chain(["samples".to_owned(), "tokens".to_owned()]).chain(metrics);
        let mut csv = line(heading);
        for it in &self.cells {
            let settings = self.manifest.grid.cell(it.cell).into_iter();
            let settings = settings.map(|(_, value)| value.to_owned());
            let numbers = [it.n_samples.to_string(), it.n_tokens.to_string()].into_iter();
            let metrics = it.metrics.iter().map(|value| value.map_or(String::new(), shown));
            let cells = [it.cell.to_string()].into_iter().chain(settings);
            csv += &line(cells.chain(numbers).chain(metrics));
        }
        csv
    }
}

fn shown(value: f64) -> String {
    value.to_string()
}

/// A line of CSV; what has commas, quotes or line ends stands in quotes.
fn line(cells: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for (at, cell) in cells.enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let written = if cell.contains([',', '"', '\n', '\r']) {
            write!(text, "{comma}\"{}\"", cell.replace('"', "\"\""))
        } else {
            write!(text, "{comma}{cell}")
        };
        written.expect("a String takes everything");
    }
    text + "\n"
}
