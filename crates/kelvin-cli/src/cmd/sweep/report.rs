//! The page of a sweep.

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lab::measure::Group;
use kelvin_lab::report::{Compared, Comparison, Measured, Story};
use kelvin_lab::sweep::Manifest;
use kelvin_lab::{Key, Sample};

use super::{Job, Journal};
use crate::again::Again;
use crate::args::chat::date;
use crate::stories;
use crate::term::number::{count, counted};

/// Cells whose texts a page shows, at most.
const STORIES: usize = 12;

/// The page, from the samples of a journal.
///
/// # Errors
///
/// A journal that cannot be read again, and those of the model.
pub(super) fn html(job: &Job<'_>, journal: &Journal) -> Result<String> {
    let rows = journal.cells().enumerate().map(|(cell, samples)| compared(job, cell, &samples?));
    let rows = rows.collect::<Result<Vec<_>>>()?;
    let manifest = &job.manifest;
    let axes: Vec<&str> = manifest.grid.axes().iter().map(|axis| axis.name.as_str()).collect();
    let title = match axes.join(" × ") {
        axes if axes.is_empty() => "One policy, sampled".to_owned(),
        axes => format!("Sweep of {axes}"),
    };
    let lead = format!(
        "{} × {} × {}, up to {} each.",
        counted(job.cells.len(), "cell"),
        counted(job.prompts.len(), "prompt"),
        counted(manifest.n as usize, "sample"),
        counted(manifest.max_new_tokens, "token"),
    );
    let (facts, command) = (facts(job), job.again.to_string());
    Ok(Comparison { title, lead, rows, facts, command }.report().to_html())
}

/// What is told of a cell, from its samples.
fn compared(job: &Job<'_>, cell: usize, samples: &[Sample]) -> Result<Compared> {
    let prompts = job.prompts.iter();
    let mut groups: Vec<Group<'_>> =
        prompts.map(|it| Group { prompt: &it.text, samples: Vec::new() }).collect();
    for sample in samples {
        groups[sample.prompt].samples.push(sample);
    }
    Ok(Compared {
        label: job.cells[cell].label.clone(),
        pipeline: job.cells[cell].pipeline.to_string(),
        origins: job.origins[cell].clone(),
        measured: Measured::of(&groups),
        stories: first_story(job, cell, samples)?.into_iter().collect(),
    })
}

/// The command that does it again, in any folder.
pub(super) fn again(matches: &ArgMatches, manifest: &Manifest) -> Again {
    Again::of("sweep", matches)
        .saying("date", date(matches).map(|date| format!("--date {date}")))
        .saying("n", Some(format!("-n {}", manifest.n)))
        .saying("max-new-tokens", Some(format!("--max-new-tokens {}", manifest.max_new_tokens)))
        .saying("seed", Some(format!("--seed {}", manifest.seed)))
        .saying("out", Some("-o DIR".to_owned()))
}

/// The first sample of a cell's first prompt.
fn first_story(job: &Job<'_>, cell: usize, samples: &[Sample]) -> Result<Option<Story>> {
    let first = samples.first().filter(|it| it.key() == Key { cell, prompt: 0, sample: 0 });
    let Some(sample) = first.filter(|_| cell < STORIES) else { return Ok(None) };
    let (label, pipeline) = (job.cells[cell].label.clone(), &job.cells[cell].pipeline);
    stories::story(label, job.loaded, pipeline, (&job.prompts[0], sample)).map(Some)
}

fn facts(job: &Job<'_>) -> Vec<(String, String)> {
    let manifest = &job.manifest;
    let mut facts = vec![("model", job.loaded.facts().join(" · "))];
    let hashes = manifest.model.sha256.as_object().into_iter().flatten();
    facts.extend(
        hashes.map(|(file, hash)| {
            ("SHA-256", format!("{} {file}", hash.as_str().unwrap_or_default()))
        }),
    );
    facts.extend(job.judge.map(|judge| ("judge", judge.model().facts().join(" · "))));
    facts.extend(job.prompts.iter().take(STORIES).map(|it| ("prompt", format!("{:?}", it.text))));
    facts.extend([
        ("samples", format!("{} of each cell and prompt", count(manifest.n as usize))),
        ("most tokens", count(manifest.max_new_tokens)),
        ("seed", manifest.seed.to_string()),
        ("Kelvin", manifest.kelvin.clone()),
    ]);
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
