//! The `kelvin` command: decode language models, and see why each token came.
//!
//! `main` builds nothing: it lends the streams and the environment to [`run`], which is the program.

#![forbid(unsafe_code)]

mod again;
mod args;
mod chat;
mod cmd;
mod console;
mod decision;
mod engine;
mod examples;
mod exit;
mod experiment;
mod input;
mod json;
mod judge;
mod lines;
mod load;
mod memory;
mod models;
mod playback;
mod prompts;
mod rerun;
mod runs;
mod settings;
mod stories;
mod suggest;
mod term;
mod usage;
mod vocab;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lm::hub::Environment;

use crate::console::Console;
use crate::exit::Code;
use crate::runs::Runs;

fn main() -> ExitCode {
    let matches = args::command().try_get_matches_from(std::env::args_os());
    choose_color(&matches);
    let (mut out, mut err) = (anstream::stdout().lock(), anstream::stderr().lock());
    let mut console = Console {
        out: &mut out,
        text: &mut io::stdout().lock(), // the same stream and buffer as `out`, past its filter
        terminal: io::stdout().is_terminal(),
        color: anstream::AutoStream::choice(&io::stdout()),
        err: &mut err,
        err_terminal: io::stderr().is_terminal(),
        term: term(),
        width: columns(),
        quiet: false,
        models: of_kelvin("KELVIN_MODELS", "models"),
        runs: past_runs(),
        hub: Environment::read(|name| std::env::var_os(name)),
    };
    let ended = run(matches, &mut console);
    let ended = ended.and_then(|code| Ok(console.out.flush().map(|()| code)?));
    let code = ended.or_else(|error| exit::report(&error, &mut console.err));
    code.unwrap_or(Code::Failed).into()
}

/// The program: runs the command of a command line.
fn run(matches: Result<ArgMatches, clap::Error>, console: &mut Console<'_>) -> Result<Code> {
    let matches = match matches {
        Ok(matches) => matches,
        Err(error) => return usage::answer(&error, console),
    };
    console.quiet = matches.get_flag("quiet");
    let (name, matches) = matches.subcommand().expect("a command is required");
    match name {
        "generate" => cmd::generate::run(matches, console),
        "next" => cmd::next::run(matches, console),
        "explain" => cmd::explain::run(matches, console),
        "replay" => cmd::replay::run(matches, console),
        "rescore" => cmd::rescore::run(matches, console),
        "chat" => cmd::chat::run(matches, console),
        "compare" => cmd::compare::run(matches, console),
        "score" => cmd::score::run(matches, console),
        "train" => cmd::train::run(matches, console),
        "lesson" => cmd::lesson::run(matches, console),
        "sweep" => cmd::sweep::run(matches, console),
        "merge" => cmd::merge::run(matches, console),
        "plot" => cmd::plot::run(matches, console),
        "tour" => cmd::tour::run(matches, console),
        "models" => cmd::models::run(matches, console),
        "doctor" => cmd::doctor::run(matches, console),
        "bench" => cmd::bench::run(matches, console),
        "stages" => cmd::stages::run(matches, console),
        "presets" => cmd::presets::run(matches, console),
        "examples" => cmd::examples::run(matches, console),
        "completions" => cmd::completions::run(matches, console),
        _ => unreachable!("every command of `args` is here, a test runs them all"),
    }
}

/// Takes `--color` at its word before any stream is opened; `auto` leaves it to what they find.
fn choose_color(matches: &Result<ArgMatches, clap::Error>) {
    match matches.as_ref().ok().and_then(|matches| args::policy::text(matches, "color")) {
        Some("always") => anstream::ColorChoice::Always.write_global(),
        Some("never") => anstream::ColorChoice::Never.write_global(),
        _ => (),
    }
}

/// What the terminal says that it is.
#[expect(clippy::disallowed_methods, reason = "configuration enters here")]
fn term() -> String {
    std::env::var("TERM").unwrap_or_default()
}

/// Columns of the terminal, or of the environment's wish; 80 where nobody knows.
#[expect(clippy::disallowed_methods, reason = "configuration enters here")]
fn columns() -> usize {
    let wished = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    wished.or(terminal).unwrap_or(80).clamp(40, 160)
}

/// A folder of Kelvin's: the one that this variable names, else the one of this name in
/// `~/.cache/kelvin`.
#[expect(clippy::disallowed_methods, reason = "configuration enters here")]
fn of_kelvin(variable: &str, name: &str) -> PathBuf {
    let set = |name: &str| std::env::var(name).ok().filter(|path| !path.is_empty());
    if let Some(folder) = set(variable) {
        return folder.into();
    }
    let home = set("HOME").or_else(|| set("USERPROFILE")).unwrap_or_else(|| ".".to_owned());
    PathBuf::from(home).join(".cache").join("kelvin").join(name)
}

/// Where past runs are kept; nowhere when `KELVIN_RUNS` is `off`.
fn past_runs() -> Runs {
    let folder = of_kelvin("KELVIN_RUNS", "runs");
    if folder.as_os_str() == "off" { Runs::off() } else { Runs::in_folder(folder) }
}
