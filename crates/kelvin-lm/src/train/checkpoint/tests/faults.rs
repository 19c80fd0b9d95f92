//! Every operation of a save fails in every way (T4 of the promises): the error is loud, and what was saved
//! before is as it was.

use std::fs;
use std::path::Path;

use super::super::contents::{self, Planned};
use super::super::{Saved, export};
use super::disk::{Fault, WatchedDisk};
use super::{Scene, empty, provenance, state};
use crate::{Error, ErrorKind};

/// `ENOSPC`, `EDQUOT`, `EIO`, `EACCES`, `EROFS`.
const CODES: [i32; 5] = [28, 122, 5, 13, 30];

/// Saves step 3 after steps 1 and 2, on a disk with this fault; the folder is left as it then is.
fn save_with(scene: &Scene, fault: Option<(usize, Fault)>) -> (Result<(), Error>, usize) {
    empty(&scene.0);
    let healthy = WatchedDisk::new(&scene.0);
    for step in [1, 2] {
        scene.checkpoints().save_on(&healthy, &state(step), &provenance()).expect("it saves");
    }
    let disk = WatchedDisk::failing(&scene.0, fault);
    let saved = scene.checkpoints().save_on(&disk, &state(3), &provenance());
    (saved.map(|_| ()), disk.log().len())
}

fn assert_holds(path: &Path, step: u32) {
    assert_eq!(Saved::open(path).expect("it is whole").state, state(step));
}

#[test]
fn an_error_anywhere_is_loud_and_harms_nothing() {
    let scene = Scene::new("faults");
    let (healthy, n_operations) = save_with(&scene, None);
    healthy.expect("nothing fails");
    assert!(n_operations >= 40, "{n_operations}");
    let run = scene.run();
    for at in 0..n_operations {
        for fault in CODES.into_iter().flat_map(|code| [Fault::Once(code), Fault::FromThenOn(code)])
        {
            let (saved, _) = save_with(&scene, Some((at, fault)));
            let error = saved.expect_err("an operation failed");
            let text = format!("{error} ({fault:?} at {at})");
            assert_eq!(error.kind(), ErrorKind::Write, "{text}");
            assert!(error.path().is_some_and(|path| path.starts_with(&run)), "{text}");
            assert!(error.way_out().is_some(), "{text}");

            let latest = scene.checkpoints().latest().expect("one is whole");
            let is_saved = error.to_string().contains("is saved, but");
            assert!(!is_saved || latest.saved.state.step == 3, "{text}");
            assert_eq!(latest.saved.state, state(latest.saved.state.step), "{text}");
            assert_holds(&run.join("step-2"), 2);
            if !is_saved {
                assert_holds(&run.join("step-1"), 1);
            }
            // and when the disk is well again, the run goes on
            let disk = WatchedDisk::new(&scene.0);
            scene.checkpoints().save_on(&disk, &state(3), &provenance()).expect("it saves now");
            assert_eq!(names(&run), ["step-2", "step-3"], "{text}");
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("there").map(|entry| entry.expect("read"));
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

#[test]
fn a_full_disk_says_how_much_is_needed() {
    let scene = Scene::new("full");
    let errors = (0..).map_while(|at| save_with(&scene, Some((at, Fault::Once(28)))).0.err());
    let error = errors.into_iter().find(|error| {
        error.path().is_some_and(|path| path.ends_with("step-3.partial/optimizer.safetensors"))
    });
    let error = error.expect("the optimizer's file is written");
    save_with(&scene, None).0.expect("nothing fails");
    let folder = fs::read_dir(scene.run().join("step-3")).expect("there");
    let size = |entry: fs::DirEntry| entry.metadata().expect("there").len();
    let with_manifest: u64 = folder.map(|entry| size(entry.expect("read"))).sum();
    let n_bytes = with_manifest - size_of_manifest(&scene.run().join("step-3"));
    assert!(
        error.to_string().ends_with(&format!(": the disk is full: {n_bytes} bytes are needed")),
        "{error}"
    );
    let hint = "free as much, or name a folder on another disk; what was saved before is intact";
    assert_eq!(error.way_out(), Some(hint));
}

fn size_of_manifest(folder: &Path) -> u64 {
    folder.join("manifest.json").metadata().expect("there").len()
}

/// What the operating system may do without that being an error: the bytes are the same.
#[test]
fn short_and_interrupted_writes_change_nothing() {
    const EINTR: i32 = 4;
    let scene = Scene::new("short");
    let (_, n_operations) = save_with(&scene, None);
    let (mut n_short, mut n_interrupted) = (0, 0);
    for at in 0..n_operations {
        // more operations are asked for than without the fault, where it hits a write
        let (saved, n) = save_with(&scene, Some((at, Fault::Short)));
        saved.expect("a short write is gone on with");
        n_short += usize::from(n > n_operations);
        assert_holds(&scene.run().join("step-3"), 3);

        let (saved, n) = save_with(&scene, Some((at, Fault::Once(EINTR))));
        if saved.is_ok() {
            n_interrupted += 1;
            assert_eq!(n, n_operations);
            assert_holds(&scene.run().join("step-3"), 3);
        }
    }
    let n_writes = 8 + 2; // eight files, two of them with a header and numbers
    assert_eq!((n_short, n_interrupted), (n_writes, n_writes));
}

#[test]
fn a_disk_that_lies_is_found_out() {
    let scene = Scene::new("lies");
    let (_, n_operations) = save_with(&scene, None);
    for fault in [Fault::Garbled, Fault::Lost] {
        let mut n_found = 0;
        for at in 0..n_operations {
            let Err(error) = save_with(&scene, Some((at, fault))).0 else { continue };
            n_found += 1;
            assert_eq!(error.kind(), ErrorKind::Write);
            assert!(error.to_string().ends_with(": what was written reads back otherwise"));
            assert_eq!(names(&scene.run()), ["step-1", "step-2"]);
        }
        assert_eq!(n_found, 10, "{fault:?}: every write counts");
    }
}

#[test]
fn an_export_is_there_whole_or_not_at_all() {
    let scene = Scene::new("export-faults");
    let (state, provenance) = (state(1), provenance());
    let dir = scene.0.join("out/model");
    let write = |fault| {
        empty(&scene.0);
        let dtype = crate::dtype::Dtype::F16;
        let files: Vec<Planned<'_>> = contents::of_model(
            &state.config,
            &state.layout,
            &state.params,
            &provenance.tokenizer,
            dtype,
        )
        .expect("sound");
        let disk = WatchedDisk::failing(&scene.0, fault);
        (export::write(&disk, &dir, &files), disk.log().len())
    };
    let (written, n_operations) = write(None);
    written.expect("nothing fails");
    let whole = names(&dir);
    assert_eq!(whole.len(), 5);
    for at in 0..n_operations {
        for code in CODES {
            let error = write(Some((at, Fault::Once(code)))).0.expect_err("an operation failed");
            assert_eq!(error.kind(), ErrorKind::Write, "{error}");
            // after the rename only the parent's own durability can fail
            assert!(!dir.exists() || (names(&dir) == whole && at + 1 == n_operations), "{error}");
            assert!(!scene.0.join("out/model.partial").exists(), "{error}");
        }
    }
}
