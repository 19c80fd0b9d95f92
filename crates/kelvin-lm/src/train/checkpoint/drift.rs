//! What differs between a checkpoint and the run that wants to go on from it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::digest;
use super::load::Saved;
use super::provenance::Provenance;
use crate::dtype::Dtype;
use crate::train::Settings;
use crate::{Config, ConfigNotes, Error, ErrorKind, Result};

/// Whether nothing differs.
///
/// # Errors
///
/// [`ErrorKind::Parameter`] with a line for each value that does, and those of [`Config::to_json`].
pub(super) fn check(
    saved: &Saved,
    config: &Config,
    settings: &Settings,
    wanted: &Provenance,
) -> Result<()> {
    let mut lines = Vec::new();
    between(&of_config(&saved.state.config)?, &of_config(config)?, &mut lines);
    between(&of_settings(&saved.state.settings), &of_settings(settings), &mut lines);
    made_of(&saved.provenance, wanted, &mut lines);
    if lines.is_empty() {
        return Ok(());
    }
    let step = saved.state.step;
    let detail = format!("the run saved at step {step} was another:\n  {}", lines.join("\n  "));
    let hint = "leave these as they were to go on, or start a run of its own in another folder";
    Err(Error::new(ErrorKind::Parameter, detail).hint(hint))
}

/// Adds a line for each name whose values differ.
fn between(
    saved: &BTreeMap<String, Value>,
    wanted: &BTreeMap<String, Value>,
    lines: &mut Vec<String>,
) {
    let differ = saved.iter().filter_map(|(name, old)| {
        let new = wanted.get(name).unwrap_or(&Value::Null);
        (old != new).then(|| format!("{name}: {} → {}", shown(old), shown(new)))
    });
    lines.extend(differ);
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "off".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// By the names of `config.json`.
fn of_config(config: &Config) -> Result<BTreeMap<String, Value>> {
    let json = config.to_json(ConfigNotes { dtype: Dtype::F32, bos: None, eos: None })?;
    Ok(serde_json::from_str(&json).expect("an object was written"))
}

/// By the names of the command line.
fn of_settings(settings: &Settings) -> BTreeMap<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(map)) => {
            map.into_iter().map(|(name, value)| (name.replace('_', "-"), value)).collect()
        }
        _ => unreachable!("settings are an object of numbers"),
    }
}

/// Adds a line for each thing that the runs are made of that differs.
fn made_of(saved: &Provenance, wanted: &Provenance, lines: &mut Vec<String>) {
    let [old, new] = [saved, wanted].map(|it| it.profile.name());
    if old != new {
        lines.push(format!("numerics profile: {old} → {new}"));
    }
    let (old, new) = (&saved.tokenizer, &wanted.tokenizer);
    for (name, old, new) in [
        ("tokenizer.json", old.json(), new.json()),
        ("tokenizer_config.json", old.config(), new.config()),
    ] {
        if old != new {
            let [old, new] = [old, new].map(|bytes| short(&digest::of(bytes)));
            lines.push(format!("{name}: {old} → {new}"));
        }
    }
    if saved.data != wanted.data {
        let [old, new] = [saved, wanted].map(|it| {
            let hash = short(&it.data);
            if it.data_files.is_empty() {
                hash
            } else {
                format!("{} ({hash})", it.data_files.join(", "))
            }
        });
        lines.push(format!("data: {old} → {new}"));
    }
}

/// The start of a hash.
fn short(hash: &str) -> String {
    format!("SHA-256 {}…", hash.chars().take(12).collect::<String>())
}
