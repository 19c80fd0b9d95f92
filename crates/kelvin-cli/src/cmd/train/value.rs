//! The values of a run: what a flag, a config file or a default says, read, shown and written.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use kelvin_lm::dtype::Dtype;

use super::config_file::ConfigFile;
use crate::args::policy::text;
use crate::args::train::names;
use crate::exit::Failure;
use crate::models;
use crate::term::table::{Align, Table};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Its flag.
    Flag,
    /// A config file of this name.
    File(String),
    /// The named size.
    Size(&'static str),
    /// The checkpoint that the run goes on from, or the model that it begins with.
    Model(String),
    /// A rule of the command, in words.
    Default(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::File(name) | Self::Model(name) => f.write_str(name),
            Self::Size(name) => write!(f, "size {name}"),
            Self::Default("") => f.write_str("default"),
            Self::Default(rule) => write!(f, "default: {rule}"),
        }
    }
}

/// A value that flags and config files have as a text.
pub(super) trait Value: Sized {
    /// What a text must be.
    const RULE: &'static str;

    /// The value of a text; none for one that breaks the rule.
    fn read(text: &str) -> Option<Self>;

    /// As a config file has it.
    fn to_toml(&self) -> toml::Value;
}

impl Value for u32 {
    const RULE: &'static str = "a whole number from 0 to 4294967295";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn to_toml(&self) -> toml::Value {
        i64::from(*self).into()
    }
}

/// A number of at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Positive(pub(super) u32);

impl Value for Positive {
    const RULE: &'static str = "a whole number from 1 to 4294967295";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|&n| n > 0).map(Self)
    }

    fn to_toml(&self) -> toml::Value {
        self.0.to_toml()
    }
}

impl Value for usize {
    const RULE: &'static str = u32::RULE;

    fn read(text: &str) -> Option<Self> {
        text.parse::<u32>().ok().map(|n| n as Self)
    }

    fn to_toml(&self) -> toml::Value {
        i64::try_from(*self).unwrap_or(i64::MAX).into()
    }
}

impl Value for u64 {
    const RULE: &'static str = "a whole number from 0 to 18446744073709551615";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    /// TOML's integers end at 2^63.
    fn to_toml(&self) -> toml::Value {
        i64::try_from(*self).map_or_else(|_| self.to_string().into(), Into::into)
    }
}

impl Value for f64 {
    const RULE: &'static str = "a number";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn to_toml(&self) -> toml::Value {
        (*self).into()
    }
}

/// A number, or none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limit(pub(super) f64);

impl Value for Limit {
    const RULE: &'static str = "a number above 0, or off";

    fn read(text: &str) -> Option<Self> {
        if text == "off" { Some(Self(f64::INFINITY)) } else { text.parse().ok().map(Self) }
    }

    fn to_toml(&self) -> toml::Value {
        if self.0.is_finite() { self.0.into() } else { "off".into() }
    }
}

/// A share of the data, above 0 and at most 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share(pub(super) f64);

impl Value for Share {
    const RULE: &'static str = "0 < share ≤ 1 (1 holds nothing out)";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|&share| share > 0.0 && share <= 1.0).map(Self)
    }

    fn to_toml(&self) -> toml::Value {
        self.0.into()
    }
}

/// A number of windows, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows(pub(super) Option<usize>);

impl Value for Windows {
    const RULE: &'static str = "a whole number of at least 1, or all";

    fn read(text: &str) -> Option<Self> {
        let n = || text.parse::<u32>().ok().filter(|&n| n > 0).map(|n| n as usize);
        if text == "all" { Some(Self(None)) } else { n().map(|n| Self(Some(n))) }
    }

    fn to_toml(&self) -> toml::Value {
        self.0.map_or_else(|| "all".into(), |n| n.to_toml())
    }
}

impl Value for String {
    const RULE: &'static str = "a text";

    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn to_toml(&self) -> toml::Value {
        self.clone().into()
    }
}

/// The format that weights are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exported(pub(super) Dtype);

impl Exported {
    const NAMES: [(&'static str, Dtype); 3] =
        [("f32", Dtype::F32), ("f16", Dtype::F16), ("bf16", Dtype::BF16)];
}

impl Value for Exported {
    const RULE: &'static str = "f32, f16 or bf16";

    fn read(text: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(name, _)| *name == text).map(|(_, dtype)| Self(dtype))
    }

    fn to_toml(&self) -> toml::Value {
        let name = Self::NAMES.into_iter().find(|(_, dtype)| *dtype == self.0);
        name.map_or("f32", |(name, _)| name).into()
    }
}

/// A value as it was decided.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    name: &'static str,
    value: toml::Value,
    origin: Origin,
}

/// Decides each value once: flag, else config file, else what the caller falls back on; and remembers
/// what it decided.
#[derive(Debug)]
pub(super) struct Ledger<'a> {
    matches: &'a ArgMatches,
    file: Option<ConfigFile>,
    rows: Vec<Row>,
}

impl<'a> Ledger<'a> {
    /// With nothing decided.
    pub(super) fn new(matches: &'a ArgMatches, file: Option<ConfigFile>) -> Self {
        Self { matches, file, rows: Vec::new() }
    }

    /// What a flag or the file says of a value, and which of them; nothing is decided by that.
    pub(super) fn said(&self, name: &str) -> Option<(&str, Origin)> {
        if let Some(text) = text(self.matches, name) {
            return Some((text, Origin::Flag));
        }
        let file = self.file.as_ref()?;
        Some((file.text(name)?, Origin::File(file.name.clone())))
    }

    /// What the file says of a value, whatever its flag says.
    pub(super) fn written(&self, name: &str) -> Option<&str> {
        self.file.as_ref()?.text(name)
    }

    /// Decides a value.
    ///
    /// # Errors
    ///
    /// Something typed: a text that is no such value.
    pub(super) fn decide<V: Value>(
        &mut self,
        name: &'static str,
        fallback: (V, Origin),
    ) -> Result<V, Failure> {
        let (value, origin) = self.read(name)?.unwrap_or(fallback);
        self.note(name, &value, origin);
        Ok(value)
    }

    /// Decides a value that may stay open.
    ///
    /// # Errors
    ///
    /// As [`decide`](Self::decide).
    pub(super) fn decide_open<V: Value>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<V>, Failure> {
        let Some((value, origin)) = self.read(name)? else { return Ok(None) };
        self.note(name, &value, origin);
        Ok(Some(value))
    }

    /// Notes what was decided elsewhere.
    pub(super) fn note(&mut self, name: &'static str, value: &impl Value, origin: Origin) {
        self.rows.push(Row { name, value: value.to_toml(), origin });
    }

    fn read<V: Value>(&self, name: &str) -> Result<Option<(V, Origin)>, Failure> {
        let Some((text, origin)) = self.said(name) else { return Ok(None) };
        let value = V::read(text).ok_or_else(|| {
            let text = if is_plain(text) { text.to_owned() } else { format!("{text:?}") };
            Failure::typed(match &origin {
                Origin::File(file) => {
                    let key = name.replace('-', "_");
                    format!("{file}: {key} = {text}: expected {}", V::RULE)
                }
                _ => format!("--{name} {text}: expected {}", V::RULE),
            })
        })?;
        Ok(Some((value, origin)))
    }

    /// What was decided, in the order of the flags.
    fn in_order(&self) -> impl Iterator<Item = &Row> {
        names().filter_map(|name| self.rows.iter().find(|row| row.name == name))
    }

    /// The error about a value that breaks a rule of the library, with the file that it comes from.
    pub(super) fn blame(&self, error: kelvin_lm::Error) -> anyhow::Error {
        let message = error.to_string();
        let about = |row: &&Row| message.starts_with(&format!("{} = ", row.name));
        match self.rows.iter().find(about).map(|row| &row.origin) {
            Some(Origin::File(file)) => Failure::typed(message).inside(file).into(),
            _ => error.into(),
        }
    }

    /// The values in their order, and where each comes from.
    pub(super) fn table(&self) -> Table {
        let mut table =
            Table::new(&[("value", Align::Left), ("is", Align::Left), ("from", Align::Left)]);
        for Row { name, value, origin } in self.in_order() {
            table.row([(*name).to_owned(), shown(value), origin.to_string()]);
        }
        table
    }

    /// The values as a config file, below the text files; `leave_out` are those that belong to no second
    /// run. Paths are absolute: the file may be read in another folder.
    pub(super) fn to_toml(&self, data: &[PathBuf], leave_out: &[&str]) -> String {
        let data: Vec<toml::Value> = data.iter().map(|path| absolute(path).into()).collect();
        let mut lines = vec![format!("data = {}\n", toml::Value::Array(data))];
        let rows = self.in_order().filter(|row| !leave_out.contains(&row.name));
        lines.extend(rows.map(|Row { name, value, .. }| {
            let key = name.replace('-', "_");
            match value.as_str().filter(|text| MODELS.contains(name) && is_path(text)) {
                Some(path) => format!("{key} = {}\n", toml::Value::from(absolute(path.as_ref()))),
                None => format!("{key} = {value}\n"),
            }
        }));
        lines.concat()
    }
}

/// Values that may name a model by its path.
const MODELS: [&str; 2] = ["init", "tokenizer"];

/// Whether a name is taken for a path that is there, not for that of a model elsewhere.
fn is_path(name: &str) -> bool {
    let path = Path::new(name);
    path.exists() && (models::looks_like_path(name) || models::is_model(path))
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// A value as people read it.
fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) if is_plain(text) => text.clone(),
        toml::Value::Float(number) if *number != 0.0 && number.abs() < 1e-4 => {
            format!("{number:e}")
        }
        toml::Value::Float(number) => number.to_string(),
        other => other.to_string(),
    }
}

/// Whether a text needs no quotes to be told from what stands around it.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && c != '"')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is read as it was.
    #[test]
    fn every_value_comes_back_from_toml() {
        fn holds<V: Value + PartialEq + fmt::Debug>(value: V) {
            let text = match value.to_toml() {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Float(number) => number.to_string(),
                other => panic!("{other} is no value of a config file"),
            };
            assert_eq!(V::read(&text), Some(value));
        }
        holds(7_u32);
        holds(Positive(u32::MAX));
        holds(48_usize);
        holds(u64::MAX);
        holds(1e-8);
        holds(0.1 + 0.2);
        holds(Limit(f64::INFINITY));
        holds(Limit(0.5));
        holds(Share(0.9));
        holds(Windows(None));
        holds(Windows(Some(3)));
        holds("a \"b\"\n".to_owned());
        holds(Exported(Dtype::F32));
        holds(Exported(Dtype::F16));
        holds(Exported(Dtype::BF16));
    }

    #[test]
    fn what_breaks_a_rule_is_no_value() {
        assert_eq!(Positive::read("0"), None);
        assert_eq!(u32::read("-1"), None);
        assert_eq!(usize::read("1.5"), None);
        assert_eq!(Windows::read("0"), None);
        assert_eq!(Limit::read("on"), None);
        assert_eq!(Exported::read("F32"), None);
        for text in ["0", "-0.1", "1.1", "nan", "inf", "half", ""] {
            assert_eq!(Share::read(text), None, "{text}");
        }
    }
}
