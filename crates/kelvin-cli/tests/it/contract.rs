//! The JSON contract of `kelvin next`, and what goes to which stream.

use serde_json::{Value, json};

use crate::binary::{kelvin, kelvin_reading, skipped};

fn next(args: &str) -> Value {
    let args: Vec<&str> =
        ["next", "--json", "--seed", "1"].into_iter().chain(args.split_whitespace()).collect();
    kelvin(&args).json()
}

/// The keys of the contract; more may be added, none may go or be renamed.
#[test]
fn the_keys_stand_in_their_order() {
    let answer = next("--example paris --temperature 0.7 --top-k 3 --draws 10");
    let keys: Vec<&str> =
        answer.as_object().expect("an object").keys().map(String::as_str).take(16).collect();
    let expected = "vocab_size pipeline dialect seed stream raw stages final zero_weight rest kept \
                    support entropy_nats greedy_id draws";
    assert_eq!(keys[..15].join(" "), expected);
    assert_eq!(answer["pipeline"], "temperature(0.7) | top-k(3)");
    assert_eq!((&answer["seed"], &answer["stream"]), (&json!(1), &json!(0)));
    let stage = answer["stages"][1].as_object().expect("an object");
    let keys: Vec<&str> = stage.keys().map(String::as_str).collect();
    assert_eq!(keys[..4], ["stage", "kept", "removed", "mass_removed"]);
    let row = answer["final"][0].as_object().expect("an object");
    assert_eq!(row.keys().collect::<Vec<_>>(), ["id", "token", "logit", "raw_p", "p"]);
    assert_eq!(row["logit"], json!(8.5));
}

#[test]
fn shown_rows_and_the_rest_make_one() {
    let answer = next("--example large1000 --top-k 40 --show 4");
    let rows = answer["final"].as_array().expect("an array");
    let listed: f64 = rows.iter().map(|row| row["p"].as_f64().expect("a number")).sum();
    let rest = answer["rest"]["p"].as_f64().expect("a number");
    assert_eq!((rows.len(), &answer["rest"]["count"]), (4, &json!(36)));
    assert!((listed + rest - 1.0).abs() < 1e-12);
    assert_eq!(next("--example large1000")["final"].as_array().expect("an array").len(), 1000);
}

#[test]
fn kept_counts_what_no_stage_removed_and_support_what_can_be_drawn() {
    let answer = next("--example paris --temperature 0.1");
    assert_eq!(answer["kept"], 10);
    let support = answer["support"].as_u64().expect("a count");
    assert!(support < 10);
    assert_eq!(answer["zero_weight"], 10 - support);
    assert_eq!(answer["final"].as_array().expect("an array").len() as u64, support);
}

#[test]
fn greedy_leaves_one_row() {
    for flags in ["--greedy", "--temperature 0", "--pipeline greedy"] {
        let answer = next(&format!("--example paris {flags} --draws 7"));
        let row = json!([{"id": 0, "token": "Paris", "logit": 8.5,
            "raw_p": answer["final"][0]["raw_p"], "p": 1.0}]);
        assert_eq!(answer["final"], row, "{flags}");
        assert_eq!(answer["draws"], json!({"0": 7}));
        assert_eq!(answer["entropy_nats"].to_string(), "0.0", "never -0");
    }
}

#[test]
fn draws_are_choices_of_one_seed() {
    let all = next("--example pizza --draws 1000")["draws"].clone();
    let counts: Vec<u64> = all
        .as_object()
        .expect("an object")
        .values()
        .map(|n| n.as_u64().expect("a count"))
        .collect();
    assert_eq!(counts.iter().sum::<u64>(), 1000);
    assert_eq!(all, next("--example pizza --draws 1000")["draws"], "the same request twice");
    let one = next("--example pizza --draws 1");
    let id = one["id"].to_string();
    assert_eq!(one["draws"], json!({ id: 1 }), "choice 0 is the draw shown");
}

#[test]
fn an_explicit_off_beats_a_preset() {
    let answer = next("--example paris --preset creative --top-p off");
    assert_eq!(answer["pipeline"], "temperature(1) | top-p(1)");
    assert_eq!(answer["stages"][1]["removed"], 0);
    let origins: Vec<&Value> = answer["settings"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|setting| &setting["origin"])
        .collect();
    assert_eq!(origins, ["preset creative", "flag"]);
}

#[test]
fn the_order_of_flags_changes_nothing_and_other_spellings_are_the_same() {
    let canonical = next("--example paris --repetition-penalty 1.3 --top-k 3 --history 0");
    assert_eq!(canonical, next("--history 0 --top_k 3 --repeat-penalty 1.3 --example paris"));
}

#[test]
fn unlisted_probability_is_shown_and_never_drawn() {
    let answer = next("--example couch --draws 1000");
    let other = answer["other"].as_f64().expect("a number");
    assert!((other - 0.179_999).abs() < 1e-9);
    let row = &answer["final"][0];
    assert!((row["raw_p"].as_f64().expect("a number") - 0.25).abs() < 1e-6);
    assert!((row["p"].as_f64().expect("a number") - 0.25 / 0.820_001).abs() < 1e-6);
}

#[test]
fn null_bans_and_a_bare_array_has_no_names() {
    let answer =
        kelvin_reading(&["next", "--logits", "-", "--json"], "[1, null, \"-inf\", 2]").json();
    assert_eq!(answer["kept"], 2);
    assert_eq!(answer["final"][0]["token"], Value::Null);
    let ids: Vec<&Value> =
        answer["final"].as_array().expect("an array").iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, [3, 0]);
}

#[test]
fn an_example_is_a_file_like_any_other() {
    let file = kelvin(&["examples", "pizza"]).stdout;
    let args = ["next", "--json", "--seed", "1", "--top-p", "0.9", "--logits", "-"];
    assert_eq!(kelvin_reading(&args, &file).json(), next("--example pizza --top-p 0.9"));
}

#[test]
fn talk_goes_to_stderr_and_quiet_ends_it() {
    let args = ["next", "--example", "paris", "--seed", "1"];
    let loud = kelvin(&args);
    assert_eq!(loud.stderr, "hint: sampling the untouched distribution; try --preset balanced\n");
    let quiet = kelvin(&[&args[..], &["-q"]].concat());
    assert_eq!((quiet.stdout, quiet.stderr.as_str()), (loud.stdout, ""));
    let warned = kelvin(&[&args[..], &["-q", "--greedy", "--top-k", "3"]].concat());
    assert_eq!((warned.code, warned.stderr.as_str()), (0, "warning: greedy ignores top-k\n"));
}

#[test]
fn without_a_seed_the_one_used_is_printed_and_gives_the_same_again() {
    let args = ["next", "--example", "uncertain", "--json"];
    let first = kelvin(&args).json();
    let seed = first["seed"].to_string();
    assert_eq!(first, kelvin(&[&args[..], &["--seed", &seed]].concat()).json());
    assert_ne!(first["seed"], kelvin(&args).json()["seed"]);
}

#[test]
fn every_instruction_set_gives_the_same_answer() {
    let answer = next("--example large1000 --top-p 0.95 --temperature 0.8");
    for level in ["scalar", "avx2", "avx512"] {
        let args = ["next", "--json", "--seed", "1", "--example", "large1000", "--top-p", "0.95"];
        let run = kelvin(&[&args[..], &["--temperature", "0.8", "--simd", level]].concat());
        if run.stderr.contains("this machine lacks it") {
            skipped(&format!("{level}, this machine lacks it"));
        } else {
            assert_eq!(run.json(), answer, "{level}");
        }
    }
}

#[test]
fn completions_know_the_stages() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = kelvin(&["completions", shell]);
        assert_eq!(script.code, 0);
        assert!(script.stdout.contains("repetition-penalty"), "{shell}");
    }
}

#[test]
fn help_is_data_where_it_is_asked_for_and_talk_where_it_is_not() {
    let asked = kelvin(&["--help"]);
    assert_eq!((asked.code, asked.stderr.as_str()), (0, ""));
    for args in [&[][..], &["models"]] {
        let needed = kelvin::<&str>(args);
        assert_eq!((needed.code, needed.stdout.as_str()), (2, ""));
        assert!(needed.stderr.contains("Usage: kelvin"), "{}", needed.stderr);
    }
    assert_eq!(asked.stdout, kelvin::<&str>(&[]).stderr);
}
