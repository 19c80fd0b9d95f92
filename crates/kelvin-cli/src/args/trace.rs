//! The flags about traces: where the account of a run is kept.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, value_parser};

use crate::console::Console;
use crate::exit::Failure;
use crate::playback::Tape;

/// Where to, and whether.
pub(crate) fn args() -> [Arg; 2] {
    [
        Arg::new("trace")
            .long("trace")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Write the account of every token to this file too (JSON Lines)"),
        Arg::new("no-trace")
            .long("no-trace")
            .action(ArgAction::SetTrue)
            .conflicts_with("trace")
            .help("Keep no account of this run")
            .long_help(
                "Keep no account of this run. Else it is kept in Kelvin's folder of runs, for \
                 `kelvin explain`, until a hundred newer ones are there; KELVIN_RUNS names another \
                 folder, or off.",
            ),
    ]
    .map(|arg| arg.help_heading(super::OUTPUT))
}

/// Whether the run is to be recorded.
pub(crate) fn is_on(matches: &ArgMatches, console: &Console<'_>) -> bool {
    let asked_for = matches.try_get_one::<PathBuf>("trace").ok().flatten().is_some();
    let declined = matches.try_get_one::<bool>("no-trace").ok().flatten();
    asked_for || (declined == Some(&false) && console.runs.is_kept())
}

/// The files that the run is recorded in. One that nobody asked for, and that cannot be made, is
/// told and left out.
///
/// # Errors
///
/// The file of `--trace` cannot be made.
pub(crate) fn tapes(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Vec<Tape>> {
    let mut tapes = Vec::new();
    if let Some(path) = matches.get_one::<PathBuf>("trace") {
        let file = File::create(path).map_err(|error| {
            Failure::failed(format!("cannot write the trace {}", path.display())).caused_by(error)
        })?;
        tapes.push(Tape::asked_for(file, path.clone()));
    }
    if !matches.get_flag("no-trace") {
        match console.runs.create() {
            Ok(made) => tapes.extend(made.map(|(file, path)| Tape::kept(file, path))),
            Err(error) => console.warn_all(&[format!("no trace is kept of this run: {error}")])?,
        }
    }
    Ok(tapes)
}
