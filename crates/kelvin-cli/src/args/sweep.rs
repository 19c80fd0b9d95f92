//! The flags of sweeps.

use clap::{Arg, ArgAction, Command, value_parser};
use kelvin_lab::sweep::Shard;

use super::{
    OUTPUT, chat, engine, json, judge, max_new_tokens, policy, prompts_file, randomness, raw_text,
    stop,
};

const SWEEP: &str = "Sweep";

/// `kelvin sweep`.
pub(super) fn command() -> Command {
    Command::new("sweep")
        .about("Sample every combination of some settings, and keep texts and numbers as tables")
        .long_about(
            "Sample every combination of some settings, and keep texts and numbers as tables.\n\nEach -g \
             names a parameter and its values: temperature=0.2:2.0:0.2 (first, last, step) or \
             top-p=0.8,0.9,1. Flags of a policy hold for all cells. Samples are kept in DIR as they come: a \
             sweep that was stopped or killed goes on when the same command is given again. At its end \
             samples.parquet and steps.parquet are there, the same to the last byte whatever the threads. \
             Sample i of a cell is sample i of `kelvin generate` with that policy and seed, so cells meet \
             the same random numbers. The summary goes to stdout.",
        )
        .arg(
            Arg::new("prompt")
                .num_args(1..)
                .required_unless_present_any(["prompts", "example"])
                .help("Text to continue; several are several prompts"),
        )
        .args(own())
        .args(engine::args())
        .args(policy::args().filter(|arg| arg.get_id() != "history"))
        .args(randomness::args())
        .args(length())
        .arg(raw_text())
        .arg(chat::flag())
        .args(chat::args().map(|arg| arg.requires("chat")))
        .arg(json())
}

/// `kelvin merge`.
pub(super) fn merge() -> Command {
    Command::new("merge")
        .about("Join the shards of a sweep into the tables of the whole")
        .long_about(
            "Join the shards of a sweep into the tables of the whole.\n\nEach DIR was written by `kelvin \
             sweep --shard i/n` with otherwise equal settings. The tables that this makes are those of the \
             sweep without shards, byte for byte.",
        )
        .arg(Arg::new("dir").value_name("DIR").num_args(1..).required(true).help("Folders of shards"))
        .arg(out().required(true))
        .arg(
            Arg::new("partial")
                .long("partial")
                .action(ArgAction::SetTrue)
                .help("Join what is there, even where shards or samples are missing"),
        )
        .arg(json())
}

fn own() -> [Arg; 8] {
    [
        prompts_file().conflicts_with("prompt").help_heading(SWEEP),
        Arg::new("grid")
            .short('g')
            .long("grid")
            .value_name("NAME=VALUES")
            .action(ArgAction::Append)
            .help("A parameter and its values; repeat it to combine several")
            .long_help(
                "A parameter and its values: temperature=0.2:2.0:0.2 (first, last, step, in exact \
                 decimals), top-p=0.8,0.9,off, several with ; between. Any flag of a policy that takes a \
                 value, preset and dialect included. pipeline=TEXT is one value, the text whole; repeat it \
                 for more. The last parameter changes fastest.",
            )
            .help_heading(SWEEP),
        out().required_unless_present_any(["dry-run", "example"]),
        judge().conflicts_with("chat").help_heading(SWEEP),
        Arg::new("shard")
            .long("shard")
            .value_name("I/N")
            .value_parser(|text: &str| text.parse::<Shard>())
            .help("Take only this part of the samples, 1/N to N/N; `kelvin merge` joins them")
            .help_heading(SWEEP),
        Arg::new("dry-run")
            .long("dry-run")
            .action(ArgAction::SetTrue)
            .help("Only say what would be sampled, in which time and memory")
            .help_heading(SWEEP),
        Arg::new("example")
            .long("example")
            .value_name("NAME")
            .conflicts_with_all(["prompt", "prompts", "out", "shard", "dry-run", "model"])
            .help("Built-in logits instead of a model: each cell's exact law, and -n draws from it")
            .help_heading(SWEEP),
        Arg::new("target")
            .long("target")
            .value_name("TOKEN")
            .requires("example")
            .help("A token of the example whose share is shown")
            .help_heading(SWEEP),
    ]
}

fn out() -> Arg {
    Arg::new("out")
        .short('o')
        .long("out")
        .value_name("DIR")
        .help("Folder that everything is written to")
        .help_heading(OUTPUT)
}

fn length() -> [Arg; 3] {
    [
        Arg::new("n")
            .short('n')
            .long("num-return-sequences")
            .value_name("N")
            .default_value("16")
            .value_parser(value_parser!(u32).range(1..=1_000_000))
            .help("Samples of each cell and prompt"),
        max_new_tokens().help("Most tokens of a sample").default_value("64"),
        stop(),
    ]
}
