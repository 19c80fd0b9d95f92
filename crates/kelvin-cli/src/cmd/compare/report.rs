//! The page of a comparison.

use std::path::Path;

use anyhow::Result;
use kelvin_lab::report::{Compared, Comparison, Measured};

use super::{All, page};
use crate::console::Console;
use crate::exit::Failure;
use crate::term::number::{count, counted};

/// Writes the page.
///
/// # Errors
///
/// Something that broke: the file cannot be written.
pub(super) fn write(all: &All<'_>, path: &Path, console: &mut Console<'_>) -> Result<()> {
    let html = comparison(all).report().to_html();
    std::fs::write(path, html).map_err(|cause| {
        Failure::failed(format!("cannot write the report {}", path.display())).caused_by(cause)
    })?;
    Ok(console.talk(&format!("report: {}", path.display()))?)
}

fn comparison(all: &All<'_>) -> Comparison {
    let row = |row: &super::Row| Compared {
        label: page::name(all, row),
        pipeline: row.pipeline.clone(),
        origins: "command line".to_owned(),
        measured: Measured::of(&row.groups(all.prompts)),
        stories: row.stories.clone(),
    };
    let plan = all.plan;
    let n = counted(plan.n as usize, "sample");
    let lead = format!(
        "{} on {}, {n} each, up to {}.",
        counted(all.rows.len(), "policy").replace("policys", "policies"),
        counted(all.prompts.len(), "prompt"),
        counted(plan.max_new_tokens, "token"),
    );
    Comparison {
        title: "Policies compared".to_owned(),
        lead,
        rows: all.rows.iter().map(row).collect(),
        facts: facts(all),
        command: plan.again.clone().saying("report", Some("--report FILE".to_owned())).to_string(),
    }
}

fn facts(all: &All<'_>) -> Vec<(String, String)> {
    let plan = all.plan;
    let mut models: Vec<&str> = all.rows.iter().map(|row| row.facts.0.as_str()).collect();
    models.dedup();
    let mut facts: Vec<(&str, String)> =
        models.iter().map(|it| ("model", (*it).to_owned())).collect();
    facts.extend(all.judge.map(|judge| ("judge", judge.model().facts().join(" · "))));
    facts.extend(all.prompts.iter().map(|prompt| ("prompt", format!("{prompt:?}"))));
    let shared = if plan.is_coupled { "the same in each row" } else { "its own in each row" };
    facts.extend([
        ("samples", format!("{} of each prompt in each row", count(plan.n as usize))),
        ("most tokens", count(plan.max_new_tokens)),
        ("seed", plan.randomness.seed.to_string()),
        ("random numbers", shared.to_owned()),
        ("Kelvin", env!("CARGO_PKG_VERSION").to_owned()),
    ]);
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
