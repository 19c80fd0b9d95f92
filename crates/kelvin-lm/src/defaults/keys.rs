//! The keys of a JSON object, taken one by one, each by the type it has to have.

use std::collections::BTreeMap;

use kelvin::TokenId;
use serde_json::Value;

use super::Source;
use crate::format::json::{self, Limits};
use crate::{Error, ErrorKind, Result};

/// Names of keys shown in one message.
const SHOWN: usize = 8;
/// Characters of a name shown.
const LONG: usize = 48;

/// What is added to the logit of a sequence's last token, after the others.
pub(super) type Bias = (Vec<TokenId>, f64);

/// What is left of a file's keys. A null is a key that is not there.
pub(super) struct Keys {
    source: Source,
    left: BTreeMap<String, Value>,
}

impl Keys {
    /// The keys of a file that holds one object.
    pub(super) fn read(bytes: &[u8], source: Source) -> Result<Self> {
        let mut left: BTreeMap<String, Value> =
            json::object(bytes, &source.to_string(), Limits::GENERATION)?;
        left.retain(|_, value| !value.is_null());
        Ok(Self { source, left })
    }

    /// Takes a key's value, whatever its type.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.left.remove(key)
    }

    fn typed<T>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        read(&value).map(Some).ok_or_else(|| self.refuse(key, &value, expected))
    }

    fn refuse(&self, key: &str, value: &Value, expected: &str) -> Error {
        let detail = format!("{}: {key} = {}, expected {expected}", self.source, shown(value));
        Error::new(ErrorKind::Format, detail)
    }

    /// Takes a number, as the shortest decimal that means it.
    pub(super) fn number(&mut self, key: &str) -> Result<Option<String>> {
        self.typed(key, "a number", |value| {
            let whole = value.as_i64().map(|n| n.to_string());
            whole.or_else(|| value.as_f64().map(decimal))
        })
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub(super) fn count(&mut self, key: &str) -> Result<Option<usize>> {
        self.typed(key, "a whole number, not negative", |value| value.as_u64()?.try_into().ok())
    }

    /// Takes one token or a list of them.
    pub(super) fn tokens(&mut self, key: &str) -> Result<Option<Vec<TokenId>>> {
        self.typed(key, "a token id or a list of them", |value| match value.as_array() {
            Some(items) => items.iter().map(token).collect(),
            None => token(value).map(|token| vec![token]),
        })
    }

    /// Takes a list of sequences of tokens.
    pub(super) fn sequences(&mut self, key: &str) -> Result<Option<Vec<Vec<TokenId>>>> {
        let sequence = |value: &Value| value.as_array()?.iter().map(token).collect();
        self.typed(key, "a list of lists of token ids", |value| {
            value.as_array()?.iter().map(sequence).collect()
        })
    }

    /// Takes a list of pairs, a sequence of tokens and a number.
    pub(super) fn biases(&mut self, key: &str) -> Result<Option<Vec<Bias>>> {
        let pair = |value: &Value| match value.as_array()?.as_slice() {
            [tokens, bias] => {
                let tokens: Option<Vec<_>> = tokens.as_array()?.iter().map(token).collect();
                Some((tokens?, bias.as_f64()?))
            }
            _ => None,
        };
        self.typed(key, "a list of [[token ids], bias]", |value| {
            value.as_array()?.iter().map(pair).collect()
        })
    }

    /// Takes one string or a list of them, none of them empty.
    pub(super) fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>> {
        let text = |value: &Value| value.as_str().filter(|it| !it.is_empty()).map(str::to_owned);
        self.typed(key, "a string or a list of them, not empty", |value| match value.as_array() {
            Some(items) => items.iter().map(text).collect(),
            None => text(value).map(|text| vec![text]),
        })
    }

    /// The keys that nobody took, a few of them by name; none where there are none.
    pub(super) fn untaken(&self) -> Option<String> {
        let names: Vec<String> = self.left.keys().take(SHOWN).map(|key| printable(key)).collect();
        let more = self.left.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!names.is_empty()).then(|| format!("{}{more}", names.join(", ")))
    }
}

/// The shortest decimal that means the number, with an exponent where it would be long.
fn decimal(x: f64) -> String {
    let plain = x.to_string();
    if plain.len() <= 24 { plain } else { format!("{x:e}") }
}

fn token(value: &Value) -> Option<TokenId> {
    value.as_u64()?.try_into().ok()
}

/// A value in a message: short ones as they are.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= LONG && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    kind.to_owned()
}

/// A file's own word in a message: escaped where a terminal might obey it, and not too long.
pub(super) fn printable(key: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic();
    if key.chars().all(plain) && key.len() <= LONG && !key.is_empty() {
        return key.to_owned();
    }
    let cut: String = key.chars().take(LONG).collect();
    let end = if cut.len() < key.len() { "…" } else { "" };
    format!("\"{}{end}\"", cut.escape_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(json: &str) -> Keys {
        Keys::read(json.as_bytes(), Source::GenerationConfig).expect("an object")
    }

    #[test]
    fn numbers_stay_the_decimals_they_were() {
        for (json, text) in [
            ("0.95", "0.95"),
            ("1.0", "1"),
            ("1", "1"),
            ("-1", "-1"),
            ("3e-4", "0.0003"),
            ("0.6000000238418579", "0.6000000238418579"),
            ("18446744073709551615", "18446744073709552000"),
            ("1e308", "1e308"),
            ("3e-30", "3e-30"),
        ] {
            let found = keys(&format!("{{\"top_p\": {json}}}")).number("top_p");
            assert_eq!(found.expect("a number").as_deref(), Some(text));
        }
    }

    #[test]
    fn a_value_of_another_type_is_named_with_its_key() {
        let error = keys(r#"{"top_p": "hot\u001b[2J"}"#).number("top_p").expect_err("a string");
        let expected = r#"generation_config.json: top_p = "hot\u001b[2J", expected a number"#;
        assert_eq!(error.to_string(), expected);
        let long = format!("{{\"top_p\": {:?}}}", "x".repeat(50));
        let error = keys(&long).number("top_p").expect_err("a string").to_string();
        assert_eq!(error, "generation_config.json: top_p = a string, expected a number");
        assert!(keys(r#"{"eos_token_id": [1, -2]}"#).tokens("eos_token_id").is_err());
        assert!(keys(r#"{"max_length": 1.5}"#).count("max_length").is_err());
        assert!(keys("{\"a\": null}").number("a").expect("absent").is_none());
        assert!(Keys::read(b"[1]", Source::GenerationConfig).is_err());
    }

    #[test]
    fn names_of_keys_are_harmless_and_few() {
        assert_eq!(printable("top_h"), "top_h");
        assert_eq!(printable("\u{1b}[2J"), r#""\u{1b}[2J""#);
        assert_eq!(printable(&"x".repeat(60)), format!("\"{}…\"", "x".repeat(48)));
        let many: Vec<String> = (0..10).map(|n| format!("\"k{n}\": 1")).collect();
        let found = keys(&format!("{{{}}}", many.join(",")));
        assert_eq!(found.untaken().as_deref(), Some("k0, k1, k2, k3, k4, k5, k6, k7 and 2 more"));
    }
}
