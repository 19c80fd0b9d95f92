//! `tests/golden/*.txt`: commands and what they print.
//!
//! A line `$ kelvin …` is run; below it stand its stdout, then `[stderr]` and `[exit …]` with theirs
//! where there is anything to say. `<<< '…'` at the end of a command is its stdin. To add a case, write its line;
//! `KELVIN_BLESS=1 cargo test -p kelvin-cli` fills in and renews what the commands print.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::binary::{in_crate, kelvin_reading};

#[test]
fn every_transcript_is_what_the_commands_print() {
    let bless = std::env::var_os("KELVIN_BLESS").is_some();
    crate::train::write_inputs();
    let mut stale = Vec::new();
    for entry in fs::read_dir(in_crate("tests/golden")).expect("the folder is there") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|ending| ending != "txt") {
            continue;
        }
        let written = fs::read_to_string(&path).expect("readable");
        let renewed = rerun(&written);
        if bless {
            fs::write(&path, &renewed).expect("writable");
        } else if renewed != written {
            stale.push(difference(&path, &written, &renewed));
        }
    }
    assert!(stale.is_empty(), "{}\nKELVIN_BLESS=1 renews them", stale.join("\n"));
}

fn rerun(transcript: &str) -> String {
    let mut text = String::new();
    for line in transcript.lines().filter_map(|line| line.strip_prefix("$ kelvin")) {
        let (command, stdin) = line.split_once(" <<< ").unwrap_or((line, ""));
        let args = words(command);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let run = kelvin_reading(&args, stdin.trim_matches('\''));
        let between = if text.is_empty() { "" } else { "\n" };
        write!(text, "{between}$ kelvin{line}\n{}", run.stdout).expect("a String takes it");
        if !run.stderr.is_empty() {
            write!(text, "[stderr]\n{}", run.stderr).expect("a String takes it");
        }
        if run.code != 0 {
            writeln!(text, "[exit {}]", run.code).expect("a String takes it");
        }
    }
    text
}

/// Splits at spaces outside double quotes.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('"').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn difference(path: &Path, written: &str, renewed: &str) -> String {
    let pairs = written.lines().zip(renewed.lines());
    let first = pairs.enumerate().find(|(_, (old, new))| old != new);
    let (at, old, new) = first.map_or((0, "", ""), |(at, (old, new))| (at + 1, old, new));
    format!("{}:{at}\n  - {old}\n  + {new}", path.display())
}
