//! `kelvin train`: runs from the outside, what they leave, and what becomes of them when they are
//! stopped, killed, given another disk or other settings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::binary::{Run, command, run};

/// A small run: fast, with an evaluation and a checkpoint now and then.
const SMALL: &str = "--size char-tiny --n-layers 1 --d-model 16 --n-heads 2 --context 16 --batch-size 2 \
                     --eval-every 10 --save-every 5 --sample-tokens 20 --decay-steps 30 --seed 7";
/// The same, too long to end by itself before a signal comes.
const LONG: &str = "--size char-tiny --n-layers 1 --d-model 16 --n-heads 2 --context 16 --batch-size 2 \
                    --eval-every 4000 --save-every 4000 --sample-tokens 20 --steps 4000 --seed 7";

/// An empty folder of this name.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("train").join(name);
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// A text of made-up words and lines, the same each time.
fn verse(n_words: u32) -> String {
    let syllables = ["ka", "lo", "mi", "ne", "pu", "ra", "so", "te"];
    let mut state = 7_u32;
    let mut text = String::new();
    for at in 1..=n_words {
        for _ in 0..2 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text += syllables[(state >> 29) as usize];
        }
        text.push(if at % 6 == 0 { '\n' } else { ' ' });
    }
    text
}

/// Files that transcripts name, in `train-inputs` of the folder that commands run in.
pub(crate) fn write_inputs() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("train-inputs");
    fs::create_dir_all(&folder).expect("the folder can be made");
    let inputs: [(&str, &[u8]); 9] = [
        ("empty.txt", b""),
        ("binary.txt", b"text\0and more"),
        ("latin-1.txt", b"caf\xE9"),
        ("short.txt", b"to be or not"),
        ("letters.json", LETTERS.as_bytes()),
        ("broken.toml", b"steps = 30\nlearning_rate = = 1\n"),
        ("unknown.toml", b"steps = 30\nlearning_rat = 1e-3\n"),
        ("negative.toml", b"steps = 30\nlearning_rate = -1e-3\n"),
        ("zero.toml", b"steps = 0\n"),
    ];
    for (name, bytes) in inputs {
        write(&folder.join(name), bytes);
    }
    write(&folder.join("verse.txt"), verse(200).as_bytes());
}

/// Aside and renamed: tests that run at once may read it.
fn write(path: &Path, bytes: &[u8]) {
    let aside = path.with_extension(format!("{:?}", std::thread::current().id()));
    fs::write(&aside, bytes).expect("the file can be written");
    fs::rename(&aside, path).expect("the file can be named");
}

/// Knows three letters.
const LETTERS: &str = r#"{
    "version": "1.0",
    "pre_tokenizer": {
        "type": "Split", "pattern": {"String": ""}, "behavior": "Isolated", "invert": false
    },
    "decoder": {"type": "Fuse"},
    "model": {"type": "WordLevel", "vocab": {"a": 0, "k": 1, "n": 2}, "unk_token": "?"}
}"#;

/// `kelvin train` in a folder, with flags split at spaces.
fn train_in(folder: &Path, args: &str) -> Run {
    run(&mut training(folder, args), "")
}

fn training(folder: &Path, args: &str) -> Command {
    let mut command = command();
    command.current_dir(folder).arg("train").args(args.split_whitespace());
    command
}

/// The same, which must succeed.
fn train(folder: &Path, args: &str) -> Run {
    let run = train_in(folder, args);
    assert_eq!(run.code, 0, "{args}: {}", run.stderr);
    run
}

/// A folder with `verse.txt`.
fn with_verse(name: &str) -> PathBuf {
    let folder = folder(name);
    fs::write(folder.join("verse.txt"), verse(300)).expect("the file can be written");
    folder
}

fn bytes(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The table of values has this row.
fn assert_row(run: &Run, row: &str) {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(run.stderr.lines().any(|line| words(line) == row), "no {row}: {}", run.stderr);
}

/// Two runs ended with the same bytes at this step, and said the same on the way.
fn assert_same_end(one: &Path, other: &Path, step: u32) {
    for file in ["model.safetensors", "optimizer.safetensors", "state.json", "manifest.json"] {
        let file = format!("step-{step}/{file}");
        assert!(bytes(one.join(&file)) == bytes(other.join(&file)), "{file} differs");
    }
    let [one, other] = [one, other].map(|run| bytes(run.join("metrics.jsonl")));
    assert_eq!(String::from_utf8(one), String::from_utf8(other));
}

#[test]
fn a_run_leaves_a_model_its_metrics_and_a_figure() {
    let dir = with_verse("leaves");
    let run = train(&dir, &format!("verse.txt --steps 30 --out run {SMALL}"));
    assert_eq!(run.stdout, "run/step-30\n");
    assert!(run.stderr.contains("step 30 of 30 · loss "), "{}", run.stderr);
    assert!(run.stderr.contains("hint: kelvin generate -m run/step-30 "), "{}", run.stderr);

    let metrics = String::from_utf8(bytes(dir.join("run/metrics.jsonl"))).expect("text");
    let lines: Vec<Value> =
        metrics.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let steps = lines.iter().filter(|line| line.get("loss").is_some());
    let steps: Vec<_> = steps.map(|line| line["step"].clone()).collect();
    assert_eq!(steps, (1..=30).collect::<Vec<_>>());
    let evaluated = lines.iter().filter(|line| line.get("validation_loss").is_some());
    let evaluated: Vec<_> = evaluated.map(|line| line["step"].clone()).collect();
    assert_eq!(evaluated, [10, 20, 30]);
    let svg = String::from_utf8(bytes(dir.join("run/loss.svg"))).expect("text");
    assert!(svg.contains("char-tiny on verse.txt") && svg.contains("at step 30"), "{svg}");

    let mut kept: Vec<String> = fs::read_dir(dir.join("run"))
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    kept.sort();
    assert_eq!(kept, ["loss.svg", "metrics.jsonl", "step-25", "step-30", "train.toml"]);
}

/// What the run shows of the model is what the model says.
#[test]
fn a_sample_is_what_generate_gives() {
    let dir = with_verse("sample");
    let run = train(&dir, &format!("verse.txt --steps 10 --out run --sample-prompt ka {SMALL}"));
    let shown: Vec<&str> =
        run.stderr.lines().filter_map(|line| line.strip_prefix("  │ ")).collect();
    let flags = "generate -q -m run/step-10 --seed 7 --max-new-tokens 20 --context-shift ka";
    let text = run_in(&dir, flags).stdout;
    assert_eq!(shown.join("\n"), text.trim_matches('\n'));
}

fn run_in(folder: &Path, args: &str) -> Run {
    run(command().current_dir(folder).args(args.split_whitespace()), "")
}

/// Twenty steps, a new process, ten more: the bytes of thirty at once, log and all.
#[test]
fn twenty_steps_and_ten_more_are_thirty() {
    let dir = with_verse("resume");
    train(&dir, &format!("verse.txt --steps 30 --out straight {SMALL}"));
    train(&dir, &format!("verse.txt --steps 20 --out parts {SMALL}"));
    let run = train(&dir, "--resume parts --steps 30");
    assert_eq!(run.stdout, "parts/step-30\n");
    assert!(run.stderr.contains("going on from parts/step-20"), "{}", run.stderr);
    assert_same_end(&dir.join("straight"), &dir.join("parts"), 30);
}

/// Wherever a run ends, off the beat of its evaluations too, what goes on is the same run.
#[test]
fn any_parts_of_a_run_are_the_run() {
    let dir = with_verse("parts");
    train(&dir, &format!("verse.txt --steps 30 --out straight {SMALL}"));
    for (at, plan) in [&[1, 30][..], &[13, 20, 30], &[7, 8, 29, 30], &[30, 30]].iter().enumerate() {
        let out = format!("parts-{at}");
        train(&dir, &format!("verse.txt --steps {} --out {out} {SMALL}", plan[0]));
        for steps in &plan[1..] {
            train(&dir, &format!("--resume {out} --steps {steps}"));
        }
        assert_same_end(&dir.join("straight"), &dir.join(&out), 30);
    }
}

#[test]
fn threads_and_instructions_change_no_bit() {
    let dir = with_verse("threads");
    train(&dir, &format!("verse.txt --steps 12 --out a --threads 1 {SMALL}"));
    train(&dir, &format!("verse.txt --steps 12 --out b --threads 2 --simd scalar {SMALL}"));
    assert_same_end(&dir.join("a"), &dir.join("b"), 12);
}

/// The same command line, until it is done: it begins, goes on, and has nothing left to do.
#[test]
fn one_command_line_begins_and_goes_on() {
    let dir = with_verse("again");
    let line = format!("verse.txt --steps 12 --out run {SMALL} --resume");
    assert!(train(&dir, &line).stderr.contains("run has no checkpoint yet: beginning at step 0"));
    let again = train(&dir, &line);
    assert!(again.stderr.contains("all 12 steps are taken"), "{}", again.stderr);
    assert_eq!(again.stdout, "run/step-12\n");
}

#[test]
fn the_config_file_of_a_run_makes_the_same_run() {
    let dir = with_verse("config");
    train(&dir, &format!("verse.txt --steps 12 --out a {SMALL}"));
    let run = train(&dir, "--config a/train.toml --out b");
    assert_row(&run, "learning-rate 0.003 train.toml");
    let weights = |run: &str| bytes(dir.join(run).join("step-12/model.safetensors"));
    assert!(weights("a") == weights("b"));
    let run = train(&dir, "--config a/train.toml --out c --learning-rate 0.01");
    assert_row(&run, "learning-rate 0.01 flag");
    assert_row(&run, "d-model 16 train.toml");
    assert!(weights("a") != weights("c"));
}

#[test]
fn json_is_the_metrics_as_they_grow() {
    let dir = with_verse("json");
    let run = train(&dir, &format!("verse.txt --steps 12 --out run --json {SMALL}"));
    let own = |line: &&str| line.contains("\"checkpoint\"") || line.contains("\"sample\"");
    let metrics: Vec<&str> = run.stdout.lines().filter(|line| !own(line)).collect();
    let written = String::from_utf8(bytes(dir.join("run/metrics.jsonl"))).expect("text");
    assert_eq!(metrics, written.lines().collect::<Vec<_>>());
    let saved = run.stdout.lines().last().expect("a line");
    assert_eq!(saved, "{\"step\":12,\"checkpoint\":\"run/step-12\"}");
}

#[test]
fn a_folder_with_a_run_is_not_begun_again() {
    let dir = with_verse("taken");
    train(&dir, &format!("verse.txt --steps 2 --out run {SMALL}"));
    let refused = train_in(&dir, &format!("verse.txt --steps 2 --out run {SMALL}"));
    assert_eq!(refused.code, 2);
    let expected = "error: run holds a run already, saved at step 2\n\nhint: kelvin train --resume run goes on \
                    with it; another --out begins anew\n";
    assert_eq!(refused.stderr, expected);
}

/// What the next steps depend on may not change under a run.
#[test]
fn a_run_that_was_another_is_told_apart() {
    let dir = with_verse("drift");
    train(&dir, &format!("verse.txt --steps 5 --out run {SMALL}"));
    fs::write(dir.join("other.txt"), verse(299)).expect("writable");
    fs::write(dir.join("more.txt"), verse(300) + "z").expect("writable");
    train(&dir, &format!("more.txt --steps 2 --out more {SMALL}"));
    let before = bytes(dir.join("run/train.toml"));
    let cases = [
        ("--learning-rate 0.5", "learning-rate: 0.003 → 0.5"),
        ("--seed 8", "seed: 7 → 8"),
        ("--split 0.5", "data: verse.txt (SHA-256 "),
        ("other.txt", "data: verse.txt (SHA-256 "),
        ("--n-layers 2", "--n-layers 2 is asked for, and run/step-5 has 1"),
        ("--size char-medium", "--size char-medium is asked for, and run/step-5 has char-tiny"),
        ("--tokenizer more/step-2", "tokenizer.json: SHA-256 "),
        ("--tokenizer more/step-2/tokenizer.json", "tokenizer.json: SHA-256 "),
        ("--steps 4", "--steps 4 counts all steps, and 5 were taken before"),
    ];
    for (flags, expected) in cases {
        let refused = train_in(&dir, &format!("{flags} --resume run"));
        assert_eq!(refused.code, 2, "{flags}: {}", refused.stderr);
        assert!(refused.stderr.contains(expected), "{flags}: {}", refused.stderr);
    }
    assert_eq!(bytes(dir.join("run/train.toml")), before, "nothing of it is written down");
    train(&dir, "--resume run --steps 5 --size char-tiny --tokenizer run/step-5");
}

/// Where a text lies is no part of a run.
#[test]
fn equal_runs_in_two_folders_have_equal_manifests() {
    let dir = with_verse("two-folders");
    fs::create_dir(dir.join("below")).expect("the folder can be made");
    train(&dir, &format!("verse.txt --steps 2 --out run {SMALL}"));
    train(&dir.join("below"), &format!("../verse.txt --steps 2 --out run {SMALL}"));
    let [one, other] =
        ["run", "below/run"].map(|run| bytes(dir.join(run).join("step-2/manifest.json")));
    assert_eq!(String::from_utf8(one), String::from_utf8(other));
}

/// Nothing that another command left, or somebody wrote by hand, is written over.
#[test]
fn a_folder_with_files_of_a_run_is_not_begun_in() {
    let dir = with_verse("leftover");
    for name in ["metrics.jsonl", "train.toml"] {
        fs::create_dir_all(dir.join("run")).expect("the folder can be made");
        fs::write(dir.join("run").join(name), "steps = 2\n").expect("writable");
        let refused = train_in(&dir, &format!("verse.txt --steps 2 --out run {SMALL}"));
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        let expected = format!("error: run/{name} is there already, of a run that saved nothing");
        assert!(refused.stderr.contains(&expected), "{}", refused.stderr);
        assert_eq!(bytes(dir.join("run").join(name)), b"steps = 2\n");
        fs::remove_dir_all(dir.join("run")).expect("removed");
    }
    // a folder of nearly the name of a checkpoint is none
    fs::create_dir_all(dir.join("run/step-05")).expect("the folder can be made");
    train(&dir, &format!("verse.txt --steps 2 --out run {SMALL}"));
    let refused = train_in(&dir, "--config run/train.toml --out run --steps 3");
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    let expected =
        "error: --config run/train.toml is the file that a run in run writes its values to";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
}

/// `--init` goes on with the weights, on other data; from a checkpoint with its optimizer and its steps.
#[test]
fn a_model_is_trained_further_on_another_text() {
    let dir = with_verse("init");
    fs::write(dir.join("other.txt"), verse(200).replace("ka", "sore")).expect("writable");
    train(&dir, &format!("verse.txt --steps 10 --out run --export model {SMALL}"));
    let few = "--size char-tiny --eval-every 5 --sample-tokens 0 --block-size 16";
    let run = train(&dir, &format!("other.txt --init run/step-10 --steps 15 --out a {few}"));
    assert_eq!(run.stdout, "a/step-15\n");
    let metrics = String::from_utf8(bytes(dir.join("a/metrics.jsonl"))).expect("text");
    assert!(metrics.starts_with("{\"step\":11,"), "{metrics}");
    let toml = String::from_utf8(bytes(dir.join("a/train.toml"))).expect("text");
    let init =
        format!("init = {}\n", toml::Value::from(dir.join("run/step-10").display().to_string()));
    assert!(toml.contains(&init), "{toml}");
    let run = train(&dir, &format!("other.txt --init model --steps 5 --out b {few}"));
    assert_eq!(run.stdout, "b/step-5\n");
    assert_row(&run, "d-model 16 model");
    assert_row(&run, "learning-rate 0.003 size char-tiny");
    let refused = train_in(&dir, &format!("other.txt --init run/step-10 --steps 10 --out c {few}"));
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("hint: --steps 20 trains 10 more"), "{}", refused.stderr);
}

/// Only what other programs read, as they expect it, and no second time.
#[test]
fn an_export_is_a_model_alone() {
    let dir = with_verse("export");
    let line = format!("verse.txt --steps 5 --export model --export-dtype f16 {SMALL}");
    train(&dir, &format!("{line} --out run"));
    let mut files: Vec<String> = fs::read_dir(dir.join("model"))
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let expected = [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ];
    assert_eq!(files, expected);
    let half = fs::metadata(dir.join("model/model.safetensors")).expect("a file").len();
    let whole = fs::metadata(dir.join("run/step-5/model.safetensors")).expect("a file").len();
    assert!(half < whole * 2 / 3, "{half} of {whole} bytes");
    let text = run_in(&dir, "generate -q -m model ka --max-new-tokens 5 --seed 1");
    assert_eq!(text.code, 0, "{}", text.stderr);
    let refused = train_in(&dir, &format!("{line} --out other"));
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("--export model: is there already"), "{}", refused.stderr);
}

/// A loss that is no number ends the run before it spoils anything.
#[test]
fn a_run_that_diverges_ends_with_its_checkpoints_whole() {
    let dir = with_verse("diverges");
    let wild = "--learning-rate 1000 --max-grad-norm off --warmup-steps 8 --weight-decay 1000";
    let run = train_in(&dir, &format!("verse.txt --steps 300 --out run {SMALL} {wild}"));
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("error: training stopped\ncause: "), "{}", run.stderr);
    let last = latest(&dir.join("run")).expect("a checkpoint");
    assert!(run.stderr.contains(&format!("hint: run/step-{last} is whole")), "{}", run.stderr);
    let again = train_in(&dir, "--resume run");
    assert_eq!(again.code, 1, "the same end: {}", again.stderr);
}

/// The step of the newest checkpoint.
fn latest(run: &Path) -> Option<u32> {
    let entries = fs::read_dir(run).ok()?;
    let step = |name: &str| name.strip_prefix("step-")?.parse().ok();
    entries.filter_map(|entry| step(entry.ok()?.file_name().to_str()?)).max()
}

/// A folder that cannot be made is told before the first step.
#[test]
fn a_place_that_is_no_folder_is_told_at_once() {
    let dir = with_verse("no-folder");
    let run = train_in(&dir, &format!("verse.txt --steps 5 --out verse.txt/run {SMALL}"));
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("error: cannot make the folder verse.txt/run"), "{}", run.stderr);
}

/// Files may grow to a few kilobytes, as on a disk that is full: what was saved stays, and goes on later.
#[cfg(unix)]
#[test]
fn a_full_disk_is_loud_and_spoils_nothing() {
    let dir = with_verse("full");
    train(&dir, &format!("verse.txt --steps 30 --out straight {SMALL}"));
    train(&dir, &format!("verse.txt --steps 5 --out run {SMALL}"));
    let before = bytes(dir.join("run/step-5/manifest.json"));
    let line =
        "trap '' XFSZ; ulimit -f 8; exec \"$0\" train --resume run --steps 30 --sample-tokens 0";
    let mut shell = Command::new("sh");
    shell.env_clear().current_dir(&dir).args(["-c", line, env!("CARGO_BIN_EXE_kelvin")]);
    let failed = run(&mut shell, "");
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(failed.stderr.contains("File too large"), "{}", failed.stderr);
    assert_eq!(bytes(dir.join("run/step-5/manifest.json")), before);
    assert_eq!(latest(&dir.join("run")), Some(5));
    train(&dir, "--resume run --steps 30 --sample-tokens 20");
    assert_same_end(&dir.join("straight"), &dir.join("run"), 30);
}

/// A checkpoint that lost a bit is passed over, and the run is made again from the one before.
#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let dir = with_verse("damage");
    train(&dir, &format!("verse.txt --steps 30 --out straight {SMALL}"));
    train(&dir, &format!("verse.txt --steps 20 --out run {SMALL}"));
    let weights = dir.join("run/step-20/model.safetensors");
    let mut spoiled = bytes(&weights);
    let middle = spoiled.len() / 2;
    spoiled[middle] ^= 1;
    fs::write(&weights, spoiled).expect("writable");
    let run = train(&dir, "--resume run --steps 30");
    assert!(run.stderr.contains("warning: run/step-20"), "{}", run.stderr);
    assert!(run.stderr.contains("going on from run/step-15"), "{}", run.stderr);
    assert_same_end(&dir.join("straight"), &dir.join("run"), 30);
}

/// An evaluation off the beat stays where the run ends, and goes where it goes on.
#[test]
fn a_run_that_is_done_keeps_its_last_evaluation() {
    let dir = with_verse("done");
    train(&dir, &format!("verse.txt --steps 7 --out run {SMALL}"));
    let log = || String::from_utf8(bytes(dir.join("run/metrics.jsonl"))).expect("text");
    let before = log();
    assert!(before.contains("{\"step\":7,\"validation_loss\":"), "{before}");
    train(&dir, "--resume run");
    assert_eq!(log(), before);
    train(&dir, "--resume run --steps 8");
    assert!(!log().contains("{\"step\":7,\"validation_loss\":"), "{}", log());
}

/// A log that someone cut is gone on with, and the gap is told.
#[test]
fn a_gap_in_the_log_is_told() {
    let dir = with_verse("gap");
    train(&dir, &format!("verse.txt --steps 5 --out run {SMALL}"));
    let log = dir.join("run/metrics.jsonl");
    let text = String::from_utf8(bytes(&log)).expect("text");
    let two: Vec<&str> = text.lines().take(2).collect();
    fs::write(&log, format!("{}\n{{\"step\":3,\"lo", two.join("\n"))).expect("writable");
    let run = train(&dir, "--resume run --steps 6");
    let warning = "warning: run/metrics.jsonl: the lines of the last 3 steps are lost";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    let text = String::from_utf8(bytes(&log)).expect("text");
    assert_eq!(text.lines().count(), 4, "two, the sixth and its evaluation: {text}");
}

/// A log that holds something else is not emptied.
#[test]
fn lines_of_something_else_are_kept() {
    let dir = with_verse("foreign");
    train(&dir, &format!("verse.txt --steps 5 --out run {SMALL}"));
    let log = dir.join("run/metrics.jsonl");
    let text = String::from_utf8(bytes(&log)).expect("text").replacen('\n', "\na note\n", 2);
    fs::write(&log, &text).expect("writable");
    let run = train(&dir, "--resume run --steps 6");
    let warning = "warning: run/metrics.jsonl: holds lines that are not this run's, cut there; all it held is \
                   in run/metrics.jsonl.old\n";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    assert_eq!(bytes(dir.join("run/metrics.jsonl.old")), text.as_bytes());
}

/// What cannot be drawn ends a run, but not before its step is saved.
#[test]
fn a_figure_that_fails_leaves_a_checkpoint() {
    let dir = with_verse("figure");
    fs::create_dir_all(dir.join("run/loss.svg")).expect("the folder can be made");
    let small = SMALL.replace("--save-every 5", "--save-every 30");
    let run = train_in(&dir, &format!("verse.txt --steps 30 --out run {small}"));
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("cannot write run/loss.svg"), "{}", run.stderr);
    assert_eq!(latest(&dir.join("run")), Some(10));
}

/// `| head -1`: the run saves and ends, and does not say that all went well.
#[test]
fn a_reader_that_goes_away_ends_a_run_with_a_checkpoint() {
    use std::io::BufRead as _;

    let dir = with_verse("unheard");
    let line = format!("verse.txt --out run --json {LONG}");
    let pipe = Stdio::piped;
    let mut child = training(&dir, &line)
        .stdin(Stdio::null())
        .stdout(pipe())
        .stderr(pipe())
        .spawn()
        .expect("it starts");
    let mut first = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().expect("stdout is piped"));
    out.read_line(&mut first).expect("a line");
    assert!(first.starts_with("{\"step\":1,"), "{first}");
    drop(out);
    let ended = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8(ended.stderr).expect("text");
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("nobody reads what it says any more"), "{stderr}");
    let step = latest(&dir.join("run")).expect("a checkpoint");
    assert!((1..4000).contains(&step), "stopped after {step} steps");
    assert!(stderr.contains(&format!("hint: run/step-{step} is whole")), "{stderr}");
    train(&dir, &format!("--resume run --steps {}", step + 1));
}

/// Two runs in one folder would spoil each other's files.
#[cfg(unix)]
#[test]
fn a_folder_is_one_runs_alone() {
    let dir = with_verse("two-runs");
    let mut child = spawn(&dir, &format!("verse.txt --out run --json {LONG}"));
    wait_for_lines(&dir.join("run/metrics.jsonl"), 3, &mut child); // nobody reads: it waits soon
    let refused = train_in(&dir, "--resume run");
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("metrics.jsonl: another run is writing here"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("hint: wait until it ends"), "{}", refused.stderr);
    signal_if_there(&mut child);
    assert!(bytes(dir.join("run/metrics.jsonl")).len() > 100, "its lines are there");
    train(&dir, "--resume run --steps 3");
}

/// A run in a process of its own, its words unread.
#[cfg(unix)]
fn spawn(folder: &Path, args: &str) -> Child {
    let mut command = training(folder, args);
    let null = Stdio::null;
    command.stdin(null()).stdout(Stdio::piped()).stderr(null()).spawn().expect("it starts")
}

/// Waits until the log has so many lines, or the process is gone.
#[cfg(unix)]
fn wait_for_lines(log: &Path, n_lines: usize, child: &mut Child) {
    let is_there = || fs::read_to_string(log).is_ok_and(|text| text.lines().count() >= n_lines);
    while !is_there() && child.try_wait().expect("a child").is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The first Ctrl-C finishes the step and saves; the run goes on as if nothing had been.
#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_the_run_goes_on() {
    let dir = with_verse("interrupt");
    train(&dir, &format!("verse.txt --out straight {LONG}"));
    let mut child = spawn(&dir, &format!("verse.txt --out run {LONG}"));
    wait_for_lines(&dir.join("run/metrics.jsonl"), 3, &mut child);
    signal("INT", &child);
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(130));
    let step = latest(&dir.join("run")).expect("a checkpoint");
    assert!((3..4000).contains(&step), "stopped after {step} steps");
    assert_eq!(String::from_utf8_lossy(&ended.stdout), format!("run/step-{step}\n"));
    train(&dir, "--resume run");
    assert_same_end(&dir.join("straight"), &dir.join("run"), 4000);
}

#[cfg(unix)]
fn signal(name: &str, child: &Child) {
    let kill = format!("kill -{name} {}", child.id());
    let status = Command::new("sh").args(["-c", &kill]).status().expect("a shell is there");
    assert!(status.success(), "{kill}");
}

/// Killed at 200 moments, as many as there are between two system calls: each time it goes on, and
/// ends with the bytes of a run that was never killed.
#[cfg(unix)]
#[test]
#[ignore = "200 runs, killed"]
fn killed_anywhere_it_goes_on() {
    let dir = with_verse("kill");
    train(&dir, &format!("verse.txt --steps 30 --out straight {SMALL}"));
    let mut state = 1_u64;
    let mut n_cut = 0;
    for at in 0..200 {
        let out = dir.join("run");
        fs::remove_dir_all(&out).ok();
        let line = format!("verse.txt --steps 30 --out run {SMALL} --resume");
        let mut child = spawn(&dir, &line);
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (n_lines, micros) = ((state >> 33) % 34, (state >> 48) % 5000);
        wait_for_lines(
            &out.join("metrics.jsonl"),
            usize::try_from(n_lines).expect("few"),
            &mut child,
        );
        std::thread::sleep(Duration::from_micros(micros));
        signal_if_there(&mut child);
        n_cut += u32::from(latest(&out) != Some(30));
        let run = train_in(&dir, &line);
        assert_eq!(run.code, 0, "run {at}, after {n_lines} lines: {}", run.stderr);
        assert_same_end(&dir.join("straight"), &out, 30);
    }
    assert!(n_cut > 20, "only {n_cut} of 200 runs were killed before their end");
}

#[cfg(unix)]
fn signal_if_there(child: &mut Child) {
    child.kill().expect("a child that is not waited for yet");
    child.wait().expect("it ends");
}

/// Where the run's own lines go: nothing but the path to stdout, nothing at all with -q but that.
#[test]
fn quiet_says_the_path_alone() {
    let dir = with_verse("quiet");
    let run = train(&dir, &format!("verse.txt -q --steps 2 --out run {SMALL}"));
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("run/step-2\n", ""));
}
