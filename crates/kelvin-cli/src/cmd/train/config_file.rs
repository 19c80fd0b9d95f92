//! A config file: values of a run as TOML, by the names of the flags with underscores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Value;

use crate::args::train::names;
use crate::exit::Failure;
use crate::suggest;

/// The most bytes of a config file: more than any list of values takes.
const MOST: u64 = 1 << 20;
/// The key of the text files.
const DATA: &str = "data";

/// What a file says, each value in the form that its flag has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ConfigFile {
    /// Its name, for origins.
    pub(super) name: String,
    /// The text files; empty where it names none.
    pub(super) data: Vec<PathBuf>,
    values: BTreeMap<&'static str, String>,
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Something read: no such file, no TOML, a key that is no value of a run, a value that is neither a
    /// number nor a text.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let text = read(path).map_err(|error| {
            Failure::read(format!("cannot read the config file {name}")).caused_by(error)
        })?;
        let shown = path.file_name().map_or(name.clone(), |it| it.to_string_lossy().into_owned());
        Self::parse(&text, shown).map_err(|failure| failure.inside(&name))
    }

    fn parse(text: &str, name: String) -> Result<Self, Failure> {
        let table: toml::Table = text.parse().map_err(|error| not_toml(text, &error))?;
        let mut file = Self { name, ..Self::default() };
        for (key, value) in &table {
            if key == DATA {
                file.data = paths(value)?;
                continue;
            }
            let known = names().find(|name| name.replace('-', "_") == *key);
            let known = known.ok_or_else(|| unknown(key))?;
            file.values.insert(known, text_of(key, value)?);
        }
        Ok(file)
    }

    /// What it says of a value, as its flag would have it.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let n_bytes = std::fs::metadata(path)?.len();
    if n_bytes > MOST {
        let what = format!("{n_bytes} bytes, and a config file has at most {MOST}");
        return Err(std::io::Error::other(what));
    }
    std::fs::read_to_string(path)
}

fn not_toml(text: &str, error: &toml::de::Error) -> Failure {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| 1 + before.matches('\n').count());
    let what = error.message().lines().collect::<Vec<_>>().join(", ");
    Failure::read(format!("line {line}: {what}"))
        .hint("a config file is TOML: learning_rate = 1e-3")
}

fn unknown(key: &str) -> Failure {
    let known: Vec<String> = names().map(|name| name.replace('-', "_")).collect();
    let known = known.iter().map(String::as_str).chain([DATA]);
    suggest::unknown_in("key", key, known)
}

/// A number or a text, in the form that a flag has.
fn text_of(key: &str, value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        other => {
            let kind = other.type_str();
            Err(Failure::read(format!("{key} is of type {kind}, expected a number or a text")))
        }
    }
}

fn paths(value: &Value) -> Result<Vec<PathBuf>, Failure> {
    let wrong =
        || Failure::read("data is no list of paths").hint("data = [\"one.txt\", \"two.txt\"]");
    match value {
        Value::String(path) => Ok(vec![path.into()]),
        Value::Array(paths) => {
            paths.iter().map(|it| it.as_str().map(Into::into).ok_or_else(wrong)).collect()
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ConfigFile, String> {
        ConfigFile::parse(text, "a.toml".to_owned()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn numbers_and_texts_are_read_as_flags_have_them() {
        let file =
            read("data = ['a.txt']\nsteps = 30\nlearning_rate = 1e-3\nmax_grad_norm = 'off'\n");
        let file = file.expect("a config file");
        assert_eq!(file.data, [PathBuf::from("a.txt")]);
        let texts = ["steps", "learning-rate", "max-grad-norm", "seed"].map(|name| file.text(name));
        assert_eq!(texts, [Some("30"), Some("0.001"), Some("off"), None]);
    }

    #[test]
    fn what_is_no_value_of_a_run_is_refused() {
        let cases = [
            ("learning-rate = 1", "no key \"learning-rate\""),
            ("learnin_rate = 1", "no key \"learnin_rate\""),
            ("[optimizer]\nbeta1 = 0.9", "no key \"optimizer\""),
            ("steps = [1]", "steps is of type array, expected a number or a text"),
            ("steps = true", "steps is of type boolean, expected a number or a text"),
            ("data = [1]", "data is no list of paths"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Err(expected.to_owned()), "{text}");
        }
        let error = read("steps = 1\nsteps = 2").expect_err("twice");
        assert!(error.starts_with("line 2: "), "{error}");
    }
}
