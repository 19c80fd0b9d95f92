//! Every fuzz target of Kelvin in one libFuzzer program; `--target=NAME` picks one.
//!
//! The targets are the oracles of kelvin-lm's tests, which replay the corpus on every build.

#![no_main]
#![allow(dead_code, reason = "the tests use more of what is shared")]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/kelvin-lm/tests/it/counting.rs"]
mod counting;
#[path = "../../crates/kelvin-lm/tests/it/oracle/mod.rs"]
mod oracle;

#[path = "../../crates/kelvin-lm/tests/it/gguf"]
mod gguf {
    pub(crate) mod writer;
}

/// The target that the command line names.
fn target() -> fn(&[u8]) {
    static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();
    *TARGET.get_or_init(|| {
        let name = std::env::args().find_map(|arg| Some(arg.strip_prefix("--target=")?.to_owned()));
        let known = oracle::TARGETS.iter().find(|(known, _)| Some(*known) == name.as_deref());
        known.map(|&(_, holds)| holds).unwrap_or_else(|| {
            let names = oracle::TARGETS.map(|(name, _)| name).join(" ");
            eprintln!(
                "error: --target={} is unknown, expected one of: {names}",
                name.unwrap_or_default()
            );
            std::process::exit(2)
        })
    })
}

fuzz_target!(init: { target(); }, |input: &[u8]| target()(input));
