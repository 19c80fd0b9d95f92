//! `tokenizer_config.json` whose chat template is none.

use kelvin_lm::ErrorKind::{Format, Template};
use kelvin_lm::chat::ChatTemplate;

use super::{BESIDE, Case, case};

pub(super) const FORMAT: super::Format = super::Format {
    name: "tokenizer_config.json",
    cases,
    beside: BESIDE,
    read: |json| ChatTemplate::from_tokenizer_config(&json, None).map(drop),
};

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    vec![
        case("[]", Format, ""),
        case(r#"{"chat_template":1}"#, Format, ""),
        case(r#"{"chat_template":{"default":"a"}}"#, Format, ""),
        case(r#"{"chat_template":[{"name":"default"}]}"#, Format, ""),
        case(r#"{"chat_template":"a","chat_template":"b"}"#, Format, "").known("JSON duplicate keys"),
        case(r#"{"chat_template":"{% if"}"#, Template, ""),
        case(format!(r#"{{"chat_template":[{}1]}}"#, "[0],".repeat(60_000)), Format, ""),
    ]
}
