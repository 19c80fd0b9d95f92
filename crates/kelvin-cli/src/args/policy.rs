//! The flags that say how a token is chosen: one for each parameter of each stage, and a few of their own.

use clap::{Arg, ArgAction, ArgMatches};
use kelvin::stage::{self, Effect, Param, StageInfo};
use kelvin::{Dialect, dialect};

const POLICY: &str = "Policy";

/// Every flag of a policy.
pub(crate) fn args() -> impl Iterator<Item = Arg> {
    own().into_iter().chain(stage::ALL.iter().flat_map(|info| stage_args(info)))
}

fn own() -> [Arg; 6] {
    let stages = stage_flags();
    let singles = stages.into_iter().chain(["greedy".to_owned(), "preset".to_owned()]);
    [
        Arg::new("greedy")
            .long("greedy")
            .action(ArgAction::SetTrue)
            .help("Take the most probable token instead of drawing"),
        Arg::new("preset")
            .long("preset")
            .value_name("NAME")
            .help("A named temperature and top-p; `kelvin presets` lists them"),
        Arg::new("pipeline")
            .long("pipeline")
            .value_name("TEXT")
            .help("All stages in their order: \"temperature(0.8) | top-p(0.9)\"")
            .conflicts_with_all(singles),
        Arg::new("dialect")
            .long("dialect")
            .value_name("NAME")
            .default_value(dialect::NATIVE.name)
            .help(format!("Whose order, defaults and boundary rules: {}", dialect_names()))
            .long_help(dialects()),
        Arg::new("raw")
            .long("raw")
            .action(ArgAction::SetTrue)
            .help("Ignore the model's own generation defaults"),
        Arg::new("history")
            .long("history")
            .value_name("IDS")
            .value_delimiter(',')
            .value_parser(clap::value_parser!(u32))
            .help("Token ids that count as output so far: 3,7,7"),
    ]
    .map(|arg| arg.help_heading(POLICY))
}

fn dialect_names() -> String {
    let names: Vec<&str> = dialect::ALL.iter().map(|dialect| dialect.name).collect();
    names.join(", ")
}

/// Every dialect on a line of its own.
fn dialects() -> String {
    let line = |dialect: &&Dialect| {
        let Dialect { name, summary, .. } = dialect;
        format!("  {name:<7} {summary}")
    };
    let lines: Vec<String> = dialect::ALL.iter().map(line).collect();
    format!(
        "Whose order, defaults and boundary rules. The pipeline shows them; --pipeline has its own.\n\n{}\n",
        lines.join("\n")
    )
}

fn stage_args(info: &'static StageInfo) -> impl Iterator<Item = Arg> {
    let extra = info.params[1..].iter().map(move |param| param_arg(info, param));
    std::iter::once(stage_arg(info)).chain(extra)
}

/// The stage's own flag, which sets its first parameter.
fn stage_arg(info: &'static StageInfo) -> Arg {
    let param = &info.params[0];
    Arg::new(info.name)
        .long(info.name)
        .visible_aliases(info.aliases)
        .aliases(underscored(info.name).chain(info.aliases.iter().copied().flat_map(underscored)))
        .value_name(param.name)
        .allow_negative_numbers(true)
        .help_heading(heading(info))
        .help(capital(info.summary))
        .long_help(format!("{}\nRange: {}", capital(info.summary), param.range))
}

/// The flag of a further parameter.
fn param_arg(info: &'static StageInfo, param: &'static Param) -> Arg {
    let name = flag(info, param);
    let default = param.default.map(|text| format!(" [default: {text}]")).unwrap_or_default();
    Arg::new(name.clone())
        .long(name.clone())
        .visible_aliases(param.aliases)
        .aliases(underscored(&name).chain(param.aliases.iter().copied().flat_map(underscored)))
        .value_name(param.name)
        .allow_negative_numbers(true)
        .help_heading(heading(info))
        .help(format!("Its {}: {}{default}", param.name, param.range))
}

/// The name of a further parameter's flag.
pub(crate) fn flag(info: &StageInfo, param: &Param) -> String {
    format!("{}-{}", info.name, param.name)
}

/// The same flag as JSON and Python spell it; nothing where that is no different.
fn underscored(name: &str) -> impl Iterator<Item = String> + use<> {
    name.contains('-').then(|| name.replace('-', "_")).into_iter()
}

fn heading(info: &StageInfo) -> &'static str {
    match info.effect {
        Effect::Logits | Effect::Mask => "Bias, masks and penalties",
        Effect::Temperature => "Temperature",
        Effect::Truncation => "Truncations",
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn stage_flags() -> Vec<String> {
    let of = |info: &&'static StageInfo| {
        let info = *info;
        let extra = info.params[1..].iter().map(|param| flag(info, param));
        std::iter::once(info.name.to_owned()).chain(extra).collect::<Vec<_>>()
    };
    stage::ALL.iter().flat_map(of).collect()
}

/// The text given to a flag.
pub(crate) fn text<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    matches.get_one::<String>(name).map(String::as_str)
}

/// The ids of `--history`.
pub(crate) fn history(matches: &ArgMatches) -> Vec<kelvin::TokenId> {
    matches.get_many("history").map(|ids| ids.copied().collect()).unwrap_or_default()
}
