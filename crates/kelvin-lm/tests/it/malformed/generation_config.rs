//! `generation_config.json` whose values are of no use.

use kelvin_lm::ErrorKind::{Format, Unsupported};
use kelvin_lm::defaults::GenerationDefaults;

use super::{BESIDE, Case, case};

pub(super) const FORMAT: super::Format = super::Format {
    name: "generation_config.json",
    cases,
    beside: BESIDE,
    read: |json| GenerationDefaults::from_generation_config(&json).map(drop),
};

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    vec![
        case("", Format, ""),
        case("[]", Format, ""),
        case(r#"{"top_k":1,"top_k":2}"#, Format, "").known("JSON duplicate keys"),
        case(r#"{"temperature":"hot"}"#, Format, ""),
        case(r#"{"temperature":[[[[1]]]]}"#, Format, ""),
        case("{\"temperature\":\"\x7f\"}", Format, ""),
        case("{\"temperature\":\"\u{202e}\"}", Format, ""),
        case(r#"{"do_sample":1}"#, Format, ""),
        case(r#"{"max_new_tokens":-1}"#, Format, ""),
        case(r#"{"max_new_tokens":1.5}"#, Format, ""),
        case(r#"{"eos_token_id":-1}"#, Format, ""),
        case(r#"{"eos_token_id":4294967296}"#, Format, ""),
        case(r#"{"eos_token_id":[1,"2"]}"#, Format, ""),
        case(r#"{"stop_strings":[""]}"#, Format, ""),
        case(r#"{"bad_words_ids":[1]}"#, Format, ""),
        case(format!(r#"{{"x":[{}1]}}"#, "[[0]],".repeat(100_000)), Unsupported, ""),
        case(format!(r#"{{"x":[{}1]}}"#, "[[0]],".repeat(2000)), Format, ""),
    ]
}
