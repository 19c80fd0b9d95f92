//! A row of the table: the samples of one policy and model.

use std::time::Instant;

use anyhow::Result;
use clap::ArgMatches;
use kelvin::TokenId;
use kelvin_lab::Sample;
use kelvin_lab::compare::{first_divergence, percentile};
use kelvin_lab::measure::Group;
use kelvin_lab::report::Story;
use kelvin_lm::generate::{Context, Detok};
use kelvin_lm::tokenizer::{ShowSpecial, Tokenizer};
use serde_json::Value;

use super::Plan;
use crate::args::context;
use crate::console::Console;
use crate::experiment::{Cell, Collected, Ended, Experiment, Prompt, Rows};
use crate::judge::Judge;
use crate::load::{self, Loaded};
use crate::term::number::count;
use crate::{memory, playback, stories};

/// Texts of each row that a report shows, at most.
const STORIES: usize = 3;

/// What one policy and model came to.
#[derive(Debug)]
pub(crate) struct Row {
    /// The policy, as it was typed.
    pub(crate) policy: String,
    /// The policy in its text form.
    pub(crate) pipeline: String,
    /// The model's name.
    pub(crate) model: String,
    /// The model's facts, for people and for JSON.
    pub(crate) facts: (String, Value),
    /// Its samples, by prompt and number.
    pub(crate) samples: Vec<Sample>,
    /// Where each sample leaves the first row's of the same prompt and number.
    pub(crate) partings: Vec<Parting>,
    /// Tokens per second, over all of its samples.
    pub(crate) speed: Option<f64>,
    /// Samples that could not go on, or that the judge could not read, and why.
    pub(crate) failures: Vec<String>,
    /// Some of its texts, where a report wants them.
    pub(crate) stories: Vec<Story>,
}

/// How a sample goes with the first row's of the same prompt and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parting {
    /// There is none, because it could not go on; or it is of another model, and tokens do not compare.
    Alone,
    /// They are the same.
    Never,
    /// It leaves after so many tokens, which are so many bytes of its text.
    After { tokens: usize, bytes: usize },
}

/// Where a row leaves the first one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Leaving {
    /// The median number of tokens before a sample leaves; nothing where none does.
    pub(crate) median: Option<f64>,
    /// How many samples never do.
    pub(crate) never: usize,
    /// How many samples both rows have.
    pub(crate) pairs: usize,
}

/// The rows of a model, one for each policy; fewer where Ctrl-C ends it. They are held to the `first`
/// row of all, or to their own where it is among them.
///
/// # Errors
///
/// Those of loading the model, of prompts that it cannot read, and of running it.
pub(super) fn of_model(
    name: Option<&str>,
    matches: &ArgMatches,
    (plan, prompts): (&Plan, &[String]),
    first: Option<&Row>,
    console: &mut Console<'_>,
) -> Result<Vec<Row>> {
    let (checkpoint, card) = load::open_named(name, console)?;
    let options = load::model_options(matches)?;
    memory::check(&checkpoint, &card, options.dtype, console)?;
    let defaults = checkpoint.ends()?;
    let loaded = load::assemble(&checkpoint, card, options)?.with_ends(&defaults)?;
    let read = |text: &String| read(text, matches, (plan, &loaded));
    let prompts = prompts.iter().map(read).collect::<Result<Vec<_>>>()?;
    let stops = matches.get_many::<String>("stop").into_iter().flatten().cloned().collect();
    let detok = Detok::new(stops)?;
    let mut rows: Vec<Row> = Vec::new();
    for place in 0..plan.policies.len() {
        console.progress(&format!(
            "{}: policy {} of {}",
            loaded.card.name,
            count(place + 1),
            count(plan.policies.len())
        ))?;
        let Some(mut row) = run((plan, place), &loaded, &prompts, &detok)? else { break };
        if plan.report.is_some() {
            row.stories = stories((plan, place), &loaded, &prompts, &row)?;
        }
        let first = first.or(rows.first()).unwrap_or(&row);
        row.partings = partings(first, &row, &loaded.tokenizer);
        rows.push(row);
    }
    Ok(rows)
}

/// A prompt that the model can continue so far.
fn read(text: &str, matches: &ArgMatches, (plan, loaded): (&Plan, &Loaded)) -> Result<Prompt> {
    let ids = loaded.encode(text, load::special_tokens(matches))?;
    let context = Context::fixed(loaded.model.config().max_seq);
    context::check(ids.len(), Some(plan.max_new_tokens), context)?;
    let seed = plan.randomness.for_prompt(&ids);
    Ok(Prompt { text: text.to_owned(), ids, seed })
}

/// One policy on all prompts, by itself, so that its speed is its own.
fn run(
    (plan, place): (&Plan, usize),
    loaded: &Loaded,
    prompts: &[Prompt],
    detok: &Detok,
) -> Result<Option<Row>> {
    let named = &plan.policies[place];
    let cells = [Cell { label: named.label.clone(), pipeline: named.pipeline.clone() }];
    let on_stream = |prompt: &Prompt| Prompt {
        seed: prompt.seed.with_stream(plan.stream(place)),
        ..prompt.clone()
    };
    let prompts: Vec<Prompt> = prompts.iter().map(on_stream).collect();
    let longest = prompts.iter().map(|prompt| prompt.ids.len()).max().unwrap_or(0);
    let experiment = Experiment {
        model: &loaded.model,
        tokenizer: &loaded.tokenizer,
        cells: &cells,
        prompts: &prompts,
        detok: detok.clone(),
        max_new_tokens: plan.max_new_tokens,
        rows: Rows::that_fit(&loaded.model, longest + plan.max_new_tokens)
            .at_most(plan.n as usize * prompts.len()),
    };
    let (start, mut collected) = (Instant::now(), Collected::default());
    if experiment.run(experiment.keys(plan.n), &mut collected)? == Ended::Interrupted {
        return Ok(None);
    }
    let seconds = start.elapsed().as_secs_f64();
    let failures = std::mem::take(&mut collected.failures);
    let told = |(key, why): &(kelvin_lab::Key, String)| {
        format!("{}, prompt {}, sample {}: {why}", named.label, key.prompt + 1, key.sample + 1)
    };
    let failures = failures.iter().map(told).collect();
    let samples = collected.into_samples();
    let n_tokens: usize = samples.iter().map(|sample| sample.token_ids.len()).sum();
    Ok(Some(Row {
        policy: named.label.clone(),
        pipeline: named.pipeline.to_string(),
        model: loaded.card.name.clone(),
        facts: (loaded.facts().join(" · "), facts(loaded)),
        samples,
        partings: Vec::new(),
        speed: (seconds > 0.0 && n_tokens > 0).then(|| n_tokens as f64 / seconds),
        failures,
        stories: Vec::new(),
    }))
}

/// The first sample of each prompt, up to as many as a page has room for.
fn stories(
    (plan, place): (&Plan, usize),
    loaded: &Loaded,
    prompts: &[Prompt],
    row: &Row,
) -> Result<Vec<Story>> {
    let first = row.samples.iter().filter(|sample| sample.sample == 0).take(STORIES);
    let pipeline = &plan.policies[place].pipeline;
    let story = |sample: &Sample| {
        let label = format!("{} · {}", row.model, row.policy);
        stories::story(label, loaded, pipeline, (&prompts[sample.prompt], sample))
    };
    first.map(story).collect()
}

/// The model's facts, but for those of the machine, which change no number.
fn facts(loaded: &Loaded) -> Value {
    let mut facts = loaded.json();
    if let Some(facts) = facts.as_object_mut() {
        facts.retain(|key, _| !["threads", "simd"].contains(&key.as_str()));
    }
    facts
}

/// Where each sample leaves the first row's of the same prompt and number.
fn partings(first: &Row, row: &Row, tokenizer: &Tokenizer) -> Vec<Parting> {
    let of = |sample: &Sample| {
        let other = first.sample(sample.prompt, sample.sample);
        let Some(other) = other.filter(|_| row.is_of_model(first)) else { return Parting::Alone };
        match first_divergence(&other.token_ids, &sample.token_ids) {
            None => Parting::Never,
            Some(parted) => {
                let same = &sample.token_ids[..parted.at];
                let bytes = common_bytes(same, &sample.text, tokenizer);
                Parting::After { tokens: parted.at, bytes }
            }
        }
    };
    row.samples.iter().map(of).collect()
}

/// How many bytes of a text its first tokens wrote.
fn common_bytes(ids: &[TokenId], text: &str, tokenizer: &Tokenizer) -> usize {
    let bytes = tokenizer.text_bytes(ids, ShowSpecial::Hide);
    let common = bytes.iter().zip(text.as_bytes()).take_while(|(a, b)| a == b).count();
    (0..=common).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

impl Row {
    /// Judges the samples, as far as nobody interrupts it. Those that the judge cannot read stay without a
    /// judgement, which is a failure of the row.
    pub(super) fn judge(&mut self, judge: &Judge, prompts: &[String]) {
        let mut unread = Vec::new();
        for sample in &mut self.samples {
            if playback::is_interrupted() {
                break;
            }
            match judge.of(&sample.text, &prompts[sample.prompt]) {
                Ok(judged) => sample.judged = judged,
                Err(error) => unread.push((sample.prompt + 1, sample.sample + 1, error)),
            }
        }
        if let Some((prompt, sample, error)) = unread.first() {
            let (judge, n_unread) = (&judge.model().card.name, count(unread.len()));
            let of = format!("{n_unread} of {} samples", count(self.samples.len()));
            let first = format!("the first, prompt {prompt}, sample {sample}: {error}");
            self.failures.push(format!("{}: {judge} cannot judge {of}; {first}", self.policy));
        }
    }

    /// The samples of each prompt.
    pub(crate) fn groups<'a>(&'a self, prompts: &'a [String]) -> Vec<Group<'a>> {
        let of = |(at, prompt): (usize, &'a String)| {
            let samples = self.samples.iter().filter(|sample| sample.prompt == at).collect();
            Group { prompt, samples }
        };
        prompts.iter().enumerate().map(of).collect()
    }

    /// The sample of this prompt and number.
    pub(crate) fn sample(&self, prompt: usize, number: u32) -> Option<&Sample> {
        self.samples.iter().find(|sample| (sample.prompt, sample.sample) == (prompt, number))
    }

    /// Whether another row is of the same model, so that tokens compare.
    pub(crate) fn is_of_model(&self, other: &Self) -> bool {
        self.facts.1 == other.facts.1
    }

    /// Where it leaves the first row; nothing where they have no sample of one model in common.
    pub(crate) fn leaving(&self) -> Option<Leaving> {
        let mut leaving = Leaving { median: None, never: 0, pairs: 0 };
        let mut places: Vec<f64> = Vec::new();
        for parting in &self.partings {
            match parting {
                Parting::Alone => continue,
                Parting::Never => leaving.never += 1,
                Parting::After { tokens, .. } => places.push(*tokens as f64),
            }
            leaving.pairs += 1;
        }
        places.sort_by(f64::total_cmp);
        leaving.median = percentile(&places, 0.5);
        (leaving.pairs > 0).then_some(leaving)
    }
}
