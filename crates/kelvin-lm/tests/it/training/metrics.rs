//! The log of a run: gone on with behind a checkpoint, kept from other runs, never emptied unasked.

use std::fs;
use std::path::Path;

use kelvin_lm::ErrorKind;
use kelvin_lm::train::{Metric, Metrics, Resumed};

use crate::scene::Scene;

fn step(step: u32) -> Metric {
    Metric::Step { step, loss: 0.5, learning_rate: 0.001, grad_norm: 1.5 }
}

fn evaluation(step: u32) -> Metric {
    Metric::Evaluation { step, validation_loss: 0.5, tokens: 48 }
}

fn text(lines: &[Metric]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect::<Vec<_>>().concat()
}

/// Goes on after step 3 with a file that held this.
fn resume(path: &Path, held: &str) -> Resumed {
    fs::write(path, held).expect("written");
    Metrics::resume(path, 0..3, false).expect("it goes on")
}

#[test]
fn what_comes_behind_the_checkpoint_is_cut() {
    let scene = Scene::new("metrics-cut");
    let path = scene.0.join("metrics.jsonl");
    let kept = [step(1), step(2), evaluation(2), step(3)];
    let beyond = text(&[evaluation(3), step(4), evaluation(4)]);
    for behind in [String::new(), beyond.clone(), beyond.clone() + "{\"step\":5,", "{".to_owned()] {
        let mut resumed = resume(&path, &(text(&kept) + &behind));
        assert_eq!((resumed.lines.as_slice(), resumed.n_missing), (&kept[..], 0), "{behind}");
        assert_eq!(resumed.set_aside, None, "{behind}");
        resumed.metrics.add(&step(4)).expect("added");
        assert_eq!(fs::read_to_string(&path).expect("text"), text(&kept) + &text(&[step(4)]));
    }
    fs::write(&path, text(&kept) + &beyond).expect("written");
    let resumed = Metrics::resume(&path, 0..3, true).expect("it goes on");
    assert_eq!(resumed.lines.last(), Some(&evaluation(3)), "every run makes it");
}

/// A file is never shortened by a line that no run wrote: all of it is kept beside.
#[test]
fn lines_of_something_else_are_kept_beside() {
    let scene = Scene::new("metrics-foreign");
    let path = scene.0.join("metrics.jsonl");
    let old = scene.0.join("metrics.jsonl.old");
    let foreign = [
        "a note\n".to_owned(),
        "{\"step\":2,\"loss\":0.5}\n".to_owned(),
        "\n".to_owned(),
        text(&[step(1)]),
        text(&[evaluation(1), evaluation(1)]),
        " ".repeat(5000),
        "\0".repeat(4096),
    ];
    for foreign in foreign {
        let held = text(&[step(1)]) + &foreign + &text(&[step(2), step(3)]);
        let resumed = resume(&path, &held);
        assert_eq!(resumed.set_aside.as_deref(), Some(&*old), "{foreign:?}");
        assert_eq!(resumed.lines[0], step(1));
        assert_eq!(resumed.n_missing, 2, "{foreign:?}");
        assert_eq!(fs::read_to_string(&old).expect("text"), held);
        assert_eq!(fs::read_to_string(&path).expect("text"), text(&resumed.lines));
        drop(resumed);

        // and what is kept is not written over
        fs::write(&path, &held).expect("written");
        let error = Metrics::resume(&path, 0..3, false).expect_err("a copy is there");
        assert_eq!(error.kind(), ErrorKind::Write);
        assert!(error.way_out().is_some_and(|hint| hint.contains("metrics.jsonl.old")));
        assert_eq!(fs::read_to_string(&path).expect("text"), held);
        fs::remove_file(&old).expect("removed");
    }
}

#[test]
fn steps_without_lines_are_counted_from_where_the_run_began() {
    let scene = Scene::new("metrics-missing");
    let path = scene.0.join("metrics.jsonl");
    let n_missing = |taken| Metrics::resume(&path, taken, false).expect("it goes on").n_missing;
    assert_eq!([n_missing(0..7), n_missing(5..7), n_missing(7..7), n_missing(0..0)], [7, 2, 0, 0]);
    fs::write(&path, text(&[step(6)])).expect("written");
    assert_eq!(n_missing(5..9), 3);
}

#[test]
fn two_runs_do_not_write_to_one_file() {
    let scene = Scene::new("metrics-two");
    let path = scene.0.join("metrics.jsonl");
    let mut first = Metrics::create(&path).expect("made");
    first.add(&step(1)).expect("added");
    for second in [Metrics::create(&path).err(), Metrics::resume(&path, 0..0, false).err()] {
        let error = second.expect("the file is taken");
        assert_eq!(error.kind(), ErrorKind::Write);
        assert!(error.to_string().ends_with("another run is writing here"), "{error}");
        assert!(error.way_out().is_some());
    }
    assert_eq!(fs::read_to_string(&path).expect("text"), text(&[step(1)]));
    drop(first);
    Metrics::create(&path).expect("it is free again");
    assert_eq!(fs::read_to_string(&path).expect("text"), "");
}
