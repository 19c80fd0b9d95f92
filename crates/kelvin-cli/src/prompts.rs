//! The texts that are continued, and files of text.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use clap::ArgMatches;
use serde_json::Value;

use crate::args::policy::text;
use crate::exit::Failure;

/// The most bytes that are read of a file.
const MOST: u64 = 64 << 20;

/// The prompts of the command line, and those of the file that it names.
///
/// # Errors
///
/// Something read: a file that cannot be read, that is too long, or without a prompt.
pub(crate) fn read(matches: &ArgMatches) -> Result<Vec<String>, Failure> {
    let mut prompts: Vec<String> =
        matches.get_many("prompt").into_iter().flatten().cloned().collect();
    if let Some(path) = text(matches, "prompts") {
        let text = text_of(path)?;
        let is_json = Path::new(path).extension().is_some_and(|ending| ending == "jsonl");
        let found = if is_json { json_lines(path, &text)? } else { lines(&text) };
        if found.is_empty() {
            let failure = Failure::read(format!("{} holds no prompt", name(path)));
            return Err(failure.hint("one in each line"));
        }
        prompts.extend(found);
    }
    Ok(prompts)
}

/// The text of a file, or of stdin, which is `-`.
///
/// # Errors
///
/// Something read: a file that cannot be read, that is too long, or that is no text.
pub(crate) fn text_of(path: &str) -> Result<String, Failure> {
    let name = name(path);
    let bytes =
        if path == "-" { read_all(io::stdin()) } else { File::open(path).and_then(read_all) };
    let bytes =
        bytes.map_err(|cause| Failure::read(format!("cannot read {name}")).caused_by(cause))?;
    if bytes.len() as u64 > MOST {
        let failure = Failure::read(format!("{name}: more than {MOST} bytes"));
        return Err(failure.hint("give a part of it"));
    }
    String::from_utf8(bytes).map_err(|_| Failure::read(format!("{name}: not UTF-8")))
}

/// What people call it.
fn name(path: &str) -> &str {
    if path == "-" { "stdin" } else { path }
}

fn read_all(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MOST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A prompt on each line that has one.
fn lines(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

/// A JSON string on each line, or an object with a prompt.
fn json_lines(path: &str, text: &str) -> Result<Vec<String>, Failure> {
    let mut prompts = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value: Value = serde_json::from_str(line).unwrap_or_default();
        let prompt = value.as_str().or_else(|| value["prompt"].as_str()).ok_or_else(|| {
            let rule = "expected \"a string\" or {\"prompt\": \"a string\"}";
            Failure::read(format!("{path}: line {}: {rule}", at + 1))
        })?;
        prompts.push(prompt.to_owned());
    }
    Ok(prompts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_lines_or_json() {
        assert_eq!(lines("a b\n\n  c\r\n"), ["a b", "  c"]);
        assert!(lines("\n").is_empty());
        let read = |text: &str| json_lines("x.jsonl", text);
        let two = read("\"a\\nb\"\n{\"prompt\": \"c\", \"id\": 3}\n").expect("two");
        assert_eq!(two, ["a\nb", "c"]);
        for bad in ["\"a\"\n{\"text\": \"c\"}", "\"a\"\n7", "\"a\"\n{"] {
            let told = read(bad).expect_err("no prompt").to_string();
            assert!(told.starts_with("x.jsonl: line 2: expected"), "{told}");
        }
    }
}
