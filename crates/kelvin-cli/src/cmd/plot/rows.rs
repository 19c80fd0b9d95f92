//! Where a figure's logits come from: an example, a file, or a model after a prompt.

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lab::figure::Row;
use kelvin_lm::Session;

use crate::args::context;
use crate::args::policy::text;
use crate::console::Console;
use crate::examples;
use crate::exit::Failure;
use crate::input;
use crate::load;
use crate::memory;
use crate::vocab;

/// A row, and where it is from.
#[derive(Debug)]
pub(super) struct Subject {
    /// What it is called: an example, a file, a model.
    pub(super) name: String,
    /// What the caption says of it.
    pub(super) facts: Vec<String>,
    /// The row.
    pub(super) row: Row,
}

impl Subject {
    fn bare(name: &str, kind: &str, row: input::Row) -> Self {
        let input::Row { tokens, logits, .. } = row;
        let facts = vec![format!("{kind}{name}")];
        Self { name: name.to_owned(), facts, row: Row::new(tokens.unwrap_or_default(), logits) }
    }
}

/// The one row that the flags name, or an example.
///
/// # Errors
///
/// Something typed: no such example, more than one. Something read: a file or model that is none.
pub(super) fn one(
    matches: &ArgMatches,
    console: &mut Console<'_>,
    default: &str,
) -> Result<Subject> {
    if matches.contains_id("from") {
        let failure = Failure::typed("--from: this figure reads logits");
        return Err(failure.hint("give --example, --logits FILE, or -m MODEL and a PROMPT").into());
    }
    if let Some(path) = text(matches, "logits") {
        let row = input::Row::read(path)?;
        return Ok(Subject::bare(if path == "-" { "stdin" } else { path }, "", row));
    }
    if let Some(prompt) = text(matches, "prompt") {
        return of_model(matches, console, prompt);
    }
    if text(matches, "model").is_some() {
        let failure = Failure::typed("a model says nothing without a PROMPT");
        return Err(failure.hint("kelvin plot NAME -m MODEL \"The cat sat on the\"").into());
    }
    let mut subjects = examples(matches, &[default])?;
    match subjects.len() {
        1 => Ok(subjects.remove(0)),
        n => Err(Failure::typed(format!("{n} examples, and this figure shows one")).into()),
    }
}

/// The examples that are named, or these.
///
/// # Errors
///
/// Something typed: no such example.
pub(super) fn examples(matches: &ArgMatches, defaults: &[&str]) -> Result<Vec<Subject>> {
    let subject = |name: &str| Ok(Subject::bare(name, "example ", examples::find(name)?.row()));
    match matches.get_many::<String>("example") {
        Some(names) => names.map(|name| subject(name)).collect(),
        None => defaults.iter().map(|name| subject(name)).collect(),
    }
}

/// What a model says after a prompt.
fn of_model(matches: &ArgMatches, console: &mut Console<'_>, prompt: &str) -> Result<Subject> {
    let (checkpoint, card) = load::open(matches, console)?;
    let options = load::model_options(matches)?;
    memory::check(&checkpoint, &card, options.dtype, console)?;
    let mut loaded = load::assemble(&checkpoint, card, options)?;
    let ids = if matches.get_flag("chat") {
        let chat = crate::chat::Chat::from_matches(matches, &mut loaded)?;
        chat.encode(&chat.render(&chat.beginning(prompt))?, &loaded)?
    } else {
        loaded.encode(prompt, load::special_tokens(matches))?
    };
    let context = context::read(matches, &loaded)?;
    context::check(ids.len(), None, context).map_err(|failure| failure.or(context::SHIFT))?;
    let logits = Session::new(&loaded.model).with_context(context)?.feed(&ids)?.to_vec();
    let names = (0..).zip(&logits).map(|(token, _)| vocab::visible(&loaded.tokenizer, token));
    let row = Row::new(names.collect::<Vec<_>>(), logits);
    let name = loaded.card.name.clone();
    Ok(Subject { facts: vec![name.clone(), format!("{prompt:?}")], name, row })
}
