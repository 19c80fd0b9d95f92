//! `kelvin explain --diff` and `--fragile`: what they say of rows whose answer is known.

use serde_json::{Value, json};

use crate::binary::{kelvin, kelvin_reading};

fn explain(args: &str) -> Value {
    let args: Vec<&str> =
        ["explain", "--json"].into_iter().chain(args.split_whitespace()).collect();
    kelvin(&args).json()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// The crossing token of the fourth course's figure: 0.9 lies within the fifth word.
#[test]
fn a_difference_says_which_token_goes_and_by_whom() {
    let found = explain("--diff kelvin seed4 --example cat8 --top-p 0.9");
    assert_eq!(
        (&found["a"]["dialect"], &found["b"]["dialect"]),
        (&json!("native"), &json!("seed4"))
    );
    assert_eq!(found["b"]["pipeline"], "top-p(0.9, crossing=drop)");
    assert_eq!((&found["a"]["kept"], &found["b"]["kept"]), (&json!(5), &json!(4)));
    let tokens = found["tokens"].as_array().expect("an array");
    let gone: Vec<&Value> = tokens.iter().filter(|token| token["p_b"] == 0.0).collect();
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0], &tokens[4], "the last of five");
    assert_eq!(
        (&gone[0]["removed_by_a"], &gone[0]["removed_by_b"]),
        (&Value::Null, &json!("top-p"))
    );
    assert_eq!(found["only_a"], json!({"count": 1, "p": gone[0]["p_a"]}));
    assert_eq!(found["only_b"], json!({"count": 0, "p": 0.0}));
    // one law is the other without a token: their distance is its share, and −ln of what is left
    let p = number(&gone[0]["p_a"]);
    assert!((number(&found["total_variation"]) - p).abs() < 1e-12);
    assert_eq!(found["kl_nats"]["a_to_b"], Value::Null, "infinite");
    let expected = -kelvin::math::ln(1.0 - p);
    assert!((number(&found["kl_nats"]["b_to_a"]) - expected).abs() < 1e-12);
    let mass = |side: &str| number(&found[side]["raw_mass"]);
    assert!((mass("b") / mass("a") - (1.0 - p)).abs() < 1e-9);
    let sentence = found["sentence"].as_str().expect("a sentence");
    assert!(sentence.contains("drops the token that crosses the mass"), "{sentence}");
}

#[test]
fn one_law_twice_is_no_difference() {
    let found = explain("--diff seed1 native --example pizza --temperature 0.7 --top-k 3");
    assert_eq!(found["total_variation"], 0.0);
    assert_eq!(found["kl_nats"], json!({"a_to_b": 0.0, "b_to_a": 0.0}));
    assert_eq!(found["sentence"], "seed1 and native draw from the same law here.");
}

#[test]
fn what_differs_is_listed_before_what_does_not() {
    let found = explain("--diff native hf --example large1000 --show 6");
    let tokens = found["tokens"].as_array().expect("an array");
    let differ = tokens.iter().filter(|token| token["p_b"] == 0.0).count();
    assert_eq!((tokens.len(), differ), (6, 3));
    assert_eq!((&found["only_a"]["count"], &found["rest"]), (&json!(950), &json!(994)));
    assert_eq!(explain("--diff native hf --example large1000 --show 0")["tokens"], json!([]));
}

fn fragile(logits: &str, flags: &str) -> Value {
    let args = ["explain", "--fragile", "--json", "--logits", "-"].into_iter();
    kelvin_reading(&args.chain(flags.split_whitespace()).collect::<Vec<_>>(), logits).json()
}

/// Vector X18: one bit of an f32 decides, and a row beside it where none does.
#[test]
fn a_row_that_a_rounding_decides_is_fragile() {
    let x18 = "{\"probs\": [0.3, 0.1, 0.1, 0.5]}";
    for dialect in ["hf", "seed2"] {
        let flags = format!("--dialect {dialect} --top-p 0.8");
        assert_eq!(fragile(x18, &flags)["fragile"], true, "{dialect}");
    }
    assert_eq!(fragile(x18, "--dialect hf --top-p 0.72")["fragile"], false);
    assert_eq!(
        fragile("{\"probs\": [0.5, 0.3, 0.15, 0.05]}", "--dialect hf --top-p 0.72")["fragile"],
        false
    );
    assert_eq!(fragile(x18, "--top-p 0.8")["floats"], Value::Null, "native decides on integers");
    let ties = "[2, 1, 1, 0]";
    assert_eq!(fragile(ties, "--dialect seed1 --top-k 2")["fragile"], true, "a sort decides");
    assert_eq!(fragile(ties, "--dialect hf --top-k 2")["fragile"], false, "both stay");
    assert_eq!(fragile(ties, "--dialect hf --top-k 1")["fragile"], false);
}
