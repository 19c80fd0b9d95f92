//! Malformed files of every format, each with the error it must give: kind, sentence, place, hint.
//!
//! The known failures of other programs are among them, by name ([`KNOWN`]). Reading holds no more than
//! twice the file and 1 MiB, whatever the file says; a template that runs has a budget of its own.

mod config_json;
mod generation_config;
mod gguf;
mod gguf_tokenizer;
mod index;
mod safetensors;
mod template;
mod tokenizer_config;
mod tokenizer_json;
mod tokenizer_parts;

use std::collections::BTreeSet;

use kelvin_lm::{ErrorKind, Result};

use crate::oracle::{BESIDE, refusal, shards, within};

/// A file, and the error it must give.
#[derive(Clone)]
struct Case {
    /// The failure elsewhere that this is one of: a name in [`KNOWN`].
    known: Option<&'static str>,
    file: Vec<u8>,
    kind: ErrorKind,
    error: &'static str,
    hint: Option<&'static str>,
}

fn case(file: impl Into<Vec<u8>>, kind: ErrorKind, error: &'static str) -> Case {
    Case { known: None, file: file.into(), kind, error, hint: None }
}

impl Case {
    fn known(self, name: &'static str) -> Self {
        Self { known: Some(name), ..self }
    }

    fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

/// A format: its name, its malformed files, how one is read.
struct Format {
    name: &'static str,
    cases: fn() -> Vec<Case>,
    /// The most bytes that reading may take beside twice the file.
    beside: usize,
    read: fn(Vec<u8>) -> Result<()>,
}

const FORMATS: [Format; 10] = [
    gguf::FORMAT,
    gguf_tokenizer::FORMAT,
    safetensors::FORMAT,
    index::FORMAT,
    tokenizer_json::FORMAT,
    config_json::FORMAT,
    generation_config::FORMAT,
    tokenizer_config::FORMAT,
    template::FORMAT,
    template::RUNNING,
];

/// What happened to other programs: the advisory or issue, and what the file did.
const KNOWN: [(&str, &str); 29] = [
    ("CVE-2024-21802", "GGUF: counts and lengths that were allocated before they were compared"),
    ("CVE-2025-53630", "GGUF: sizes whose sum passed 2^64, then a heap too small"),
    ("CVE-2026-27940", "GGUF: the same sum, past the first fix"),
    ("CVE-2026-33298", "GGUF: a tensor of exabytes over a buffer of megabytes"),
    ("CVE-2026-7482", "GGUF in Ollama, \"Bleeding Llama\": a tensor larger than the file"),
    ("GHSA-7rxv-5jhh-j6xx", "GGUF: numbers of the tokenizer that turn negative when they are cast"),
    ("llama.cpp#19856 strings", "GGUF: strings longer than what is left"),
    ("llama.cpp#19856 arrays", "GGUF: arrays longer than what is left"),
    ("llama.cpp#19856 alignment", "GGUF: an alignment that is no power of two"),
    ("llama.cpp#19856 types", "GGUF: types that are negative as an i32"),
    ("KV_BAD_VALUE_SIZE", "GGUF: a case that llama.cpp's tests lost, as it allocated a terabyte"),
    ("safetensors duplicate keys", "safetensors: a name twice, of which readers take either"),
    ("safetensors multiplication", "safetensors: a shape whose product passes 2^64"),
    ("safetensors polyglots", "safetensors: bytes that no tensor owns, where another format fits"),
    ("safetensors first byte", "safetensors: a header that does not begin with {"),
    ("tokenizers#2094", "tokenizer: merges that overran the merge loop's buffer"),
    ("tokenizers#2198", "tokenizer: merges cut inside a character, as unchecked text"),
    ("tokenizers#2060", "tokenizer: a regex that takes exponential time"),
    ("fastokens#39", "tokenizer: a regex that backtracks without a bound"),
    ("tiktoken#245", "tokenizer: a regex that overruns the stack"),
    ("JSON duplicate keys", "settings: a key twice, of which readers take either"),
    ("JSON depth", "settings: nesting that overruns the stack"),
    ("CVE-2024-34359", "template: Jinja without a sandbox runs Python"),
    ("CVE-2026-5760", "template: the same, from a GGUF file"),
    ("CVE-2024-56326", "template: out of the sandbox through str.format"),
    ("CVE-2025-62426", "template: rendering without an end"),
    ("Jinja depth", "template: recursion that overruns the stack"),
    ("index traversal", "index: a shard outside the model's folder"),
    ("pickle", "weights that run code when they are read"),
];

/// What a format's readers make of its malformed files, against what they must.
fn refused_as_expected(format: &Format) {
    for Case { file, kind, error, hint, .. } in (format.cases)() {
        let found = within(&file, format.beside, format.read).expect_err(error);
        let text = found.to_string().replace(shards::folder(), "FOLDER");
        assert_eq!((found.kind(), text.as_str()), (kind, error), "{}", format.name);
        refusal(&found, file.len());
        if hint.is_some() {
            assert_eq!(found.way_out(), hint, "{error}");
        }
    }
}

#[test]
fn each_malformed_file_gives_its_error() {
    FORMATS.iter().for_each(refused_as_expected);
}

#[test]
fn there_are_at_least_120() {
    let files = FORMATS
        .iter()
        .flat_map(|format| (format.cases)().into_iter().map(|case| (format.name, case.file)));
    let (mut n, mut distinct) = (0, BTreeSet::new());
    files.for_each(|file| {
        n += 1;
        distinct.insert(file);
    });
    assert_eq!(distinct.len(), n, "some file is there twice");
    assert!(n >= 120, "{n} files");
}

#[test]
fn every_known_failure_is_among_them() {
    let tested: BTreeSet<_> =
        FORMATS.iter().flat_map(|format| (format.cases)()).filter_map(|case| case.known).collect();
    assert_eq!(tested, KNOWN.map(|(name, _)| name).into());
}
