//! Indexes of tensors in several files, in a folder where `a.safetensors` holds tensor `a`,
//! `b.safetensors` tensor `b`, and links lead to places inside and outside.

use kelvin_lm::ErrorKind::{Format, Io, Unsupported};

use super::{BESIDE, Case, case};
use crate::oracle::shards;

pub(super) const FORMAT: super::Format = super::Format {
    name: "index",
    cases: || [names(), maps()].concat(),
    beside: BESIDE,
    read: |index| shards::open(&index).map(drop),
};

/// Names of files that are none.
#[rustfmt::skip]
fn names() -> Vec<Case> {
    let a = |file: &str| serde_json::json!({ "weight_map": { "a": file } }).to_string();
    vec![
        case(a("../a.safetensors"), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"../a.safetensors\", expected a plain name of a .safetensors file").known("index traversal"),
        case(a("../../../out.safetensors"), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"../../../out.safetensors\", expected a plain name of a .safetensors file").known("index traversal"),
        case(a("/etc/x.safetensors"), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"/etc/x.safetensors\", expected a plain name of a .safetensors file").known("index traversal"),
        case(a("sub/out.safetensors"), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"sub/out.safetensors\", expected a plain name of a .safetensors file").known("index traversal"),
        case(a("up/out.safetensors"), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"up/out.safetensors\", expected a plain name of a .safetensors file").known("index traversal"),
        case(a("./a.safetensors"), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"./a.safetensors\", expected a plain name of a .safetensors file"),
        case(a("..\\a.safetensors"), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"..\\\\a.safetensors\", expected a plain name of a .safetensors file").known("index traversal"),
        case(a("C:a.safetensors"), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"C:a.safetensors\", expected a plain name of a .safetensors file").known("index traversal"),
        case(a("a.safetensors\0.bin"), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"a.safetensors\\0.bin\", expected a plain name of a .safetensors file").known("index traversal"),
        case(a("a.safetensors/"), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"a.safetensors/\", expected a plain name of a .safetensors file"),
        case(a("a\u{1b}[2J.safetensors"), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"a\\u{1b}[2J.safetensors\", expected a plain name of a .safetensors file"),
        case(a("a\u{202e}.safetensors"), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"a\\u{202e}.safetensors\", expected a plain name of a .safetensors file"),
        case(a(""), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"\", expected a plain name of a .safetensors file"),
        case(a(".."), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"..\", expected a plain name of a .safetensors file"),
        case(a("pytorch_model-00001-of-00002.bin"), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"pytorch_model-00001-of-00002.bin\", expected a plain name of a .safetensors file").known("pickle"),
        case(a("l.safetensors"), Format,
         "FOLDER/l.safetensors: links to a file outside the model's folder").known("index traversal"),
        case(a("m.safetensors"), Format,
         "FOLDER/m.safetensors: links to a file outside the model's folder").known("index traversal"),
        case(a("absent.safetensors"), Io,
         "FOLDER/absent.safetensors: no such file"),
        case(a(&format!("{}.safetensors", "x".repeat(5000))), Format,
         "FOLDER/model.safetensors.index.json: a tensor lies in \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\", expected a plain name of a .safetensors file"),
    ]
}

/// Maps that contradict the files, or are none.
#[rustfmt::skip]
fn maps() -> Vec<Case> {
    let map = |map: &str| format!(r#"{{"weight_map":{map}}}"#);
    let lines: Vec<_> = (0..9000).map(|i| format!(r#""{i}":"a.safetensors""#)).collect();
    vec![
        case(map(r#"{"a":"b.safetensors"}"#), Format,
         "FOLDER/b.safetensors: tensor \"b\" is here, but not by the index (byte 61)"),
        case(map(r#"{"a":"a.safetensors","b":"a.safetensors"}"#), Format,
         "FOLDER/a.safetensors: the index has tensor \"b\" here, but the file lacks it"),
        case(map(r#"{"a":"a.safetensors","a":"b.safetensors"}"#), Format,
         "FOLDER/model.safetensors.index.json: the index: an object has a key twice (byte 54)"),
        case(map(r#"{"a":1}"#), Format,
         "FOLDER/model.safetensors.index.json: the index: invalid type: integer `1`, expected a string (byte 19)"),
        case(map(r#"{"a":["a.safetensors"]}"#), Format,
         "FOLDER/model.safetensors.index.json: the index: invalid type: sequence, expected a string (byte 18)"),
        case(map("[]"), Format,
         "FOLDER/model.safetensors.index.json: the index: invalid type: sequence, expected a map (byte 13)"),
        case("{}", Format,
         "FOLDER/model.safetensors.index.json: the index: missing field `weight_map` (byte 1)"),
        case("[]", Format,
         "FOLDER/model.safetensors.index.json: the index: invalid type: sequence, expected an object (byte 0)"),
        case("", Format,
         "FOLDER/model.safetensors.index.json: the index: EOF while parsing a value (byte 0)"),
        case("{\"weight_map\":{\"a\":\"a.safetensors\"}", Format,
         "FOLDER/model.safetensors.index.json: the index: EOF while parsing an object (byte 34)"),
        case("\u{feff}{}", Format,
         "FOLDER/model.safetensors.index.json: the index: expected value (byte 0)"),
        case(map(&format!("{}1", "{\"a\":".repeat(100))), Format,
         "FOLDER/model.safetensors.index.json: the index: nested deeper than 64 (byte 332)"),
        case(map(&format!("{{{}}}", lines.join(","))), Unsupported,
         "FOLDER/model.safetensors.index.json: the index: more than 8192 keys (byte 187303)"),
        case(map(&format!(r#"{{"{}":""}}"#, "x".repeat(300_000))), Unsupported,
         "FOLDER/model.safetensors.index.json: the index: a string of more than 262144 bytes (byte 15)"),
    ]
}
