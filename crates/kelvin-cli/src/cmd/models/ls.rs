//! `kelvin models ls`: what there is, in both places.

use anyhow::Result;
use clap::ArgMatches;
use serde_json::{Value, json};

use crate::console::Console;
use crate::models::{cached, folder};
use crate::term::number::bytes;
use crate::term::table::{Align, Table};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<()> {
    let own = folder::list(&console.models);
    let cached = cached::list(&console.places().cache());
    if matches.get_flag("json") {
        let all = own.iter().map(own_json).chain(cached.iter().map(cached_json));
        return Ok(console.json(&all.collect())?);
    }
    let places = format!("in {} and {}", console.models.display(), console.hub.cache.display());
    if own.is_empty() && cached.is_empty() {
        console.talk(&format!("no model {places}"))?;
        return Ok(console.hint("kelvin models pull gpt2 brings one, scripts/get-models two more")?);
    }
    let mut table = Table::new(&[
        ("model", Align::Left),
        ("size", Align::Right),
        ("format", Align::Left),
        ("type", Align::Left),
        ("from", Align::Left),
    ]);
    for folder::Entry { name, n_bytes, format, dtype, .. } in own {
        let format = format.unwrap_or_else(|| "not a model".to_owned());
        table.row([name, bytes(n_bytes), format, dtype.unwrap_or_default(), "folder".to_owned()]);
    }
    for cached::Entry { name, n_bytes, format, dtype, .. } in cached {
        table.row([name, bytes(n_bytes), format, dtype.unwrap_or_default(), "hub".to_owned()]);
    }
    table.write(console.out)?;
    Ok(console.talk(&format!("\n{places}; kelvin models inspect NAME looks inside"))?)
}

fn own_json(entry: &folder::Entry) -> Value {
    json!({
        "name": entry.name,
        "path": entry.path.to_string_lossy(),
        "bytes": entry.n_bytes,
        "format": entry.format,
        "dtype": entry.dtype,
        "from": "folder",
        "commit": null,
    })
}

fn cached_json(entry: &cached::Entry) -> Value {
    json!({
        "name": entry.name,
        "path": entry.path.to_string_lossy(),
        "bytes": entry.n_bytes,
        "format": entry.format,
        "dtype": entry.dtype,
        "from": "hub",
        "commit": entry.commit,
    })
}
