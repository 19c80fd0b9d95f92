//! The flags of `kelvin explain`: which decision, and what of it.

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};

use crate::runs::LAST;

/// Asks about one row of logits instead of a past run.
const QUESTION: &str = "question";

/// The command.
pub(super) fn command() -> Command {
    Command::new("explain")
        .about("Say why each token of a past run came, or where two dialects differ on one row")
        .long_about(
            "Say why each token of a past run came.\n\nWithout --step: every token of the text, with its \
             probability before and after the policy. With --step N: the one decision in full view, what \
             the model said, what each stage removed, where the draw fell.\n\nWith --diff or --fragile it is \
             about one row of logits instead: where two dialects differ on it, or where an engine's own \
             rounding could decide otherwise than its rule. The row comes from a model and a prompt, from a \
             file (--logits), or from a built-in example (--example).",
        )
        .args(of_run().map(|arg| arg.conflicts_with(QUESTION)))
        .args([diff(), fragile()])
        .group(ArgGroup::new(QUESTION).args(["diff", "fragile"]))
        .args(super::row().into_iter().map(of_row))
        .args([super::show(), super::bits(), super::json()])
}

/// What is asked of a past run.
fn of_run() -> [Arg; 4] {
    let [prompt, sample] = sequence();
    [
        place("step", "The token to explain, counted from 1; -1 is the last")
            .value_parser(value_parser!(i64))
            .allow_negative_numbers(true),
        prompt,
        sample,
        Arg::new("settings")
            .long("settings")
            .action(ArgAction::SetTrue)
            .conflicts_with("step")
            .help("Only what was set, and by whom"),
    ]
}

/// The flags about a row, which mean nothing without a question about it; its prompt may be a trace.
fn of_row(arg: Arg) -> Arg {
    if arg.get_id() == "prompt" {
        return Arg::new("prompt")
            .value_name("TRACE")
            .help("A trace: @last, @12 for another run that is kept, or a file [default: @last]")
            .long_help(
                "A trace: @last, @12 for another run that is kept, or a file [default: @last]. With --diff \
                 and --fragile, the text whose next token is asked for",
            )
            .conflicts_with_all(["logits", "example"]);
    }
    arg.requires(QUESTION)
}

/// The trace that a command reads.
pub(super) fn trace() -> Arg {
    Arg::new("trace")
        .value_name("TRACE")
        .default_value(LAST)
        .help("A trace: @last, @12 for another run that is kept, or a file")
}

/// Which sequence of it, where there are several.
pub(super) fn sequence() -> [Arg; 2] {
    [
        place("of-prompt", "The prompt, where there are several, counted from 1 [default: 1]")
            .long("prompt"),
        place("of-sample", "The sample, where there are several, counted from 1 [default: 1]")
            .long("sample"),
    ]
    .map(|arg| arg.value_parser(value_parser!(u32).range(1..)))
}

fn place(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("N").help(help)
}

/// The places of prompt and sample, 0-based.
pub(crate) fn chosen_sequence(matches: &ArgMatches) -> (usize, usize) {
    let at = |name| matches.get_one::<u32>(name).map_or(0, |&n| n as usize - 1);
    (at("of-prompt"), at("of-sample"))
}

fn diff() -> Arg {
    Arg::new("diff")
        .long("diff")
        .value_names(["A", "B"])
        .num_args(2)
        .conflicts_with_all(["dialect", "pipeline", "fragile"])
        .help(
            "Compare two dialects under the same flags: tokens, shares, and how far apart they are",
        )
}

fn fragile() -> Arg {
    Arg::new("fragile").long("fragile").action(ArgAction::SetTrue).help(
        "Say where the rounding of the --dialect's engine could decide otherwise than its rule",
    )
}
