//! The command line: its commands and flags, built from the registry of stages.

pub(crate) mod chat;
mod compare;
pub(crate) mod context;
pub(crate) mod engine;
pub(crate) mod explain;
pub(crate) mod lesson;
pub(crate) mod plot;
pub(crate) mod policy;
pub(crate) mod randomness;
pub(crate) mod replay;
pub(crate) mod rescore;
pub(crate) mod sweep;
pub(crate) mod trace;
pub(crate) mod train;

use clap::builder::{PossibleValuesParser, Styles};
use clap::{Arg, ArgAction, Command, value_parser};

use crate::term::theme;

/// The heading of the flags about what is shown.
const OUTPUT: &str = "Output";

/// The whole command line.
pub(crate) fn command() -> Command {
    Command::new("kelvin")
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "Decode language models: fast, the same to the last bit every time, and in full view",
        )
        .after_help(
            "Start here: kelvin generate \"ROMEO:\"\n            kelvin next --example paris --temperature \
             0.7 --top-p 0.9",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .max_term_width(100)
        .styles(styles())
        .arg(color().global(true))
        .arg(quiet().global(true))
        .subcommands([generate(), chat(), next(), explain::command(), replay::command()])
        .subcommands([rescore::command(), compare::command(), sweep::command(), sweep::merge()])
        .subcommands([plot::command(), score(), train::command(), tour(), lesson::command()])
        .subcommands([models(), stages(), presets(), examples(), doctor(), bench()])
        .subcommand(completions())
}

fn styles() -> Styles {
    Styles::styled()
        .header(theme::NAME)
        .usage(theme::NAME)
        .literal(theme::FINAL)
        .placeholder(theme::PLAIN)
}

fn generate() -> Command {
    Command::new("generate")
        .about("Continue prompts with a model, streaming the text")
        .long_about(
            "Continue prompts with a model.\n\nThe text streams to stdout as it is decoded; the header \
             (model, seed, each setting with its origin), the footer (tokens per second, nats per \
             token) and warnings go to stderr. Ctrl-C keeps what exists.",
        )
        .arg(prompts("Text to continue; several prompts run in one batch"))
        .args(engine::args())
        .args(policy::args())
        .args(randomness::args())
        .args(length())
        .args(context::args())
        .args([show_special(), echo(), raw_text()])
        .arg(chat::flag())
        .args(chat::args().map(|arg| arg.requires("chat")))
        .args([show().help("List the tokens, each with N candidates"), json()])
        .args(trace::args())
}

/// `kelvin chat` by itself; a conversation reads its settings with it again.
pub(crate) fn chat() -> Command {
    Command::new("chat")
        .about("Talk with a model, or have it answer one message")
        .long_about(
            "Talk with a model that has a chat template.\n\nWith a PROMPT the model answers it and that is \
             all; - reads it from stdin. Without one each line is a message, from the terminal or from a \
             pipe: the conversation goes on until its end (Ctrl-D). /help lists the commands of a \
             conversation. Answers go to stdout, all else to stderr. Ctrl-C stops an answer and keeps the \
             conversation.",
        )
        .arg(Arg::new("prompt").help("A message to answer; - for stdin").value_name("PROMPT"))
        .args(engine::args())
        .args(policy::args())
        .args(randomness::args())
        .args(length())
        .args(context::args())
        .args([show_special(), echo(), raw_text()])
        .args(chat::args())
        .args([show().help("List the tokens, each with N candidates"), json()])
        .args(trace::args())
}

fn next() -> Command {
    Command::new("next")
        .about("Show the next token's distribution, and what each stage did to it")
        .long_about(
            "Show the next token's distribution: what the model said, what each stage of the policy \
             removed, and what is drawn from.\n\nThe logits come from a model and a prompt, from a \
             file (--logits), or from a built-in example (--example).",
        )
        .args(row())
        .args([show(), draws(), bits(), json()])
}

/// Where a row of logits comes from, and how a token is chosen from it.
fn row() -> Vec<Arg> {
    let bare = ["logits", "example"];
    let prompt = Arg::new("prompt")
        .help("Text whose next token is asked for")
        .conflicts_with_all(bare)
        .required_unless_present_any(bare);
    let logits = Arg::new("logits")
        .long("logits")
        .value_name("FILE")
        .help("JSON file with logits or probabilities, - for stdin")
        .long_help(
            "JSON file, - for stdin: [1.5, null, …] or {\"tokens\": […], \"logits\": […]}; null or \"-inf\" \
             bans a token. \"probs\" in place of \"logits\" takes probabilities; a sum below 1 is shown as \
             other and never drawn.",
        )
        .conflicts_with("example");
    let example = Arg::new("example")
        .long("example")
        .value_name("NAME")
        .help("Built-in logits; `kelvin examples` lists them");
    let engine = engine::args().map(|arg| match arg.get_id().as_str() {
        "simd" => arg,
        _ => arg.conflicts_with_all(bare),
    });
    let chat = chat::args().map(|arg| arg.requires("chat"));
    let of_prompt = context::args().into_iter().chain([chat::flag(), raw_text()]);
    let of_prompt = of_prompt.map(|arg| arg.conflicts_with_all(bare));
    let row = [prompt, logits, example].into_iter().chain(engine).chain(policy::args());
    row.chain(randomness::args()).chain(of_prompt).chain(chat).collect()
}

fn score() -> Command {
    Command::new("score")
        .about("Measure how well models predict a text: bits per byte, perplexity, surprisals")
        .long_about(
            "Measure how well models predict a text: bits per byte, perplexity, nats per token, and where \
             the surprises are.\n\nPerplexities of models with different tokenizers do not compare, bits \
             per byte do. A text longer than the model's context is read through overlapping windows. The \
             first token is scored only where the model puts one of its own before it.",
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required_unless_present("text")
                .help("Text to score, - for stdin"),
        )
        .arg(
            Arg::new("text")
                .long("text")
                .value_name("TEXT")
                .conflicts_with("file")
                .help("Text to score, instead of a file"),
        )
        .args(engine::args().map(|arg| match arg.get_id().as_str() {
            "model" => {
                let help = format!(
                    "{}; repeat it to compare models {}",
                    engine::MODEL_HELP,
                    engine::MODEL_DEFAULT
                );
                arg.action(ArgAction::Append).help(help)
            }
            _ => arg,
        }))
        .args(windows())
        .args([split(), max_ppl()])
        .args([raw_text().help("Read control tokens spelled out in the text, such as <|im_start|>")])
        .args([
            show().help("Most surprising tokens shown [default: 10; in JSON every token, in order]"),
            json(),
        ])
}

fn windows() -> [Arg; 2] {
    let size = |name: &'static str| {
        Arg::new(name).long(name).value_name("N").value_parser(value_parser!(u32).range(1..))
    };
    [
        size("context").help("Tokens in a window [default: the model's context]"),
        size("stride").help(
            "Tokens from one window to the next; less is slower and nearer to the model's best [default: \
             half a window]",
        ),
    ]
}

fn split() -> Arg {
    Arg::new("split")
        .long("split")
        .value_name("SHARE")
        .help("Score the first SHARE of the characters and the rest apart, as train and validation")
}

fn max_ppl() -> Arg {
    Arg::new("max-ppl")
        .long("max-ppl")
        .value_name("X")
        .help("Fail (exit 1) where a perplexity is above X")
}

fn tour() -> Command {
    Command::new("tour")
        .about("Run six classic experiments on one prompt, from greedy to nucleus sampling")
        .arg(Arg::new("prompt").help(
            "Text to continue [default: Racconta una breve storia su un gatto magico.; for the \
                     embedded model ROMEO:]",
        ))
        .args(engine::args())
        .args(randomness::args())
        .args([
            max_new_tokens().help("Most tokens to draw for each experiment [default: 300]"),
            raw_text(),
            json(),
        ])
}

fn models() -> Command {
    Command::new("models")
        .about("List the models on this machine, look inside one, bring and remove them")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("ls")
                .about("List the embedded model, those in Kelvin's folder and in the hub's cache")
                .arg(json()),
        )
        .subcommand(
            Command::new("inspect")
                .about("Show a model's architecture, tensors, metadata and memory needs")
                .arg(model("A file or folder, org/name from the hub's cache, or a name of `ls`"))
                .arg(json()),
        )
        .subcommand(pull())
        .subcommand(rm())
}

fn pull() -> Command {
    Command::new("pull")
        .about("Bring a model from the Hugging Face hub into its standard cache")
        .long_about(
            "Bring a model from the Hugging Face hub into the cache that all Hugging Face tools share.\n\n\
             Takes what a model needs (safetensors, tokenizer, configuration; never pickles) and holds \
             each file to its checksum. What is there is not fetched again, and what an earlier pull \
             began is continued. stdout is the path that -m would read; progress goes to stderr.",
        )
        .arg(
            model("org/name, org/name@revision, org/name:FILE.gguf, or a short name such as gpt2")
                .value_name("NAME"),
        )
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Only say what would be fetched"),
        )
        .arg(json())
}

fn rm() -> Command {
    Command::new("rm")
        .about("Remove a model from Kelvin's folder or from the hub's cache")
        .long_about(
            "Remove a model from Kelvin's folder or from the hub's cache.\n\nIn the folder that is a \
             GGUF file, or a folder with safetensors and all that is in it. In the cache it is a \
             repository with all its revisions and files, because these share their bytes; a name with \
             @revision or :file is refused. Nothing outside these two places is removed, and no link is \
             followed.",
        )
        .arg(
            model("A name of Kelvin's folder in `kelvin models ls`, or org/name").value_name("NAME"),
        )
        .arg(Arg::new("yes").short('y').long("yes").action(ArgAction::SetTrue).help("Do not ask"))
        .arg(json())
}

fn model(help: &'static str) -> Arg {
    Arg::new("model").value_name("MODEL").required(true).help(help)
}

fn stages() -> Command {
    lookup("stages", "List what a pipeline is made of, or explain one stage", "stage")
}

fn presets() -> Command {
    lookup("presets", "List the named temperature and top-p settings", "preset")
}

fn examples() -> Command {
    lookup("examples", "List the built-in logits, or print one as --logits reads it", "example")
}

fn lookup(name: &'static str, about: &'static str, what: &'static str) -> Command {
    let help = format!("One {what}, in detail");
    Command::new(name).about(about).arg(Arg::new("name").value_name("NAME").help(help)).arg(json())
}

fn doctor() -> Command {
    Command::new("doctor")
        .about("Say what runs here and why: processor, numerics, threads, models")
        .arg(json())
}

fn bench() -> Command {
    Command::new("bench")
        .about("Measure a model's prefill and decode speed beside the memory's bandwidth")
        .args(engine::args())
        .arg(json())
}

fn completions() -> Command {
    let shells = PossibleValuesParser::new(["bash", "elvish", "fish", "powershell", "zsh"]);
    Command::new("completions")
        .about("Print completions for a shell")
        .after_help(
            "bash: kelvin completions bash > ~/.local/share/bash-completion/completions/kelvin",
        )
        .arg(Arg::new("shell").required(true).value_parser(shells))
}

fn prompts(help: &'static str) -> Arg {
    Arg::new("prompt").num_args(1..).required(true).help(help)
}

fn length() -> [Arg; 3] {
    [
        max_new_tokens().help("Most tokens to draw [default: 256, fewer where the context ends]"),
        Arg::new("n")
            .short('n')
            .long("num-return-sequences")
            .value_name("N")
            .default_value("1")
            .value_parser(value_parser!(u32).range(1..=1024))
            .help("Independent samples of each prompt"),
        stop(),
    ]
}

fn prompts_file() -> Arg {
    Arg::new("prompts")
        .long("prompts")
        .value_name("FILE")
        .help("A prompt on each line, - for stdin; in .jsonl files a string or {\"prompt\": …}")
}

fn stop() -> Arg {
    Arg::new("stop")
        .long("stop")
        .value_name("TEXT")
        .action(ArgAction::Append)
        .help("End where this text appears, and leave it out; may be repeated")
}

fn max_new_tokens() -> Arg {
    Arg::new("max-new-tokens")
        .long("max-new-tokens")
        .visible_alias("max-tokens")
        .alias("n-predict")
        .value_name("N")
        .value_parser(value_parser!(u32).range(1..))
        .help("Most tokens to draw")
}

fn show_special() -> Arg {
    let help = "Show control tokens in the text";
    Arg::new("show-special").long("show-special").action(ArgAction::SetTrue).help(help)
}

fn echo() -> Arg {
    let help = "Begin the text with the prompt";
    Arg::new("echo").long("echo").action(ArgAction::SetTrue).help(help)
}

fn judge() -> Arg {
    Arg::new("judge")
        .long("judge")
        .value_name("MODEL")
        .conflicts_with("example")
        .help("A second model that says how likely the texts are to it: judge-perplexity")
}

fn raw_text() -> Arg {
    Arg::new("parse-special")
        .long("parse-special")
        .action(ArgAction::SetTrue)
        .help("Read control tokens spelled out in the prompt, such as <|im_start|>")
}

fn show() -> Arg {
    Arg::new("show")
        .long("show")
        .value_name("N")
        .value_parser(value_parser!(u32))
        .help_heading(OUTPUT)
        .help("Rows shown [default: 20; in JSON 64 for a model, all for --logits]")
}

fn draws() -> Arg {
    Arg::new("draws")
        .long("draws")
        .value_name("N")
        .default_value("0")
        .hide_default_value(true)
        .value_parser(value_parser!(u32).range(0..=100_000_000))
        .help_heading(OUTPUT)
        .help("Draw N times and count")
}

fn bits() -> Arg {
    Arg::new("bits")
        .long("bits")
        .action(ArgAction::SetTrue)
        .help_heading(OUTPUT)
        .help("Entropies in bits instead of nats, on the terminal")
}

fn json() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help_heading(OUTPUT).help("Print JSON")
}

fn color() -> Arg {
    Arg::new("color")
        .long("color")
        .value_name("WHEN")
        .value_parser(["auto", "always", "never"])
        .default_value("auto")
        .hide_default_value(true)
        .help_heading(OUTPUT)
        .help("Colour; auto looks at the terminal, NO_COLOR and CLICOLOR_FORCE")
}

fn quiet() -> Arg {
    Arg::new("quiet")
        .short('q')
        .long("quiet")
        .action(ArgAction::SetTrue)
        .help_heading(OUTPUT)
        .help("No talk on stderr; errors and warnings still")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_parameter_of_every_stage_has_a_flag() {
        let next = next();
        let has = |name: &str| next.get_arguments().any(|arg| arg.get_long() == Some(name));
        for info in kelvin::stage::ALL {
            assert!(has(info.name), "{}", info.name);
            for param in &info.params[1..] {
                let flag = format!("{}-{}", info.name, param.name);
                assert!(has(&flag), "{flag}");
            }
        }
    }
}
