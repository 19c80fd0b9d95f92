//! The flags of `kelvin replay`.

use clap::Command;

use super::explain::trace;

/// The command.
pub(super) fn command() -> Command {
    Command::new("replay")
        .about("Derive every token of a past run again, and say where anything differs")
        .long_about(
            "Derive every token of a past run again, and say where anything differs.\n\nThe model reads \
             the recorded tokens; at each one the recorded policy and random numbers choose again. Exit 1 \
             where a token comes out differently.",
        )
        .arg(trace())
        .args(super::engine::for_trace())
        .arg(super::json())
}
