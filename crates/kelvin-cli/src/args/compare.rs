//! `kelvin compare` on the command line.

use clap::{Arg, ArgAction, Command, value_parser};

use super::{OUTPUT, engine, json, judge, max_new_tokens, prompts_file, randomness, raw_text};

/// The command.
pub(super) fn command() -> Command {
    Command::new("compare")
        .about("Compare policies or models on the same prompts with the same random numbers")
        .long_about(
            "Compare policies or models on the same prompts with the same random numbers.\n\nWith a \
             PROMPT a model continues it under each policy, and the table has what is measured of the \
             samples. With --example the laws themselves are compared, exactly, and N draws of each; \
             --target asks how often one token comes.",
        )
        .after_help(
            "kelvin compare \"ROMEO:\" -s greedy -s \"T=0.7,top_p=0.9\" -s \"temperature(1.2) | \
             min-p(0.1)\"\nkelvin compare --example pizza --target pizza -s T=0.5 -s T=1 -s T=2 -n 100",
        )
        .arg(Arg::new("prompt").value_name("PROMPT").num_args(1..).help("Texts to continue"))
        .arg(prompts_file())
        .arg(policy())
        .arg(dialect())
        .args(engine::args().map(|arg| match arg.get_id().as_str() {
            "model" => {
                let (help, default) = (engine::MODEL_HELP, engine::MODEL_DEFAULT);
                arg.action(ArgAction::Append)
                    .help(format!("{help}; repeat it to compare models {default}"))
            }
            _ => arg,
        }))
        .args(samples())
        .arg(raw_text().conflicts_with("example"))
        .args(single())
        .args(output())
}

fn policy() -> Arg {
    Arg::new("policy")
        .short('s')
        .long("policy")
        .value_name("POLICY")
        .action(ArgAction::Append)
        .help("greedy, neutral, a preset, NAME=VALUE,… or a pipeline; repeat it to compare several")
        .long_help(
            "What tokens are drawn by; repeat it to compare several, each is compared with the \
             first:\n  greedy, neutral, or a preset's name\n  T=0.7,top_p=0.9: values of stages, by any of \
             their names, in the default order; a preset may stand first\n  \"temperature(1.2) | \
             min-p(0.1)\": a pipeline, in its own order\n  hf: T=0.7: the same under a dialect, with its defaults \
             and rules\nA policy is whole: the model's own generation \
             defaults do not enter. [default: greedy, balanced and creative; neutral for several models]",
        )
}

fn dialect() -> Arg {
    Arg::new("dialect")
        .long("dialect")
        .value_name("NAME")
        .action(ArgAction::Append)
        .help("Each policy under this dialect; repeat it to compare several [default: native]")
}

fn samples() -> [Arg; 5] {
    [
        Arg::new("n")
            .short('n')
            .long("num-return-sequences")
            .value_name("N")
            .default_value("32")
            .value_parser(value_parser!(u32).range(1..=10_000_000))
            .help("Samples of each policy and prompt; draws of an example"),
        max_new_tokens().default_value("64").help("Most tokens of a sample"),
        Arg::new("stop")
            .long("stop")
            .value_name("TEXT")
            .action(ArgAction::Append)
            .help("End where this text appears, and leave it out; may be repeated"),
        randomness::seed(),
        Arg::new("independent")
            .long("independent")
            .visible_alias("no-couple")
            .action(ArgAction::SetTrue)
            .help_heading(randomness::RANDOMNESS)
            .help("Random numbers of its own for each policy [default: the same for all]"),
    ]
}

fn single() -> [Arg; 3] {
    [
        Arg::new("example")
            .long("example")
            .value_name("NAME")
            .conflicts_with_all(["prompt", "prompts", "model"])
            .help("Compare on built-in logits, exactly; `kelvin examples` lists them"),
        Arg::new("target")
            .long("target")
            .value_name("TOKEN")
            .requires("example")
            .help("How often this token comes: exact probability, draws, interval, verdict"),
        Arg::new("observed")
            .long("observed")
            .value_name("COUNTS")
            .value_delimiter(',')
            .value_parser(value_parser!(u64))
            .requires("target")
            .help("How often it came elsewhere, of N draws under each policy: 67,49; in place of drawing"),
    ]
}

fn output() -> [Arg; 6] {
    let show = Arg::new("show").long("show").value_name("N").value_parser(value_parser!(u32));
    [
        Arg::new("metrics")
            .long("metrics")
            .value_name("NAMES")
            .value_delimiter(',')
            .conflicts_with("example")
            .help(
                "Columns of the table, or all [default: distinct-2,self-bleu,rep-4,nats-per-token]",
            ),
        judge(),
        Arg::new("reference")
            .long("reference")
            .value_name("FILE")
            .conflicts_with("example")
            .help("A text to hold the samples' bytes to: the area under a divergence frontier"),
        Arg::new("report")
            .long("report")
            .value_name("FILE")
            .conflicts_with("example")
            .help("Write a page too (HTML): the table, a figure, texts that show what else could have come"),
        show.default_value("1").help("Samples of each prompt shown side by side; 0 for none"),
        json(),
    ]
    .map(|arg| arg.help_heading(OUTPUT))
}
