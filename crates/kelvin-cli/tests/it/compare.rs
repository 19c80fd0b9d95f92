//! `kelvin compare`: what it draws is what `generate` draws, its verdicts are those of the vectors.

use serde_json::Value;

use crate::binary::{Run, in_crate, kelvin, skipped};
use crate::tiny::Tiny;

fn compare(args: &[&str]) -> Run {
    kelvin(&[&["compare"], args].concat())
}

const SMALL: [&str; 9] =
    ["ROMEO:", "-s", "greedy", "-s", "T=0.8,top_p=0.9", "-n", "4", "--max-new-tokens", "12"];

fn small(more: &[&str]) -> Value {
    compare(&[&SMALL[..], &["--seed", "7", "--json"], more].concat()).json()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[test]
fn a_row_has_the_samples_of_generate_on_stream_0() {
    let found = small(&[]);
    let policies = [&["--greedy"][..], &["--temperature", "0.8", "--top-p", "0.9"]];
    for (row, policy) in found["rows"].as_array().expect("rows").iter().zip(policies) {
        let args = [
            "generate",
            "ROMEO:",
            "-n",
            "4",
            "--max-new-tokens",
            "12",
            "--seed",
            "7",
            "--couple",
            "--json",
        ];
        let lines = kelvin(&[&args[..], policy].concat()).stdout;
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let mut ends: Vec<Value> = lines.filter(|line| line["type"] == "done").collect();
        ends.sort_by_key(|end| end["sample"].as_u64());
        let samples = row["samples"].as_array().expect("samples");
        assert_eq!(samples.len(), 4);
        for (sample, end) in samples.iter().zip(&ends) {
            assert_eq!(sample["token_ids"], end["token_ids"]);
            assert_eq!(sample["text"], end["text"]);
        }
    }
}

#[test]
fn the_same_command_gives_the_same_bytes_whatever_the_threads() {
    let text = |threads: &str| {
        let more = ["--seed", "7", "--json", "--threads", threads];
        compare(&[&SMALL[..], &more].concat()).stdout
    };
    assert_eq!(text("1"), text("2"));
}

#[test]
fn greedy_samples_are_one_and_differences_are_from_the_first_row() {
    let found = small(&[]);
    let [greedy, drawn] = [&found["rows"][0], &found["rows"][1]];
    assert_eq!(greedy["metrics"]["unique_sequences"]["value"], 1.0);
    assert_eq!(greedy["metrics"]["mode_share"]["value"], 1.0);
    assert_eq!(greedy["metrics"]["self_bleu"]["value"], 1.0);
    assert_eq!(greedy["differences"], serde_json::json!({}));
    assert_eq!(greedy["first_divergence"]["never"], 4);
    for metric in kelvin_lab::measure::ALL {
        let name = metric.json_name();
        let value = |row: &Value| row["metrics"][&name]["value"].as_f64();
        let (Some(a), Some(b)) = (value(greedy), value(drawn)) else { continue };
        let apart = number(&drawn["differences"][&name]["value"]);
        assert!((apart - (b - a)).abs() < 1e-12, "{name}");
        let (low, high) = (&drawn["metrics"][&name]["low"], &drawn["metrics"][&name]["high"]);
        assert!(number(low) <= b && b <= number(high), "{name}");
    }
}

#[test]
fn rows_of_another_model_do_not_leave_the_first_one() {
    let model = Tiny { add_bos: false, ..Tiny::default() }.write("another").join("tiny.gguf");
    let model = model.to_str().expect("UTF-8");
    let args =
        ["of", "-s", "T=1", "-s", "greedy", "-n", "2", "--max-new-tokens", "4", "--seed", "1"];
    let args = [&args[..], &["-m", "verse", "-m", model]].concat();
    let found = compare(&[&args[..], &["--json"]].concat()).json();
    let rows = found["rows"].as_array().expect("rows");
    assert_eq!((rows.len(), &rows[0]["first_divergence"]["never"]), (4, &2.into()));
    assert!(rows[1]["first_divergence"]["median"].is_number());
    for row in &rows[2..] {
        assert_eq!(row["first_divergence"], Value::Null);
        assert!(number(&row["differences"]["length"]["value"]).is_finite(), "numbers compare");
        for sample in row["samples"].as_array().expect("samples") {
            assert_eq!(sample["first_divergence"], Value::Null);
        }
    }
    let page = compare(&args).stdout;
    assert!(page.contains("D is another model, tokens do not compare"), "{page}");
    assert_eq!(page.matches('╳').count(), 1, "in B alone: {page}");
}

#[test]
fn samples_without_a_counterpart_part_nowhere() {
    let all: Vec<String> = (0..65).map(|id| id.to_string()).collect();
    let failing = format!("banned-tokens({})", all.join(", "));
    let args = ["ROMEO:", "-s", &failing, "-s", "greedy", "-n", "2", "--max-new-tokens", "2"];
    let run = compare(&[&args[..], &["--seed", "1", "--json"]].concat());
    assert_eq!(run.code, 1, "{}", run.stderr);
    let found: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let greedy = &found["rows"][1];
    assert_eq!(greedy["samples"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&greedy["first_divergence"], &greedy["differences"]["length"]),
        (&Value::Null, &Value::Null)
    );
    let page = compare(&args).stdout;
    assert!(page.contains("B has no sample that A has too"), "{page}");
}

#[test]
fn independent_rows_have_streams_of_their_own() {
    let (coupled, own) =
        (small(&["-s", "T=0.8,top_p=0.9"]), small(&["-s", "T=0.8,top_p=0.9", "--independent"]));
    let ids = |value: &Value, row: usize| value["rows"][row]["samples"][0]["token_ids"].clone();
    assert_eq!(ids(&coupled, 1), ids(&coupled, 2), "equal policies meet equal numbers");
    assert_ne!(ids(&own, 1), ids(&own, 2));
    let streams =
        |value: &Value| (0..3).map(|row| value["rows"][row]["stream"].as_u64()).collect::<Vec<_>>();
    assert_eq!(streams(&coupled), [Some(0); 3]);
    assert_eq!(streams(&own), [Some(1), Some(2), Some(3)]);
}

#[test]
fn the_page_answers_the_six_questions() {
    let page = compare(&[&SMALL[..], &["--seed", "7"]].concat()).stdout;
    for answer in [
        "seed 7",
        "4 of each prompt in each row",
        "half a 95% interval over the 4 samples",
        "verse (embedded)",
        "the same random numbers in each row",
        "again    kelvin compare ROMEO: -s greedy -s T=0.8,top_p=0.9 -n 4",
        "--max-new-tokens 12 --seed 7",
        "B leaves A at token",
        "distinct-2",
        "│",
    ] {
        assert!(page.contains(answer), "{answer:?} is not in\n{page}");
    }
    assert!(
        page.lines().all(|line| line.chars().count() <= 80
            || line.contains("tok/s")
            || line.starts_with(['A', 'B'])
            || line.starts_with("again")),
        "{page}"
    );
}

#[test]
fn what_is_typed_wrong_is_said_before_a_model_is_read() {
    let cases: [(&[&str], &str); 7] = [
        (
            &["x", "-s", "top_q=1"],
            "error: -s \"top_q=1\": no stage \"top_q\"\n\nhint: did you mean top-",
        ),
        (&[], "error: nothing to compare on\n\nhint: give a PROMPT"),
        (
            &["x", "--metrics", "distinkt-2"],
            "error: no metric \"distinkt-2\"\n\nhint: did you mean distinct-2?",
        ),
        (&["--example", "piza"], "error: no example \"piza\"\n\nhint: did you mean pizza?"),
        (
            &["--example", "pizza", "--target", "pizzo"],
            "error: no token \"pizzo\"\n\nhint: did you mean pizza?",
        ),
        (
            &["--example", "pizza", "--target", "pizza", "-s", "T=1", "--observed", "1,2"],
            "error: --observed has 2 counts for 1 policies",
        ),
        (
            &[
                "--example",
                "pizza",
                "--target",
                "pizza",
                "-s",
                "T=1",
                "-n",
                "9",
                "--observed",
                "10",
            ],
            "error: --observed 10 is more than the 9 draws",
        ),
    ];
    for (args, expected) in cases {
        let run = compare(args);
        assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{args:?}: {}", run.stderr);
    }
    let run = compare(&["--prompts", "no-such-file"]);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""));
    assert!(run.stderr.contains("cannot read no-such-file"), "{}", run.stderr);
}

#[test]
fn a_prompt_beyond_the_context_is_refused() {
    let run = compare(&["ROMEO:", "--max-new-tokens", "100000"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("--max-new-tokens 100000 make"), "{}", run.stderr);
}

fn vectors() -> Option<Value> {
    let path = in_crate("../../../shared/seeds/vectors.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        skipped(&format!("no {}", path.display()));
        return None;
    };
    Some(serde_json::from_str(&text).expect("vectors.json is JSON"))
}

#[test]
fn the_seeds_counts_of_pizza_get_the_verdicts_of_the_vectors() {
    let Some(vectors) = vectors() else { return };
    let args = "--example pizza --target pizza -s T=0.5 -s T=1 -s T=1.5 -s T=2 -n 100 --observed 67,49,44,24 --json";
    let found = compare(&args.split(' ').collect::<Vec<_>>()).json();
    let expected = vectors["frequencies"].as_array().expect("rows");
    for (row, wanted) in found["rows"].as_array().expect("rows").iter().zip(expected) {
        for key in ["sd", "z", "binomial_two_sided_p"] {
            let apart = (number(&row[key]) - number(&wanted[key])).abs();
            assert!(apart <= 1e-5, "{}: {key}", wanted["id"]);
        }
        assert!((number(&row["p"]) - number(&wanted["p_exact"])).abs() <= 1e-6);
        for key in ["central95_counts", "plausible_at_5pct", "n_for_se_0.01"] {
            assert_eq!(row[key], wanted[key], "{}: {key}", wanted["id"]);
        }
    }
    let joint = &expected[4];
    assert!((number(&found["joint"]["chi_square"]) - number(&joint["chi2_4df"])).abs() < 1e-4);
    assert!((number(&found["joint"]["p_value"]) - number(&joint["p_value"])).abs() < 1e-5);
    assert_eq!(found["joint"]["df"], 4);
}

#[test]
fn laws_of_an_example_are_exact_and_draws_fit_them() {
    let args = "--example pizza -s neutral -s top-p(0.9) -s greedy -n 2000 --seed 3 --json";
    let found = compare(&args.split(' ').collect::<Vec<_>>()).json();
    let rows = found["rows"].as_array().expect("rows");
    for row in rows {
        let sum: f64 = row["probabilities"].as_array().expect("a law").iter().map(number).sum();
        assert!((sum - 1.0).abs() < 1e-12);
        let draws: u64 =
            row["counts"].as_array().expect("counts").iter().filter_map(Value::as_u64).sum();
        assert_eq!(draws, 2000);
    }
    assert_eq!((rows[0]["kept"].as_u64(), rows[1]["kept"].as_u64()), (Some(5), Some(4)));
    assert_eq!((number(&rows[0]["kl_nats"]), number(&rows[0]["total_variation"])), (0.0, 0.0));
    assert!(
        number(&rows[1]["total_variation"]) > 0.05 && number(&rows[0]["fit"]["p_value"]) > 1e-3
    );
    assert_eq!((rows[2]["expected_unique"].as_f64(), rows[2]["fit"].is_null()), (Some(1.0), true));
    assert_eq!(rows[2]["expected_mode_share"], 1.0);
}

fn of_pizza(args: &str) -> Run {
    let args = format!("--example pizza --target pizza --seed 3 {args}");
    compare(&args.split(' ').collect::<Vec<_>>())
}

#[test]
fn a_row_that_its_law_rules_out_rules_out_all() {
    let args = "-s greedy -s T=1 -s T=2 -n 100 --observed 10,67,49";
    let found = of_pizza(&format!("{args} --json")).json();
    assert_eq!((&found["rows"][0]["p"], &found["rows"][0]["z"]), (&1.0.into(), &Value::Null));
    let joint = serde_json::json!({"chi_square": null, "df": null, "p_value": 0.0});
    assert_eq!(found["joint"], joint);
    let page = of_pizza(args).stdout;
    assert!(page.contains("all rows together: p 0, a row has what its law rules out"), "{page}");
    // what must come and came says nothing, and that is said
    let args = "-s greedy -s T=1 -s T=2 -n 100 --observed 100,49,24";
    assert_eq!(of_pizza(&format!("{args} --json")).json()["joint"]["df"], 2);
    let page = of_pizza(args).stdout;
    assert!(page.contains("with 2 df") && page.contains("; one row leaves nothing"), "{page}");
}

#[test]
fn why_rows_are_not_taken_together_is_told_as_it_is() {
    for (args, told) in [
        ("-s T=1 -n 100 --independent", "one row has nothing to be taken together with"),
        ("-s T=1 -n 100", "one row has nothing to be taken together with"),
        ("-s T=1 -s greedy -n 100 --independent", "fewer than two rows leave anything to chance"),
        ("-s T=1 -s T=2 -n 100", "rows share their random numbers"),
    ] {
        let page = of_pizza(args).stdout;
        assert!(page.contains(told), "{args}: {page}");
        assert_eq!(of_pizza(&format!("{args} --json")).json()["joint"], Value::Null, "{args}");
    }
    let page = of_pizza("-s T=1 -s T=2 -n 100 --independent").stdout;
    assert!(page.contains("all rows together: χ² "), "{page}");
}

#[test]
fn files_are_read_by_the_rules_of_a_sweep() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("compare-files");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let prompts = write("p.jsonl", "{\"prompt\": \"ROMEO:\\n\"}\n\"JULIET:\"\n");
    let args = ["-s", "greedy", "-n", "1", "--max-new-tokens", "1", "--json", "A", "--prompts"];
    let found = compare(&[&args[..], &[&prompts]].concat()).json();
    assert_eq!(found["prompts"], serde_json::json!(["A", "ROMEO:\n", "JULIET:"]));
    let empty = compare(&["--prompts", &write("empty.txt", "\n \n")]);
    assert_eq!(empty.code, 3);
    let told = "empty.txt holds no prompt\n\nhint: one in each line\n";
    assert!(empty.stderr.ends_with(told), "{}", empty.stderr);
    let long = write("long.txt", "");
    let file = std::fs::File::options().write(true).open(&long).expect("it is there");
    file.set_len((64 << 20) + 1).expect("a file of nothing");
    for run in [compare(&["A", "--reference", &long]), compare(&["--prompts", &long])] {
        assert_eq!(run.code, 3);
        assert!(run.stderr.contains("long.txt: more than 67108864 bytes"), "{}", run.stderr);
    }
}

#[test]
fn a_second_model_judges_the_texts() {
    let args =
        ["compare", "ROMEO:", "JULIET:\n", "-s", "T=1", "-s", "greedy", "-n", "3", "--seed", "1"];
    let judged = |more: &[&str]| kelvin(&[&args[..], &["--max-new-tokens", "20"], more].concat());
    let itself = judged(&["--judge", "verse", "--json"]).json();
    assert_eq!(itself["judge"]["name"], "verse");
    for row in itself["rows"].as_array().expect("rows") {
        let metric = |name: &str| row["metrics"][name]["value"].as_f64().expect(name);
        let (own, judge) = (metric("perplexity"), metric("judge_perplexity"));
        assert!((own - judge).abs() < 1e-9 * own, "its own judge: {own}, {judge}");
        let bits = metric("bits_per_token"); // a token of this model is a byte here
        assert!((bits - metric("judge_bits_per_byte")).abs() < 1e-9 * bits, "{bits}");
    }
    let table = judged(&["--judge", "verse"]);
    assert!(table.stdout.contains("judge-perplexity"), "{}", table.stdout);
    let alone = judged(&["--json"]).json();
    assert_eq!(alone["judge"], Value::Null);
    assert_eq!(alone["rows"][0]["metrics"]["judge_perplexity"]["value"], Value::Null);
    let asked = judged(&["--metrics", "judge-perplexity"]);
    assert_eq!(asked.code, 2);
    let told = "error: judge-perplexity needs a second model\n\nhint: --judge MODEL names it\n";
    assert!(asked.stderr.ends_with(told), "{}", asked.stderr);
}

#[test]
fn what_a_judge_cannot_spell_stays_unjudged_and_nothing_is_lost() {
    let model = Tiny { add_bos: false, ..Tiny::default() }.write("judged").join("tiny.gguf");
    let only_letters = "allowed-tokens(259, 260, 261)"; // a, b, c
    let args = ["compare", "café", "of", "-s", only_letters, "-n", "2", "--max-new-tokens", "4"];
    let model = ["-m", model.to_str().expect("UTF-8"), "--judge", "verse", "--seed", "1"];
    let run = kelvin(&[&args[..], &model, &["--json"]].concat());
    assert_eq!(run.code, 1, "{}", run.stderr);
    let why = "cannot judge 2 of 4 samples; the first, prompt 1, sample 1: the vocabulary has no token \
               for U+00E9";
    assert!(run.stderr.contains(why), "{}", run.stderr);
    let told: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let row = &told["rows"][0];
    assert_eq!(row["samples"].as_array().expect("samples").len(), 4);
    assert!(row["metrics"]["judge_perplexity"]["value"].is_number(), "of those that it can spell");
}
