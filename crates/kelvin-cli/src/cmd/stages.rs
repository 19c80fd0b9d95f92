//! `kelvin stages`: the registry, readable.

use std::io::{self, Write};

use anyhow::Result;
use clap::ArgMatches;
use kelvin::stage::{self, Effect, Kind, Param, StageInfo};
use serde_json::{Value, json};

use crate::args::policy::{flag, text};
use crate::console::Console;
use crate::exit::Code;
use crate::suggest;
use crate::term::table::{Align, Table};
use crate::term::{paragraph, theme};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let one = match text(matches, "name") {
        None => None,
        Some(name) => Some(stage::find(name).ok_or_else(|| {
            suggest::unknown("stage", name, stage::ALL.iter().map(|info| info.name))
        })?),
    };
    match (one, matches.get_flag("json")) {
        (None, true) => console.json(&stage::ALL.iter().map(|info| object(info)).collect())?,
        (Some(info), true) => console.json(&object(info))?,
        (None, false) => {
            overview(console.out)?;
            console.talk("\nin the default order; kelvin stages NAME tells all about one")?;
        }
        (Some(info), false) => detail(info, console)?,
    }
    Ok(Code::Done)
}

fn overview(out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new(&[("stage", Align::Left), ("", Align::Left)]);
    for info in stage::ALL {
        table.row([info.name.into(), info.summary.into()]);
    }
    table.write(out)
}

fn detail(info: &StageInfo, console: &mut Console<'_>) -> io::Result<()> {
    let name = theme::NAME;
    writeln!(console.out, "{name}{}{name:#}  {}\n", info.name, info.summary)?;
    for (at, param) in info.params.iter().enumerate() {
        let flag = if at == 0 { info.name.to_owned() } else { flag(info, param) };
        writeln!(console.out, "{name}--{flag}{name:#} <{}>", param.name)?;
        let default = param.default.map(|default| format!("default {default}"));
        let neutral = Some(param.neutral).filter(|neutral| !neutral.is_empty());
        let neutral = neutral.map(|neutral| format!("neutral {neutral}"));
        let parts: Vec<String> =
            [Some(param.range.to_owned()), default, neutral].into_iter().flatten().collect();
        paragraph::write(console.out, "", &parts, console.width)?;
    }
    writeln!(console.out)?;
    let aliases: Vec<&str> = info
        .aliases
        .iter()
        .chain(info.params.iter().flat_map(|param| param.aliases))
        .copied()
        .collect();
    let mut notes = vec![("effect", effect(info.effect).to_owned())];
    let argmax = if info.keeps_argmax { "always stays first" } else { "may change" };
    notes.push(("argmax", argmax.to_owned()));
    notes.extend((!aliases.is_empty()).then(|| ("aliases", aliases.join(", "))));
    notes.push(("origin", info.origin.to_owned()));
    for (label, text) in notes {
        paragraph::write(console.out, label, &[text], console.width)?;
    }
    Ok(())
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Logits => "changes logits, or bans tokens",
        Effect::Mask => "bans all tokens but some",
        Effect::Temperature => "sets the temperature",
        Effect::Truncation => "keeps the best part",
    }
}

fn object(info: &StageInfo) -> Value {
    let effect = match info.effect {
        Effect::Logits => "logits",
        Effect::Mask => "mask",
        Effect::Temperature => "temperature",
        Effect::Truncation => "truncation",
    };
    json!({
        "name": info.name,
        "json_name": info.json_name(),
        "summary": info.summary,
        "aliases": info.aliases,
        "effect": effect,
        "keeps_argmax": info.keeps_argmax,
        "origin": info.origin,
        "params": info.params.iter().map(param).collect::<Value>(),
    })
}

fn param(param: &Param) -> Value {
    let kind = match param.kind {
        Kind::Number => "number",
        Kind::Integer => "integer",
        Kind::Tokens => "tokens",
        Kind::Biases => "biases",
        Kind::Choice(_) => "choice",
    };
    let neutral = (!param.neutral.is_empty()).then_some(param.neutral);
    json!({
        "name": param.name,
        "kind": kind,
        "range": param.range,
        "default": param.default,
        "neutral": neutral,
        "aliases": param.aliases,
    })
}
