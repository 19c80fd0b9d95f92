//! The flags of `kelvin rescore`.

use clap::{Arg, Command};

use super::explain::{sequence, trace};
use super::policy;

/// The command.
pub(super) fn command() -> Command {
    Command::new("rescore")
        .about("Ask whether a text could have come under other settings, and at what cost")
        .long_about(
            "Ask whether a text could have come under other settings, and at what cost.\n\nThe policy's \
             flags are the other settings, all of them: what is not given is off. Of a trace the model is \
             asked only where the recorded candidates do not decide, and that is said. With --text the \
             model reads the text.",
        )
        .arg(trace())
        .arg(
            Arg::new("text")
                .long("text")
                .value_name("TEXT")
                .conflicts_with_all(["trace", "of-prompt", "of-sample"])
                .help("A text instead of a trace"),
        )
        .arg(
            Arg::new("after")
                .long("after")
                .value_name("PROMPT")
                .requires("text")
                .help("What stands before the text, and is not rescored"),
        )
        .args(super::engine::for_trace())
        .args(sequence())
        .args(policy::args().filter(|arg| !["raw", "history"].contains(&arg.get_id().as_str())))
        .args([super::raw_text().requires("text"), super::bits(), super::json()])
}
