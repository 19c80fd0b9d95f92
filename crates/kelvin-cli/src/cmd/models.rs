//! `kelvin models`: what there is, what is inside, and how it comes and goes.

mod ls;
mod pull;
mod rm;

use std::io::{self, Write};

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lm::memory::{Fit, MemoryNeed};
use kelvin_lm::{Checkpoint, Config, WeightDtype};
use serde_json::{Map, Value, json};

use crate::console::Console;
use crate::exit::Code;
use crate::load::{self, Card};
use crate::memory;
use crate::term::number::{bytes, count, parameters};
use crate::term::table::{Align, Table};
use crate::term::{text, theme};

/// Columns of a fact's name and the gap behind it.
const LABEL: usize = 14;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    match matches.subcommand().expect("a subcommand is required") {
        ("ls", matches) => ls::run(matches, console)?,
        ("pull", matches) => pull::run(matches, console)?,
        ("rm", matches) => rm::run(matches, console)?,
        (_, matches) => inspect(matches, console)?,
    }
    Ok(Code::Done)
}

fn inspect(matches: &ArgMatches, console: &mut Console<'_>) -> Result<()> {
    let (checkpoint, card) = load::open(matches, console)?;
    let config = checkpoint.config();
    let types = types(&checkpoint);
    if matches.get_flag("json") {
        return Ok(console.json(&object(&checkpoint, &card, config.as_ref().ok(), &types))?);
    }
    let width = console.width;
    let out = &mut *console.out;
    let name = theme::NAME;
    writeln!(out, "{name}{}{name:#}  {}\n", card.name, card.location)?;
    let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
    let size = bytes(checkpoint.n_bytes());
    let format = format!("{}, {}, {size}", checkpoint.layout(), card.dtype);
    let n_params = count(usize::try_from(card.n_params).unwrap_or(usize::MAX));
    let n_params = format!("{} ({n_params})", parameters(card.n_params));
    let facts = [("format", format), ("parameters", n_params)];
    let architecture = config.and_then(|config| {
        let need = memory::need(&checkpoint, &config, WeightDtype::Auto)?;
        Ok(architecture(&config, &need))
    });
    let architecture =
        architecture.unwrap_or_else(|error| vec![("runs here", format!("no: {error}"))]);
    for (name, value) in facts.into_iter().chain(architecture) {
        for (at, line) in text::wrap(&value, width.saturating_sub(LABEL)).into_iter().enumerate() {
            table.row([if at == 0 { name.into() } else { String::new() }, line]);
        }
    }
    table.write(out)?;
    writeln!(out)?;
    tensors(&types, out)?;
    writeln!(out)?;
    metadata(&checkpoint, width, out)?;
    Ok(())
}

/// Tensors of one type.
struct Held {
    dtype: String,
    n_tensors: usize,
    n_params: u64,
    n_bytes: u64,
}

/// What the files hold, by type, the largest part first.
fn types(checkpoint: &Checkpoint) -> Vec<Held> {
    let mut types: Vec<Held> = Vec::new();
    for tensor in checkpoint.tensors() {
        let at = types.iter().position(|held| held.dtype == tensor.dtype_name);
        let at = at.unwrap_or_else(|| {
            let dtype = tensor.dtype_name.clone();
            types.push(Held { dtype, n_tensors: 0, n_params: 0, n_bytes: 0 });
            types.len() - 1
        });
        types[at].n_tensors += 1;
        types[at].n_params += tensor.n_numbers();
        types[at].n_bytes += tensor.n_bytes;
    }
    types.sort_by_key(|held| std::cmp::Reverse(held.n_bytes));
    types
}

fn architecture(config: &Config, need: &MemoryNeed) -> Vec<(&'static str, String)> {
    let Config { n_layers, d_model, n_heads, n_kv_heads, head_dim, d_ff, .. } = config;
    let heads = format!("{n_heads} heads of {head_dim}, {n_kv_heads} for keys and values");
    let window = config.window.as_ref().map_or_else(String::new, |window| {
        let n_sliding = window.slides.iter().filter(|slides| **slides).count();
        format!(", a window of {} in {n_sliding} of them", count(window.size))
    });
    let head = if config.tied_head { "tied to the embedding" } else { "of its own" };
    vec![
        ("architecture", config.architecture.name().to_owned()),
        (
            "layers",
            format!("{n_layers}, {d_model} wide, {d_ff} inside the feed-forward block{window}"),
        ),
        ("attention", heads),
        ("vocabulary", format!("{} tokens, output head {head}", count(config.vocab_size))),
        ("context", format!("{} tokens", count(config.max_seq))),
        ("memory", memory(need, config)),
    ]
}

/// What the model takes, and what this machine has.
fn memory(need: &MemoryNeed, config: &Config) -> String {
    let full = config.max_seq as u64;
    let parts = format!(
        "{} of weights, {} for 1 000 tokens, {} for a full context, {} to work in",
        bytes(need.weights),
        bytes(need.cache_per_position * 1000),
        bytes(need.cache_per_position * full),
        bytes(need.scratch + need.scratch_per_position * full)
    );
    let Some(room) = memory::room() else { return parts };
    let verdict = match room.fit(need.weights, need.at(full)) {
        Fit::Fits => "a full context fits",
        Fit::Tight => "a full context does not fit",
        Fit::Never => "the weights do not fit",
    };
    format!("{parts}; {} free of {}: {verdict}", bytes(room.available), bytes(room.total))
}

fn tensors(types: &[Held], out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new(&[
        ("type", Align::Left),
        ("tensors", Align::Right),
        ("parameters", Align::Right),
        ("size", Align::Right),
    ]);
    for Held { dtype, n_tensors, n_params, n_bytes } in types {
        table.row([dtype.clone(), count(*n_tensors), parameters(*n_params), bytes(*n_bytes)]);
    }
    table.write(out)
}

fn metadata(checkpoint: &Checkpoint, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let pairs = pairs(checkpoint);
    let mut table = Table::new(&[("metadata", Align::Left), ("", Align::Left)]);
    let longest = pairs.iter().map(|(key, _)| text::width(key)).max().unwrap_or(0);
    let room = width.saturating_sub(longest + 2).max(20);
    for (key, value) in pairs {
        table.row([text::visible(key.as_bytes()), text::cut(&value, room)]);
    }
    table.write(out)
}

/// What the model says of itself: the pairs of a GGUF file, or those of `config.json`.
fn pairs(checkpoint: &Checkpoint) -> Vec<(String, String)> {
    match checkpoint {
        Checkpoint::Gguf(gguf) => {
            let pairs = gguf.metadata().iter();
            pairs.map(|(key, value)| (key.to_owned(), value.to_string())).collect()
        }
        Checkpoint::Folder(folder) => {
            let config = serde_json::from_slice(folder.config_json());
            let config: Map<String, Value> = config.unwrap_or_default();
            let pairs = config.into_iter();
            pairs.map(|(key, value)| (key, text::visible(value.to_string().as_bytes()))).collect()
        }
    }
}

fn object(checkpoint: &Checkpoint, card: &Card, config: Option<&Config>, types: &[Held]) -> Value {
    let held = |held: &Held| {
        json!({
            "dtype": held.dtype,
            "tensors": held.n_tensors,
            "n_params": held.n_params,
            "bytes": held.n_bytes,
        })
    };
    let need = |config| memory::need(checkpoint, config, WeightDtype::Auto).ok();
    let config = config.and_then(|config| {
        let need = need(config)?;
        let full = config.max_seq as u64;
        Some(json!({
            "architecture": config.architecture.name(),
            "n_layers": config.n_layers,
            "d_model": config.d_model,
            "n_heads": config.n_heads,
            "n_kv_heads": config.n_kv_heads,
            "head_dim": config.head_dim,
            "d_ff": config.d_ff,
            "vocab_size": config.vocab_size,
            "max_seq": config.max_seq,
            "tied_head": config.tied_head,
            "cache_bytes_per_token": need.cache_per_position,
            "cache_bytes_full": need.cache_per_position * full,
            "weight_bytes": need.weights,
            "scratch_bytes_full": need.scratch + need.scratch_per_position * full,
        }))
    });
    let metadata: Map<String, Value> =
        pairs(checkpoint).into_iter().map(|(key, value)| (key, value.into())).collect();
    let gguf_version = match checkpoint {
        Checkpoint::Gguf(gguf) => Some(gguf.version()),
        Checkpoint::Folder(_) => None,
    };
    json!({
        "name": card.name,
        "path": card.location.json(),
        "layout": checkpoint.layout(),
        "gguf_version": gguf_version,
        "bytes": checkpoint.n_bytes(),
        "n_params": card.n_params,
        "config": config,
        "tensors": types.iter().map(held).collect::<Value>(),
        "metadata": metadata,
    })
}
