//! The registry of stages: what the text form, flags, JSON and reference pages are read from.

use std::collections::BTreeSet;

use kelvin::pipeline::{Pick, Shown};
use kelvin::stage::{self, Kind};
use kelvin::{Pipeline, build_stage};

#[test]
fn names_and_aliases_are_unique_and_plain() {
    let mut seen = BTreeSet::new();
    for info in stage::ALL {
        for name in [info.name].iter().chain(info.aliases) {
            assert!(seen.insert(name.replace('_', "-")), "{name} stands for two stages");
            let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'_');
            assert!(plain, "{name}");
            assert_eq!(stage::find(name).map(|found| found.name), Some(info.name));
            let underscored = name.replace('-', "_");
            assert_eq!(stage::find(&underscored).map(|found| found.name), Some(info.name));
        }
        assert_eq!(info.json_name(), info.name.replace('-', "_"));
    }
    for word in ["neutral", "greedy", "off", "draw"] {
        assert!(stage::find(word).is_none(), "{word} is a word of the text form");
    }
}

#[test]
fn every_stage_and_parameter_is_described() {
    for info in stage::ALL {
        let width = info.summary.chars().count();
        assert!((10..=79).contains(&width), "{}: {width} columns", info.name);
        assert!(!info.summary.ends_with('.') && !info.origin.is_empty(), "{}", info.name);
        assert!(!info.params.is_empty(), "{} has no parameter to set", info.name);
        let mut names = BTreeSet::new();
        for (at, param) in info.params.iter().enumerate() {
            assert!(names.insert(param.name), "{}: {} twice", info.name, param.name);
            assert!(!param.range.is_empty(), "{}: {} has no range", info.name, param.name);
            assert_eq!(at == 0, !param.neutral.is_empty(), "{}: {}", info.name, param.name);
            if let Kind::Choice(words) = param.kind {
                let default = param.default.expect("a choice has a default");
                assert!(words.contains(&default) && words.len() > 1);
            }
        }
        assert!(info.params[1..].iter().all(|param| param.default.is_some()), "{}", info.name);
    }
}

/// `TopP` is in `top_p.rs` and goes by `top-p`; so it is with all of them.
#[test]
fn a_stage_is_in_the_file_of_its_name() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/stage");
    let files = std::fs::read_dir(folder).expect("the folder of stages");
    let name = |entry: std::fs::DirEntry| entry.file_name().into_string().expect("plain names");
    let mut files: BTreeSet<String> = files.map(|entry| name(entry.expect("a file"))).collect();
    assert!(files.remove("mod.rs"));
    let wanted = stage::ALL.iter().map(|info| format!("{}.rs", info.json_name()));
    assert_eq!(files, wanted.collect());
    for info in stage::ALL {
        let path = format!("{folder}/{}.rs", info.json_name());
        let source = std::fs::read_to_string(path).expect("listed a moment ago");
        let camel: String = info.name.split('-').map(capitalised).collect();
        assert!(source.contains(&format!("pub struct {camel} ")), "{camel}");
        for part in ["*Formula*", "*Parameters*", "*Properties*", "*Cost*", "*Origin*", "```"] {
            assert!(source.contains(part), "{camel}: its page has no {part}");
        }
    }
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

#[test]
fn the_default_order_is_that_of_the_registry() {
    let names: Vec<&str> = stage::ALL.iter().map(|info| info.name).collect();
    assert_eq!(
        names,
        [
            "logit-bias",
            "allowed-tokens",
            "banned-tokens",
            "repetition-penalty",
            "presence-penalty",
            "frequency-penalty",
            "no-repeat-ngram-size",
            "temperature",
            "temperature-schedule",
            "adaptive-temperature",
            "edt",
            "top-k",
            "top-p",
            "min-p",
            "typical-p",
            "epsilon-cutoff",
            "eta-cutoff",
            "top-n-sigma",
        ]
    );
    let backwards = stage::ALL.iter().rev();
    let neutral = backwards.map(|info| build_stage(info.name, info.params[0].neutral));
    let stages = neutral.collect::<kelvin::Result<Vec<_>>>().expect("neutral values are valid");
    let ordered = Pipeline::in_default_order(stages, Pick::Draw);
    let found: Vec<&str> = ordered.stages().iter().map(|stage| stage.info().name).collect();
    assert_eq!(found, names);
}

#[test]
fn the_word_off_and_the_neutral_value_build_stages_that_print_and_parse() {
    for info in stage::ALL {
        for value in ["off", info.params[0].neutral] {
            let stage = build_stage(info.name, value).expect("valid for every stage");
            let text = Shown(stage.as_ref()).to_string();
            let again: Pipeline = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(again.to_string(), text);
            assert!(again.is_neutral(), "{text}");
        }
    }
}

/// Arguments go by place or by name, in any order of names.
#[test]
fn arguments_go_by_place_or_by_name() {
    for (text, printed) in [
        ("top_k( 40 )", "top-k(40)"),
        ("top-p(p=.90)", "top-p(0.9)"),
        ("nucleus(1e-1)", "top-p(0.1)"),
        (
            "repeat_penalty(scope=output, alpha=1.25, last=64)",
            "repetition-penalty(1.25, last=64, scope=output)",
        ),
        ("typ_p(0.5)|temperature(1.50)", "typical-p(0.5) | temperature(1.5)"),
        ("adaptive-temperature()", "adaptive-temperature(1, min=0.3, max=1.5)"),
        ("adaptive-temperature", "adaptive-temperature(1, min=0.3, max=1.5)"),
        (
            "temperature-schedule(2.0, shape=cosine)",
            "temperature-schedule(2, end=0.5, steps=100, shape=cosine)",
        ),
        ("logit_bias(7=-inf, 3:2.5)", "logit-bias(3=2.5, 7=-inf)"),
        ("banned-tokens(9, 1, 9)", "banned-tokens(1, 9)"),
        ("  neutral ", "neutral"),
        ("top-k(5)|greedy", "top-k(5) | greedy"),
    ] {
        let parsed: Pipeline = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parsed.to_string(), printed);
    }
}
