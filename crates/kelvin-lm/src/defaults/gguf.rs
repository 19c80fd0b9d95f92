//! `general.sampling.*` of a GGUF file.

use super::keys::printable;
use super::{DefaultSetting, GenerationDefaults, Source};
use crate::format::gguf::{Metadata, Value};

const SAMPLING: &str = "general.sampling.";
const LAST: &str = "general.sampling.penalty_last_n";

/// The keys that are applied, and the stages they set.
const APPLIED: [(&str, &str); 5] = [
    ("general.sampling.temp", "temperature"),
    ("general.sampling.top_k", "top-k"),
    ("general.sampling.top_p", "top-p"),
    ("general.sampling.min_p", "min-p"),
    ("general.sampling.penalty_repeat", "repetition-penalty"),
];

pub(super) fn read(metadata: &Metadata) -> GenerationDefaults {
    let settings = APPLIED.into_iter().filter_map(|(key, stage)| {
        let arguments = number(metadata.get(key)?)?;
        let arguments = match stage {
            "repetition-penalty" => with_window(arguments, metadata),
            _ => arguments,
        };
        Some(DefaultSetting { stage, arguments, key, source: Source::Gguf })
    });
    let settings: Vec<DefaultSetting> = settings.collect();
    let warnings = metadata.iter().filter_map(|(key, value)| {
        let is_sampling = key.starts_with(SAMPLING) && key != LAST;
        let is_applied = settings.iter().any(|setting| setting.key == key);
        let is_off = number(value).is_some_and(|text| text.parse() == Ok(0.0));
        (is_sampling && !is_applied && !is_off)
            .then(|| format!("{}: {} is not applied", Source::Gguf, printable(key)))
    });
    let warnings = warnings.collect();
    GenerationDefaults { settings, warnings, ..GenerationDefaults::default() }
}

/// The penalty, looking back as far as the file says: −1 is everything, 0 is nothing.
fn with_window(penalty: String, metadata: &Metadata) -> String {
    match metadata.get(LAST).and_then(number).as_deref() {
        Some("0") => "off".to_owned(),
        None | Some("-1") => penalty,
        Some(last) => format!("{penalty}, last={last}"),
    }
}

/// A number as text; an f32 as its shortest decimal, 0.95 and not 0.949999988.
fn number(value: Value<'_>) -> Option<String> {
    match value {
        Value::Int(n) => Some(n.to_string()),
        Value::F32(x) => Some(x.to_string()),
        Value::F64(x) => Some(x.to_string()),
        _ => None,
    }
}
