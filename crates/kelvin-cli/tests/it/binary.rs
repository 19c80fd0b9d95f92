//! Running the binary in an environment of its own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl Run {
    /// The one JSON value on stdout.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.stderr);
        serde_json::from_str(&self.stdout).expect("stdout is one JSON value")
    }
}

/// The binary without the user's environment: 80 columns, no colour, no models.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kelvin"));
    command.env_clear().env("COLUMNS", "80").env("KELVIN_MODELS", "no-models-here");
    command.env("KELVIN_RUNS", "off");
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Runs `kelvin` with these arguments and nothing on stdin.
pub(crate) fn kelvin<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Run {
    run(command().args(args), "")
}

/// Runs `kelvin` with these arguments and this text on stdin.
pub(crate) fn kelvin_reading(args: &[&str], stdin: &str) -> Run {
    run(command().args(args), stdin)
}

/// Runs a command with this text on stdin.
pub(crate) fn run(command: &mut Command, stdin: &str) -> Run {
    let pipe = || Stdio::piped();
    let mut child = command.stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn().expect("it starts");
    let mut input = child.stdin.take().expect("stdin is piped");
    // a command that does not read may be gone by now
    input.write_all(stdin.as_bytes()).ok();
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Run {
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        code: output.status.code().expect("it exits by itself"),
    }
}

/// A file of the tests, from the crate's folder.
pub(crate) fn in_crate(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Says that a test lacks what it needs. The line is not kept back, as those of tests that pass are:
/// `.ci/run` counts them.
pub(crate) fn skipped(why: &str) {
    let _ = std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes());
}
