//! What a lesson asks, and how an answer is held to what is right.

use serde_json::Value;
use toml::Table;

/// A question with an answer that can be checked.
///
/// As TOML: `ask`, `hint` (optional), `why`, the answer as `value` or as `command` (which prints JSON) with a
/// `pointer` into it, `within` (the most that a number may be off, 0 where nothing is said) and `show` (commands
/// that show the solution, optional).
#[derive(Debug)]
pub(super) struct Exercise {
    /// The question, as Markdown.
    pub(super) ask: String,
    /// What helps, as Markdown; empty where nothing does.
    pub(super) hint: String,
    /// Why the answer is right, as Markdown.
    pub(super) why: String,
    /// Commands that show it.
    pub(super) show: Vec<String>,
    pub(super) source: Source,
    /// The most that a number may be off.
    pub(super) within: f64,
}

/// Where the right answer comes from.
#[derive(Debug, PartialEq)]
pub(super) enum Source {
    /// It stands in the lesson; a test computes it again.
    Value(Value),
    /// A command's JSON has it at this pointer.
    Command { line: String, pointer: String },
}

impl Exercise {
    /// Reads an exercise.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn parse(mut table: Table) -> Result<Self, String> {
        let exercise = Self {
            ask: take(&mut table, "ask")?,
            hint: optional(&mut table, "hint")?.unwrap_or_default(),
            why: take(&mut table, "why")?,
            show: optional(&mut table, "show")?.unwrap_or_default(),
            source: source(&mut table)?,
            within: optional(&mut table, "within")?.unwrap_or(0.0),
        };
        match table.keys().next() {
            Some(key) => Err(format!("an exercise knows no {key:?}")),
            None => Ok(exercise),
        }
    }
}

fn source(table: &mut Table) -> Result<Source, String> {
    if let Some(value) = table.remove("value") {
        return match value {
            toml::Value::Integer(value) => Ok(Source::Value(value.into())),
            toml::Value::Float(value) => Ok(Source::Value(value.into())),
            toml::Value::String(value) => Ok(Source::Value(value.into())),
            other => Err(format!("value: {other} is neither a number nor a word")),
        };
    }
    Ok(Source::Command { line: take(table, "command")?, pointer: take(table, "pointer")? })
}

/// What a key of a table says.
///
/// # Errors
///
/// There is no such key, or it is of another type.
pub(super) fn take<'de, T: serde::Deserialize<'de>>(
    table: &mut Table,
    key: &str,
) -> Result<T, String> {
    optional(table, key)?.ok_or_else(|| format!("{key} is missing"))
}

fn optional<'de, T: serde::Deserialize<'de>>(
    table: &mut Table,
    key: &str,
) -> Result<Option<T>, String> {
    let value = table.remove(key);
    value.map(toml::Value::try_into).transpose().map_err(|error| format!("{key}: {error}"))
}

/// A right answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// A number, and the most that another may be off.
    Number(f64, f64),
    Word(String),
}

impl Answer {
    /// The answer that a JSON value is, where it is one.
    pub(super) fn new(value: &Value, within: f64) -> Option<Self> {
        match value {
            Value::Number(number) => Some(Self::Number(number.as_f64()?, within)),
            Value::String(word) => Some(Self::Word(word.clone())),
            _ => None,
        }
    }

    /// Whether somebody's answer is right: a word in any case, a number with a point or a comma, as a share
    /// or in percent.
    pub(super) fn is(&self, said: &str) -> bool {
        let said = said.trim().trim_matches(['"', '\'']).trim_end_matches('.');
        match self {
            Self::Word(word) => said.to_lowercase() == word.trim().to_lowercase(),
            Self::Number(right, within) => {
                number(said).is_some_and(|said| (said - right).abs() <= within + 1e-12)
            }
        }
    }

    /// The answer for people: a number with as many places as its tolerance makes sense of.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Number(number, _) => match self.places() {
                Some(places) => format!("{number:.places$}"),
                None => number.to_string(),
            },
        }
    }

    /// Decimal places that an answer needs; none where it is exact, or a word.
    pub(super) fn places(&self) -> Option<usize> {
        let Self::Number(_, within) = self else { return None };
        let enough = |&places: &usize| 0.5 * one_in_ten_to(places) <= *within;
        (*within > 0.0).then(|| (0..6).find(enough).unwrap_or(6))
    }
}

/// Ten to the power of minus `places`.
fn one_in_ten_to(places: usize) -> f64 {
    (0..places).fold(1.0, |power, _| power / 10.0)
}

/// A number as people write it: `0.37`, `0,37`, `37 %`, `2 493`.
fn number(text: &str) -> Option<f64> {
    let (digits, scale) = match text.strip_suffix('%') {
        Some(digits) => (digits, 100.0),
        None => (text, 1.0),
    };
    let digits: String = digits.chars().filter(|c| !c.is_whitespace()).collect();
    let number: f64 = digits.replace(',', ".").parse().ok()?;
    number.is_finite().then_some(number / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them_and_held_to_the_tolerance() {
        let share = Answer::Number(0.3799, 0.005);
        for right in ["0.38", "0,38", " .3799 ", "38%", "37.6 %", "0.3849"] {
            assert!(share.is(right), "{right}");
        }
        for wrong in ["0.39", "38", "0.37", "", "-0.38", "NaN", "inf", "38 %%", "pizza"] {
            assert!(!share.is(wrong), "{wrong}");
        }
        let whole = Answer::Number(2493.0, 0.0);
        assert!(whole.is("2493") && whole.is("2 493") && whole.is("2493.0"));
        assert!(!whole.is("2492") && !whole.is("2494"));
    }

    #[test]
    fn words_are_right_in_any_case() {
        let word = Answer::Word("Rome".to_owned());
        assert!(word.is("rome") && word.is(" ROME ") && word.is("\"Rome\""));
        assert!(!word.is("Romeo") && !word.is(""));
    }

    #[test]
    fn an_answer_is_shown_as_exactly_as_it_is_asked() {
        assert_eq!(Answer::Number(0.379_91, 0.005).shown(), "0.38");
        assert_eq!(Answer::Number(0.379_91, 0.01).shown(), "0.38");
        assert_eq!(Answer::Number(0.379_91, 0.001).shown(), "0.380");
        assert_eq!(Answer::Number(2493.0, 0.0).shown(), "2493");
        assert_eq!(Answer::Number(0.7, 0.0).shown(), "0.7");
        assert_eq!(Answer::Number(1.34, 0.05).shown(), "1.3");
    }

    #[test]
    fn an_unknown_key_is_no_silent_one() {
        let table = |text: &str| text.parse::<Table>().expect("TOML");
        let error = Exercise::parse(table("ask = \"a\"\nwhy = \"b\"\nvalue = 1\nhnit = \"c\""));
        assert_eq!(error.expect_err("hnit"), "an exercise knows no \"hnit\"");
        let error = Exercise::parse(table("ask = \"a\"\nwhy = \"b\"\ncommand = \"kelvin\""));
        assert_eq!(error.expect_err("no pointer"), "pointer is missing");
    }
}
