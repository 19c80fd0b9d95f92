//! `kelvin plot`.

use clap::{Arg, ArgAction, Command, value_parser};

use super::{chat, context, engine, json, policy, randomness, raw_text};

const FIGURE: &str = "Figure";

/// The command.
pub(crate) fn command() -> Command {
    Command::new("plot")
        .about("Draw a figure: distributions, stages, strategies, generations, runs")
        .long_about(
            "Draw a figure as SVG or PNG, or print its numbers with --data.\n\nWithout a NAME, or with \
             --list, the figures are listed with what they read: logits (--example, --logits, or a model \
             and a PROMPT), a generation (a model and a PROMPT, or --from a trace), or a file of a run. \
             A figure with a panel for each value of a parameter takes a list: --temperature 0.3,1,2. \
             All other flags of a policy hold for every panel. Settings and seed stand below the figure.",
        )
        .arg(Arg::new("name").value_name("NAME").help("Which figure; without it they are listed"))
        .arg(
            Arg::new("prompt")
                .value_name("PROMPT")
                .conflicts_with_all(["logits", "example", "from"])
                .help("Text that a model continues"),
        )
        .args(own())
        .args(engine::args())
        .args(policy::args())
        .args(randomness::args())
        .args(context::args())
        .arg(chat::flag())
        .args(chat::args().map(|arg| arg.requires("chat")))
        .args([raw_text(), json().visible_alias("data").help("Print the figure's numbers as JSON")])
}

fn own() -> [Arg; 12] {
    let count = |name: &'static str| Arg::new(name).long(name).value_name("N");
    [
        Arg::new("list").long("list").action(ArgAction::SetTrue).help("List the figures"),
        Arg::new("example")
            .long("example")
            .value_name("NAME")
            .value_delimiter(',')
            .action(ArgAction::Append)
            .help("Built-in logits; `kelvin examples` lists them"),
        Arg::new("logits")
            .long("logits")
            .value_name("FILE")
            .conflicts_with("example")
            .help("JSON file with logits or probabilities, - for stdin"),
        Arg::new("from")
            .long("from")
            .value_name("FILE")
            .conflicts_with_all(["logits", "example"])
            .action(ArgAction::Append)
            .help("A trace (@last the newest run, several for diversity), or the folder of a sweep or a training run"),
        Arg::new("strategy")
            .short('s')
            .long("strategy")
            .value_name("PIPELINE")
            .action(ArgAction::Append)
            .help("A policy to compare; repeat it: -s greedy -s \"temperature(0.7) | top-p(0.9)\""),
        Arg::new("arrangement")
            .long("arrangement")
            .value_name("HOW")
            .value_parser(["ranked", "indexed", "compared"])
            .help("Order and labels of tokens [default: by what the logits are]"),
        count("show")
            .value_parser(value_parser!(u32).range(1..=200))
            .help("Tokens shown [default: 12; 30 by rank]"),
        count("draws")
            .value_parser(value_parser!(u32).range(1..=100_000_000))
            .help("Draws for each strategy [default: 50000]"),
        count("max-new-tokens")
            .visible_alias("max-tokens")
            .value_parser(value_parser!(u32).range(1..))
            .help("Most tokens to draw [default: 15]"),
        Arg::new("theme")
            .long("theme")
            .value_name("THEME")
            .value_parser(["light", "dark"])
            .default_value("light")
            .help("The page it is for"),
        count("scale")
            .value_parser(value_parser!(u8).range(1..=8))
            .default_value("2")
            .help("Pixels of a PNG for each of the SVG"),
        Arg::new("output")
            .short('o')
            .long("output")
            .value_name("FILE")
            .help("Where to: .svg or .png [default: SVG on stdout]"),
    ]
    .map(|arg| arg.help_heading(FIGURE))
}
