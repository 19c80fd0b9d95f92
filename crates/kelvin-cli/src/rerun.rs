//! A recorded text, read again by its model.

use anyhow::Result;
use clap::ArgMatches;
use kelvin::{Sampler, Seed, TokenId};
use kelvin_lab::trace::{Header, Sequence};
use kelvin_lm::Session;
use kelvin_lm::generate::Context;
use serde_json::Value;

use crate::args::policy::text;
use crate::console::Console;
use crate::exit::Failure;
use crate::load::{self, Loaded};
use crate::memory;
use crate::models::digest;

/// The model that `-m` names, or else the header, run as it was run then.
///
/// A model whose files have other hashes than those of the trace is told.
///
/// # Errors
///
/// Something read: no such model; another vocabulary than the recorded one.
pub(crate) fn load(
    header: &Header,
    matches: &ArgMatches,
    console: &mut Console<'_>,
) -> Result<Loaded> {
    let recorded = &header.model;
    let name = text(matches, "model").or_else(|| recorded["path"].as_str());
    let (checkpoint, card) = load::open_named(name, console)?;
    let mut options = load::model_options(matches)?;
    if text(matches, "activations").is_none() && recorded["activations"] == "f32" {
        options.engine.activations = kelvin_lm::kernel::Activations::F32;
    }
    if text(matches, "dtype").is_none() {
        options.dtype = held(recorded).unwrap_or(options.dtype);
    }
    memory::check(&checkpoint, &card, options.dtype, console)?;
    let loaded = load::assemble(&checkpoint, card, options)?;
    check_vocabulary(&loaded, recorded)?;
    tell_differences(&loaded, recorded, console)?;
    Ok(loaded)
}

/// The format that weights were held in, where it was not that of the file: `Q8_0 of BF16`.
fn held(recorded: &Value) -> Option<kelvin_lm::WeightDtype> {
    let (held, _) = recorded["dtype"].as_str()?.split_once(" of ")?;
    held.split(' ').next()?.to_lowercase().parse().ok()
}

fn check_vocabulary(loaded: &Loaded, recorded: &Value) -> Result<(), Failure> {
    let here = loaded.model.config().vocab_size;
    match recorded["vocab_size"].as_u64() {
        Some(then) if then != here as u64 => {
            let name = &loaded.card.name;
            let what = format!("{name} has {here} tokens, the model of the trace had {then}");
            Err(Failure::read(what).hint("-m names the model"))
        }
        _ => Ok(()),
    }
}

/// Warns of files that are not those of the run.
fn tell_differences(loaded: &Loaded, recorded: &Value, console: &mut Console<'_>) -> Result<()> {
    let Some(then) = recorded["sha256"].as_object() else { return Ok(()) };
    let here = digest::of(&loaded.card.location)?;
    let differ: Vec<&str> = then
        .iter()
        .filter(|(file, hash)| here.get(file.as_str()) != Some(hash))
        .map(|(file, _)| file.as_str())
        .collect();
    if !differ.is_empty() {
        let what = format!("not the files of the run: {}", differ.join(", "));
        console.warn_all(&[what])?;
    }
    Ok(())
}

/// The sampler of a recorded run, at the end of its prompt, under this policy.
///
/// # Errors
///
/// Something read: tokens outside the vocabulary.
pub(crate) fn sampler(
    header: &Header,
    pipeline: kelvin::Pipeline,
    vocab_size: usize,
) -> Result<Sampler> {
    let seed = Seed::new(header.seed).with_stream(header.stream).with_choice(header.choice);
    let read = |error: kelvin::Error| Failure::read(format!("the trace: {error}"));
    let sampler = Sampler::new(pipeline, vocab_size).map_err(read)?.with_seed(seed);
    let mut sampler = sampler.with_prompt(&header.prompt_ids).map_err(read)?;
    header.history.iter().try_for_each(|&token| sampler.accept(token)).map_err(read)?;
    Ok(sampler)
}

/// Calls `visit` with the place of each recorded token and the logits that it was chosen from.
///
/// # Errors
///
/// Something read: tokens that the model lacks, more than its context holds. Those of `visit`.
pub(crate) fn each_row(
    loaded: &Loaded,
    sequence: &Sequence,
    mut visit: impl FnMut(usize, &[f32]) -> Result<()>,
) -> Result<()> {
    let header = &sequence.header;
    let prompt = [&header.prompt_ids[..], &header.history].concat();
    let tokens: Vec<TokenId> = sequence.steps.iter().map(|step| step.id).collect();
    let Some((_, fed)) = tokens.split_last() else { return Ok(()) };
    let vocab_size = loaded.model.config().vocab_size;
    if let Some(token) = tokens.iter().find(|&&token| token as usize >= vocab_size) {
        let what = format!("the trace: token {token} is outside the vocabulary of {vocab_size}");
        return Err(Failure::read(what).into());
    }
    let context = context(header, loaded).map_err(in_trace)?;
    let mut session = Session::new(&loaded.model).with_context(context).map_err(in_trace)?;
    visit(0, session.feed(&prompt).map_err(in_trace)?)?;
    let mut outcome = Ok(());
    let read = session.feed_all(fed, |pos, logits| {
        if outcome.is_ok() {
            outcome = visit(pos + 1 - prompt.len(), logits);
        }
    });
    read.map_err(in_trace)?;
    outcome
}

/// What the model refuses of a trace is wrong with the trace.
#[expect(clippy::needless_pass_by_value, reason = "what map_err gives")]
fn in_trace(error: kelvin_lm::Error) -> Failure {
    Failure::read(format!("the trace: {error}"))
}

/// How much of the sequence the model saw then.
fn context(header: &Header, loaded: &Loaded) -> kelvin_lm::Result<Context> {
    let Some(context) = header.context else {
        return Ok(Context::fixed(loaded.model.config().max_seq));
    };
    Ok(match context.shift {
        None => Context::fixed(context.limit),
        Some(shift) => Context::dropping(context.limit, shift.keep, shift.drop)?,
    })
}
