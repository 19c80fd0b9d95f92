//! `tokenizer.json` of the kinds that broke other programs. Every component's own rules are tested in
//! `malformed_tokenizer`.

use kelvin_lm::ErrorKind::{Format, Tokenizer, Unsupported};
use kelvin_lm::tokenizer::Tokenizer as Built;

use super::{BESIDE, Case, case};

pub(super) const FORMAT: super::Format = super::Format {
    name: "tokenizer.json",
    cases: || [documents(), merges(), patterns(), growth()].concat(),
    beside: BESIDE,
    read: |json| Built::from_json(&json, None).map(drop),
};

/// A file with this model and these further parts.
fn file(model: &str, parts: &str) -> String {
    format!(r#"{{"version":"1.0",{parts}"model":{model}}}"#)
}

const MODEL: &str = r#"{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"é":3,"éé":4},"merges":["a b"]}"#;

/// What is no such document.
#[rustfmt::skip]
fn documents() -> Vec<Case> {
    vec![
        case("", Format, ""),
        case("[]", Format, ""),
        case(*b"\x80\x04\x95", Format, "").known("pickle"),
        case(file(MODEL, r#""model":{},"#), Format, "").known("JSON duplicate keys"),
        case(file(MODEL, &format!(r#""normalizer":{},"#, "[".repeat(100_000))), Format, "").known("JSON depth"),
        case(file(MODEL, &format!(r#""x":"{}","#, "x".repeat(300_000))), Unsupported, ""),
        case(file(r#"{"type":"Unigram","vocab":[]}"#, ""), Unsupported, ""),
    ]
}

/// Merges that the merge loop would have to trust.
#[rustfmt::skip]
fn merges() -> Vec<Case> {
    let with = |merges: &str| file(&MODEL.replace(r#"["a b"]"#, merges), "");
    vec![
        case(with(r#"["a b","a c"]"#), Tokenizer, "").known("tokenizers#2094"),
        case(with(r#"["b a"]"#), Tokenizer, "").known("tokenizers#2094"),
        case(with(r#"["ab"]"#), Tokenizer, "").known("tokenizers#2198"),
        case(with(r#"[["é","\u00e9\u00e9"]]"#), Tokenizer, "").known("tokenizers#2198"),
        case(with(r#"[["","a"]]"#), Tokenizer, "").known("tokenizers#2198"),
        case(with(r#"[["a"]]"#), Format, ""),
        case(file(&MODEL.replace("\"b\":1", "\"b\":4294967295"), ""), Format, "").known("tokenizers#2094"),
        case(file(&MODEL.replace("\"b\":1", "\"b\":0"), ""), Format, ""),
    ]
}

/// Patterns that backtrack, or are larger than they look.
#[rustfmt::skip]
fn patterns() -> Vec<Case> {
    let split = |pattern: &str| {
        let split = serde_json::json!({
            "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false,
        });
        file(MODEL, &format!(r#""pre_tokenizer":{split},"#))
    };
    vec![
        case(split("(a*)*b"), Unsupported, "").known("tokenizers#2060"),
        case(split(r"(a)\1"), Unsupported, "").known("fastokens#39"),
        case(split("(?=a+)a+$"), Unsupported, "").known("fastokens#39"),
        case(split("((a{100}){100}){100}"), Unsupported, "").known("tokenizers#2060"),
        case(split(&"(".repeat(1000)), Unsupported, "").known("tiktoken#245"),
        case(split(&"^".repeat(100_000)), Unsupported, "").known("tiktoken#245"),
    ]
}

/// Normalizers that make a short text long.
#[rustfmt::skip]
fn growth() -> Vec<Case> {
    let replace = r#"{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaaaaaaaa"}"#;
    let steps = |n: usize, step: &str| {
        let steps = vec![step; n].join(",");
        file(MODEL, &format!(r#""normalizer":{{"type":"Sequence","normalizers":[{steps}]}},"#))
    };
    vec![
        case(steps(9, replace), Unsupported, ""),
        case(steps(33, r#"{"type":"NFC"}"#), Unsupported, ""),
        case(steps(2000, r#"{"type":"NFC"}"#), Format, ""),
    ]
}
