//! The corpus of the fuzz targets, replayed: what libFuzzer found stays guarded without it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::oracle::{TARGETS, Target};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).expect("a folder of the repository");
    let mut paths: Vec<_> = listed.map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    paths
}

/// Every file of a target's corpus holds to its oracle; there are some.
fn replay((name, holds): Target) {
    let files = entries(&corpus().join(name));
    assert!(!files.is_empty(), "no corpus for {name}");
    for path in files {
        crate::real::say(&path.display().to_string()); // shown where the oracle fails
        holds(&fs::read(path).expect("a file of the repository"));
    }
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let names: BTreeSet<_> = TARGETS.map(|(name, _)| name.to_owned()).into();
    let name =
        |path: PathBuf| path.file_name().expect("it is listed").to_string_lossy().into_owned();
    let folders: BTreeSet<_> = entries(&corpus()).into_iter().map(name).collect();
    assert_eq!(names, folders);
}

#[test]
fn the_corpus_holds() {
    TARGETS.into_iter().for_each(replay);
}
