//! The flags of `kelvin lesson`.

use clap::{Arg, ArgAction, Command, value_parser};

/// The command.
pub(super) fn command() -> Command {
    Command::new("lesson")
        .about("Learn decoding in five guided lessons, with live numbers and exercises")
        .long_about(
            "Learn decoding in five guided lessons, with live numbers and exercises.\n\nWithout a NUMBER \
             the lessons are listed. On a terminal a lesson goes on station by station and checks the \
             answers to its exercises; into a pipe, and with --all, it is told at once, solutions included. \
             Its commands really run, in a folder of their own that is gone afterwards; your past runs stay \
             as they are, and nothing asks the network.",
        )
        .arg(Arg::new("number").value_name("NUMBER").help("Which lesson; without it they are listed"))
        .arg(
            Arg::new("from")
                .long("from")
                .value_name("STATION")
                .requires("number")
                .conflicts_with("export")
                .value_parser(value_parser!(u32).range(1..))
                .help("Begin at this station"),
        )
        .arg(
            Arg::new("all")
                .long("all")
                .action(ArgAction::SetTrue)
                .requires("number")
                .help("Everything at once, with the solutions, and nothing asked"),
        )
        .arg(
            Arg::new("export")
                .long("export")
                .value_name("FORMAT")
                .requires("number")
                .value_parser(["html"])
                .help("Write the lesson as one page that needs nothing else"),
        )
        .arg(
            Arg::new("output")
                .short('o')
                .long("output")
                .value_name("FILE")
                .requires("export")
                .help("Where the page goes [default: stdout]"),
        )
}
