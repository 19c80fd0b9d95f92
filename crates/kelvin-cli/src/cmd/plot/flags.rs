//! Flags that take a list where a figure has a panel for each value.

use anyhow::Result;
use clap::{ArgMatches, Command};
use kelvin::Pipeline;
use kelvin::pipeline::Shown;
use kelvin_lab::figure::{Arrangement, Row, Strategy, Variant};

use crate::args::policy::{self, text};
use crate::exit::Failure;
use crate::settings::Policy;

/// A policy for each value of one stage, and the policy without that stage.
#[derive(Debug)]
pub(super) struct Sweep {
    /// The policy without the stage.
    pub(super) base: Pipeline,
    /// With it.
    pub(super) variants: Vec<Variant>,
    /// Whose rules these are, where not Kelvin's own.
    dialect: Option<String>,
}

impl Sweep {
    /// The values of a stage's flag, or those that the figure is known for.
    ///
    /// # Errors
    ///
    /// Something typed: a value out of its range, or flags that exclude each other.
    pub(super) fn read(matches: &ArgMatches, stage: &str, defaults: &[&str]) -> Result<Self> {
        let variant = |value: String| {
            let pipeline = pipeline(matches, Some((stage, &value)))?;
            Ok(Variant { value, pipeline })
        };
        let variants = values(matches, stage, defaults).into_iter().map(variant);
        let base = pipeline(matches, Some((stage, "off")))?;
        let dialect = text(matches, "dialect").filter(|name| *name != kelvin::dialect::NATIVE.name);
        let dialect = dialect.map(|name| format!("dialect {name}"));
        Ok(Self { base, variants: variants.collect::<Result<_>>()?, dialect })
    }

    /// What holds for all panels, for the caption.
    pub(super) fn facts(&self) -> Vec<String> {
        let stages = self.base.stages().iter().filter(|stage| !stage.is_neutral());
        let stages: Vec<String> = stages.map(|stage| Shown(stage.as_ref()).to_string()).collect();
        let stages = (!stages.is_empty()).then(|| stages.join(" | "));
        self.dialect.iter().cloned().chain(stages).collect()
    }
}

/// The items of a flag's list, or these.
fn values(matches: &ArgMatches, flag: &str, defaults: &[&str]) -> Vec<String> {
    match text(matches, flag) {
        Some(list) => list.split(',').map(|item| item.trim().to_owned()).collect(),
        None => defaults.iter().map(|&value| value.to_owned()).collect(),
    }
}

/// The items of a flag's list as numbers.
///
/// # Errors
///
/// Something typed: an item that is no finite number.
pub(super) fn numbers(matches: &ArgMatches, flag: &str, defaults: &[&str]) -> Result<Vec<f64>> {
    let number = |item: String| {
        let value = item.parse().ok().filter(|value: &f64| value.is_finite());
        value.ok_or_else(|| Failure::typed(format!("--{flag} {item}: expected a number")).into())
    };
    values(matches, flag, defaults).into_iter().map(number).collect()
}

/// The items of a flag's list as counts.
///
/// # Errors
///
/// Something typed: an item that is no whole number from 1 on.
pub(super) fn counts(matches: &ArgMatches, flag: &str, defaults: &[&str]) -> Result<Vec<usize>> {
    let count = |item: String| {
        let value = item.parse().ok().filter(|&value: &usize| value > 0);
        value.ok_or_else(|| {
            Failure::typed(format!("--{flag} {item}: expected a whole number from 1 on")).into()
        })
    };
    values(matches, flag, defaults).into_iter().map(count).collect()
}

/// The policy of the flags, one stage with this value instead of its own.
///
/// # Errors
///
/// Those of [`Policy::resolve`].
pub(super) fn pipeline(matches: &ArgMatches, instead: Option<(&str, &str)>) -> Result<Pipeline> {
    let command = Command::new("policy").no_binary_name(true).args(policy::args());
    let mut typed: Vec<String> = Vec::new();
    for arg in command.get_arguments() {
        let id = arg.get_id().as_str();
        let is_flag = matches!(id, "greedy" | "raw");
        match instead.filter(|(stage, _)| *stage == id) {
            Some((stage, value)) => typed.push(format!("--{stage}={value}")),
            None if is_flag && matches.get_flag(id) => typed.push(format!("--{id}")),
            None if is_flag || id == "history" => (),
            None => typed.extend(text(matches, id).map(|value| format!("--{id}={value}"))),
        }
    }
    let matches = command.try_get_matches_from(typed).map_err(|error| {
        let what = error.to_string();
        let line = what.lines().next().unwrap_or_default().trim_start_matches("error: ");
        Failure::typed(line)
    })?;
    Ok(Policy::resolve(&matches, None)?.pipeline)
}

/// The strategies of `-s`, or these.
///
/// # Errors
///
/// Something typed: a text that is no pipeline.
pub(super) fn strategies(matches: &ArgMatches, defaults: &[(&str, &str)]) -> Result<Vec<Strategy>> {
    let strategy = |name: &str, text: &str| {
        Ok(Strategy { name: name.to_owned(), pipeline: text.parse::<Pipeline>()? })
    };
    match matches.get_many::<String>("strategy") {
        Some(typed) => typed.map(|text| strategy(text, text)).collect(),
        None => defaults.iter().map(|(name, text)| strategy(name, text)).collect(),
    }
}

/// How many tokens are shown.
pub(super) fn show(matches: &ArgMatches, default: usize) -> usize {
    matches.get_one::<u32>("show").map_or(default, |&n| n as usize)
}

/// The order and labels of tokens: as asked for, else as the course had them that the example is from, else
/// the best first where they have names.
pub(super) fn arrangement(matches: &ArgMatches, example: &str, row: &Row) -> Arrangement {
    let is_numbered = row.names().iter().enumerate().all(|(at, name)| *name == at.to_string());
    match text(matches, "arrangement") {
        Some("ranked") => Arrangement::Ranked,
        Some("indexed") => Arrangement::Indexed,
        Some(_) => Arrangement::Compared,
        None if example == "cat8" => Arrangement::Compared,
        None if is_numbered && row.names().len() <= 20 => Arrangement::Indexed,
        None => Arrangement::Ranked,
    }
}
