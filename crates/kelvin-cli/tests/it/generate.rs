//! `kelvin generate`, `next -m`, `tour`, `models` and `bench`, on a small random model.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::binary::{Run, command, run};
use crate::tiny::Tiny;

pub(crate) fn in_folder(folder: &Path) -> Command {
    let mut command = command();
    command.env("KELVIN_MODELS", folder);
    command
}

/// Runs `kelvin` on the model of a folder; words are split at spaces.
pub(crate) fn kelvin(folder: &Path, args: &str) -> Run {
    run(in_folder(folder).args(args.split_whitespace()), "")
}

pub(crate) fn lines(run: &Run) -> Vec<Value> {
    run.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// The `done` lines, in the order of prompts and samples.
fn dones(run: &Run) -> Vec<Value> {
    assert_eq!(run.code, 0, "{}", run.stderr);
    let mut dones: Vec<Value> =
        lines(run).into_iter().filter(|line| line["type"] == "done").collect();
    dones.sort_by_key(|done| (done["prompt"].as_u64(), done["sample"].as_u64()));
    dones
}

fn ids(done: &Value) -> Vec<u64> {
    let ids = done["token_ids"].as_array().expect("an array").iter();
    ids.map(|id| id.as_u64().expect("an id")).collect()
}

#[test]
fn the_text_streams_to_stdout_and_is_the_text_of_the_json() {
    let folder = Tiny::default().write("stream");
    let args = "generate -m tiny abc --seed 1 --temperature 0.9 --max-new-tokens 40";
    let plain = kelvin(&folder, args);
    let done = dones(&kelvin(&folder, &format!("{args} --json"))).remove(0);
    assert_eq!(plain.stdout, format!("{}\n", done["text"].as_str().expect("a text")));
    let talk: Vec<&str> = plain.stderr.lines().collect();
    assert_eq!(talk.len(), 3, "header, settings, footer: {talk:?}");
    assert!(talk[0].starts_with("tiny · F32 · "), "{}", talk[0]);
    assert!(talk[0].ends_with(" · 4 prompt tokens · dialect native · seed 1"), "{}", talk[0]);
    assert_eq!(talk[1], "temperature(0.9): flag · all else off: built-in");
    assert!(talk[2].contains(" nats/token · "), "{}", talk[2]);
    let quiet = kelvin(&folder, &format!("{args} -q"));
    assert_eq!((quiet.stdout, quiet.stderr.as_str()), (plain.stdout, ""));
}

#[test]
fn json_lines_are_a_header_steps_and_an_end() {
    let folder = Tiny::default().write("lines");
    let args = "generate -m tiny abc --seed 7 --top-k 20 --max-new-tokens 8 --json --show 3";
    let lines = lines(&kelvin(&folder, args));
    let header = &lines[0];
    assert_eq!(
        (&header["type"], &header["prompt"], &header["sample"]),
        (&json!("header"), &json!(0), &json!(0))
    );
    assert_eq!((&header["pipeline"], &header["seed"]), (&json!("top-k(20)"), &json!(7)));
    assert_eq!(header["prompt_ids"], json!([1, 259, 260, 261]), "BOS, then the letters");
    assert_eq!(
        header["settings"],
        json!([{"name": "top-k", "value": "top-k(20)", "origin": "flag"}])
    );
    assert_eq!(header["stream"].as_u64(), Some(kelvin::stream_of(&[1, 259, 260, 261])));
    let done = lines.last().expect("an end");
    let steps: Vec<&Value> = lines.iter().filter(|line| line["type"] == "step").collect();
    let drawn: Value = steps.iter().map(|step| step["id"].clone()).collect();
    assert_eq!(done["token_ids"], drawn);
    for (at, step) in steps.iter().enumerate() {
        assert_eq!(step["pos"], 4 + at);
        assert_eq!(step["stages"][0]["kept"], 20);
        assert_eq!(step["final"].as_array().expect("an array").len(), 3);
        let (p, logprob) = (step["p"].as_f64(), step["logprob"].as_f64());
        let exp = kelvin::math::exp(logprob.expect("a number"));
        assert!((p.expect("a number") - exp).abs() < 1e-12);
        assert!(step["raw_p"].as_f64() <= p, "20 of 286 tokens share all");
    }
    let keys: Vec<&str> = done.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = "type prompt sample text token_ids prompt_ids finish_reason context_shifts";
    assert_eq!(keys.join(" "), expected);
}

#[test]
fn same_seed_same_bytes_whatever_runs_them() {
    let folder = Tiny::default().write("same");
    let args = "generate -m tiny abc --seed 3 --temperature 1.2 --max-new-tokens 60 --json";
    let expected = dones(&kelvin(&folder, args));
    for more in ["--threads 1", "--threads 3", "--simd scalar", "--seed 3"] {
        let args =
            if more.starts_with("--seed") { args.to_owned() } else { format!("{args} {more}") };
        assert_eq!(dones(&kelvin(&folder, &args)), expected, "{more}");
    }
    let other = dones(&kelvin(&folder, &args.replace("--seed 3", "--seed 4")));
    assert_ne!(ids(&other[0]), ids(&expected[0]));
}

#[test]
fn samples_and_prompts_in_a_batch_are_those_alone() {
    let folder = Tiny::default().write("batch");
    let flags = "--seed 5 --max-new-tokens 30 --json";
    let all = dones(&kelvin(&folder, &format!("generate -m tiny abc zz -n 3 {flags}")));
    let places: Vec<_> =
        all.iter().map(|done| (done["prompt"].clone(), done["sample"].clone())).collect();
    let expected = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)];
    assert_eq!(places, expected.map(|(prompt, sample)| (json!(prompt), json!(sample))));
    let alone = dones(&kelvin(&folder, &format!("generate -m tiny zz {flags}")));
    assert_eq!(ids(&alone[0]), ids(&all[3]), "choice 0 of the second prompt");
    assert_ne!(ids(&all[0]), ids(&all[1]), "samples are independent");
    let text = kelvin(&folder, "generate -m tiny abc zz -n 2 --seed 5 --max-new-tokens 30 -q");
    let labels: Vec<&str> = text.stdout.lines().filter(|line| line.starts_with("── ")).collect();
    assert_eq!(labels[1], "── prompt 1 of 2 · sample 2 of 2 ──");
    let sample = all[1]["text"].as_str().expect("a text");
    assert!(text.stdout.contains(&format!("{}\n{sample}\n", labels[1])), "whole, in order");
}

#[test]
fn coupled_runs_share_their_random_numbers() {
    let folder = Tiny::default().write("couple");
    let header = |args: &str| {
        lines(&kelvin(
            &folder,
            &format!("generate -m tiny {args} --seed 1 --max-new-tokens 2 --json"),
        ))
        .remove(0)
    };
    assert_eq!(header("abc --couple")["stream"], 0);
    assert_eq!(header("abc --stream 77")["stream"], 77);
    assert_ne!(header("abc")["stream"], header("abd")["stream"]);
}

#[test]
fn a_stop_string_cuts_the_text_and_keeps_the_ids() {
    let folder = Tiny::default().write("stop");
    let args = "generate -m tiny abc --seed 2 --allowed-tokens 259,260,261,262,263 --max-new-tokens 100 --json";
    let whole = dones(&kelvin(&folder, args)).remove(0);
    let text = whole["text"].as_str().expect("a text");
    assert_eq!((text.len(), &whole["finish_reason"]), (100, &json!("length")));
    let stop = &text[40..43];
    let cut = dones(&kelvin(&folder, &format!("{args} --stop {stop} --stop never"))).remove(0);
    let at = text.find(stop).expect("it is in the text");
    assert_eq!(cut["text"], text[..at]);
    assert_eq!(cut["finish_reason"], "stop");
    assert_eq!(ids(&cut), ids(&whole)[..at + 3], "the stop's tokens were drawn");
}

#[test]
fn an_empty_stop_string_would_stop_everything() {
    let folder = Tiny::default().write("empty-stop");
    let refused = run(in_folder(&folder).args(["generate", "-m", "tiny", "abc", "--stop", ""]), "");
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("stop string 0 is empty"), "{}", refused.stderr);
}

#[test]
fn the_end_of_text_is_a_reason_and_an_id() {
    let folder = Tiny::default().write("eos");
    let args = "generate -m tiny abc --seed 1 --logit-bias 2=100 --json";
    let done = dones(&kelvin(&folder, args)).remove(0);
    assert_eq!((&done["finish_reason"], &done["token_ids"]), (&json!("eos"), &json!([2])));
    assert_eq!(done["text"], "");
    let shown = kelvin(
        &folder,
        "generate -m tiny abc --seed 1 --logit-bias 2=100 --show-special --echo -q",
    );
    assert_eq!(shown.stdout, "<s>abc</s>\n");
    let hidden = kelvin(&folder, "generate -m tiny abc --seed 1 --logit-bias 2=100 --echo -q");
    assert_eq!(hidden.stdout, "abc\n");
}

#[test]
fn the_default_length_fits_the_context_and_an_explicit_one_must() {
    let folder = Tiny { context: 50, ..Tiny::default() }.write("context");
    let shrunk = dones(&kelvin(&folder, "generate -m tiny abc --seed 1 --banned-tokens 2 --json"));
    assert_eq!((ids(&shrunk[0]).len(), &shrunk[0]["finish_reason"]), (46, &json!("length")));
    let refused = |args: &str, expected: &str| {
        let long = kelvin(&folder, args);
        assert_eq!((long.code, long.stderr.as_str(), long.stdout.as_str()), (2, expected, ""));
    };
    refused(
        "generate -m tiny abc --max-new-tokens 47 --seed 1 -q",
        "error: a prompt of 4 tokens and --max-new-tokens 47 make 51, more than the context of 50\n\n\
         hint: --max-new-tokens 46 fits, or --context-shift goes on beyond it\n",
    );
    refused(
        "tour -m tiny abc --max-new-tokens 47 -q",
        "error: a prompt of 4 tokens and --max-new-tokens 47 make 51, more than the context of 50\n\n\
         hint: --max-new-tokens 46 fits\n",
    );
    let prompt = "a".repeat(60);
    let too_long = "error: the prompt has 61 tokens, more than the context of 50\n\n\
                    hint: shorten the prompt, or --context-shift goes on beyond it\n";
    refused(&format!("generate -m tiny {prompt} --greedy"), too_long);
    refused(&format!("next -m tiny {prompt} --greedy"), too_long);
    let full = kelvin(&folder, "generate -m tiny abc --context 4 --greedy");
    assert_eq!((full.code, full.stdout.as_str()), (2, ""));
    assert_eq!(
        full.stderr,
        "error: the prompt has 4 tokens and fills the context of 4: no token can follow\n\n\
         hint: shorten the prompt, or --context-shift goes on beyond it\n"
    );
    assert_eq!(kelvin(&folder, "next -m tiny abc --context 4").code, 0, "a row needs no room");
    let narrow = kelvin(&folder, "generate -m tiny abc --context 3 --greedy").stderr;
    assert!(narrow.starts_with("error: the prompt has 4 tokens, more than the context of 3\n"));
}

#[test]
fn a_smaller_context_ends_earlier_and_a_larger_one_is_refused() {
    let folder = Tiny { context: 50, ..Tiny::default() }.write("narrow");
    let args = "generate -m tiny abc --seed 1 --banned-tokens 2 --json";
    let run = kelvin(&folder, &format!("{args} --context 20"));
    assert_eq!(lines(&run)[0]["context"], json!({"limit": 20, "shift": null}));
    assert!(run.stderr.contains(" · context 20 · "), "{}", run.stderr);
    let (narrow, whole) = (dones(&run).remove(0), dones(&kelvin(&folder, args)).remove(0));
    assert_eq!(ids(&narrow), ids(&whole)[..16]);
    for (flags, said) in [
        ("--context 51", "--context 51 is more than the 50 tokens of tiny's context"),
        (
            "--context-shift --context 9 --context-keep 9",
            "9 tokens to keep leave no room in a context of 9",
        ),
    ] {
        let refused = kelvin(&folder, &format!("{args} {flags}"));
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
        assert_eq!(refused.stderr.lines().next(), Some(&*format!("error: {said}")));
    }
    assert_eq!(
        kelvin(&folder, &format!("{args} --context-keep 2")).code,
        2,
        "keep what, without a shift?"
    );
}

/// The tokens do not depend on threads, on the neighbours, or on where the sequence was taken up again.
#[test]
fn a_context_that_shifts_goes_on_the_same_way_from_anywhere() {
    let folder = Tiny { context: 50, ..Tiny::default() }.write("shift");
    let flags = "--seed 1 --banned-tokens 2 --context-shift --json";
    let args = format!("generate -m tiny abc {flags} --max-new-tokens 130");
    let run = kelvin(&folder, &args);
    let lines = lines(&run);
    let shift = json!({"limit": 50, "shift": {"keep": 1, "drop": 25}});
    assert_eq!(lines[0]["context"], shift, "BOS stays in view");
    assert!(run.stderr.contains(" · context 50, shifting: keeps 1, drops 25 · "), "{}", run.stderr);
    let footer = run.stderr.lines().last().expect("a footer");
    assert!(footer.ends_with(" · 4 context shifts · length"), "{footer}");
    let shifts: Vec<&Value> = lines.iter().filter(|line| line["type"] == "context_shift").collect();
    let told: Vec<(&Value, &Value)> =
        shifts.iter().map(|it| (&it["pos"], &it["dropped"])).collect();
    let expected = [(51, 25), (76, 50), (101, 75), (126, 100)].map(|(a, b)| (json!(a), json!(b)));
    assert_eq!(told, expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
    let done = dones(&run).remove(0);
    assert_eq!((&done["context_shifts"], &done["finish_reason"]), (&json!(4), &json!("length")));
    let drawn = ids(&done);
    assert_eq!(drawn.len(), 130);
    assert_eq!(ids(&dones(&kelvin(&folder, &format!("{args} --threads 1")))[0]), drawn);
    let neighbours =
        kelvin(&folder, &format!("generate -m tiny zz abc -n 2 {flags} --max-new-tokens 130"));
    assert_eq!(ids(&dones(&neighbours)[2]), drawn, "choice 0 of the second prompt");
    for at in [10, 46, 47, 48, 100, 129] {
        let history: Vec<String> = drawn[..at].iter().map(u64::to_string).collect();
        let more = format!("{flags} --history {}", history.join(","));
        let n = 130 - at;
        let rest = kelvin(&folder, &format!("generate -m tiny abc {more} --max-new-tokens {n}"));
        assert_eq!(ids(&dones(&rest)[0]), drawn[at..], "taken up after {at} tokens");
        let next = kelvin(&folder, &format!("next -m tiny abc {more}")).json();
        assert_eq!(next["id"], drawn[at], "next after {at} tokens");
    }
}

#[test]
fn an_empty_prompt_needs_a_token_of_the_models_own() {
    let with = Tiny::default().write("bos");
    let run_empty = |folder: &Path| {
        run(
            in_folder(folder).args([
                "generate",
                "-m",
                "tiny",
                "",
                "--greedy",
                "--max-new-tokens",
                "3",
            ]),
            "",
        )
    };
    assert_eq!(run_empty(&with).code, 0);
    let without = Tiny { add_bos: false, ..Tiny::default() }.write("no-bos");
    let refused = run_empty(&without);
    let expected = "error: the prompt is empty, and this model puts no token of its own before it\n\n\
                    hint: give at least one character\n";
    assert_eq!((refused.code, refused.stderr.as_str()), (2, expected));
}

#[test]
fn control_tokens_are_text_unless_asked_for() {
    let folder = Tiny::default().write("special");
    let prompt_ids = |more: &str| {
        let args = format!("generate -m tiny a</s> --greedy --max-new-tokens 1 --json {more}");
        dones(&kelvin(&folder, &args)).remove(0)["prompt_ids"].clone()
    };
    assert_eq!(prompt_ids("").as_array().expect("an array").len(), 6, "BOS and five characters");
    assert_eq!(prompt_ids("--parse-special"), json!([1, 259, 2]));
}

#[test]
fn the_models_defaults_apply_below_flags_and_presets_and_not_under_raw() {
    let sampling = vec![
        ("general.sampling.temp", 0.8),
        ("general.sampling.top_p", 0.95),
        ("general.sampling.top_k", 30.0),
        ("general.sampling.penalty_repeat", 1.1),
        ("general.sampling.penalty_last_n", 64.0),
        ("general.sampling.mirostat", 2.0),
        ("general.sampling.xtc_probability", 0.0),
    ];
    let folder = Tiny { sampling, ..Tiny::default() }.write("defaults");
    let header = |more: &str| {
        let run = kelvin(
            &folder,
            &format!("generate -m tiny abc --seed 1 --max-new-tokens 1 --json {more}"),
        );
        (lines(&run).remove(0), run.stderr)
    };
    let (own, talk) = header("");
    let pipeline =
        "repetition-penalty(1.1, last=64, scope=all) | temperature(0.8) | top-k(30) | top-p(0.95)";
    assert_eq!(own["pipeline"], pipeline);
    assert_eq!(own["settings"][1]["origin"], "GGUF (--raw to ignore)");
    let warning = "warning: GGUF: general.sampling.mirostat is not applied\n";
    assert!(talk.starts_with(warning), "{talk}");
    assert!(!talk.contains("xtc"), "an off default needs no word: {talk}");
    let (mixed, _) = header("--preset balanced --top-k off");
    assert_eq!(
        mixed["pipeline"],
        "repetition-penalty(1.1, last=64, scope=all) | temperature(0.7) | top-k(off) | top-p(0.9)"
    );
    let (raw, talk) = header("--raw");
    assert_eq!(raw["pipeline"], "neutral");
    assert!(talk.starts_with("hint: sampling the untouched distribution; try --preset balanced\n"));
}

#[test]
fn a_default_outside_its_range_is_something_read() {
    let folder = Tiny { sampling: vec![("general.sampling.top_p", 1.5)], ..Tiny::default() }
        .write("bad-default");
    let refused = kelvin(&folder, "generate -m tiny abc");
    let expected = "error: GGUF: general.sampling.top_p = 1.5 is outside 0 < p ≤ 1 (use 1 to keep every \
                    token)\n\nhint: --raw ignores the model's own defaults\n";
    assert_eq!((refused.code, refused.stderr.as_str()), (3, expected));
    assert_eq!(kelvin(&folder, "generate -m tiny abc --raw --max-new-tokens 1").code, 0);
}

#[test]
fn a_broken_model_fails_while_running() {
    let folder = Tiny { broken: true, ..Tiny::default() }.write("broken");
    let failed = kelvin(&folder, "generate -m tiny abc --greedy -q --json");
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(
        failed.stderr.contains("286 logits are not finite numbers or -inf"),
        "{}",
        failed.stderr
    );
    assert_eq!(lines(&failed).last().expect("a last line")["type"], "error");
    let plain = kelvin(&folder, "generate -m tiny abc --greedy -q");
    assert!(plain.stderr.starts_with("error: 286 logits"), "{}", plain.stderr);
}

#[test]
fn what_is_no_model_is_said_in_one_line() {
    let folder = Tiny::default().write("files");
    std::fs::write(folder.join("notes.gguf"), "just some text\n").expect("writable");
    let whole = std::fs::read(folder.join("tiny.gguf")).expect("readable");
    std::fs::write(folder.join("half.gguf"), &whole[..whole.len() / 2]).expect("writable");
    for (model, said) in [
        ("notes", "expected \"GGUF\""),
        ("half", "but the file ends at"),
        ("./nowhere.gguf", "no such file"),
        ("gpt2", "no model \"gpt2\""),
    ] {
        let refused = kelvin(&folder, &format!("generate -m {model} abc"));
        assert_eq!((refused.code, refused.stdout.as_str()), (3, ""), "{model}: {}", refused.stderr);
        assert!(refused.stderr.starts_with("error: "), "{}", refused.stderr);
        assert!(refused.stderr.contains(said), "{model}: {}", refused.stderr);
    }
    let unknown = kelvin(&folder, "next -m gpt2 abc").stderr;
    assert!(unknown.contains("you have   half, tiny, verse\n"), "{unknown}");
    assert!(unknown.contains("try        kelvin models pull gpt2\n"), "{unknown}");
}

#[test]
fn next_is_the_first_step_of_generate() {
    let folder = Tiny::default().write("next");
    let flags = "-m tiny abc --seed 9 --temperature 0.7 --top-p 0.9 --json";
    let next = kelvin(&folder, &format!("next {flags}")).json();
    let step = lines(&kelvin(&folder, &format!("generate {flags} --max-new-tokens 1"))).remove(1);
    assert_eq!((&next["id"], &next["position"]), (&step["id"], &step["pos"]));
    assert_eq!(next["entropy_nats"], step["entropy_nats"]);
    assert_eq!(next["prompt_ids"], json!([1, 259, 260, 261]));
    let neutral = kelvin(&folder, "next -m tiny abc --seed 9 --json -q").json();
    assert_eq!(
        (neutral["final"].as_array().expect("an array").len(), &neutral["rest"]["count"]),
        (64, &json!(222))
    );
}

#[test]
fn history_continues_the_sequence_and_counts_as_output() {
    let folder = Tiny::default().write("history");
    let flags = "-m tiny abc --seed 9 --frequency-penalty 1 --json";
    let first = dones(&kelvin(&folder, &format!("generate {flags} --max-new-tokens 6"))).remove(0);
    let history: Vec<String> = ids(&first)[..3].iter().map(u64::to_string).collect();
    let rest = kelvin(
        &folder,
        &format!("generate {flags} --max-new-tokens 3 --history {}", history.join(",")),
    );
    assert_eq!(ids(&dones(&rest)[0]), ids(&first)[3..]);
    let next = kelvin(&folder, &format!("next {flags} --history {}", history.join(","))).json();
    assert_eq!(next["id"], ids(&first)[3]);
}

#[test]
fn candidates_are_listed_a_line_for_each_token() {
    let folder = Tiny::default().write("listing");
    let listed =
        kelvin(&folder, "generate -m tiny abc --seed 1 --top-k 3 --max-new-tokens 5 --show 3 -q");
    assert_eq!(listed.stdout.lines().count(), 5, "{}", listed.stdout);
    for line in listed.stdout.lines() {
        assert_eq!(line.matches('%').count(), 5, "final, raw and three candidates: {line}");
    }
}

#[test]
fn the_tour_runs_six_experiments() {
    let folder = Tiny::default().write("tour");
    let text = kelvin(&folder, "tour -m tiny --seed 1 --max-new-tokens 5");
    assert_eq!(text.code, 0, "{}", text.stderr);
    let labels: Vec<&str> = text.stdout.lines().filter(|line| line.starts_with("── ")).collect();
    assert_eq!(labels.len(), 6);
    assert_eq!(
        labels[5],
        "── 6 of 6 · Nucleus sampling: nine tenths of the probability · temperature(1) | top-p(0.9) ──"
    );
    let lines = lines(&kelvin(&folder, "tour -m tiny --seed 1 --max-new-tokens 5 --json"));
    let pipelines: Vec<&Value> = lines
        .iter()
        .filter(|line| line["type"] == "header")
        .map(|line| &line["pipeline"])
        .collect();
    assert_eq!(
        pipelines,
        [
            "greedy",
            "temperature(1)",
            "temperature(1.5)",
            "temperature(0.7)",
            "temperature(1) | top-k(10)",
            "temperature(1) | top-p(0.9)"
        ]
    );
    let greedy =
        dones(&kelvin(&folder, "generate -m tiny Racconta --greedy --max-new-tokens 5 --json"));
    let toured = run(
        in_folder(&folder).args([
            "tour",
            "-m",
            "tiny",
            "Racconta",
            "--max-new-tokens",
            "5",
            "--json",
        ]),
        "",
    );
    assert_eq!(ids(&dones(&toured)[0]), ids(&greedy[0]));
}

#[test]
fn models_are_listed_and_looked_into() {
    let folder = Tiny::default().write("models");
    std::fs::write(folder.join("notes.gguf"), "text").expect("writable");
    let list = kelvin(&folder, "models ls");
    let expected = "model       size  format       type  from\n\
                    notes        4 B  not a model        folder\n\
                    tiny   472.1 KiB  GGUF 3             folder\n\
                    verse    3.5 MiB  safetensors  F16   embedded\n";
    assert_eq!(list.stdout, expected);
    let inside = kelvin(&folder, "models inspect tiny --json").json();
    assert_eq!((&inside["n_params"], &inside["config"]["n_layers"]), (&json!(118_848), &json!(2)));
    assert_eq!(inside["tensors"][0]["dtype"], "F32");
    assert_eq!(inside["metadata"]["general.architecture"], "llama");
    let text = kelvin(&folder, "models inspect tiny").stdout;
    assert!(text.contains("attention     2 heads of 32, 2 for keys and values\n"), "{text}");
}

#[test]
fn the_doctor_says_what_runs_and_why() {
    let folder = Tiny::default().write("doctor");
    let found = kelvin(&folder, "doctor --json").json();
    let topics: Vec<&str> =
        found.as_object().expect("an object").keys().map(String::as_str).collect();
    let known = ["version", "device", "features", "simd", "profile", "threads", "models", "hub"];
    assert_eq!(topics, known);
    assert_eq!(found["device"]["found"], "cpu");
    assert!(found["models"]["found"].as_str().expect("a text").contains("tiny ("));
    assert!(kelvin(&folder, "doctor").stdout.contains("device   cpu · "));
}

#[test]
fn the_bench_gives_every_figure() {
    let folder = Tiny::default().write("bench");
    let figures = kelvin(&folder, "bench -m tiny --json -q").json();
    let figure_names = [
        "prefill_tokens_per_second",
        "decode_tokens_per_second",
        "uncached_tokens_per_second",
        "probe_bytes_per_second",
    ];
    for figure in figure_names {
        assert!(figures[figure]["median"].as_f64() > Some(0.0), "{figure}");
    }
    assert!(figures["bytes_per_token"].as_u64() > Some(0));
    assert!(figures["bandwidth_share"].as_f64() > Some(0.0));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = Tiny { context: 100_000, ..Tiny::default() }.write("pipe");
    let mut child = in_folder(&folder)
        .args(
            "generate -m tiny abc --seed 1 --banned-tokens 2 --max-new-tokens 90000 -q --json"
                .split(' '),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut first = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("stdout is piped"));
    out.read_line(&mut first).expect("a first line");
    drop(out);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_exists() {
    let folder = Tiny { context: 100_000, ..Tiny::default() }.write("interrupt");
    let mut child = in_folder(&folder)
        .args(
            "generate -m tiny abc zz --seed 1 --banned-tokens 2 --max-new-tokens 90000 --json"
                .split(' '),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut out = BufReader::new(child.stdout.take().expect("stdout is piped"));
    let mut said = String::new();
    while !said.contains("\"step\"") {
        assert!(out.read_line(&mut said).expect("it goes on") > 0);
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("kill is there").success());
    out.read_to_string(&mut said).expect("UTF-8");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let lines: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("whole lines of JSON")).collect();
    let dones: Vec<&Value> = lines.iter().filter(|line| line["type"] == "done").collect();
    assert_eq!(dones.len(), 2);
    for done in dones {
        assert_eq!(done["finish_reason"], "interrupted");
        assert!(!ids(done).is_empty(), "what was drawn is kept");
    }
    assert!(String::from_utf8_lossy(&output.stderr).contains("2 interrupted"));
}
