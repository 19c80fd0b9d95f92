//! `kelvin chat`: conversations.

use anyhow::Result;
use clap::ArgMatches;

use crate::args::policy::text;
use crate::console::Console;
use crate::exit::{Code, Failure};

use super::generate::{self, Kind};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let message = match text(matches, "prompt") {
        Some("-") => std::io::read_to_string(std::io::stdin())
            .map_err(|error| Failure::read("cannot read stdin").caused_by(error))?,
        Some(text) => text.to_owned(),
        None => todo!(),
    };
    generate::run_once(matches, vec![message], Kind::Messages, console)
}
