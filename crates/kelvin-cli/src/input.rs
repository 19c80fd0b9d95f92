//! Logits from a file: `[1.5, null, …]`, or an object with `tokens` and `logits` or `probs`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::exit::Failure;

/// How far a sum of probabilities may lie above 1, and below it without a rest.
const SLACK: f64 = 1e-6;

const FORMS: &str = "expected [1.5, null, …] or {\"tokens\": […], \"logits\": […]} (or \"probs\")";

/// One row of logits, as a file or an example gives it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// The text of each token, where given.
    pub(crate) tokens: Option<Vec<String>>,
    /// One logit for each token; −∞ bans.
    pub(crate) logits: Vec<f32>,
    /// Probability that the file leaves to tokens it does not list; never drawn.
    pub(crate) other: f64,
}

impl Row {
    /// The row of a file, `-` for stdin.
    ///
    /// # Errors
    ///
    /// Something read: no such file, or one that [`parse`](Self::parse) refuses.
    pub(crate) fn read(path: &str) -> Result<Self, Failure> {
        let name = if path == "-" { "stdin" } else { path };
        let json = if path == "-" {
            std::io::read_to_string(std::io::stdin())
        } else {
            std::fs::read_to_string(path)
        };
        let json =
            json.map_err(|error| Failure::read(format!("cannot read {name}")).caused_by(error))?;
        Self::parse(&json).map_err(|failure| failure.inside(name))
    }

    /// Reads a row from JSON.
    ///
    /// # Errors
    ///
    /// A [`Failure`] of what was read: what, where, and what may stand there.
    pub(crate) fn parse(json: &str) -> Result<Self, Failure> {
        let document: Document<'_> =
            serde_json::from_str(json).map_err(|error| not_json(&error))?;
        let Document { tokens, logits, probs } = document;
        let (logits, other) = match (logits, probs) {
            (Some(_), Some(_)) => {
                return Err(Failure::read("both \"logits\" and \"probs\" are given, expected one"));
            }
            (Some(values), None) => (read_logits(&values)?, 0.0),
            (None, Some(values)) => read_probs(&values)?,
            (None, None) => return Err(Failure::read(format!("no logits: {FORMS}"))),
        };
        if logits.is_empty() {
            return Err(Failure::read("the row of logits is empty, at least 1 is needed"));
        }
        if let Some(tokens) = tokens.as_ref().filter(|tokens| tokens.len() != logits.len()) {
            let (tokens, logits) = (tokens.len(), logits.len());
            return Err(Failure::read(format!("{tokens} tokens but {logits} logits")));
        }
        Ok(Self { tokens, logits, other })
    }
}

fn not_json(error: &serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    let what = error.to_string();
    let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
    let failure = Failure::read(format!("line {line}, column {column}: {what}"));
    match error.classify() {
        serde_json::error::Category::Data => failure,
        _ => {
            failure.hint("a logits file is JSON; null or \"-inf\" bans a token, NaN has no meaning")
        }
    }
}

/// Logits as f32, each read from its own digits: no detour through f64 rounds twice.
fn read_logits(values: &[&RawValue]) -> Result<Vec<f32>, Failure> {
    let rule = "a finite number, null or \"-inf\"";
    let read = |(at, value): (usize, &&RawValue)| match value.get() {
        "null" | "\"-inf\"" => Ok(f32::NEG_INFINITY),
        text => number(text)
            .filter(|z: &f32| z.is_finite())
            .ok_or_else(|| refuse("logit", at, text, rule)),
    };
    values.iter().enumerate().map(read).collect()
}

/// Probabilities as logits, ln p, and what they leave over.
fn read_probs(values: &[&RawValue]) -> Result<(Vec<f32>, f64), Failure> {
    let rule = "a number from 0 to 1, or null";
    let read = |(at, value): (usize, &&RawValue)| match value.get() {
        "null" => Ok(0.0),
        text => number(text)
            .filter(|p| (0.0..=1.0 + SLACK).contains(p))
            .ok_or_else(|| refuse("probability", at, text, rule)),
    };
    let probs: Vec<f64> = values.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    let sum: f64 = probs.iter().sum();
    if sum > 1.0 + SLACK {
        return Err(Failure::read(format!("the probabilities sum to {sum}, more than 1"))
            .hint("give \"logits\" if the numbers are not probabilities"));
    }
    let other = if sum < 1.0 - SLACK { 1.0 - sum } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
    let logits = probs.iter().map(|&p| kelvin::math::ln(p) as f32).collect();
    Ok((logits, other))
}

/// A JSON number; what else Rust would read (`inf`, `nan`) never gets here unquoted.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.parse().ok().filter(|_| !text.starts_with('"'))
}

fn refuse(what: &str, at: usize, text: &str, rule: &str) -> Failure {
    let shown = crate::term::text::cut(text, 24);
    Failure::read(format!("{what} {at} is {shown}, expected {rule}"))
}

/// The file's JSON: known keys only, each once; values still as their digits.
#[derive(Default)]
struct Document<'a> {
    tokens: Option<Vec<String>>,
    logits: Option<Vec<&'a RawValue>>,
    probs: Option<Vec<&'a RawValue>>,
}

impl<'de> Deserialize<'de> for Document<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Document<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FORMS.trim_start_matches("expected "))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let mut logits = Vec::new();
        while let Some(value) = values.next_element()? {
            logits.push(value);
        }
        Ok(Document { logits: Some(logits), ..Document::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut document = Document::default();
        while let Some(key) = entries.next_key::<String>()? {
            let repeated = match key.as_str() {
                "tokens" => document.tokens.replace(entries.next_value()?).is_some(),
                "logits" => document.logits.replace(entries.next_value()?).is_some(),
                "probs" => document.probs.replace(entries.next_value()?).is_some(),
                _ => {
                    let key = crate::term::text::cut(&key.escape_debug().to_string(), 24);
                    return Err(A::Error::custom(format!("unknown key \"{key}\": {FORMS}")));
                }
            };
            if repeated {
                return Err(A::Error::custom(format!("\"{key}\" is given twice")));
            }
        }
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(json: &str) -> String {
        Row::parse(json).expect_err(json).to_string()
    }

    #[test]
    fn an_array_is_a_row_and_null_bans() {
        let row = Row::parse("[1.5, null, \"-inf\", -2]").expect("a row");
        assert_eq!(row.logits, [1.5, f32::NEG_INFINITY, f32::NEG_INFINITY, -2.0]);
        assert_eq!(row.tokens, None);
    }

    #[test]
    fn logits_are_read_as_f32_without_a_detour() {
        // halfway between two f32 but for its last digit, which f64 cannot hold
        let digits = "1.00000005960464477539062500000000000000000001";
        let row = Row::parse(&format!("[{digits}]")).expect("a row");
        assert_eq!(row.logits, [1.000_000_1]);
        let twice = digits.parse::<f64>().expect("a number");
        assert_eq!(twice.to_string(), "1.0000000596046448", "the f64 lies on the boundary");
    }

    #[test]
    fn probabilities_leave_the_rest_to_others() {
        let row =
            Row::parse("{\"tokens\": [\"a\", \"b\"], \"probs\": [0.5, 0.25]}").expect("a row");
        assert_eq!(row.logits, [-std::f32::consts::LN_2, -2.0 * std::f32::consts::LN_2]);
        let other = |json| Row::parse(json).expect("a row").other.to_string();
        assert_eq!(row.other.to_string(), "0.25");
        assert_eq!(other("{\"probs\": [0.5, 0.4999999]}"), "0", "a sum of 1, but for rounding");
        let row = Row::parse("{\"probs\": [1, 0]}").expect("a row");
        assert_eq!(row.logits, [0.0, f32::NEG_INFINITY]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let cases = [
            ("", "line 1, column 0: EOF while parsing a value"),
            ("[1, NaN]", "line 1, column 5: expected value"),
            ("[1, \"NaN\"]", "logit 1 is \"NaN\", expected a finite number, null or \"-inf\""),
            ("[1, \"2\"]", "logit 1 is \"2\", expected a finite number, null or \"-inf\""),
            ("[1e999]", "logit 0 is 1e999, expected a finite number, null or \"-inf\""),
            ("[[1]]", "logit 0 is [1], expected a finite number, null or \"-inf\""),
            ("[true]", "logit 0 is true, expected a finite number, null or \"-inf\""),
            ("[]", "the row of logits is empty, at least 1 is needed"),
            ("[1] 2", "line 1, column 5: trailing characters"),
            ("{\"logits\": [1], \"logits\": [2]}", "line 1, column 30: \"logits\" is given twice"),
            (
                "{\"logits\": [1], \"probs\": [1]}",
                "both \"logits\" and \"probs\" are given, expected one",
            ),
            ("{\"tokens\": [\"a\"], \"logits\": [1, 2]}", "1 tokens but 2 logits"),
            ("{\"probs\": [0.7, 0.7]}", "the probabilities sum to 1.4, more than 1"),
            (
                "{\"probs\": [-0.1]}",
                "probability 0 is -0.1, expected a number from 0 to 1, or null",
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(refusal(json), expected, "{json}");
        }
        assert!(refusal("{\"logprobs\": []}").contains("unknown key \"logprobs\": expected [1.5"));
        assert!(refusal("{}").starts_with("no logits: expected [1.5"));
        assert!(refusal("7").contains("invalid type: integer `7`, expected [1.5"));
    }
}
