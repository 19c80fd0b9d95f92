//! The golden vectors of `conformance/`, which an oracle in another language wrote.

use kelvin::rng::{Counter, Domain, philox4x32};
use kelvin::{Draw, Error, Pipeline, Sampler, Seed, TokenId, stream_of};
use serde_json::Value;

use crate::probe::look;

/// A file of the conformance folder.
pub(crate) fn read(name: &str) -> Value {
    let path = format!("{}/../../conformance/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name} is no list"))
}

fn whole<T: TryFrom<u64>>(value: &Value) -> T {
    let whole = value.as_u64().and_then(|whole| whole.try_into().ok());
    whole.unwrap_or_else(|| panic!("{value} is no whole number of this size"))
}

pub(crate) fn wholes<T: TryFrom<u64>>(value: &Value) -> Vec<T> {
    value.as_array().expect("a list").iter().map(whole).collect()
}

fn words<const N: usize>(value: &Value) -> [u32; N] {
    wholes(value).try_into().expect("so many words")
}

pub(crate) fn float(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is no text"))
}

/// A row of the file; JSON has no −∞, so a ban is a number that no logit can be.
#[expect(clippy::cast_possible_truncation, reason = "logits are f32, and −1e300 becomes −∞")]
fn row(rows: &Value, name: &str) -> Vec<f32> {
    list(rows, name).iter().map(|z| float(z) as f32).collect()
}

#[test]
fn randomness_is_the_published_and_the_golden_one() {
    let file = read("rng.json");
    for case in list(&file, "philox") {
        let found = philox4x32(words(&case["key"]), words(&case["counter"]));
        assert_eq!(found, words(&case["words"]));
    }
    for case in list(&file, "keys") {
        let seed = Seed::new(whole(&case["seed"])).with_stream(whole(&case["stream"]));
        assert_eq!(seed.with_choice(whole(&case["choice"])).key(), words(&case["key"]));
    }
    for case in list(&file, "streams") {
        let prompt: Vec<TokenId> = wholes(&case["prompt"]);
        assert_eq!(stream_of(&prompt), whole::<u64>(&case["stream"]));
        assert_eq!(Seed::new(1).with_prompt(&prompt).stream, stream_of(&prompt));
    }
    let mut rejected = 0;
    for case in list(&file, "draws_seed_position_total_r_word_attempt") {
        let [seed, position, total, r, word, attempt]: [u64; 6] =
            wholes(case).try_into().expect("six columns");
        let position = u32::try_from(position).expect("a position");
        let found = Draw::below(total, Seed::new(seed), Counter::new(position, Domain::Pick));
        assert_eq!(found, Draw { r, total, word });
        rejected += attempt;
    }
    assert!(rejected > 0, "the rejection step is among the cases");
}

#[test]
fn weights_are_the_exact_ones_to_one_unit() {
    let rows = &read("stages.json")["rows_with_bans_as_minus_1e300"];
    for case in list(&read("weights.json"), "cases") {
        let logits = row(rows, text(case, "row"));
        let pipeline = format!("temperature({})", case["temperature"]).parse().expect("valid");
        let weights = Sampler::new(pipeline, logits.len()).expect("no ids").weights(&logits);
        let mut found = vec![0; logits.len()];
        weights.expect("usable").iter().for_each(|&(id, weight)| found[id as usize] = weight);
        for (found, wanted) in found.iter().zip(wholes::<u64>(&case["weights"])) {
            assert!(found.abs_diff(wanted) <= 1, "{case}: {found}, not {wanted}");
        }
    }
}

#[test]
fn every_stage_and_order_keeps_what_the_oracle_keeps() {
    let file = read("stages.json");
    let cases = list(&file, "cases");
    assert!(cases.len() > 450 && whole::<usize>(&file["undecided"]) < cases.len() / 10);
    for case in cases {
        let logits = row(&file["rows_with_bans_as_minus_1e300"], text(case, "row"));
        let mut prompt: Vec<TokenId> = wholes(&file["prompt"]);
        prompt.retain(|&token| (token as usize) < logits.len());
        let pipeline = text(case, "pipeline");
        let name = format!("{pipeline} on {}", text(case, "row"));
        let seen = look(pipeline, &prompt, &logits);
        if let Some(stage) = case["nothing_left"].as_str() {
            let named = matches!(seen, Err(Error::NothingLeft { stage: named }) if named == stage);
            assert!(named, "{name}: {seen:?}");
            continue;
        }
        let seen = seen.unwrap_or_else(|error| panic!("{name}: {error}"));
        let (order, probs) = (wholes::<TokenId>(&case["kept"]), list(case, "probs"));
        let mut wanted = order.clone();
        wanted.sort_unstable();
        assert_eq!(seen.ids(), wanted, "{name}: kept");
        near(seen.temperature, float(&case["temperature"]), &name);
        let pipeline: Pipeline = pipeline.parse().expect("it parsed before");
        let sampler = Sampler::new(pipeline, logits.len()).expect("ids inside");
        let mut sampler = sampler.with_prompt(&prompt).expect("inside the vocabulary");
        let found = sampler.probabilities(&logits).expect("a usable row");
        for (&id, wanted) in order.iter().zip(probs) {
            let apart = (found[id as usize] - float(wanted)).abs();
            assert!(apart < 1e-12, "{name}: p of {id}: {apart:e} apart");
        }
        let trace = sampler.sample_traced(&logits, 1).expect("a usable row");
        assert!((trace.entropy_nats - float(&case["entropy_nats"])).abs() < 1e-11, "{name}");
        assert_eq!(trace.greedy, order[0], "{name}: first of the total order");
    }
}

fn near(found: f64, wanted: f64, name: &str) {
    assert!((found - wanted).abs() <= 1e-12 * wanted, "{name}: {found}, not {wanted}");
}

/// The text of every error is written down: a change of wording shows in a diff.
#[test]
fn every_error_says_what_the_table_says() {
    for case in list(&read("errors.json"), "pipelines") {
        let found = text(case, "text").parse::<Pipeline>();
        let found = found.expect_err("the table holds errors").to_string();
        assert_eq!(found, text(case, "error"), "{}", text(case, "text"));
        assert!(!found.ends_with('.') && !found.starts_with(char::is_uppercase), "{found}");
    }
    let file = read("errors.json");
    let told = |range: &str| {
        list(&file, "pipelines").iter().any(|case| text(case, "error").ends_with(range))
    };
    for info in kelvin::stage::ALL {
        for param in info.params {
            assert!(told(param.range), "{}: no error tells the range of {}", info.name, param.name);
        }
    }
    for case in list(&file, "rows") {
        let pipeline: Pipeline = text(case, "pipeline").parse().expect("a valid pipeline");
        let vocab_size = whole(&case["vocab_size"]);
        let outcome = Sampler::new(pipeline, vocab_size).and_then(|mut sampler| {
            let logits = list(case, "logits").iter().map(|z| match z {
                Value::String(word) => word.parse().expect("a float"),
                number => row(&serde_json::json!({ "z": [number] }), "z")[0],
            });
            sampler.sample(&logits.collect::<Vec<f32>>())
        });
        let found = outcome.expect_err("the table holds errors").to_string();
        assert_eq!(found, text(case, "error"), "{case}");
    }
}
