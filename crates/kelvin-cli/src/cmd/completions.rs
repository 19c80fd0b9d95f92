//! `kelvin completions`.

use anyhow::Result;
use clap::ArgMatches;
use clap_complete::Shell;

use crate::args;
use crate::console::Console;
use crate::exit::Code;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let shell: &String = matches.get_one("shell").expect("the argument is required");
    let shell: Shell = shell.parse().expect("the argument takes these shells only");
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "kelvin", &mut script);
    console.out.write_all(&script)?;
    Ok(Code::Done)
}
