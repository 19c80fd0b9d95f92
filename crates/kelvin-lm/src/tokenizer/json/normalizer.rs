//! `normalizer`: what is done to a text.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::normalizer::{Change, Form, Normalizer};
use super::component::{Doc, Few, Replace, Text};
use crate::Error;

const WHAT: &str = "normalizer";
const KNOWN: [&str; 10] = [
    "Lowercase",
    "NFC",
    "NFD",
    "NFKC",
    "NFKD",
    "Prepend",
    "Replace",
    "Sequence",
    "Strip",
    "StripAccents",
];

/// The most bytes that one change puts in a place. Files have three, for `▁`.
pub(super) const MOST: usize = 64;

#[derive(Deserialize)]
struct Sequence<'a> {
    #[serde(borrow)]
    normalizers: Few<&'a RawValue>,
}

#[derive(Deserialize)]
struct Prepend<'a> {
    #[serde(borrow)]
    prepend: Text<'a>,
}

#[derive(Deserialize)]
struct Strip {
    strip_left: bool,
    strip_right: bool,
}

/// The changes of the normalizer in `raw`; none where there is none.
pub(super) fn normalizer<'a>(
    doc: &Doc<'a>,
    raw: Option<&'a RawValue>,
) -> Result<Normalizer, Error> {
    let mut changes = Vec::new();
    if let Some(raw) = raw {
        add(doc, raw, &mut changes)?;
    }
    Ok(Normalizer(changes))
}

fn add<'a>(doc: &Doc<'a>, raw: &'a RawValue, changes: &mut Vec<Change>) -> Result<(), Error> {
    let kind = doc.kind(raw, WHAT)?;
    doc.check_room(raw, WHAT, changes.len())?;
    changes.push(match &*kind.0 {
        "Sequence" => {
            let sequence: Sequence<'a> = doc.object(raw, WHAT)?;
            return sequence.normalizers.0.into_iter().try_for_each(|raw| add(doc, raw, changes));
        }
        "Prepend" => {
            let Prepend { prepend } = doc.object(raw, WHAT)?;
            Change::Prepend(short(doc, raw, &prepend)?)
        }
        "Replace" => {
            let Replace { pattern, content } = doc.object(raw, WHAT)?;
            let content = short(doc, raw, &content)?;
            let pattern = doc.pattern(raw, WHAT, &pattern)?;
            if pattern.matches_nothing() {
                let detail = format!("{WHAT}: a pattern that matches nothing between characters");
                return Err(doc.unsupported(raw, &detail));
            }
            Change::Replace(pattern, content)
        }
        "Strip" => {
            let Strip { strip_left: left, strip_right: right } = doc.object(raw, WHAT)?;
            Change::Strip { left, right }
        }
        "NFC" => Change::Form(Form::Nfc),
        "NFD" => Change::Form(Form::Nfd),
        "NFKC" => Change::Form(Form::Nfkc),
        "NFKD" => Change::Form(Form::Nfkd),
        "Lowercase" => Change::Lowercase,
        "StripAccents" => Change::StripAccents,
        _ => return Err(doc.unknown(raw, WHAT, &kind, &KNOWN)),
    });
    Ok(())
}

fn short(doc: &Doc<'_>, raw: &RawValue, text: &Text<'_>) -> Result<String, Error> {
    let n = text.0.len();
    if n > MOST {
        let detail = format!("{WHAT}: puts {n} bytes in a place, the most is {MOST}");
        return Err(doc.unsupported(raw, &detail));
    }
    Ok(text.0.clone().into_owned())
}
