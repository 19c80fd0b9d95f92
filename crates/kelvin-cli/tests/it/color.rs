//! Colour only where it is wanted.

use crate::binary::{Run, command, run};

const NEXT: [&str; 6] = ["next", "--example", "paris", "--seed", "1", "--top-k"];

fn coloured(args: &[&str], env: &[(&str, &str)]) -> Run {
    run(command().args(NEXT).arg("3").args(args).envs(env.iter().copied()), "")
}

fn has_escapes(run: &Run) -> bool {
    run.stdout.contains('\x1b')
}

#[test]
fn a_pipe_gets_no_colour_unless_asked_for() {
    assert!(!has_escapes(&coloured(&[], &[])));
    assert!(has_escapes(&coloured(&[], &[("CLICOLOR_FORCE", "1")])));
    assert!(has_escapes(&coloured(&["--color", "always"], &[])));
}

#[test]
fn no_color_and_never_win() {
    assert!(!has_escapes(&coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")])));
    assert!(!has_escapes(&coloured(&[], &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "0")])));
}

#[test]
fn colour_changes_no_word() {
    let plain = coloured(&[], &[]);
    let coloured = coloured(&["--color", "always"], &[]);
    let stripped = anstream::adapter::strip_str(&coloured.stdout).to_string();
    assert_eq!(stripped, plain.stdout);
}
