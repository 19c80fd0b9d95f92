//! `tokenizer.json` of the kinds that broke other programs. Every component's own rules are tested in
//! `tokenizer_parts`.

use kelvin_lm::ErrorKind::{Format, Unsupported};
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
        case("", Format, "tokenizer.json: EOF while parsing a value (byte 0)"),
        case("[]", Format, "tokenizer.json: invalid type: sequence, expected an object (byte 0)"),
        case(*b"\x80\x04\x95", Format, "tokenizer.json: expected value (byte 0)").known("pickle"),
        case(file(MODEL, r#""model":{},"#), Format, "tokenizer.json: an object has a key twice (byte 112)").known("JSON duplicate keys"),
        case(file(MODEL, &format!(r#""normalizer":{},"#, "[".repeat(100_000))), Format, "tokenizer.json: nested deeper than 64 (byte 93)").known("JSON depth"),
        case(file(MODEL, &format!(r#""x":"{}","#, "x".repeat(300_000))), Unsupported, "tokenizer.json: a string of more than 262144 bytes (byte 21)"),
        case(file(r#"{"type":"Unigram","vocab":[]}"#, ""), Unsupported, r#"tokenizer.json: model: type "Unigram" is not known here, expected one of BPE, WordLevel (byte 25)"#),
    ]
}

/// Merges that the merge loop would have to trust.
#[rustfmt::skip]
fn merges() -> Vec<Case> {
    let with = |merges: &str| file(&MODEL.replace(r#"["a b"]"#, merges), "");
    vec![
        case(with(r#"["a b","a c"]"#), Format, r#"tokenizer.json: model.merges: merge 1 unites "a" and "c", but "c" is not in the vocabulary (byte 104)"#).known("tokenizers#2094"),
        case(with(r#"["b a"]"#), Format, r#"tokenizer.json: model.merges: merge 0 unites "b" and "a", but "ba" is not in the vocabulary (byte 98)"#).known("tokenizers#2094"),
        case(with(r#"["ab"]"#), Format, r#"tokenizer.json: model.merges: merge 0 is "ab", expected two pieces and a space between (byte 97)"#).known("tokenizers#2198"),
        case(with(r#"[["é","\u00e9\u00e9"]]"#), Format, r#"tokenizer.json: model.merges: merge 0 unites "é" and "éé", but "ééé" is not in the vocabulary (byte 114)"#).known("tokenizers#2198"),
        case(with(r#"[["","a"]]"#), Format, r#"tokenizer.json: model.merges: merge 0 unites "" and "a", but "" is not in the vocabulary (byte 101)"#).known("tokenizers#2198"),
        case(with(r#"[["a"]]"#), Format, "tokenizer.json: model.merges: merge 0 has not two pieces (byte 98)"),
        case(file(&MODEL.replace("\"b\":1", "\"b\":4294967295"), ""), Format, r#"tokenizer.json: model.vocab: "b" has id 4294967295, expected 0 to 4, each once (byte 67)"#).known("tokenizers#2094"),
        case(file(&MODEL.replace("\"b\":1", "\"b\":0"), ""), Format, r#"tokenizer.json: model.vocab: "b" has id 0, which another piece has too (byte 58)"#),
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
        case(split("(a*)*b"), Unsupported, r#"tokenizer.json: pre_tokenizer: pattern "(a*)*b" cannot be used: it can read far past a match, and so take quadratic time (byte 33)"#).known("tokenizers#2060"),
        case(split(r"(a)\1"), Unsupported, r#"tokenizer.json: pre_tokenizer: pattern "(a)\\1" cannot be used: backreferences are not supported (byte 33)"#).known("fastokens#39"),
        case(split("(?=a+)a+$"), Unsupported, r#"tokenizer.json: pre_tokenizer: pattern "(?=a+)a+$" cannot be used: look-around, including look-ahead and look-behind, is not supported (byte 33)"#).known("fastokens#39"),
        case(split("((a{100}){100}){100}"), Unsupported, r#"tokenizer.json: pre_tokenizer: pattern "((a{100}){100}){100}" cannot be used: it can read 1000000 bytes past a match, the most is 256 (byte 33)"#).known("tokenizers#2060"),
        case(split(&"(".repeat(1000)), Unsupported, r#"tokenizer.json: pre_tokenizer: pattern "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((..." cannot be used: unclosed group (byte 33)"#).known("tiktoken#245"),
        case(split(&"^".repeat(100_000)), Unsupported, r#"tokenizer.json: pre_tokenizer: pattern "^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^..." cannot be used: 100000 bytes long, the longest is 1024 (byte 33)"#).known("tiktoken#245"),
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
        case(steps(9, replace), Unsupported, "tokenizer.json: normalizer and pre_tokenizer: can make a text 68719476736 times as long, the most is 128 (byte 30)"),
        case(steps(33, r#"{"type":"NFC"}"#), Unsupported, "tokenizer.json: normalizer: more than 32 steps (byte 544)"),
        case(steps(2000, r#"{"type":"NFC"}"#), Format, "tokenizer.json: normalizer: an array of more than 64 (byte 1038)"),
    ]
}
