//! The claims of the guide *Coming from transformers*, held to what transformers itself answered.
//!
//! `tests/golden/transformers.json` was made by `scripts/golden/transformers_claims.py`.

use serde_json::Value;

use crate::binary::{in_crate, kelvin_reading};

fn golden() -> Value {
    let text = std::fs::read_to_string(in_crate("tests/golden/transformers.json"));
    serde_json::from_str(&text.expect("committed")).expect("JSON")
}

/// What `kelvin next` makes of these logits under these flags.
fn next(logits: &Value, flags: &Value, more: &[&str]) -> Value {
    let flags = list(flags).iter().map(|flag| flag.as_str().expect("a flag"));
    let args = ["next", "--logits", "-", "--json", "--seed", "1"].into_iter();
    let args: Vec<&str> = args.chain(flags).chain(more.iter().copied()).collect();
    kelvin_reading(&args, &logits.to_string()).json()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// The ids that can still be drawn, in ascending order, with their probabilities.
fn survivors(answer: &Value) -> Vec<(u64, f64)> {
    let row = |row: &Value| (row["id"].as_u64().expect("an id"), number(&row["p"]));
    let mut rows: Vec<(u64, f64)> = list(&answer["final"]).iter().map(row).collect();
    rows.sort_by_key(|row| row.0);
    rows
}

fn case<'g>(golden: &'g Value, name: &str) -> &'g Value {
    let found = list(&golden["rows"]).iter().find(|row| row["name"] == name);
    found.unwrap_or_else(|| panic!("no case {name}"))
}

/// Where no tie stands at an edge, the same flags keep the same tokens with the same probabilities; in its
/// own dialect, everywhere.
#[test]
fn the_same_flags_keep_the_same_tokens() {
    let golden = golden();
    for row in list(&golden["rows"]) {
        let has_ties = row["name"].to_string().contains("ties");
        assert_same(row, &["--dialect", "hf"]);
        if !has_ties {
            assert_same(row, &[]);
        }
    }
}

fn assert_same(row: &Value, more: &[&str]) {
    let name = &row["name"];
    let history: Vec<String> = list(&row["history"]).iter().map(Value::to_string).collect();
    let history = history.join(",");
    let mut more = more.to_vec();
    more.extend((!history.is_empty()).then_some(["--history", &history]).into_iter().flatten());
    let top_k_is_given = list(&row["flags"]).iter().any(|flag| flag == "--top-k");
    if !top_k_is_given && more.contains(&"hf") {
        more.extend(["--top-k", "off"]); // the processors were asked, not `generate`
    }
    let found = survivors(&next(&row["logits"], &row["flags"], &more));
    let kept: Vec<u64> = found.iter().map(|row| row.0).collect();
    let expected: Vec<u64> =
        list(&row["kept"]).iter().map(|id| id.as_u64().expect("an id")).collect();
    assert_eq!(kept, expected, "{name}");
    for (id, p) in found {
        let expected = number(&row["p"][usize::try_from(id).expect("a small id")]);
        assert!((p - expected).abs() <= 1e-6, "{name}, token {id}: {p}, there {expected}");
    }
}

#[test]
fn sampling_there_keeps_fifty_tokens_unless_told_otherwise() {
    let golden = golden();
    assert_eq!(golden["defaults"]["top_k"], 50);
    let row = case(&golden, "sampling, nothing said");
    assert_eq!(list(&row["kept"]).len(), 50);
    let untouched = next(&row["logits"], &Value::Array(Vec::new()), &[]);
    assert_eq!(untouched["kept"], 64, "here nothing is removed unasked");
    let there = next(&row["logits"], &Value::Array(Vec::new()), &["--dialect", "hf"]);
    assert_eq!((&there["kept"], &there["dialect"]), (&50.into(), &"hf".into()));
    assert_eq!(there["settings"][0]["origin"], "dialect hf");
}

#[test]
fn ties_are_decided_here_and_left_to_chance_there() {
    let golden = golden();
    let kept = |name: &str| {
        let row = case(&golden, name);
        let ids: Vec<u64> =
            survivors(&next(&row["logits"], &row["flags"], &[])).iter().map(|row| row.0).collect();
        (row["kept"].to_string(), ids)
    };
    // there: a third token for k = 2; here: exactly k, the smaller id first
    assert_eq!(kept("ties at the edge of top-k"), ("[0,1,2]".to_owned(), vec![0, 1]));
    // there: whichever the sort put last; here: the smaller id first
    assert_eq!(kept("ties at the edge of top-p"), ("[0,2]".to_owned(), vec![0, 1]));
}

#[test]
fn greedy_is_the_default_there_and_a_flag_here() {
    let golden = golden();
    assert_eq!(golden["defaults"]["do_sample"], false);
    assert_eq!(golden["greedy"]["equals_do_sample_false"], true);
    let sequence = list(&golden["greedy"]["sequence"]);
    let rows = list(&golden["greedy"]["logits"]);
    assert_eq!(rows.len(), 20, "there, 20 new tokens is what nothing said means");
    for (logits, id) in rows.iter().zip(&sequence[sequence.len() - rows.len()..]) {
        let answer = next(logits, &Value::Array(Vec::new()), &["--greedy"]);
        assert_eq!(&answer["greedy_id"], id);
    }
    assert!(golden["temperature_0"].as_str().expect("refused there").contains("strictly positive"));
    let zero = next(&rows[0], &Value::Array(Vec::new()), &["--temperature", "0"]);
    assert_eq!((&zero["support"], &zero["final"][0]["id"]), (&1.into(), &zero["greedy_id"]));
}

/// `output_logits` is what `raw_p` is made of; `output_scores` is what `p` is made of, before it is
/// normalised.
#[test]
fn scores_there_are_logits_after_the_policy_and_are_not_normalised() {
    let golden = golden();
    let run = &golden["run"];
    for (step, logits) in list(&run["logits"]).iter().enumerate() {
        let answer = next(logits, &run["flags"], &[]);
        assert_eq!(answer["kept"], run["scores_kept"][step]);
        let id = run["ids"][step].as_u64().expect("an id");
        let (_, p) = *survivors(&answer).iter().find(|row| row.0 == id).expect("it was drawn");
        let normalised = number(&run["transition_scores_normalized"][step]);
        assert!(
            (p - kelvin::math::exp(normalised)).abs() <= 1e-6,
            "step {step}: {p}, there e^{normalised}"
        );
        let z = number(&logits[usize::try_from(id).expect("a small id")]);
        let score = number(&run["transition_scores"][step]);
        assert!((score - z / 0.8).abs() <= 1e-5, "step {step}: {score}, logit {z}");
    }
}
