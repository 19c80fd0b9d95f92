//! The edge cases of the ground truth: what is proposed there is what happens.

use std::collections::BTreeMap;

use kelvin::{Error, Pipeline, Sampler};
use serde_json::Value;

use super::{Case, Outcome, check_probabilities, close, ground_truth, number, numbers};

type Check = fn(Case<'_>);

/// The families of cases by the start of their ids, with how many there are of each.
const FAMILIES: &[(&str, usize, Check)] = &[
    ("E-T=", 5, temperature),
    ("E-ties-topk-", 6, ties_at_the_kth_place),
    ("E-uniform4-p=", 9, top_p_of_a_uniform_row),
    ("E-k=", 5, top_k_bounds),
    ("E-p1-", 11, top_p_of_one_keeps_everything),
    ("E-logits-", 9, logits),
    ("E-penalty", 4, penalty),
    ("E-minp-", 1, min_p_bounds),
    ("E-order-", 2, order_matters),
];

#[test]
fn every_edge_case_behaves_as_proposed() {
    let Some(truth) = ground_truth() else { return };
    let mut ran: BTreeMap<&str, usize> = BTreeMap::new();
    for vector in truth["edge"].as_array().expect("a list") {
        let case = Case { truth: &truth, vector };
        let family = FAMILIES.iter().find(|(prefix, ..)| case.id().starts_with(prefix));
        let (prefix, _, check) = family.unwrap_or_else(|| panic!("nobody checks {}", case.id()));
        check(case);
        *ran.entry(prefix).or_default() += 1;
    }
    for (prefix, wanted, _) in FAMILIES {
        assert_eq!(ran.get(prefix), Some(wanted), "cases {prefix}…");
    }
}

impl<'a> Case<'a> {
    /// The id without the prefix of its family.
    fn rest(self, prefix: &str) -> &'a str {
        self.id().strip_prefix(prefix).expect("the family's prefix")
    }

    fn behaviour(self) -> &'a Value {
        &self.vector["seed_behaviour"]
    }
}

fn refused(pipeline: &str) {
    let outcome = pipeline.parse::<Pipeline>();
    assert!(matches!(outcome, Err(Error::Parameter { .. })), "{pipeline} must be refused");
}

fn temperature(case: Case<'_>) {
    let value = case.rest("E-T=");
    let pipeline = format!("temperature({value})");
    match value {
        "0.0" | "1e-320" => {
            let found = Outcome::of(&pipeline, &case.named_row("S3.pizza")).probabilities;
            assert_eq!(found, [1.0, 0.0, 0.0, 0.0, 0.0]);
        }
        _ => refused(&pipeline),
    }
}

fn ties_at_the_kth_place(case: Case<'_>) {
    let (list, k) = case.rest("E-ties-topk-").split_once("-k").expect("a list and k");
    let logits: Vec<f32> = serde_json::from_str(list).expect("a list of numbers");
    let found = Outcome::of(&format!("top-k({k})"), &logits).probabilities;
    check_probabilities(case.id(), &found, &numbers(&case.behaviour()["canonical"]));
}

fn top_p_of_a_uniform_row(case: Case<'_>) {
    let p: f64 = case.rest("E-uniform4-p=").parse().expect("a number");
    let pipeline = format!("top-p({p})");
    if p <= 0.0 || p > 1.0 {
        return refused(&pipeline);
    }
    let kept = Outcome::of(&pipeline, &[0.0; 4]).trace.kept as f64;
    assert_eq!(kept, (p * 4.0).ceil(), "{}", case.id());
}

fn top_k_bounds(case: Case<'_>) {
    let k = case.rest("E-k=").strip_suffix("-V5").expect("over five tokens");
    let pipeline = format!("top-k({k})");
    if k == "-2" {
        return refused(&pipeline);
    }
    let kept = Outcome::of(&pipeline, &case.named_row("S3.pizza")).trace.kept;
    assert_eq!(kept, 5, "{}", case.id());
}

fn top_p_of_one_keeps_everything(case: Case<'_>) {
    let rest = case.rest("E-p1-");
    let (logits, t) = match rest.rsplit_once("-T") {
        Some((name, t)) => (case.named_row(name), t),
        None => (super::row(&case.behaviour()["logits"]), "1"),
    };
    let with = Outcome::of(&format!("temperature({t}) | top-p(1)"), &logits);
    let without = Outcome::of(&format!("temperature({t})"), &logits);
    assert_eq!(with.probabilities, without.probabilities, "{rest}: no bit changes");
    assert_eq!(with.trace.kept, logits.len());
}

/// A value of the file, where the non-finite ones are words.
fn value(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().expect("a word").parse().expect("a float"))
}

#[expect(clippy::cast_possible_truncation, reason = "logits are f32 here")]
fn logits(case: Case<'_>) {
    let given = case.behaviour()["logits"].as_array().expect("a list");
    let logits: Vec<f32> = given.iter().map(|z| value(z) as f32).collect();
    let mut sampler = Sampler::new(Pipeline::neutral(), logits.len()).expect("no parameters");
    let name = case.rest("E-logits-");
    match (name, sampler.probabilities(&logits)) {
        ("all_-inf", found) => assert_eq!(found, Err(Error::NothingLeft { stage: "logits" })),
        ("has_nan" | "has_+inf", found) => {
            assert_eq!(found, Err(Error::NotANumber { token: 1, count: 1 }));
        }
        // 1.7e308 is no f32: it arrives here as +∞
        ("overflow_range", found) => {
            assert_eq!(found, Err(Error::NotANumber { token: 0, count: 1 }));
        }
        // the f32 nearest to 1000.2 is 1.2e-5 away from it
        ("shifted_+1000", found) => {
            let wanted = numbers(&case.behaviour()["S1.softmax"]);
            for (found, wanted) in found.expect("finite logits").iter().zip(wanted) {
                close(name, *found, wanted, 2e-5);
            }
        }
        (_, found) => {
            let wanted = numbers(&case.behaviour()["S1.softmax"]);
            check_probabilities(name, &found.expect("finite logits"), &wanted);
        }
    }
    let first = kelvin::pick::greedy(&logits);
    let has_nan = logits.iter().any(|z| z.is_nan());
    if !has_nan && logits.iter().any(|z| z.is_finite()) {
        assert_eq!(first.map(|at| at as f64), Some(number(&case.behaviour()["argmax"])), "{name}");
    }
}

fn penalty(case: Case<'_>) {
    let logits = [2.0, 0.0, -1.0];
    match case.rest("E-penalty") {
        "=1.0" => {
            let plain = Outcome::of("neutral", &logits).probabilities;
            let pipeline: Pipeline = "repetition-penalty(1.0)".parse().expect("1 is neutral");
            let sampler = Sampler::new(pipeline, 3).expect("no ids");
            let mut sampler = sampler.with_prompt(&[0, 1, 2]).expect("inside the vocabulary");
            assert_eq!(sampler.probabilities(&logits), Ok(plain));
        }
        "-oob" => {
            let pipeline: Pipeline = "repetition-penalty(1.2)".parse().expect("valid");
            let mut sampler = Sampler::new(pipeline, 5).expect("no ids");
            let outside = Error::TokenOutOfRange { token: 7, vocab_size: 5 };
            assert_eq!(sampler.accept(7), Err(outside.clone()));
            assert_eq!(sampler.with_prompt(&[0, 7]).err(), Some(outside));
        }
        value => refused(&format!("repetition-penalty({})", value.trim_start_matches('='))),
    }
}

fn min_p_bounds(_: Case<'_>) {
    let logits = [1.0, 3.0, 3.0, -80.0];
    assert_eq!(Outcome::of("min-p(0)", &logits).trace.kept, 4);
    let ties = Outcome::of("min-p(1)", &logits);
    assert_eq!(ties.probabilities, [0.0, 0.5, 0.5, 0.0]);
    refused("min-p(1.0001)");
}

fn order_matters(case: Case<'_>) {
    let (behaviour, pizza) = (case.behaviour(), case.named_row("S3.pizza"));
    let orders = match case.rest("E-order-") {
        "pizza-k3-p0.8-T1" => [
            ("top_k_then_top_p", "top-k(3) | top-p(0.8)", pizza.clone()),
            ("top_p_then_top_k", "top-p(0.8) | top-k(3)", pizza),
        ],
        _ => [
            ("T_then_p", "temperature(1.5) | top-p(0.9)", case.named_row("S1.paris")),
            ("p_then_T", "top-p(0.9) | temperature(1.5)", case.named_row("S1.paris")),
        ],
    };
    for (name, pipeline, logits) in orders {
        case.check_distribution(pipeline, &logits, &behaviour[name]);
    }
}
