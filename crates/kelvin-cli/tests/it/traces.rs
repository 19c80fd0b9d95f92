//! Traces of runs: kept, explained, derived again, asked about other settings.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kelvin::TokenId;
use kelvin_lab::Trace;

use crate::binary::{Run, command, run};

const GENERATE: [&str; 9] =
    ["generate", "ROMEO:", "--seed", "1", "--temperature", "0.9", "--top-p", "0.95", "-q"];

/// An empty folder of this name.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("traces").join(name);
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).expect("writable");
    folder
}

/// Runs `kelvin` where past runs are kept in this folder; words are split at spaces.
fn at(runs: &Path, args: &str) -> Run {
    run(command().env("KELVIN_RUNS", runs).args(args.split_whitespace()), "")
}

/// A run of some tokens, kept in this folder.
fn generated(runs: &Path, more: &str) -> Run {
    let args = format!("{} {more}", GENERATE.join(" "));
    let run = at(runs, &args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    run
}

fn trace(path: &Path) -> Trace {
    let file = fs::read(path).expect("written");
    Trace::read(&file[..]).expect("a trace")
}

#[test]
fn a_run_leaves_its_trace_behind() {
    let runs = folder("left-behind");
    let file = runs.join("mine.jsonl");
    let run = generated(&runs, &format!("--max-new-tokens 9 -n 2 --trace {}", file.display()));
    let kept = fs::read(runs.join("000001.jsonl")).expect("kept");
    assert_eq!(fs::read(&file).expect("written"), kept, "both files hold the same");
    let trace = trace(&file);
    assert_eq!(trace.sequences.len(), 2);
    for sequence in &trace.sequences {
        assert_eq!((sequence.steps.len(), sequence.header.prompt_ids.len()), (9, 6));
        let hashes = sequence.header.model["sha256"].as_object().expect("an object");
        assert_eq!(hashes["model.safetensors"].as_str().map(str::len), Some(64));
        for step in &sequence.steps {
            let head = step.head.as_ref().expect("with candidates");
            let n_drawable = head.weights.iter().filter(|weight| **weight > 0).count();
            assert_eq!(
                (head.ids.len(), n_drawable),
                (64, step.support),
                "65 characters, 64 of them listed"
            );
            let total: u64 = head.weights.iter().sum();
            assert_eq!(Some(total), step.draw.map(|draw| draw.total));
            let text = trace.names.get(step.id).expect("named").to_lossy().into_owned();
            assert_eq!(step.text.as_str(), Some(text.as_str()));
        }
        let done = sequence.done.as_ref().expect("it ended");
        assert!(run.stdout.contains(&done.text), "{}", run.stdout);
    }
}

#[cfg(unix)]
#[test]
fn a_kept_trace_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let runs = folder("private");
    generated(&runs, "--max-new-tokens 1");
    let mode = fs::metadata(runs.join("000001.jsonl")).expect("kept").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_run_can_be_kept_from_being_kept() {
    let runs = folder("declined");
    generated(&runs, "--max-new-tokens 1 --no-trace");
    assert_eq!(fs::read_dir(&runs).expect("there").count(), 0);
    let off = generated(Path::new("off"), "--max-new-tokens 1");
    assert_eq!(off.stderr, "");
    let explain = at(&runs, "explain");
    assert_eq!(explain.code, 3);
    assert_eq!(
        explain.stderr,
        "error: no run is kept yet\n\nhint: kelvin generate \"ROMEO:\" makes one; --trace FILE names a file \
         of its own\n"
    );
}

#[test]
fn the_oldest_of_a_hundred_runs_goes() {
    let runs = folder("hundred");
    for number in 1..=120 {
        fs::write(runs.join(format!("{number:06}.jsonl")), "").expect("writable");
    }
    fs::write(runs.join("notes.txt"), "mine").expect("writable");
    generated(&runs, "--max-new-tokens 1");
    let mut names: Vec<String> = fs::read_dir(&runs)
        .expect("there")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("ASCII"))
        .collect();
    names.sort();
    assert_eq!(
        (names.len(), names[0].as_str(), names[99].as_str()),
        (101, "000022.jsonl", "000121.jsonl")
    );
    assert_eq!(names[100], "notes.txt");
    let gone = at(&runs, "explain @3");
    assert_eq!(gone.code, 2);
    assert_eq!(gone.stderr, "error: no run @3\n\nhint: the runs kept are @22 to @121\n");
    assert_eq!(at(&runs, "explain @121").code, 0);
    assert_eq!(at(&runs, "explain @best").code, 2);
}

#[test]
fn explain_lists_the_tokens_and_shows_one() {
    let runs = folder("explained");
    generated(&runs, "--max-new-tokens 12 --top-k 30");
    let all = at(&runs, "explain");
    assert_eq!(all.code, 0, "{}", all.stderr);
    let steps = trace(&runs.join("000001.jsonl")).sequences[0].steps.clone();
    let kept: Vec<String> = steps.iter().map(|step| step.kept.to_string()).collect();
    let listed: Vec<&str> = all.stdout.lines().skip(4).take(12).collect();
    for (line, kept) in listed.iter().zip(&kept) {
        assert!(line.split_whitespace().any(|word| word == kept), "{line}: {kept} kept");
    }
    assert!(all.stdout.contains("temperature(0.9) | top-k(30) | top-p(0.95)"), "{}", all.stdout);

    let one = at(&runs, "explain --step 2");
    let step = &steps[1];
    for part in [
        "step 2 of 12 · position 7",
        "top-k cut here: 35 tokens",
        &format!("u = {:.3} → ", step.u.expect("drawn")),
        &format!("{:.3} nats raw → {:.3} nats final", step.raw_entropy_nats, step.entropy_nats),
        "top-k(30) left 30 tokens",
    ] {
        assert!(one.stdout.contains(part), "{part}: {}", one.stdout);
    }
    assert_eq!(at(&runs, "explain --step -11").stdout, one.stdout, "the same, from the end");
    let json = at(&runs, "explain --step 2 --json").json();
    assert_eq!((json["pos"].as_u64(), json["type"].as_str()), (Some(7), Some("step")));
    let beyond = at(&runs, "explain --step 13");
    assert_eq!(beyond.code, 2);
    assert_eq!(
        beyond.stderr,
        "error: --step 13: the text has 12 tokens\n\nhint: 1 to 12, or -1 for the last\n"
    );
    let sample = at(&runs, "explain --sample 2");
    assert_eq!(
        sample.stderr,
        "error: the trace has no sample 2 of prompt 1\n\nhint: it has 1 prompt and 1 sample\n"
    );
    let settings = at(&runs, "explain --settings");
    assert_eq!(
        settings.stdout,
        "temperature(0.9), top-k(30), top-p(0.95): flag\nall else off: built-in\n"
    );
}

#[test]
fn a_replay_finds_every_token_again_and_a_forged_one() {
    let runs = folder("replayed");
    generated(&runs, "--max-new-tokens 20 -n 3 --repetition-penalty 1.2 --history 3,7");
    let same = at(&runs, "replay");
    assert_eq!((same.code, same.stdout.as_str()), (0, "60 tokens of 3 sequences: 100 % equal\n"));

    let text = fs::read_to_string(runs.join("000001.jsonl")).expect("kept");
    let forged = runs.join("forged.jsonl");
    let header = text.lines().next().expect("a header");
    fs::write(&forged, text.replacen(header, &header.replace("\"seed\":1,", "\"seed\":2,"), 1))
        .expect("writable");
    let other = at(&runs, &format!("replay {}", forged.display()));
    assert_eq!(other.code, 1, "{}", other.stdout);
    let json = at(&runs, &format!("replay {} --json", forged.display()));
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("one value");
    let differ = json["differences"].as_array().expect("a list").len();
    assert!(differ > 5, "a seed decides most of 20 tokens: {differ}");
    assert_eq!(json["equal"].as_u64(), Some(60 - differ as u64));
}

#[test]
fn a_replay_tells_what_was_changed_or_is_missing() {
    let runs = folder("gaps");
    generated(&runs, "--max-new-tokens 5");
    let text = fs::read_to_string(runs.join("000001.jsonl")).expect("kept");
    let lines: Vec<&str> = text.lines().collect();
    let replayed = |name: &str, lines: &[String]| {
        let file = runs.join(name);
        fs::write(&file, lines.join("\n") + "\n").expect("writable");
        let run = at(&runs, &format!("replay {}", file.display()));
        (run.code, run.stdout)
    };
    let owned = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
    let whole = "5 tokens of 1 sequence: 100 % equal\n".to_owned();
    assert_eq!(replayed("whole.jsonl", &owned(&lines)), (0, whole.clone()));

    let mut step: serde_json::Value = serde_json::from_str(lines[2]).expect("a step");
    for number in ["p", "logprob", "raw_p", "raw_logprob", "raw_rank", "pos"] {
        let before = step[number].clone();
        step[number] = serde_json::json!(3);
        let mut forged = owned(&lines);
        forged[2] = step.to_string();
        step[number] = before;
        let told =
            "1 token with other numbers in some bit: another model, numerics profile or version\n";
        assert_eq!(replayed("forged.jsonl", &forged), (0, whole.clone() + told), "{number}");
    }
    let ends = "  prompt 1, sample 1: the trace ends before it does\n";
    let cut = replayed("cut.jsonl", &owned(&lines[..4]));
    assert_eq!(cut, (1, format!("3 tokens of 1 sequence: 100 % equal\n{ends}")));
    let bare = replayed("bare.jsonl", &owned(&lines[..1]));
    assert_eq!(bare, (1, format!("0 tokens of 1 sequence: 100 % equal\n{ends}")));
    let fewer = replayed("fewer.jsonl", &owned(&[&lines[..3], &lines[6..]].concat()));
    let others = "  prompt 1, sample 1: its end names 5 tokens, and its 2 lines are others\n";
    assert_eq!(fewer, (1, format!("2 tokens of 1 sequence: 100 % equal\n{others}")));
}

#[test]
fn a_text_of_one_token_is_a_text() {
    let runs = folder("one-token");
    generated(&runs, "--max-new-tokens 1");
    assert_eq!(at(&runs, "replay").stdout, "1 token of 1 sequence: 100 % equal\n");
    let rescored = at(&runs, "rescore --temperature 1 --typical-p 0.9");
    assert_eq!(rescored.code, 0, "{}", rescored.stderr);
    let own = at(&runs, "rescore --text a --after ROMEO: --temperature 1");
    assert_eq!(own.code, 0, "{}", own.stderr);
    let impossible = at(&runs, "rescore --greedy --json").json();
    assert!(impossible["nats"].as_f64().expect("a number").is_sign_positive(), "never −0");
}

#[test]
fn what_the_model_refuses_of_a_trace_is_wrong_with_the_trace() {
    let runs = folder("refused");
    generated(&runs, "--max-new-tokens 3");
    let text = fs::read_to_string(runs.join("000001.jsonl")).expect("kept");
    let file = runs.join("forged.jsonl");
    let id = text.lines().nth(1).and_then(|step| step.split("\"id\":").nth(1)).expect("a step");
    let id = format!("\"id\":{},", id.split(',').next().expect("a number"));
    for (from, to) in [
        (id.as_str(), "\"id\":4000000,"),
        ("\"prompt_ids\":[", "\"prompt_ids\":[],\"was\":["),
        ("\"limit\":256", "\"limit\":0"),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&file, text.replacen(from, to, 1)).expect("writable");
        let run = at(&runs, &format!("replay {}", file.display()));
        assert_eq!(run.code, 3, "{to}: {}", run.stderr);
        assert!(run.stderr.starts_with("error: the trace: "), "{to}: {}", run.stderr);
    }
}

#[test]
fn other_settings_are_judged_without_the_model_where_the_trace_decides() {
    let runs = folder("rescored");
    generated(&runs, "--max-new-tokens 40");
    let steps = trace(&runs.join("000001.jsonl")).sequences[0].steps.clone();
    let raw = at(&runs, "rescore --json").json();
    assert_eq!(raw["asked_model"].as_u64(), Some(0));
    let logprobs = |value: &serde_json::Value| -> Vec<f64> {
        let tokens = value["tokens"].as_array().expect("a list");
        tokens.iter().map(|token| token["logprob"].as_f64().unwrap_or(f64::NAN)).collect()
    };
    for (now, step) in logprobs(&raw).iter().zip(&steps) {
        assert!((now - step.raw_logprob).abs() < 1e-9, "neutral is the model's own distribution");
    }
    let same = at(&runs, "rescore --temperature 0.9 --top-p 0.95 --json").json();
    for (now, step) in logprobs(&same).iter().zip(&steps) {
        let told = "the recorded settings give the recorded numbers";
        assert_eq!(now.to_bits(), step.logprob.to_bits(), "{told}");
    }
    let narrow = at(&runs, "rescore --top-k 1");
    let unlikely = steps.iter().filter(|step| step.raw_rank > 1).count();
    let told =
        format!("this text could not have happened: {unlikely} of 40 tokens are impossible (");
    assert!(narrow.stdout.contains(&told), "{}", narrow.stdout);
    assert_eq!(narrow.stdout.matches("✗ top-k(1) removes it").count(), unlikely);
    let whole = at(&runs, "rescore --typical-p 0.9 --json");
    assert!(
        whole.stderr.contains("the trace decides 0 of 40 tokens; the model is asked for the rest"),
        "{}",
        whole.stderr
    );
    let whole = whole.json();
    assert!(
        whole["tokens"].as_array().expect("a list").iter().all(|token| token["decided"] == true)
    );
}

#[test]
fn a_text_of_ones_own_is_judged_by_the_model() {
    let runs = folder("own-text");
    let args = ["rescore", "--after", "ROMEO:\n", "--text", "But soft!", "--top-k", "9", "--json"];
    let run = run(command().env("KELVIN_RUNS", &runs).args(args), "");
    let tokens = run.json()["tokens"].as_array().expect("a list").clone();
    let text: String = tokens.iter().map(|token| token["token"].as_str().expect("text")).collect();
    assert_eq!(text, "But soft!");
    let none = at(&runs, "rescore --text a");
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("error: the text is too short"), "{}", none.stderr);
}

#[test]
fn a_trace_that_cannot_be_written_is_loud_where_it_was_asked_for() {
    if !Path::new("/dev/full").exists() {
        return crate::binary::skipped("there is no /dev/full");
    }
    let runs = folder("full");
    let full = at(&runs, &format!("{} --max-new-tokens 3 --trace /dev/full", GENERATE.join(" ")));
    assert_eq!(full.code, 1);
    assert!(
        full.stderr.starts_with("error: cannot write the trace /dev/full\n"),
        "{}",
        full.stderr
    );
    let nowhere = at(&runs, &format!("{} --trace /no/such/folder/x", GENERATE.join(" ")));
    assert_eq!(nowhere.code, 1);
    let unkept =
        at(Path::new("/proc/nowhere"), &format!("{} --max-new-tokens 3", GENERATE.join(" ")));
    assert_eq!(unkept.code, 0, "a trace that nobody asked for stops nothing");
    assert!(
        unkept.stderr.starts_with("warning: no trace is kept of this run: "),
        "{}",
        unkept.stderr
    );
}

#[cfg(unix)]
#[test]
fn a_trace_whose_room_ends_in_the_middle_ends_the_run_and_keeps_what_there_is() {
    let dir = folder("room");
    // files of 8 KiB at most (blocks of 512 bytes), and no signal where one is longer
    let limited = "trap '' XFSZ; ulimit -f 16; exec \"$@\"";
    let binary = env!("CARGO_BIN_EXE_kelvin");
    let args = GENERATE.join(" ") + " --max-new-tokens 200 --trace t.jsonl";
    let mut sh = std::process::Command::new("sh");
    sh.current_dir(&dir).env("KELVIN_RUNS", "off").args(["-c", limited, "sh", binary]);
    let stopped = run(sh.args(args.split_whitespace()), "");
    assert_eq!(stopped.code, 1, "{}", stopped.stderr);
    assert!(
        stopped.stderr.starts_with("error: cannot write the trace t.jsonl\n"),
        "{}",
        stopped.stderr
    );
    let kept = trace(&dir.join("t.jsonl"));
    assert!(kept.is_cut && kept.sequences.len() == 1, "{kept:?}");
}

#[test]
fn what_is_no_trace_is_said_in_one_line() {
    let runs = folder("damaged");
    let file = runs.join("x.jsonl");
    for (text, told) in [
        ("", "a trace begins with a header, and there is none"),
        ("hello\n", "line 1: no line of a trace: expected value"),
        ("{\"type\":\"done\"}\n", "line 1: no line of a trace: missing field `prompt`"),
    ] {
        fs::write(&file, text).expect("writable");
        for command in ["explain", "replay", "rescore"] {
            let run = at(&runs, &format!("{command} {}", file.display()));
            assert_eq!(run.code, 3, "{command}: {}", run.stderr);
            assert!(run.stderr.contains(told), "{command}: {}", run.stderr);
            assert_eq!(run.stderr.lines().count(), 1, "{command}: {}", run.stderr);
        }
    }
}

#[test]
fn numbers_at_the_ends_of_their_range_are_answered() {
    let runs = folder("ends");
    generated(&runs, "--max-new-tokens 3");
    let file = runs.join("000001.jsonl");
    let told = |args: &str| {
        let run = at(&runs, args);
        assert_eq!(run.code, 2, "{args}: {}", run.stderr);
        run.stderr
    };
    for step in ["-9223372036854775808", "9223372036854775807", "0", "4", "-4"] {
        let error = told(&format!("explain --step={step}"));
        assert!(error.contains(&format!("--step {step}: the text has 3 tokens")), "{error}");
    }
    // a header may say any number
    let far = fs::read_to_string(&file).expect("kept");
    let far = far.replace("\"sample\":0", "\"sample\":18446744073709551615");
    fs::write(&file, far).expect("writable");
    let error = told("explain");
    assert!(error.contains("the trace has no sample 1 of prompt 1"), "{error}");
}

#[test]
fn the_newest_run_is_drawn_by_its_name() {
    let runs = folder("drawn");
    generated(&runs, "--max-new-tokens 5 -n 4");
    let drawn = |name: &str, of: &str| at(&runs, &format!("plot {name} --from {of} --data")).json();
    let file = runs.join("000001.jsonl");
    let file_name = file.to_str().expect("UTF-8");
    assert_eq!(drawn("trace", "@last")["panels"], drawn("trace", file_name)["panels"]);
    let texts: BTreeSet<Vec<TokenId>> = trace(&file)
        .sequences
        .iter()
        .map(|sequence| sequence.steps.iter().map(|step| step.id).collect())
        .collect();
    let bars = &drawn("diversity", "@last")["panels"][0]["layers"][0]["values"];
    assert_eq!(*bars, serde_json::json!([texts.len() as f64]));
    let run = at(&runs, "plot trace --from @7 --data");
    assert!(run.code != 0 && run.stderr.contains("@7"), "{}", run.stderr);
}
