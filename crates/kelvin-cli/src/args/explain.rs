//! The flags of `kelvin explain`.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::runs::LAST;

/// The command.
pub(super) fn command() -> Command {
    Command::new("explain")
        .about("Say why each token of a past run came")
        .long_about(
            "Say why each token of a past run came.\n\nWithout --step: every token of the text, with its \
             probability before and after the policy. With --step N: the one decision in full view, what \
             the model said, what each stage removed, where the draw fell.",
        )
        .arg(trace())
        .args([place(
            "step",
            "The token to explain, counted from 1; -1 is the last",
        )
        .value_parser(value_parser!(i64))
        .allow_negative_numbers(true)])
        .args(sequence())
        .arg(
            Arg::new("settings")
                .long("settings")
                .action(ArgAction::SetTrue)
                .conflicts_with("step")
                .help("Only what was set, and by whom"),
        )
        .args([super::show(), super::bits(), super::json()])
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
    let number = |arg: Arg| arg.value_parser(value_parser!(u32).range(1..));
    [
        number(place("prompt", "The prompt, where there are several, counted from 1 [default: 1]")),
        number(place("sample", "The sample, where there are several, counted from 1 [default: 1]")),
    ]
}

fn place(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("N").help(help)
}

/// The places of prompt and sample, 0-based.
pub(crate) fn chosen_sequence(matches: &ArgMatches) -> (usize, usize) {
    let at = |name| matches.get_one::<u32>(name).map_or(0, |&n| n as usize - 1);
    (at("prompt"), at("sample"))
}
