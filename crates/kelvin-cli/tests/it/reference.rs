//! `docs/reference/`: pages written by the program itself, which a test finds stale.
//!
//! `KELVIN_BLESS=1 cargo test -p kelvin-cli reference` renews them.

use std::fmt::Write as _;
use std::fs;

use crate::binary::{in_crate, kelvin};

#[test]
fn the_command_reference_is_what_the_commands_say() {
    let mut page = String::from(
        "# Commands\n\nWhat `kelvin --help` says, and `--help` of each command. Written by a test; do not edit.\n",
    );
    write_block(&mut page, &["--help"]);
    let commands = "generate, next, score, tour, models, models pull, models rm, stages, presets, \
                    examples, doctor, bench";
    for command in commands.split(", ") {
        writeln!(page, "\n## kelvin {command}").expect("a String takes it");
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        write_block(&mut page, &words);
    }
    hold("cli.md", &page);
}

#[test]
fn the_stage_reference_is_what_the_registry_says() {
    let mut page = String::from(
        "# Stages\n\nWhat a pipeline is made of, in the default order: what `kelvin stages NAME` prints. Formulas, \
         edge cases and examples stand in the docs of crate `kelvin`, module `stage`. Written by a test; do not \
         edit.\n",
    );
    for info in kelvin::stage::ALL {
        writeln!(page, "\n## {}", info.name).expect("a String takes it");
        write_block(&mut page, &["stages", info.name]);
    }
    hold("stages.md", &page);
}

fn write_block(page: &mut String, arguments: &[&str]) {
    let run = kelvin(arguments);
    assert_eq!(run.code, 0, "{arguments:?}: {}", run.stderr);
    let lines: Vec<&str> = run.stdout.lines().map(str::trim_end).collect();
    writeln!(page, "\n```text\n{}\n```", lines.join("\n").trim_end()).expect("a String takes it");
}

fn hold(name: &str, page: &str) {
    let path = in_crate("../../docs/reference").join(name);
    if std::env::var_os("KELVIN_BLESS").is_some() {
        fs::write(&path, page).expect("writable");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "{} is stale; KELVIN_BLESS=1 renews it", path.display());
}
