//! Filters that take anything as a string.

use super::super::arguments::{Arguments, required, whole};
use super::super::meter::{Fault, Meter, Outcome};
use super::super::method::{cased, lines, replace, trimmed};
use super::super::print::{self, Printer};
use super::super::text::{Char, Ends, Text, lower, upper};
use super::super::value::Value;
use super::margin;

pub(super) fn apply(
    name: &str,
    text: &Text,
    arguments: Arguments<'_>,
    meter: &Meter,
) -> Outcome<Text> {
    match name {
        "trim" => {
            let [chars] = arguments.bind(name, ["chars"])?;
            trimmed(text, Ends::Both, chars, meter)
        }
        "string" => arguments.none(name).map(|()| text.clone()),
        "upper" | "lower" | "capitalize" => {
            arguments.none(name)?;
            cased(text, name, meter)
        }
        "title" => arguments.none(name).and_then(|()| title(text, meter)),
        "replace" => {
            let [old, new, count] = arguments.bind(name, ["old", "new", "count"])?;
            let old = print::text(&required(old, name, "old")?, meter)?;
            let new = print::text(&required(new, name, "new")?, meter)?;
            let count = count.filter(|count| !matches!(count, Value::None));
            let count = count.map(|count| whole(&count, name)).transpose()?;
            replace(text, &old, &new, count.and_then(|count| usize::try_from(count).ok()), meter)
        }
        "escape" | "e" => arguments.none(name).and_then(|()| escape(text, meter)),
        _ => Err(Fault::unsupported(format!("filter {name:?}"))),
    }
}

/// Words begin after white space, a hyphen or an opening bracket, as Jinja has it.
fn title(text: &Text, meter: &Meter) -> Outcome<Text> {
    meter.chars(3 * text.len())?;
    let begins = |c: &Char| c.is_space() || matches!(c.char(), '-' | '(' | '{' | '[' | '<');
    let mut out = Vec::with_capacity(text.len());
    for word in text.chunk_by(|a, b| begins(a) == begins(b)) {
        upper(&word[..1], &mut out);
        lower(&word[1..], 0..word.len() - 1, &mut out);
    }
    Ok(Text::paid(out))
}

/// Each line but the first moved to the right; empty ones stay empty.
pub(super) fn indent(text: &Text, arguments: Arguments<'_>, meter: &Meter) -> Outcome<Text> {
    let [width, first, blank] = arguments.bind("indent", ["width", "first", "blank"])?;
    let margin = margin(&width.unwrap_or(Value::Int(4)), "indent", meter)?;
    let [first, blank] = [first, blank].map(|flag| flag.is_some_and(|flag| flag.is_true()));
    meter.chars(text.len())?;
    let ended = [&text[..], &[Char::own('\n')]].concat(); // as Jinja does, so that a last end counts
    let mut printer = Printer { out: Vec::new(), meter };
    for (at, line) in lines(&ended, false, meter)?.iter().enumerate() {
        printer.own(if at == 0 { "" } else { "\n" })?;
        let shifted = if at == 0 { first } else { blank || !line.is_empty() };
        printer.copy(if shifted { &margin } else { &[] })?;
        printer.copy(line)?;
    }
    Ok(Text::paid(printer.out))
}

/// What HTML would read as markup, as references.
fn escape(text: &Text, meter: &Meter) -> Outcome<Text> {
    let mut printer = Printer { out: Vec::new(), meter };
    for &c in text.iter() {
        match c.char() {
            '&' => printer.like(c, "&amp;")?,
            '<' => printer.like(c, "&lt;")?,
            '>' => printer.like(c, "&gt;")?,
            '\'' => printer.like(c, "&#39;")?,
            '"' => printer.like(c, "&#34;")?,
            _ => printer.copy(&[c])?,
        }
    }
    Ok(Text::paid(printer.out))
}
