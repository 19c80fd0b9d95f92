//! `kelvin explain`: what is to be explained of a decision.

use clap::{Arg, ArgAction, ArgGroup, Command};

use super::{json, row, show};

/// The command.
pub(super) fn command() -> Command {
    Command::new("explain")
        .about("Show where two dialects differ on one row, or where rounding could decide")
        .long_about(
            "Show where two dialects differ on one row of logits (--diff), or where an engine's own \
             rounding could decide otherwise than its rule (--fragile).\n\nThe logits come from a model \
             and a prompt, from a file (--logits), or from a built-in example (--example).",
        )
        .args([diff(), fragile()])
        .group(ArgGroup::new("question").args(["diff", "fragile"]).required(true))
        .args(row())
        .args([show(), json()])
}

fn diff() -> Arg {
    Arg::new("diff")
        .long("diff")
        .value_names(["A", "B"])
        .num_args(2)
        .conflicts_with_all(["dialect", "pipeline"])
        .help(
            "Compare two dialects under the same flags: tokens, shares, and how far apart they are",
        )
}

fn fragile() -> Arg {
    Arg::new("fragile").long("fragile").action(ArgAction::SetTrue).help(
        "Say where the rounding of the --dialect's engine could decide otherwise than its rule",
    )
}
