//! `pre_tokenizer`: where a text is cut into words.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::pattern::{Pattern, Spaces};
use super::super::words::{Behavior, Place, Step, Words};
use super::component::{Doc, Few, Wanted};
use crate::Error;

const WHAT: &str = "pre_tokenizer";
const KNOWN: [&str; 7] =
    ["ByteLevel", "Digits", "Metaspace", "Sequence", "Split", "Whitespace", "WhitespaceSplit"];

#[derive(Deserialize)]
struct Sequence<'a> {
    #[serde(borrow)]
    pretokenizers: Few<&'a RawValue>,
}

#[derive(Deserialize)]
struct Split<'a> {
    #[serde(borrow)]
    pattern: Wanted<'a>,
    behavior: Behavior,
    invert: bool,
}

#[derive(Deserialize)]
struct ByteLevel {
    add_prefix_space: bool,
    #[serde(default = "yes")]
    use_regex: bool,
}

#[derive(Deserialize)]
struct Digits {
    individual_digits: bool,
}

/// Metaspace, here and as a decoder.
#[derive(Deserialize)]
pub(super) struct Metaspace {
    pub(super) replacement: char,
    #[serde(default)]
    prepend_scheme: PrependScheme,
    /// What older files have in place of the scheme.
    add_prefix_space: Option<bool>,
    #[serde(default = "yes")]
    split: bool,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum PrependScheme {
    First,
    Never,
    #[default]
    Always,
}

impl Metaspace {
    /// Where the replacement is put before a text.
    pub(super) fn scheme(&self, doc: &Doc<'_>, raw: &RawValue) -> Result<PrependScheme, Error> {
        match (self.add_prefix_space, self.prepend_scheme) {
            (Some(false), PrependScheme::First | PrependScheme::Always) => {
                let detail =
                    "Metaspace: add_prefix_space is false, but prepend_scheme is not never";
                Err(doc.broken(raw, detail))
            }
            (_, scheme) => Ok(scheme),
        }
    }
}

fn yes() -> bool {
    true
}

/// The steps of the pre-tokenizer in `raw`; none where there is none. `starts` says that the normalizer
/// keeps a text's first character first.
pub(super) fn words<'a>(
    doc: &Doc<'a>,
    raw: Option<&'a RawValue>,
    starts: bool,
) -> Result<Words, Error> {
    let mut steps = Vec::new();
    if let Some(raw) = raw {
        add(doc, raw, starts, &mut steps)?;
    }
    Ok(Words(steps))
}

fn add<'a>(
    doc: &Doc<'a>,
    raw: &'a RawValue,
    starts: bool,
    steps: &mut Vec<Step>,
) -> Result<(), Error> {
    let kind = doc.kind(raw, WHAT)?;
    doc.check_room(raw, WHAT, steps.len())?;
    match &*kind.0 {
        "Sequence" => {
            let sequence: Sequence<'a> = doc.object(raw, WHAT)?;
            sequence
                .pretokenizers
                .0
                .into_iter()
                .try_for_each(|raw| add(doc, raw, starts, steps))?;
        }
        "Split" => {
            let Split { pattern, behavior, invert } = doc.object(raw, WHAT)?;
            steps.push(Step::Cut { pattern: doc.pattern(raw, WHAT, &pattern)?, behavior, invert });
        }
        "ByteLevel" => {
            let ByteLevel { add_prefix_space, use_regex } = doc.object(raw, WHAT)?;
            steps.extend(add_prefix_space.then_some(Step::Prefix(' ', Place::Always)));
            steps.extend(use_regex.then(Step::gpt2));
            steps.push(Step::Bytes);
        }
        "Digits" => {
            let Digits { individual_digits } = doc.object(raw, WHAT)?;
            let behavior =
                if individual_digits { Behavior::Isolated } else { Behavior::Contiguous };
            steps.push(Step::Cut {
                pattern: Pattern::Char(char::is_numeric),
                behavior,
                invert: false,
            });
        }
        "Metaspace" => metaspace(doc, raw, starts, steps)?,
        "Whitespace" => {
            let pattern = Pattern::known(r"\w+|[^\w\s]+".to_owned(), Spaces::Keep);
            steps.push(Step::Cut { pattern, behavior: Behavior::Removed, invert: true });
        }
        "WhitespaceSplit" => steps.push(Step::Cut {
            pattern: Pattern::Char(char::is_whitespace),
            behavior: Behavior::Removed,
            invert: false,
        }),
        _ => return Err(doc.unknown(raw, WHAT, &kind, &KNOWN)),
    }
    Ok(())
}

fn metaspace<'a>(
    doc: &Doc<'a>,
    raw: &'a RawValue,
    starts: bool,
    steps: &mut Vec<Step>,
) -> Result<(), Error> {
    let metaspace: Metaspace = doc.object(raw, WHAT)?;
    let Metaspace { replacement, split, .. } = metaspace;
    let place = match metaspace.scheme(doc, raw)? {
        PrependScheme::Never => None,
        PrependScheme::Always => Some(Place::Always),
        PrependScheme::First => Some(Place::First),
    };
    let moved = !starts || steps.iter().any(|step| !matches!(step, Step::Cut { .. }));
    if place == Some(Place::First) && moved {
        let detail = format!(
            "{WHAT}: Metaspace with prepend_scheme \"first\" behind what changes the start of a text"
        );
        return Err(doc.unsupported(raw, &detail));
    }
    steps.push(Step::Spaces(replacement));
    steps.extend(place.map(|place| Step::Prefix(replacement, place)));
    steps.extend(split.then(|| Step::Cut {
        pattern: Pattern::Text(replacement.to_string()),
        behavior: Behavior::MergedWithNext,
        invert: false,
    }));
    Ok(())
}
