//! `kelvin explain`: why a decision falls as it does.

mod diff;
mod edge;
mod fragile;

use anyhow::Result;
use clap::ArgMatches;

use crate::console::Console;
use crate::exit::Code;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    if matches.get_flag("fragile") {
        fragile::run(matches, console)
    } else {
        diff::run(matches, console)
    }
}
