//! `kelvin models ls`: what there is, in the program and in both places.

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lm::Checkpoint;
use serde_json::{Value, json};

use crate::console::Console;
use crate::load::{self, Card};
use crate::models::{cached, folder};
use crate::term::number::bytes;
use crate::term::table::{Align, Table};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<()> {
    let own = folder::list(&console.models);
    let cached = cached::list(&console.places().cache());
    let embedded = load::open_named(None, console)?;
    if matches.get_flag("json") {
        let others = own.iter().map(own_json).chain(cached.iter().map(cached_json));
        return Ok(console.json(&others.chain([embedded_json(&embedded)]).collect())?);
    }
    let is_alone = own.is_empty() && cached.is_empty();
    table(&embedded, own, cached).write(console.out)?;
    let (folder, cache) = (console.models.display(), console.hub.cache.display());
    let what = if is_alone { "no other model in" } else { "in" };
    let told = format!("\n{what} {folder} and {cache}; kelvin models inspect NAME looks inside");
    console.talk(&told)?;
    if is_alone {
        console.hint("kelvin models pull gpt2 brings one, scripts/get-models two more")?;
    }
    Ok(())
}

fn table(
    (checkpoint, card): &(Checkpoint, Card),
    own: Vec<folder::Entry>,
    cached: Vec<cached::Entry>,
) -> Table {
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
    let (size, format) = (bytes(checkpoint.n_bytes()), checkpoint.layout());
    let Card { name, dtype, location, .. } = card;
    table.row([name.clone(), size, format, dtype.clone(), location.to_string()]);
    table
}

fn embedded_json((checkpoint, card): &(Checkpoint, Card)) -> Value {
    json!({
        "name": card.name,
        "path": card.location.json(),
        "bytes": checkpoint.n_bytes(),
        "format": checkpoint.layout(),
        "dtype": card.dtype,
        "from": "embedded",
        "commit": null,
    })
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
