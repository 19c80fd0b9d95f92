//! The texts that a sweep continues.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use clap::ArgMatches;
use serde_json::Value;

use crate::args::policy::text;
use crate::exit::Failure;

/// The most that is read of a file.
const MOST: u64 = 64 << 20;

/// The prompts of the command line, or of the file that it names.
///
/// # Errors
///
/// Something read: a file that cannot be read, or without a prompt.
pub(super) fn read(matches: &ArgMatches) -> Result<Vec<String>, Failure> {
    match text(matches, "prompts") {
        None => Ok(matches.get_many("prompt").into_iter().flatten().cloned().collect()),
        Some("-") => lines("stdin", read_all(io::stdin())),
        Some(path) => {
            let bytes = File::open(path).and_then(read_all);
            let is_json = Path::new(path).extension().is_some_and(|ending| ending == "jsonl");
            if is_json { json_lines(path, bytes) } else { lines(path, bytes) }
        }
    }
}

fn read_all(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MOST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file's text.
fn checked(path: &str, bytes: io::Result<Vec<u8>>) -> Result<String, Failure> {
    let bytes =
        bytes.map_err(|cause| Failure::read(format!("cannot read {path}")).caused_by(cause))?;
    if bytes.len() as u64 > MOST {
        return Err(Failure::read(format!("{path}: more than {MOST} bytes of prompts")));
    }
    String::from_utf8(bytes).map_err(|_| Failure::read(format!("{path}: not UTF-8")))
}

/// A prompt on each line that has one.
fn lines(path: &str, bytes: io::Result<Vec<u8>>) -> Result<Vec<String>, Failure> {
    let text = checked(path, bytes)?;
    let prompts = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned);
    some(path, prompts.collect())
}

/// A JSON string on each line, or an object with a prompt.
fn json_lines(path: &str, bytes: io::Result<Vec<u8>>) -> Result<Vec<String>, Failure> {
    let text = checked(path, bytes)?;
    let mut prompts = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value: Value = serde_json::from_str(line).unwrap_or_default();
        let prompt = value.as_str().or_else(|| value["prompt"].as_str()).ok_or_else(|| {
            let rule = "expected \"a string\" or {\"prompt\": \"a string\"}";
            Failure::read(format!("{path}: line {}: {rule}", at + 1))
        })?;
        prompts.push(prompt.to_owned());
    }
    some(path, prompts)
}

fn some(path: &str, prompts: Vec<String>) -> Result<Vec<String>, Failure> {
    if prompts.is_empty() {
        return Err(Failure::read(format!("{path} holds no prompt")));
    }
    Ok(prompts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_lines_or_json() {
        let read = |text: &str| lines("x.txt", Ok(text.as_bytes().to_vec()));
        assert_eq!(read("a b\n\n  c\r\n").expect("two"), ["a b", "  c"]);
        assert_eq!(read("\n").expect_err("none").to_string(), "x.txt holds no prompt");
        let read = |text: &str| json_lines("x.jsonl", Ok(text.as_bytes().to_vec()));
        let two = read("\"a\\nb\"\n{\"prompt\": \"c\", \"id\": 3}\n").expect("two");
        assert_eq!(two, ["a\nb", "c"]);
        for bad in ["\"a\"\n{\"text\": \"c\"}", "\"a\"\n7", "\"a\"\n{"] {
            let told = read(bad).expect_err("no prompt").to_string();
            assert!(told.starts_with("x.jsonl: line 2: expected"), "{told}");
        }
    }
}
