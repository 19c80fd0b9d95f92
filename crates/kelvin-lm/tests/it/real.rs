//! The real models and texts that some tests need, where this machine has them.

use std::io::{self, Write as _};
use std::path::PathBuf;

#[expect(clippy::disallowed_methods, reason = "a test is its own main")]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var(name).ok().map(PathBuf::from)
}

/// Shows a line among the test's output.
#[expect(clippy::print_stderr, reason = "a test's figures are read by people")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// Says that a test lacks what it needs. The line is not kept back, as those of tests that pass are:
/// `.ci/run` counts them.
fn skipped(why: &str) {
    let _ = io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes());
}

fn found(path: PathBuf, way_out: &str) -> Option<PathBuf> {
    let there = path.is_file();
    if !there {
        skipped(&format!("{} is not there; {way_out}", path.display()));
    }
    Some(path).filter(|_| there)
}

/// The model of this file name in the cache; none, with a line that says so, where it is absent.
pub(crate) fn path(file: &str) -> Option<PathBuf> {
    let home = || variable("HOME").unwrap_or_default().join(".cache/kelvin/models");
    let cache = variable("KELVIN_MODELS").unwrap_or_else(home);
    found(cache.join(file), "scripts/get-models brings it")
}

/// A text that is not in the repository: from the folder `KELVIN_DATA`, or from `shared/data` beside
/// the repository. None, with a line that says so, where it is absent.
pub(crate) fn data(file: &str) -> Option<PathBuf> {
    let beside = || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data").into();
    let data = variable("KELVIN_DATA").unwrap_or_else(beside);
    found(data.join(file), "KELVIN_DATA names its folder")
}

/// The same, read.
pub(crate) fn text(file: &str) -> Option<String> {
    data(file).map(|path| std::fs::read_to_string(path).expect("the text can be read"))
}
