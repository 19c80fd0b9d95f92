//! Dialects: the table is sound, and each makes of a row what its engine does.

use std::collections::BTreeSet;

use kelvin::dialect::{self, Dialect};
use kelvin::math::ln;
use kelvin::pipeline::Pick;
use kelvin::stage;
use kelvin::{Error, Pipeline, Sampler, build_stage};
use serde_json::Value;

use crate::conformance::{float, list, read, text, wholes};

fn find(name: &str) -> &'static Dialect {
    dialect::find(name).unwrap_or_else(|| panic!("no dialect {name}"))
}

#[test]
fn the_table_is_sound() {
    let mut names = BTreeSet::new();
    for dialect in dialect::ALL {
        for name in [dialect.name].iter().chain(dialect.aliases) {
            assert!(names.insert(*name), "{name} stands for two dialects");
            assert_eq!(dialect::find(name).map(|found| found.name), Some(dialect.name));
        }
        let width = dialect.summary.chars().count();
        assert!((10..=79).contains(&width), "{}: {width} columns", dialect.name);
        assert!(!dialect.version.is_empty(), "{}", dialect.name);
        let stages = dialect.stages();
        let unique: BTreeSet<&str> = stages.iter().map(|info| info.name).collect();
        assert_eq!(unique.len(), stages.len(), "{}: a stage comes twice", dialect.name);
        for info in stages {
            assert!(dialect.has(info));
            let default = dialect.default_of(info).unwrap_or(info.params[0].neutral);
            let built = dialect.build_stage(info.name, default);
            built.unwrap_or_else(|error| panic!("{}: {error}", dialect.name));
            for rule in dialect.rules_of(info) {
                let (name, value) = rule.split_once('=').expect("name=value");
                let param = info.params[1..].iter().find(|param| param.name == name);
                let param = param.unwrap_or_else(|| panic!("{}: no {rule}", dialect.name));
                assert_ne!(param.default, Some(value), "{}: {rule} is native", dialect.name);
            }
        }
    }
    assert_eq!(dialect::ALL[0].name, "native");
    let counts = [("native", stage::ALL.len()), ("hf", 12), ("seed1", 3), ("seed4", 3)];
    for (name, count) in counts {
        assert_eq!(find(name).stages().len(), count, "{name}: a stage is misspelt");
    }
}

#[test]
fn native_is_what_there_is_without_a_dialect() {
    let given = [("top-k", "5"), ("temperature", "0.5"), ("typical", "0.9"), ("logit-bias", "0=1")];
    let native = find("kelvin").pipeline(&given, Pick::Draw).expect("valid");
    let stages = given.map(|(name, arguments)| build_stage(name, arguments).expect("valid"));
    assert_eq!(native, Pipeline::in_default_order(stages.into(), Pick::Draw));
    assert_eq!(find("native").pipeline(&[], Pick::Draw), Ok(Pipeline::neutral()));
}

#[test]
fn order_defaults_and_rules_show_in_the_text() {
    let given = [("top-k", "40"), ("temperature", "0.8"), ("top-p", "0.9")];
    let cases = [
        ("native", "temperature(0.8) | top-k(40) | top-p(0.9)"),
        ("hf", "temperature(0.8) | top-k(40, ties=all) | top-p(0.9, ties=last)"),
        ("seed1", "temperature(0.8) | top-k(40) | top-p(0.9)"),
        ("seed2", "temperature(0.8) | top-k(40, ties=all) | top-p(0.9)"),
        ("seed3", "temperature(0.8) | top-p(0.9) | top-k(40, ties=all)"),
        ("seed4", "temperature(0.8) | top-k(40) | top-p(0.9, crossing=drop)"),
    ];
    for (name, wanted) in cases {
        let pipeline = find(name).pipeline(&given, Pick::Draw).expect("valid");
        assert_eq!(pipeline.to_string(), wanted, "{name}");
        assert_eq!(wanted.parse(), Ok(pipeline), "{name}: the text says it all");
    }
    let of = |given: &[(&str, &str)], pick| {
        find("hf").pipeline(given, pick).map(|pipeline| pipeline.to_string())
    };
    assert_eq!(of(&[], Pick::Draw).as_deref(), Ok("top-k(50, ties=all)"), "the hidden one");
    assert_eq!(of(&[], Pick::Greedy).as_deref(), Ok("greedy"), "it is for drawing");
    assert_eq!(of(&[("top-k", "off")], Pick::Draw).as_deref(), Ok("top-k(off)"));
    let own = [("top_k", "9, ties=first"), ("top-p", "p=0.5, ties = all")];
    assert_eq!(of(&own, Pick::Draw).as_deref(), Ok("top-k(9) | top-p(0.5, ties=all)"));
    let all = "logit-bias(0=1) | repetition-penalty(1.1, scope=all) | no-repeat-ngram-size(2) | \
               banned-tokens(3) | allowed-tokens(0, 1) | top-k(50, ties=all) | min-p(0.1) | \
               typical-p(0.9, ties=all) | epsilon-cutoff(0.01, ties=all) | eta-cutoff(0.01, ties=all)";
    let given = [
        ("eta-cutoff", "0.01"),
        ("epsilon-cutoff", "0.01"),
        ("typical", "0.9"),
        ("min-p", "0.1"),
        ("allowed-tokens", "0, 1"),
        ("banned-tokens", "3"),
        ("no-repeat-ngram-size", "2"),
        ("repetition-penalty", "1.1"),
        ("logit-bias", "0=1"),
    ];
    assert_eq!(of(&given, Pick::Draw).as_deref(), Ok(all));
}

#[test]
fn a_stage_that_a_dialect_lacks_is_an_error_that_names_those_it_has() {
    let error = find("seed1").pipeline(&[("min-p", "0.1")], Pick::Draw).expect_err("no min-p");
    assert_eq!(error.to_string(), "dialect seed1 has no min-p; it has temperature, top-k, top-p");
    let lacks = [
        "presence-penalty",
        "frequency-penalty",
        "temperature-schedule",
        "adaptive-temperature",
        "edt",
        "top-n-sigma",
    ];
    for info in stage::ALL {
        let built = find("hf").build_stage(info.name, info.params[0].neutral);
        let refused = matches!(built, Err(Error::NotInDialect { dialect: "hf", .. }));
        assert_eq!(refused, lacks.contains(&info.name), "{}", info.name);
    }
    assert!(matches!(find("hf").build_stage("xtc", "1"), Err(Error::Spec { .. })));
    assert!(matches!(find("hf").build_stage("top-p", "2"), Err(Error::Parameter { .. })));
}

/// The row of a vector: logits, or logarithms of probabilities.
#[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
fn row(vector: &Value) -> Vec<f32> {
    match &vector["probs"] {
        Value::Null => list(vector, "logits").iter().map(|z| float(z) as f32).collect(),
        _ => list(vector, "probs").iter().map(|p| ln(float(p)) as f32).collect(),
    }
}

/// The vectors that tell engines apart, each with what an engine's rules make of it.
#[test]
fn every_engine_keeps_what_it_keeps() {
    let file = read("engines.json");
    let tolerance = float(&file["tolerance"]);
    let mut n_cases = 0;
    for vector in list(&file, "vectors") {
        let row = row(vector);
        let word = |value: &Value| value.as_str().expect("a word").to_owned();
        let given = list(vector, "given").iter().map(|pair| (word(&pair[0]), word(&pair[1])));
        let given: Vec<(String, String)> = given.collect();
        let mut given: Vec<(&str, &str)> =
            given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if given.iter().all(|(name, _)| *name != "top-k") {
            given.push(("top-k", "off")); // what a vector does not name is off
        }
        for (name, wanted) in vector["probs_by_dialect"].as_object().expect("by name") {
            let id = format!("{} under {name}", text(vector, "id"));
            let pipeline = find(name).pipeline(&given, Pick::Draw).expect("valid");
            let found = Sampler::new(pipeline, row.len()).expect("no ids").probabilities(&row);
            for (found, wanted) in
                found.expect("usable").iter().zip(wanted.as_array().expect("a list"))
            {
                assert!((found - float(wanted)).abs() <= tolerance, "{id}: {found}, not {wanted}");
            }
            n_cases += 1;
        }
    }
    assert_eq!(n_cases, 22);
}

/// Random settings on random rows, through the processors of transformers itself.
#[test]
#[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
fn hf_is_what_transformers_keeps() {
    let file = read("hf.json");
    let (cases, undecided) = (list(&file, "cases"), float(&file["undecided"]));
    assert!(cases.len() >= 600 && undecided < 60.0, "{undecided} undecided");
    let mut by_ties = 0;
    for case in cases {
        let row: Vec<f32> = list(case, "logits").iter().map(|z| float(z) as f32).collect();
        let history: Vec<u32> = wholes(&case["history"]);
        let word = |value: &Value| value.as_str().expect("a word").to_owned();
        let given = list(case, "given").iter().map(|pair| (word(&pair[0]), word(&pair[1])));
        let given: Vec<(String, String)> = given.chain([("top-k".into(), "off".into())]).collect();
        let mut given: Vec<(&str, &str)> =
            given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if given.iter().filter(|(name, _)| *name == "top-k").count() > 1 {
            given.pop();
        }
        let under = |name: &str| {
            let pipeline = find(name).pipeline(&given, Pick::Draw).expect("valid");
            let sampler = Sampler::new(pipeline, row.len()).expect("no ids");
            let mut sampler = sampler.with_prompt(&history).expect("inside the vocabulary");
            sampler.probabilities(&row).expect("usable")
        };
        let found = under("hf");
        let kept = wholes::<usize>(&case["kept"]);
        let mut wanted = vec![0.0; row.len()];
        for (&id, p) in kept.iter().zip(list(case, "probs")) {
            wanted[id] = float(p);
        }
        for (found, wanted) in found.iter().zip(&wanted) {
            let apart = (found - wanted).abs();
            assert!(apart < 1e-6, "{case}: {found}, there {wanted}");
        }
        by_ties += usize::from(under("native") != found);
    }
    assert!(by_ties > 30, "{by_ties} cases tell the dialects apart");
}
