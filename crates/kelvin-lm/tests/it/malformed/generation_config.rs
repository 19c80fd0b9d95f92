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
        case("", Format, "generation_config.json: EOF while parsing a value (byte 0)"),
        case("[]", Format, "generation_config.json: invalid type: sequence, expected an object (byte 0)"),
        case(r#"{"top_k":1,"top_k":2}"#, Format, "generation_config.json: an object has a key twice (byte 20)").known("JSON duplicate keys"),
        case(r#"{"temperature":"hot"}"#, Format, r#"generation_config.json: temperature = "hot", expected a number"#),
        case(r#"{"temperature":[[[[1]]]]}"#, Format, "generation_config.json: temperature = [[[[1]]]], expected a number"),
        case("{\"temperature\":\"\x7f\"}", Format, "generation_config.json: temperature = a string, expected a number"),
        case("{\"temperature\":\"\u{202e}\"}", Format, "generation_config.json: temperature = a string, expected a number"),
        case(r#"{"do_sample":1}"#, Format, "generation_config.json: do_sample = 1, expected true or false"),
        case(r#"{"max_new_tokens":-1}"#, Format, "generation_config.json: max_new_tokens = -1, expected a whole number, not negative"),
        case(r#"{"max_new_tokens":1.5}"#, Format, "generation_config.json: max_new_tokens = 1.5, expected a whole number, not negative"),
        case(r#"{"eos_token_id":-1}"#, Format, "generation_config.json: eos_token_id = -1, expected a token id or a list of them"),
        case(r#"{"eos_token_id":4294967296}"#, Format, "generation_config.json: eos_token_id = 4294967296, expected a token id or a list of them"),
        case(r#"{"eos_token_id":[1,"2"]}"#, Format, r#"generation_config.json: eos_token_id = [1,"2"], expected a token id or a list of them"#),
        case(r#"{"stop_strings":[""]}"#, Format, r#"generation_config.json: stop_strings = [""], expected a string or a list of them, not empty"#),
        case(r#"{"bad_words_ids":[1]}"#, Format, "generation_config.json: bad_words_ids = [1], expected a list of lists of token ids"),
        case(format!(r#"{{"x":[{}1]}}"#, "[[0]],".repeat(100_000)), Unsupported, "generation_config.json has 600009 bytes, more than the limit of 16384"),
        case(format!(r#"{{"x":[{}1]}}"#, "0,".repeat(5000)), Unsupported, "generation_config.json: an array of more than 4096 (byte 8199)"),
    ]
}
