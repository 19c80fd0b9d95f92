//! `kelvin next`: one decision in full view.

pub(crate) mod account;
mod json;

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lm::Session;
use kelvin_lm::defaults::GenerationDefaults;

use self::account::{Account, Subject};
use crate::args::randomness::Randomness;
use crate::args::{context, policy};
use crate::chat::Chat;
use crate::console::Console;
use crate::decision::{self, Look};
use crate::examples;
use crate::exit::Code;
use crate::input::Row;
use crate::load;
use crate::settings::{Policy, UNTOUCHED};

/// Rows of the table on a terminal.
const ROWS: usize = 20;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let (subject, policy, _) = subject(matches, console)?;
    if policy.is_untouched() {
        console.hint(UNTOUCHED)?;
    }
    let randomness = Randomness::from_matches(matches);
    let n_draws = matches.get_one("draws").copied().unwrap_or(0);
    let level = crate::engine::level(matches)?;
    let account = Account::take(subject, policy, randomness, (n_draws, level))?;
    let show = matches.get_one::<u32>("show").map(|&n| n as usize);
    if matches.get_flag("json") {
        console.json(&json::object(&account, show.unwrap_or(account.subject.rows)))?;
    } else {
        let look = Look {
            rows: show.unwrap_or(ROWS),
            width: console.width,
            bits: matches.get_flag("bits"),
        };
        decision::write(&account.decision(), look, console.out)?;
    }
    Ok(Code::Done)
}

/// The row that the flags name, the policy for it, and the defaults of the model that made it.
///
/// # Errors
///
/// Those of the row, of the model and of [`Policy::resolve`].
pub(crate) fn subject(
    matches: &ArgMatches,
    console: &mut Console<'_>,
) -> Result<(Subject, Policy, GenerationDefaults)> {
    let (name, row) = match (policy::text(matches, "example"), policy::text(matches, "logits")) {
        (Some(name), _) => (name, examples::find(name)?.row()),
        (None, Some(path)) => (if path == "-" { "stdin" } else { path }, Row::read(path)?),
        (None, None) => return of_model(matches, console),
    };
    let policy = Policy::resolve(matches, None)?;
    console.warn_all(&policy.warnings)?;
    let subject = Subject::bare(name.to_owned(), row, policy::history(matches));
    Ok((subject, policy, GenerationDefaults::default()))
}

/// What a model says after a prompt, and after the tokens that count as output.
fn of_model(
    matches: &ArgMatches,
    console: &mut Console<'_>,
) -> Result<(Subject, Policy, GenerationDefaults)> {
    let (mut loaded, policy) = load::with_policy(matches, console)?;
    let prompt = policy::text(matches, "prompt").expect("without logits a prompt is required");
    let prompt = if matches.get_flag("chat") {
        let chat = Chat::from_matches(matches, &mut loaded)?;
        chat.encode(&chat.render(&chat.beginning(prompt))?, &loaded)?
    } else {
        loaded.encode(prompt, load::special_tokens(matches))?
    };
    let history = policy::history(matches);
    let ids = [&prompt[..], &history].concat();
    let context = context::read(matches, &loaded)?;
    context::check(ids.len(), None, context).map_err(|failure| failure.or(context::SHIFT))?;
    let logits = Session::new(&loaded.model).with_context(context)?.feed(&ids)?.to_vec();
    let defaults = std::mem::take(&mut loaded.defaults);
    Ok((Subject::of_model(loaded, logits, prompt, history), policy, defaults))
}
