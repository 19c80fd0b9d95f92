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
        case("[]", Format, "tokenizer_config.json: invalid type: sequence, expected an object (byte 0)"),
        case(r#"{"chat_template":1}"#, Format, "tokenizer_config.json: invalid type: integer `1`, expected a template, or a list of named ones (byte 17)"),
        case(r#"{"chat_template":{"default":"a"}}"#, Format, "tokenizer_config.json: invalid type: map, expected a template, or a list of named ones (byte 17)"),
        case(r#"{"chat_template":[{"name":"default"}]}"#, Format, "tokenizer_config.json: missing field `template` (byte 35)"),
        case(r#"{"chat_template":"a","chat_template":"b"}"#, Format, "tokenizer_config.json: an object has a key twice (byte 40)").known("JSON duplicate keys"),
        case(r#"{"chat_template":"{% if"}"#, Template, "chat template, line 1: unexpected end of input, expected expression"),
        case(format!(r#"{{"chat_template":[{}1]}}"#, "[0],".repeat(60_000)), Format, "tokenizer_config.json: invalid type: integer `0`, expected a string (byte 19)"),
    ]
}
