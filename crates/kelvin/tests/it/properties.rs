//! What holds whatever the row and the parameters.

use kelvin::pipeline::{Pick, Shown};
use kelvin::stage::{self, Effect, Kind, Stage};
use kelvin::{Crossing, Pipeline, Sampler, Ties, TokenId, build_stage};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::plain::{self, Fraction, Rule};
use crate::probe::look;
use crate::{rows, trace};

const BAN: f32 = f32::NEG_INFINITY;

/// Logits, of which some tie, some are banned, and some lie at the ends of f32.
fn logit() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -12.0_f32..12.0,
        4 => (-4..4_i8).prop_map(|z| f32::from(z) * 0.5),
        1 => Just(BAN),
        1 => prop_oneof![Just(0.0_f32), Just(-0.0), Just(1e-45), Just(-3e-39)],
        1 => prop_oneof![Just(f32::MAX), Just(f32::MIN), Just(-3.3e38_f32), Just(1e30)],
    ]
}

fn row() -> impl Strategy<Value = Vec<f32>> {
    vec(logit(), 1..48).prop_filter("something is left", |row| row.iter().any(|&z| z > BAN))
}

/// Logits that are all different, so that no tie falls to an id.
fn distinct_row() -> impl Strategy<Value = Vec<f32>> {
    proptest::collection::btree_set(-4000_i16..4000, 1..40)
        .prop_map(|set| set.into_iter().map(|z| f32::from(z) / 256.0).collect::<Vec<f32>>())
        .prop_shuffle()
}

fn fraction(digits: std::ops::Range<u64>) -> impl Strategy<Value = Fraction> {
    digits.prop_map(|digits| Fraction { digits, places: 3 })
}

/// Boundary rules, the native one most of the time.
fn ties() -> impl Strategy<Value = Ties> {
    prop_oneof![2 => Just(Ties::First), 1 => Just(Ties::Last), 1 => Just(Ties::All)]
}

fn crossing() -> impl Strategy<Value = Crossing> {
    prop_oneof![2 => Just(Crossing::Keep), 1 => Just(Crossing::Drop)]
}

/// Top-k and top-p with the native boundary rules.
fn top_k(k: usize) -> Rule {
    Rule::TopK(k, Ties::First)
}

fn top_p(p: Fraction) -> Rule {
    Rule::TopP(p, Crossing::Keep, Ties::First)
}

/// A truncation.
fn cut() -> impl Strategy<Value = Rule> {
    prop_oneof![
        (1..60_usize, ties()).prop_map(|(k, ties)| Rule::TopK(k, ties)),
        (fraction(1..1000), crossing(), ties())
            .prop_map(|(p, crossing, ties)| Rule::TopP(p, crossing, ties)),
        fraction(1..1001).prop_map(Rule::MinP),
        (fraction(1..1000), ties()).prop_map(|(epsilon, ties)| Rule::Epsilon(epsilon, ties)),
        (fraction(1..1000), ties()).prop_map(|(mass, ties)| Rule::Typical(mass, ties)),
        (0.001..0.9, ties()).prop_map(|(epsilon, ties)| Rule::Eta(epsilon, ties)),
        (0.01..5.0).prop_map(Rule::Sigma),
    ]
}

/// Any rule; ids are below 48 and cut to the row where it is used.
fn rule() -> impl Strategy<Value = Rule> {
    let ids = || proptest::collection::btree_set(0..48_u32, 1..12);
    let list = |ids: std::collections::BTreeSet<u32>| ids.into_iter().collect::<Vec<_>>();
    let bias = prop_oneof![4 => -9.0..9.0, 1 => Just(f64::NEG_INFINITY), 1 => Just(-1e39)];
    prop_oneof![
        8 => cut(),
        1 => proptest::collection::btree_map(0..48_u32, bias, 1..8)
            .prop_map(|biases| Rule::Bias(biases.into_iter().collect())),
        1 => ids().prop_map(move |ids| Rule::Allow(list(ids))),
        1 => ids().prop_map(move |ids| Rule::Ban(list(ids))),
        1 => (0.3..3.0).prop_map(Rule::Repetition),
        1 => (-2.0..2.0).prop_map(Rule::Presence),
        1 => (-2.0..2.0).prop_map(Rule::Frequency),
        1 => (1..4_usize).prop_map(Rule::NoRepeat),
        2 => prop_oneof![0.05..4.0, Just(1e-6), Just(1e6)].prop_map(Rule::Temperature),
        1 => Just(Rule::Adaptive { base: 0.9, min: 0.2, max: 2.0 }),
        1 => (0.0..2.0).prop_map(|theta| Rule::Edt { theta, base: 1.1 }),
    ]
}

/// The rules without the ids that a row of this length lacks.
fn fitted(rules: &[Rule], len: usize) -> Vec<Rule> {
    let inside = |id: &TokenId| (*id as usize) < len;
    let fit = |rule: &Rule| match rule {
        Rule::Bias(biases) => {
            Rule::Bias(biases.iter().copied().filter(|(id, _)| inside(id)).collect())
        }
        Rule::Allow(ids) => Rule::Allow(ids.iter().copied().filter(inside).collect()),
        Rule::Ban(ids) => Rule::Ban(ids.iter().copied().filter(inside).collect()),
        other => other.clone(),
    };
    let names_nothing = |rule: &Rule| match rule {
        Rule::Bias(biases) => biases.is_empty(),
        Rule::Allow(ids) | Rule::Ban(ids) => ids.is_empty(),
        _ => false,
    };
    rules.iter().map(fit).filter(|rule| !names_nothing(rule)).collect()
}

fn kept(rules: &[Rule], row: &[f32]) -> Vec<TokenId> {
    look(&plain::text(rules), &[], row).expect("a usable row").ids()
}

fn weights(pipeline: &str, row: &[f32]) -> Vec<(TokenId, u64)> {
    let pipeline = pipeline.parse().expect("a valid pipeline");
    let mut sampler = Sampler::new(pipeline, row.len()).expect("ids inside the vocabulary");
    sampler.weights(row).expect("a usable row")
}

fn is_subset(smaller: &[TokenId], larger: &[TokenId]) -> bool {
    smaller.iter().all(|id| larger.binary_search(id).is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pipeline_is_the_plain_law(
        row in row(), rules in vec(rule(), 0..5), history in vec(0..48_u32, 0..12),
    ) {
        let rules = fitted(&rules, row.len());
        let mut history = history;
        history.retain(|&id| (id as usize) < row.len());
        trace::check(&rules, &row, &history);
    }

    #[test]
    fn the_nucleus_grows_with_p(row in row(), a in 1..1000_u64, b in 1..1000_u64) {
        let of = |digits| kept(&[top_p(Fraction { digits, places: 3 })], &row);
        prop_assert!(is_subset(&of(a.min(b)), &of(a.max(b))));
    }

    #[test]
    fn top_k_grows_with_k_and_counts_exactly(row in row(), a in 1..60_usize, b in 1..60_usize) {
        let of = |k| kept(&[top_k(k)], &row);
        prop_assert!(is_subset(&of(a.min(b)), &of(a.max(b))));
        let live = row.iter().filter(|&&z| z > BAN).count();
        prop_assert_eq!(of(a).len(), a.min(live));
    }

    #[test]
    fn min_p_shrinks_with_m(row in row(), a in 1..1001_u64, b in 1..1001_u64) {
        let of = |digits| kept(&[Rule::MinP(Fraction { digits, places: 3 })], &row);
        prop_assert!(is_subset(&of(a.max(b)), &of(a.min(b))));
    }

    #[test]
    fn the_nucleus_is_minimal(row in row(), p in fraction(1..1000)) {
        let all = weights("neutral", &row);
        let total: u128 = all.iter().map(|&(_, w)| u128::from(w)).sum();
        let share = |kept: &[TokenId]| {
            let of = all.iter().filter(|(id, _)| kept.contains(id));
            of.map(|&(_, w)| u128::from(w)).sum::<u128>() * 1000
        };
        let needed = total * u128::from(p.digits);
        let nucleus = kept(&[top_p(p)], &row);
        prop_assert!(share(&nucleus) >= needed);
        let last = *plain::Plain::new(&row, &[]).ranked().get(nucleus.len() - 1).expect("kept");
        let without: Vec<_> = nucleus.into_iter().filter(|&id| id != last).collect();
        prop_assert!(share(&without) < needed);
    }

    /// The names of tokens carry no meaning: where nothing ties, a permuted row gives permuted shares.
    #[test]
    fn a_permuted_row_gives_permuted_shares(row in distinct_row(), rule in cut(), t in 0.2..3.0) {
        let pipeline = plain::text(&[Rule::Temperature(t), rule]);
        let mut sorted = row.clone();
        sorted.sort_by(f32::total_cmp);
        let by_logit = |row: &[f32]| {
            let shares = weights(&pipeline, row).into_iter();
            let mut shares: Vec<_> = shares.map(|(id, w)| (row[id as usize].to_bits(), w)).collect();
            shares.sort_unstable();
            shares
        };
        // the sums behind an entropy are taken in id order, so a cut by it may fall otherwise at an edge
        let by_entropy = pipeline.contains("typical") || pipeline.contains("eta-") || pipeline.contains("sigma");
        prop_assert!(by_logit(&row) == by_logit(&sorted) || by_entropy);
    }

    /// Only differences count: a constant that adds without rounding changes no weight.
    #[test]
    fn a_shifted_row_gives_the_same_shares(
        row in vec((-2000_i16..2000).prop_map(|z| f32::from(z) / 64.0), 1..40),
        shift in (-4000_i16..4000).prop_map(f32::from),
        rules in vec(cut(), 0..3), t in 0.2..3.0,
    ) {
        let shifted: Vec<f32> = row.iter().map(|z| z + shift).collect();
        let mut rules = rules;
        rules.retain(|rule| !matches!(rule, Rule::Sigma(_))); // its mean rounds
        rules.insert(0, Rule::Temperature(t));
        let pipeline = plain::text(&rules);
        prop_assert_eq!(weights(&pipeline, &row), weights(&pipeline, &shifted));
    }

    #[test]
    fn cuts_that_look_at_the_best_token_change_nothing_the_second_time(
        row in row(), m in fraction(1..1001), k in 1..50_usize, n in 0.01..5.0,
    ) {
        for rule in &[Rule::MinP(m), top_k(k), Rule::Sigma(n)] {
            let (once, twice) = (rule.text(), plain::text(&[rule.clone(), rule.clone()]));
            prop_assert_eq!(weights(&once, &row), weights(&twice, &row));
        }
    }

    #[test]
    fn probabilities_sum_to_1(row in row(), rules in vec(cut(), 0..3), t in 0.05..5.0) {
        let mut rules = rules;
        rules.insert(0, Rule::Temperature(t));
        let pipeline = plain::text(&rules).parse().expect("valid");
        let shares = Sampler::new(pipeline, row.len()).expect("no ids").probabilities(&row);
        let sum: f64 = shares.expect("usable").iter().sum();
        prop_assert!((sum - 1.0).abs() < 1e-14, "{}", sum);
    }

    #[test]
    fn top_k_of_1_is_greedy(row in row(), t in 0.05..5.0) {
        let greedy = weights("greedy", &row)[0].0;
        prop_assert_eq!(kelvin::pick::greedy(&row), Some(greedy as usize));
        for pipeline in ["top-k(1)".to_string(), format!("temperature({t}) | top-k(1)"), "temperature(0)".into()] {
            let found = weights(&pipeline, &row);
            prop_assert!(found.len() == 1 && found[0].0 == greedy, "{}", pipeline);
        }
    }

    #[test]
    fn a_truncation_only_removes(row in row(), rule in cut()) {
        let seen = look(&rule.text(), &[], &row).expect("usable");
        for (id, logit) in seen.kept {
            prop_assert_eq!(logit.to_bits(), row[id as usize].to_bits());
        }
    }

    #[test]
    fn a_pipeline_prints_what_it_parses(rules in vec(rule(), 0..7), greedy in any::<bool>()) {
        let text = plain::text(&rules);
        let text = match (greedy, rules.is_empty()) {
            (true, true) => "greedy".to_string(),
            (true, false) => format!("{text} | greedy"),
            (false, _) => text,
        };
        let parsed: Pipeline = text.parse().expect("valid");
        let again: Pipeline = parsed.to_string().parse().expect("what was printed parses");
        prop_assert_eq!(&again, &parsed);
        prop_assert_eq!(again.to_string(), parsed.to_string());
        prop_assert_eq!(format!("{again:?}"), format!("{parsed:?}"), "and not in text alone");
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,60}") {
        let _ = text.parse::<Pipeline>();
    }

    #[test]
    fn nothing_near_a_pipeline_makes_the_parser_panic(text in "[a-z=(),|.0-9 -]{0,60}") {
        let _ = text.parse::<Pipeline>();
    }
}

/// A value for each stage that makes it do something on the rows of the next tests.
fn working(info: &stage::StageInfo) -> &'static str {
    match info.name {
        "logit-bias" => "0=3, 1=-2",
        "allowed-tokens" => "0, 1, 2, 5, 9",
        "banned-tokens" => "0, 1",
        "repetition-penalty" => "1.7",
        "presence-penalty" | "frequency-penalty" => "1.5, scope=all",
        "no-repeat-ngram-size" | "temperature-schedule" => "2",
        "temperature" => "0.6",
        "adaptive-temperature" => "",
        "edt" | "top-n-sigma" | "top-p" | "typical-p" => "0.7",
        "top-k" => "4",
        "min-p" | "epsilon-cutoff" | "eta-cutoff" => "0.05",
        other => panic!("{other} is new: give it a value here"),
    }
}

fn build(info: &stage::StageInfo, arguments: &str) -> Box<dyn Stage> {
    build_stage(info.name, arguments).unwrap_or_else(|error| panic!("{}: {error}", info.name))
}

#[test]
fn what_a_stage_declares_is_true() {
    for info in stage::ALL {
        let text = format!("{}({})", info.name, working(info));
        let mut first_moved = false;
        for kind in rows::KINDS {
            for len in [10, 64, 300] {
                let logits = rows::row(kind, len, 55);
                let Ok(seen) = look(&text, &[1, 1, 0, 1, 0], &logits) else { continue };
                let raw = look("neutral", &[], &logits).expect("usable");
                let rank = |kept: &[(TokenId, f32)]| {
                    let best = kept.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
                    best.expect("something is left").0
                };
                first_moved |= rank(&seen.kept) != rank(&raw.kept);
                let same_logits = seen.kept.iter().all(|kept| raw.kept.contains(kept));
                let wanted = match info.effect {
                    Effect::Temperature => seen.kept == raw.kept && seen.temperature != 0.0,
                    Effect::Truncation | Effect::Mask => same_logits && seen.temperature == 1.0,
                    Effect::Logits => seen.temperature == 1.0,
                };
                assert!(wanted, "{text} on {kind:?} does not do {:?}", info.effect);
            }
        }
        assert!(!(first_moved && info.keeps_argmax), "{text} moved the argmax");
    }
}

/// The neutral value, at each place of a pipeline, changes no bit of the weights.
#[test]
fn a_neutral_stage_changes_no_bit() {
    let around = ["repetition-penalty(1.3)", "temperature(0.7)", "top-p(0.95)", "min-p(0.01)"];
    let history = [3, 5, 3, 9];
    for info in stage::ALL {
        let neutral = Shown(build(info, info.params[0].neutral).as_ref()).to_string();
        assert!(build(info, info.params[0].neutral).is_neutral(), "{neutral}");
        assert!(build(info, "off").is_neutral() || info.name == "top-k", "{} off", info.name);
        for place in 0..=around.len() {
            let mut with = around.to_vec();
            with.insert(place, &neutral);
            for kind in rows::KINDS {
                let logits = rows::row(kind, 300, 77);
                let of = |stages: &[&str]| {
                    let pipeline = stages.join(" | ").parse().expect("valid");
                    let sampler = Sampler::new(pipeline, 300).expect("ids inside");
                    sampler.with_prompt(&history).expect("inside").weights(&logits)
                };
                assert_eq!(of(&with), of(&around), "{neutral} at {place} on {kind:?}");
            }
        }
    }
}

#[test]
fn greedy_skips_truncations_and_temperatures_and_names_them() {
    let logits = rows::row(rows::Kind::Flat, 200, 4);
    for info in stage::ALL {
        let stage = build(info, working(info));
        let pipeline = Pipeline::new(vec![stage], Pick::Greedy);
        let blind = matches!(info.effect, Effect::Temperature | Effect::Truncation);
        assert_eq!(pipeline.ignored_by_greedy().count(), usize::from(blind), "{}", info.name);
        assert!(pipeline.is_greedy() && !pipeline.is_neutral());
        let mut sampler = Sampler::new(pipeline, 200).expect("ids inside");
        let trace = sampler.sample_traced(&logits, 3).expect("usable");
        assert_eq!((trace.kept, trace.support, trace.draw), (1, 1, None));
        assert_eq!((trace.logprob, trace.entropy_nats), (0.0, 0.0));
        assert_eq!(trace.token, trace.greedy);
        assert_eq!(
            trace.stages[0].removed == 0,
            blind || info.effect == Effect::Logits && info.name != "banned-tokens"
        );
    }
    let nothing_to_list = stage::ALL.iter().filter(|info| info.params[0].kind == Kind::Tokens);
    assert_eq!(nothing_to_list.count(), 2);
}
