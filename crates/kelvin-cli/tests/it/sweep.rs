//! `kelvin sweep` and `kelvin merge`: what they leave, and what becomes of them when they are stopped,
//! killed, split over machines, given no room or other settings.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::binary::{Run, command, kelvin, run};
use crate::tiny::Tiny;

/// Four cells, two prompts, two samples each.
const SMALL: &str =
    "ROMEO: JULIET: -g temperature=0.5,1.5 -g top-k=off,3 -n 2 --max-new-tokens 6 --seed 5";
/// All that a sweep ends with; the journal's lines come in the order in which samples end.
const FILES: [&str; 5] =
    ["samples.parquet", "steps.parquet", "report.json", "summary.csv", "manifest.json"];

/// An empty folder of this name.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sweep").join(name);
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

fn sweeping(dir: &Path, out: &str, args: &str) -> Command {
    let mut command = command();
    command.current_dir(dir).args(["sweep", "-o", out]).args(args.split_whitespace());
    command
}

fn sweep(dir: &Path, out: &str, args: &str) -> Run {
    run(&mut sweeping(dir, out, args), "")
}

/// The same, which must succeed.
fn swept(dir: &Path, out: &str, args: &str) -> Run {
    let run = sweep(dir, out, args);
    assert_eq!(run.code, 0, "{args}: {}", run.stderr);
    run
}

fn merge(dir: &Path, args: &str) -> Run {
    run(command().current_dir(dir).arg("merge").args(args.split_whitespace()), "")
}

fn bytes(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn assert_same(one: &Path, other: &Path) {
    for file in FILES {
        assert!(bytes(one.join(file)) == bytes(other.join(file)), "{file} differs");
    }
    assert_eq!(sorted_lines(one), sorted_lines(other));
}

fn sorted_lines(folder: &Path) -> Vec<String> {
    let journal = String::from_utf8(bytes(folder.join("samples.jsonl"))).expect("text");
    let mut lines: Vec<String> = journal.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_sweep_leaves_tables_and_says_what_they_hold() {
    let dir = folder("leaves");
    let run = swept(&dir, "out", SMALL);
    let first: Vec<&str> =
        run.stdout.lines().map(|line| line.split("  ").next().unwrap_or_default()).collect();
    let cells =
        ["temperature=0.5 top-k=off", "temperature=0.5 top-k=3", "temperature=1.5 top-k=off"];
    assert_eq!((first.len(), first[0], &first[1..4]), (5, "cell", &cells[..]));
    assert!(
        run.stderr.contains("4 cells × 2 prompts × 2 samples × at most 6 tokens"),
        "{}",
        run.stderr
    );
    let mut left: Vec<String> = fs::read_dir(dir.join("out"))
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    let expected = [
        "manifest.json",
        "report.html",
        "report.json",
        "samples.jsonl",
        "samples.parquet",
        "steps.parquet",
        "summary.csv",
    ];
    assert_eq!(left, expected);
    let again = swept(&dir, "out", &SMALL.replace(" --seed 5", ""));
    assert!(
        again.stderr.contains("out holds 16 samples of them") && again.stderr.contains("seed 5"),
        "{}",
        again.stderr
    );
    assert_eq!(again.stdout, run.stdout);
    let json = sweep(&dir, "out", &format!("{SMALL} --json")).json();
    assert_eq!(json["cells"][1]["pipeline"], "temperature(0.5) | top-k(3)");
    let report: Value = serde_json::from_slice(&bytes(dir.join("out/report.json"))).expect("JSON");
    assert_eq!(json, report);
}

#[test]
fn sample_i_is_sample_i_of_generate() {
    let dir = folder("generate");
    swept(&dir, "out", SMALL);
    let args =
        "generate JULIET: --temperature 1.5 --top-k 3 -n 2 --max-new-tokens 6 --seed 5 --json";
    let generated = kelvin(&args.split_whitespace().collect::<Vec<_>>()).stdout;
    let parse = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
    let done: Vec<Value> = generated.lines().map(parse).filter(|it| it["type"] == "done").collect();
    let journal = String::from_utf8(bytes(dir.join("out/samples.jsonl"))).expect("text");
    let mut own: Vec<Value> =
        journal.lines().map(parse).filter(|it| it["cell"] == 3 && it["prompt"] == 1).collect();
    own.sort_by_key(|it| it["sample"].as_u64());
    assert_eq!((own.len(), done.len()), (2, 2));
    for (own, done) in own.iter().zip(&done) {
        assert_eq!((&own["text"], &own["token_ids"]), (&done["text"], &done["token_ids"]));
        assert_eq!(own["finish"], done["finish_reason"]);
    }
}

#[test]
fn threads_change_no_byte() {
    let dir = folder("threads");
    swept(&dir, "one", &format!("{SMALL} --threads 1"));
    swept(&dir, "three", &format!("{SMALL} --threads 3"));
    assert_same(&dir.join("one"), &dir.join("three"));
}

#[test]
fn shards_make_the_whole_byte_for_byte() {
    let dir = folder("shards");
    swept(&dir, "whole", SMALL);
    for index in 1..=3 {
        swept(&dir, &format!("part-{index}"), &format!("{SMALL} --shard {index}/3"));
    }
    let all = merge(&dir, "part-3 part-1 part-2 -o joined");
    assert_eq!(all.code, 0, "{}", all.stderr);
    assert_same(&dir.join("whole"), &dir.join("joined"));
    let told = |args: &str| {
        let run = merge(&dir, args);
        assert_eq!(run.code, 3, "{}", run.stderr);
        run.stderr
    };
    assert!(told("part-1 part-3 -o x").contains("shards are missing: 2/3"));
    assert!(told("part-1 part-1 -o x").contains("shard 1/3 is there twice"));
    assert!(told("part-1 whole -o x").contains("shard 1/1 and shard 1/3 do not go together"));
    assert!(told("part-1 nowhere -o x").contains("nowhere holds no sweep"));
    swept(&dir, "foreign", &format!("{} --seed 6 --shard 2/3", SMALL.replace(" --seed 5", "")));
    assert!(told("part-1 foreign part-3 -o x").contains("seed: 5 here, 6 there"));
    let partial = merge(&dir, "part-1 part-3 --partial -o partial");
    assert_eq!(
        (partial.code, sorted_lines(&dir.join("partial")).len()),
        (0, 11),
        "{}",
        partial.stderr
    );
    assert!(partial.stderr.contains("warning: 5 samples are missing"), "{}", partial.stderr);
}

#[test]
fn a_torn_journal_is_cut_and_gone_on_with() {
    let dir = folder("torn");
    swept(&dir, "whole", SMALL);
    let journal = bytes(dir.join("whole/samples.jsonl"));
    fs::create_dir_all(dir.join("cut")).expect("it can be made");
    fs::copy(dir.join("whole/manifest.json"), dir.join("cut/manifest.json")).expect("copied");
    for share in [0, 1, 30, 70, 99] {
        fs::write(dir.join("cut/samples.jsonl"), &journal[..journal.len() * share / 100])
            .expect("written");
        swept(&dir, "cut", SMALL);
        assert_same(&dir.join("whole"), &dir.join("cut"));
    }
}

#[test]
fn what_would_mix_two_sweeps_is_refused_and_nothing_is_touched() {
    let dir = folder("refused");
    swept(&dir, "out", SMALL);
    let before = sorted_lines(&dir.join("out"));
    let other = sweep(&dir, "out", &SMALL.replace("1.5", "1.6").replace("-n 2", "-n 3"));
    assert_eq!(other.code, 2);
    let differences = "out holds another sweep: grid.0.values.1: \"1.6\" here, \"1.5\" there; \
                       pipelines.2: \"temperature(1.6) | top-k(off)\" here, \"temperature(1.5) | top-k(off)\" there; \
                       pipelines.3: \"temperature(1.6) | top-k(3)\" here, \"temperature(1.5) | top-k(3)\" there; \
                       n: 3 here, 2 there";
    assert!(other.stderr.contains(differences), "{}", other.stderr);
    let held = File::open(dir.join("out/samples.jsonl")).expect("it is there");
    held.lock().expect("nobody else holds it");
    let locked = sweep(&dir, "out", SMALL);
    assert_eq!(locked.code, 1);
    assert!(locked.stderr.contains("another kelvin is writing to out"), "{}", locked.stderr);
    drop(held);
    fs::copy(dir.join("out/samples.jsonl"), dir.join("samples.jsonl")).expect("copied");
    let nameless = sweep(&dir, ".", SMALL);
    assert_eq!(nameless.code, 3, "{}", nameless.stderr);
    assert_eq!(sorted_lines(&dir.join("out")), before);
}

#[test]
fn what_is_typed_wrong_is_told_before_anything_is_written() {
    let dir = folder("typed");
    for (args, told) in [
        (
            "ROMEO: -g temperatur=1,2",
            "--grid: no parameter \"temperatur\"; did you mean temperature?",
        ),
        ("ROMEO: -g temperature=2:1:0.5", "--grid: temperature=2:1:0.5: no number lies in it"),
        (
            "ROMEO: -g temperature=1,-1",
            "error: cell temperature=-1\ncause: temperature: T = -1 is outside",
        ),
        ("ROMEO: -g temperature=1,2 --temperature 3", "--temperature fixes what the grid varies"),
        (
            "ROMEO: -g temperature=1,2 --pipeline greedy",
            "a pipeline says everything, and the grid varies more",
        ),
        ("ROMEO: -g temperature=1,2 --shard 3/2", "shard \"3/2\" is not i/n"),
        (
            "ROMEO: -g temperature=1,2 --max-new-tokens 300",
            "make 306, more than the context of 256",
        ),
        ("-g temperature=1,2 --prompts nowhere.txt", "cannot read nowhere.txt"),
    ] {
        let run = sweep(&dir, "out", args);
        assert!(run.code == 2 || run.code == 3, "{args}: {}", run.stderr);
        assert!(run.stderr.contains(told), "{args}: {}", run.stderr);
    }
    let dry = sweep(&dir, "out", &format!("{SMALL} --dry-run"));
    assert_eq!(dry.code, 0, "{}", dry.stderr);
    assert!(dry.stdout.contains("16 samples; at most 96 tokens\n"), "{}", dry.stdout);
    assert!(!dir.join("out").exists());
}

#[test]
fn prompts_come_from_a_file_and_cells_from_whole_policies() {
    let dir = folder("prompts");
    fs::write(dir.join("p.txt"), "ROMEO:\n\nJULIET:\n").expect("written");
    let mut command = sweeping(&dir, "out", "--prompts p.txt -n 1 --max-new-tokens 3 --seed 1");
    let run = run(
        command.args(["-g", "pipeline=temperature(0.5) | top-k(2)", "-g", "pipeline=greedy"]),
        "",
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    let report: Value = serde_json::from_slice(&bytes(dir.join("out/report.json"))).expect("JSON");
    assert_eq!(report["cells"][1]["pipeline"], "greedy");
    assert_eq!(report["manifest"]["prompts"][1]["text"], "JULIET:");
    assert_eq!(report["cells"][0]["samples"], 2);
}

#[test]
fn a_cell_that_cannot_be_sampled_is_told_and_the_others_are_kept() {
    let dir = folder("failing");
    let all: Vec<String> = (0..65).map(|id| id.to_string()).collect();
    let banned = format!("pipeline=banned-tokens({})", all.join(", "));
    let mut command =
        sweeping(&dir, "out", "ROMEO: -n 2 --max-new-tokens 3 --seed 1 -g pipeline=greedy");
    let run = run(command.args(["-g", &banned]), "");
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("error: 2 samples could not be had, first of banned-tokens("),
        "{}",
        run.stderr
    );
    assert_eq!(sorted_lines(&dir.join("out")).len(), 2);
}

#[test]
fn a_second_model_judges_what_was_swept() {
    let dir = folder("judged");
    let judged = format!("{SMALL} --judge verse"); // the model that samples
    let table = swept(&dir, "out", &judged).stdout;
    assert!(table.lines().next().is_some_and(|it| it.ends_with("judge-perplexity")), "{table}");
    let report: Value =
        serde_json::from_slice(&bytes(dir.join("out/report.json"))).expect("it is JSON");
    assert_eq!(report["manifest"]["judge"]["name"], "verse");
    for cell in report["cells"].as_array().expect("cells") {
        let metric = |name: &str| cell["metrics"][name].as_f64().expect(name);
        let (own, judge) = (metric("perplexity"), metric("judge_perplexity"));
        assert!((own - judge).abs() < 1e-9 * own, "its own judge: {own}, {judge}");
    }
    let page = String::from_utf8(bytes(dir.join("out/report.html"))).expect("text");
    assert!(page.contains("surprisal under the judge (bits per byte)"));
    for index in 1..=2 {
        swept(&dir, &format!("part-{index}"), &format!("{judged} --shard {index}/2"));
    }
    let joined = merge(&dir, "part-1 part-2 -o joined");
    assert_eq!(joined.code, 0, "{}", joined.stderr);
    assert_same(&dir.join("out"), &dir.join("joined"));
    let without = sweep(&dir, "out", SMALL);
    assert_eq!(without.code, 2);
    assert!(without.stderr.contains("judge: none here, \"verse\" there"), "{}", without.stderr);
}

#[test]
fn samples_that_the_judge_cannot_read_are_kept_and_told_each_time() {
    let dir = folder("unjudged");
    let model = Tiny { add_bos: false, ..Tiny::default() }.write("unjudged").join("tiny.gguf");
    let only_letters = "--allowed-tokens 259,260,261"; // a, b, c
    let args = format!("café of -n 2 --max-new-tokens 4 {only_letters} --judge verse --seed 1");
    let args = format!("{args} -m {}", model.display());
    let told = "error: verse cannot judge 2 of 4 samples; the first, allowed-tokens(259, 260, 261), prompt 1, \
                sample 1: the vocabulary has no token for U+00E9";
    for _ in 0..2 {
        let run = sweep(&dir, "out", &args);
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(run.stderr.contains(told), "{}", run.stderr);
        assert_eq!(sorted_lines(&dir.join("out")).len(), 4);
    }
}

#[test]
fn a_manifest_that_no_sweep_has_is_told_in_a_line() {
    let dir = folder("hostile");
    swept(&dir, "out", SMALL);
    let sound: Value = serde_json::from_slice(&bytes(dir.join("out/manifest.json"))).expect("JSON");
    let many = Value::from(1_000_000_000_000_u64);
    for (field, value, told) in [
        ("shard", serde_json::json!({"index": 1, "of": 0}), "shard \"1/0\" is not i/n"),
        ("shard", serde_json::json!({"index": 0, "of": 1}), "shard \"0/1\" is not i/n"),
        ("shard", serde_json::json!({"index": 1, "of": many}), "is not i/n with 1 ≤ i ≤ n ≤ 10000"),
        ("n", u32::MAX.into(), "× 4294967295 samples are too many, at most 10000000 together"),
    ] {
        let mut manifest = sound.clone();
        manifest[field] = value;
        fs::write(dir.join("out/manifest.json"), manifest.to_string()).expect("written");
        for run in [merge(&dir, "out -o joined"), sweep(&dir, "out", SMALL)] {
            assert_eq!(run.code, 3, "{field}: {}", run.stderr);
            let lines: Vec<&str> = run.stderr.lines().filter(|it| it.contains(told)).collect();
            assert_eq!(lines.len(), 1, "{field}: {}", run.stderr);
        }
    }
    let mut manifest = sound;
    manifest["shard"] = serde_json::json!({"index": 1, "of": 100});
    fs::write(dir.join("out/manifest.json"), manifest.to_string()).expect("written");
    fs::write(dir.join("out/samples.jsonl"), "").expect("written");
    let absent = merge(&dir, "out -o joined");
    let told =
        "shards are missing: 2/100, 3/100, 4/100, 5/100, 6/100, 7/100, 8/100, 9/100 and 91 more\n";
    assert!(absent.stderr.contains(told), "{}", absent.stderr);
}

/// A disk without room: the shell bounds the size of files, in blocks of 512 bytes or more.
#[cfg(unix)]
#[test]
fn without_room_a_sweep_ends_loudly_and_goes_on_later() {
    let dir = folder("full");
    swept(&dir, "whole", SMALL);
    let bounded = |blocks: u32| {
        let limit = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("/bin/sh");
        command.env_clear().current_dir(&dir).args(["-c", &limit, env!("CARGO_BIN_EXE_kelvin")]);
        run(command.args(["sweep", "-o", "out"]).args(SMALL.split_whitespace()), "")
    };
    let full = bounded(8);
    assert_eq!(full.code, 1, "{}", full.stderr);
    assert!(
        full.stderr.contains("error: cannot write out/samples.jsonl\ncause: "),
        "{}",
        full.stderr
    );
    assert!(
        full.stderr.contains("hint: make room and give the same command again"),
        "{}",
        full.stderr
    );
    let kept = sorted_lines(&dir.join("out")).len();
    assert!((1..16).contains(&kept), "{kept} samples");
    swept(&dir, "out", SMALL);
    assert_same(&dir.join("whole"), &dir.join("out"));
    let tables = bounded(1);
    assert_eq!(tables.code, 1, "{}", tables.stderr);
    assert!(
        tables.stderr.contains("error: cannot write out/samples.parquet\ncause: "),
        "{}",
        tables.stderr
    );
    assert!(!dir.join("out/samples.parquet.partial").exists());
    assert_same(&dir.join("whole"), &dir.join("out"));
    let nowhere = sweep(&dir, "whole/summary.csv/x", SMALL);
    assert_eq!(nowhere.code, 1, "{}", nowhere.stderr);
    assert!(nowhere.stderr.contains("error: cannot make the folder"), "{}", nowhere.stderr);
}

/// Long enough to be stopped.
const LONG: &str = "ROMEO: JULIET: -g temperature=0.5,1,1.5 -n 100 --max-new-tokens 100 --seed 5";

fn begin(dir: &Path, out: &str, args: &str) -> Child {
    let mut command = sweeping(dir, out, args);
    let null = || Stdio::null();
    command.stdin(null()).stdout(null()).stderr(null()).spawn().expect("it starts")
}

/// The journal of a sweep that runs, once it has something.
fn await_samples(journal: &Path) {
    for _ in 0..6000 {
        if fs::metadata(journal).is_ok_and(|file| file.len() > 0) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("no sample in a minute");
}

#[cfg(unix)]
#[test]
fn an_interrupted_sweep_keeps_what_is_whole() {
    let dir = folder("interrupted");
    let mut child = begin(&dir, "out", LONG);
    await_samples(&dir.join("out/samples.jsonl"));
    let kill = format!("kill -INT {}", child.id());
    Command::new("/bin/sh").args(["-c", &kill]).status().expect("a shell is there");
    let code = child.wait().expect("it ends").code();
    let kept = sorted_lines(&dir.join("out"));
    assert!(kept.iter().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    let whole = kept.len() == 600;
    assert_eq!(code, Some(if whole { 0 } else { 130 }), "{} samples", kept.len());
}

/// A sweep that is killed fifty times, wherever it is, ends with the bytes of one that never was.
#[test]
#[ignore = "fifty sweeps, killed"]
fn killed_anywhere_it_goes_on() {
    const MEDIUM: &str =
        "ROMEO: JULIET: -g temperature=0.5,1,1.5 -n 40 --max-new-tokens 30 --seed 5";
    let dir = folder("killed");
    let start = std::time::Instant::now();
    swept(&dir, "whole", MEDIUM);
    let most = u64::try_from(start.elapsed().as_millis()).expect("short").max(20);
    let mut state = 11_u64;
    let mut n_cut = 0;
    for at in 0..50 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = begin(&dir, "out", MEDIUM);
        std::thread::sleep(Duration::from_millis((state >> 33) % most));
        child.kill().expect("a child that is not waited for yet");
        n_cut += u32::from(!child.wait().expect("it ends").success());
        if dir.join("out/summary.csv").exists() {
            assert_same(&dir.join("whole"), &dir.join("out"));
            fs::remove_dir_all(dir.join("out")).expect("removed");
        }
        assert!(at < 49 || n_cut > 20, "only {n_cut} of 50 sweeps were killed before their end");
    }
    swept(&dir, "out", MEDIUM);
    assert_same(&dir.join("whole"), &dir.join("out"));
}

/// Without a model: the laws of the cells, and what was drawn from them.
#[test]
fn a_row_of_logits_is_swept_exactly() {
    let args = "sweep --example pizza -g temperature=0.5,1 -g top-k=2,off -n 100 --target pizza --seed 1 --json";
    let all = kelvin(&args.split_whitespace().collect::<Vec<_>>()).json();
    let cells = all["cells"].as_array().expect("a list");
    assert_eq!(cells.len(), 4);
    for cell in cells {
        let settings = &cell["settings"];
        let flags = format!(
            "next --example pizza --temperature {} --top-k {} --draws 100 --seed 1 --json",
            settings["temperature"].as_str().expect("a text"),
            settings["top_k"].as_str().expect("a text"),
        );
        let next = kelvin(&flags.split_whitespace().collect::<Vec<_>>()).json();
        assert_eq!(cell["entropy_nats"], next["entropy_nats"]);
        assert_eq!(cell["kept"], next["kept"]);
        let target =
            next["final"].as_array().expect("a list").iter().find(|it| it["token"] == "pizza");
        assert_eq!(cell["target"]["p"], target.expect("it is kept")["p"]);
        let id = target.expect("it is kept")["id"].to_string();
        assert_eq!(cell["target"]["count"], next["draws"][id]);
    }
    let typo = kelvin(&["sweep", "--example", "pizza", "--target", "piza"]);
    assert_eq!(typo.code, 2);
    assert!(typo.stderr.contains("did you mean pizza?"), "{}", typo.stderr);
}
