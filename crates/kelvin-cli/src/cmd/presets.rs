//! `kelvin presets`.

use anyhow::Result;
use clap::ArgMatches;
use kelvin::preset::{self, Preset};
use serde_json::json;

use crate::args::policy::text;
use crate::console::Console;
use crate::exit::Code;
use crate::suggest;
use crate::term::table::{Align, Table};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let presets: Vec<&Preset> = match text(matches, "name") {
        None => preset::ALL.iter().collect(),
        Some(name) => vec![preset::find(name).ok_or_else(|| {
            suggest::unknown("preset", name, preset::ALL.iter().map(|preset| preset.name))
        })?],
    };
    if matches.get_flag("json") {
        let object = |preset: &&Preset| {
            json!({
                "name": preset.name,
                "temperature": preset.temperature,
                "top_p": preset.top_p,
                "summary": preset.summary,
            })
        };
        console.json(&presets.iter().map(object).collect())?;
        return Ok(Code::Done);
    }
    let mut table = Table::new(&[
        ("preset", Align::Left),
        ("temperature", Align::Right),
        ("top-p", Align::Right),
        ("", Align::Left),
    ]);
    for Preset { name, temperature, top_p, summary } in presets {
        let (temperature, top_p) = (temperature.to_string(), top_p.to_string());
        table.row([(*name).into(), temperature, top_p, (*summary).into()]);
    }
    table.write(console.out)?;
    Ok(Code::Done)
}
