//! Values as text, the way Python prints them: `str`, `repr` and `json.dumps`.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::meter::{Fault, Meter, Outcome};
use super::sort::sorted;
use super::text::{Char, Text};
use super::value::Value;

/// Text that grows, and is paid for as it does.
pub(super) struct Printer<'m> {
    pub(super) out: Vec<Char>,
    pub(super) meter: &'m Meter,
}

impl Printer<'_> {
    /// Appends characters as they are.
    pub(super) fn copy(&mut self, chars: &[Char]) -> Outcome<()> {
        self.meter.chars(chars.len())?;
        self.out.extend_from_slice(chars);
        Ok(())
    }

    /// Appends the template's own words.
    pub(super) fn own(&mut self, text: &str) -> Outcome<()> {
        self.meter.chars(text.len())?;
        self.out.extend(text.chars().map(Char::own));
        Ok(())
    }

    /// Appends `text` as coming from where `c` comes from.
    pub(super) fn like(&mut self, c: Char, text: &str) -> Outcome<()> {
        self.meter.chars(text.len())?;
        self.out.extend(text.chars().map(|new| c.with(new)));
        Ok(())
    }

    /// What Python's `str` makes of a value; nothing of what is undefined.
    pub(super) fn value(&mut self, value: &Value<'_>) -> Outcome<()> {
        match value {
            Value::Undefined(_) => Ok(()),
            Value::Text(text) => self.copy(text),
            other => self.repr(other),
        }
    }

    /// What Python's `repr` makes of a value.
    fn repr(&mut self, value: &Value<'_>) -> Outcome<()> {
        match value {
            Value::Undefined(_) => self.own("Undefined"),
            Value::None => self.own("None"),
            Value::Bool(b) => self.own(if *b { "True" } else { "False" }),
            Value::Int(n) => self.own(&n.to_string()),
            Value::Float(x) => self.own(&float(*x)),
            Value::Text(text) => self.quote(text),
            Value::List(seq) => self.between(["[", "]"], &seq.items),
            Value::Tuple(seq) if seq.items.len() == 1 => self.between(["(", ",)"], &seq.items),
            Value::Tuple(seq) => self.between(["(", ")"], &seq.items),
            Value::Map(map) => {
                self.own("{")?;
                for (at, (key, value)) in map.pairs.iter().enumerate() {
                    self.own(if at == 0 { "" } else { ", " })?;
                    self.repr(key)?;
                    self.own(": ")?;
                    self.repr(value)?;
                }
                self.own("}")
            }
            other => Err(Fault::unsupported(format!("a {} as text", other.kind()))),
        }
    }

    fn between(&mut self, ends: [&str; 2], items: &[Value<'_>]) -> Outcome<()> {
        self.own(ends[0])?;
        for (at, item) in items.iter().enumerate() {
            self.own(if at == 0 { "" } else { ", " })?;
            self.repr(item)?;
        }
        self.own(ends[1])
    }

    fn quote(&mut self, text: &Text) -> Outcome<()> {
        self.meter.chars(text.len())?;
        let double = text.contains(&Char::own('\'')) && !text.contains(&Char::own('"'));
        let mark = if double { '"' } else { '\'' };
        self.own(if double { "\"" } else { "'" })?;
        for &c in text.iter() {
            match c.char() {
                '\\' => self.like(c, "\\\\")?,
                '\n' => self.like(c, "\\n")?,
                '\r' => self.like(c, "\\r")?,
                '\t' => self.like(c, "\\t")?,
                quote if quote == mark => self.like(c, "\\'")?,
                shown if is_printable(shown) => self.copy(&[c])?,
                hidden => self.like(c, &python_escape(hidden))?,
            }
        }
        self.own(if double { "\"" } else { "'" })
    }
}

/// How `tojson` writes.
#[derive(Debug)]
pub(super) struct Json {
    pub(super) ensure_ascii: bool,
    pub(super) sort_keys: bool,
    /// What one level is indented by; none for a single line.
    pub(super) indent: Option<Text>,
    pub(super) item_separator: Text,
    pub(super) key_separator: Text,
}

impl Printer<'_> {
    /// What Python's `json.dumps` makes of a value.
    pub(super) fn json(&mut self, value: &Value<'_>, style: &Json, level: usize) -> Outcome<()> {
        match value {
            Value::None => self.own("null"),
            Value::Bool(b) => self.own(if *b { "true" } else { "false" }),
            Value::Float(x) if x.is_nan() => self.own("NaN"),
            Value::Float(x) if x.is_infinite() => {
                self.own(if *x > 0.0 { "Infinity" } else { "-Infinity" })
            }
            Value::Int(_) | Value::Float(_) => self.repr(value),
            Value::Text(text) => self.json_string(text, style),
            Value::List(seq) | Value::Tuple(seq) => {
                let items: Vec<_> = seq.items.iter().map(|item| (None, item)).collect();
                self.json_block(["[", "]"], &items, style, level)
            }
            Value::Map(map) => {
                let mut pairs: Vec<_> =
                    map.pairs.iter().map(|(key, value)| (Some(key), value)).collect();
                if style.sort_keys {
                    pairs = sorted(pairs, &|(a, _), (b, _)| match (a, b) {
                        (Some(a), Some(b)) => {
                            Ok(a.order(b, self.meter)?.unwrap_or(Ordering::Equal))
                        }
                        _ => Ok(Ordering::Equal),
                    })?;
                }
                self.json_block(["{", "}"], &pairs, style, level)
            }
            other => Err(Fault::failed(format!("{} has no form in JSON", other.kind()))),
        }
    }

    fn json_block(
        &mut self,
        ends: [&str; 2],
        parts: &[Pair<'_, '_>],
        style: &Json,
        level: usize,
    ) -> Outcome<()> {
        self.own(ends[0])?;
        for (at, (key, value)) in parts.iter().enumerate() {
            if at > 0 {
                self.copy(&style.item_separator)?;
            }
            self.new_line(style, level + 1)?;
            if let Some(key) = key {
                self.json_key(key, style)?;
                self.copy(&style.key_separator)?;
            }
            self.json(value, style, level + 1)?;
        }
        if !parts.is_empty() {
            self.new_line(style, level)?;
        }
        self.own(ends[1])
    }

    fn new_line(&mut self, style: &Json, level: usize) -> Outcome<()> {
        let Some(indent) = &style.indent else { return Ok(()) };
        self.own("\n")?;
        (0..level).try_for_each(|_| self.copy(indent))
    }

    /// Keys are strings in JSON, so numbers and the like are written as strings.
    fn json_key(&mut self, key: &Value<'_>, style: &Json) -> Outcome<()> {
        match key {
            Value::Text(text) => self.json_string(text, style),
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                self.own("\"")?;
                self.json(key, style, 0)?;
                self.own("\"")
            }
            other => Err(Fault::failed(format!("a {} cannot be a key in JSON", other.kind()))),
        }
    }

    fn json_string(&mut self, text: &Text, style: &Json) -> Outcome<()> {
        self.own("\"")?;
        for &c in text.iter() {
            match c.char() {
                '"' => self.like(c, "\\\"")?,
                '\\' => self.like(c, "\\\\")?,
                '\n' => self.like(c, "\\n")?,
                '\r' => self.like(c, "\\r")?,
                '\t' => self.like(c, "\\t")?,
                '\u{8}' => self.like(c, "\\b")?,
                '\u{c}' => self.like(c, "\\f")?,
                other if other < ' ' || style.ensure_ascii && !matches!(other, ' '..='~') => {
                    self.like(c, &utf16_escape(other))?;
                }
                _ => self.copy(&[c])?,
            }
        }
        self.own("\"")
    }
}

/// A value with its key, where it is in a map.
type Pair<'v, 't> = (Option<&'v Value<'t>>, &'v Value<'t>);

/// The text of a value, by `str`.
pub(super) fn text(value: &Value<'_>, meter: &Meter) -> Outcome<Text> {
    if let Value::Text(text) = value {
        return Ok(text.clone());
    }
    let mut printer = Printer { out: Vec::new(), meter };
    printer.value(value)?;
    Ok(Text::paid(printer.out))
}

/// A float as Python prints it: the shortest digits that read back, an exponent below 1e-4 and from 1e16.
pub(super) fn float(x: f64) -> String {
    if !x.is_finite() {
        return if x.is_nan() {
            "nan"
        } else if x > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_owned();
    }
    let scientific = format!("{x:e}");
    let (digits, exponent) = scientific.split_once('e').expect("an exponent is always printed");
    let exponent: i32 = exponent.parse().expect("a small whole number");
    if (-4..16).contains(&exponent) {
        return format!("{x:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// `\x07`, `\u200b`, `\U000e0001`.
fn python_escape(c: char) -> String {
    match u32::from(c) {
        code @ ..=0xFF => format!("\\x{code:02x}"),
        code @ ..=0xFFFF => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

/// `\u00e9`, and two of them beyond U+FFFF.
fn utf16_escape(c: char) -> String {
    let mut escaped = String::new();
    for unit in c.encode_utf16(&mut [0; 2]) {
        write!(escaped, "\\u{unit:04x}").expect("a String takes everything");
    }
    escaped
}

/// What Python's `repr` shows as it is. Rust's `escape_debug` draws the same line, up to the version of
/// Unicode, around quotes (which are dealt with before) and around marks that combine with nothing.
fn is_printable(c: char) -> bool {
    let after = String::from_iter(['a', c]);
    matches!(c, '\'' | '"') || after.escape_debug().eq(after.chars())
}
