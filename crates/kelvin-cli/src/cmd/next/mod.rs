//! `kelvin next`: one decision in full view.

mod account;
mod json;
mod table;
mod text;

use anyhow::Result;
use clap::ArgMatches;

use self::account::{Account, Subject};
use crate::args::policy;
use crate::args::randomness::Randomness;
use crate::console::Console;
use crate::examples;
use crate::exit::{Code, Failure};
use crate::input::Row;
use crate::settings::{Policy, UNTOUCHED};

/// Rows of the table on a terminal.
const ROWS: usize = 20;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let subject = subject(matches)?;
    let policy = Policy::resolve(matches, None)?;
    console.warn_all(&policy.warnings)?;
    if policy.is_untouched() {
        console.hint(UNTOUCHED)?;
    }
    let randomness = Randomness::from_matches(matches);
    let n_draws = matches.get_one("draws").copied().unwrap_or(0);
    let level = crate::engine::level(matches)?;
    let account = Account::take(subject, policy, randomness, (n_draws, level))?;
    let show = matches.get_one::<u32>("show").map(|&n| n as usize);
    if matches.get_flag("json") {
        console.json(&json::object(&account, show.unwrap_or(usize::MAX)))?;
    } else {
        let look = text::Look {
            rows: show.unwrap_or(ROWS),
            width: console.width,
            bits: matches.get_flag("bits"),
        };
        text::write(&account, look, console.out)?;
    }
    Ok(Code::Done)
}

fn subject(matches: &ArgMatches) -> Result<Subject> {
    let history = policy::history(matches);
    if let Some(name) = policy::text(matches, "example") {
        let row = examples::find(name)?.row();
        return Ok(Subject::bare(name.to_owned(), row, history));
    }
    if let Some(path) = policy::text(matches, "logits") {
        let name = if path == "-" { "stdin" } else { path };
        return Ok(Subject::bare(name.to_owned(), read(path)?, history));
    }
    Err(Failure::read("no model").into())
}

fn read(path: &str) -> Result<Row> {
    let name = if path == "-" { "stdin" } else { path };
    let json = if path == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    let json =
        json.map_err(|error| Failure::read(format!("cannot read {name}")).caused_by(error))?;
    Ok(Row::parse(&json).map_err(|failure| failure.inside(name))?)
}
