//! Reading the cache, whoever wrote it.

use std::fs;
use std::path::Path;

use kelvin_lm::hub::{Cache, RepoId, Revision, Weights};
use kelvin_lm::{Checkpoint, ErrorKind};

use super::server::COMMIT;
use super::{Bench, folder, gpt2, quantised, sharded};

fn id(text: &str) -> RepoId {
    text.parse().expect("an id")
}

fn main() -> Revision {
    Revision::default()
}

/// Writes a file and the folders above it.
fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("it has one")).expect("folders can be made");
    fs::write(path, text).expect("writable");
}

#[test]
fn everything_there_is_listed_with_what_points_to_it() {
    let bench = Bench::new("list", vec![gpt2(), sharded(), quantised()]);
    for name in ["org/sharded", "openai-community/gpt2", "org/quantised-GGUF:Q8_0"] {
        bench.pulled(name);
    }
    write(&bench.cache, "datasets--org--data/refs/main", COMMIT);
    write(&bench.cache, "version.txt", "1");
    let repos = Cache::new(&bench.cache).repos();
    let ids: Vec<&str> = repos.iter().map(|repo| repo.id.as_str()).collect();
    assert_eq!(ids, ["openai-community/gpt2", "org/quantised-GGUF", "org/sharded"]);
    assert_eq!(repos[0].refs, [(main(), COMMIT.to_owned())]);
    assert_eq!(repos[0].names_of(&repos[0].snapshots[0]), ["main"]);
    assert_eq!(repos[0].n_bytes(), 300_000 + 22 + 2 + 18 + 8 + 40, "six blobs and a reference");
    let weights: Vec<Weights> = repos.iter().map(|repo| repo.snapshots[0].weights()).collect();
    assert_eq!(weights, [Weights::Safetensors, Weights::Gguf, Weights::Safetensors]);
    assert_eq!(repos[1].snapshots[0].ggufs(), ["model-Q8_0.gguf".parse().expect("a name")]);
}

/// Not every writer makes links: on some systems the snapshot holds the files themselves.
#[test]
fn plain_files_do_as_well_as_links_and_dangling_links_do_not() {
    let root = folder("plain");
    let snapshot = format!("models--gpt2/snapshots/{COMMIT}");
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        write(&root, &format!("{snapshot}/{name}"), "{}");
    }
    write(&root, "models--gpt2/refs/main", &format!("{COMMIT}\n"));
    let cache = Cache::new(&root);
    let found = cache.snapshot(&id("gpt2"), &main()).expect("there");
    assert_eq!(found.model(None).expect("a model"), root.join(&snapshot));
    #[cfg(unix)]
    {
        let weights = root.join(&snapshot).join("model.safetensors");
        fs::remove_file(&weights).expect("ours");
        std::os::unix::fs::symlink("../../blobs/gone", &weights).expect("a link");
        assert_eq!(found.weights(), Weights::Missing);
        let error = found.model(None).expect_err("a link to nothing");
        assert_eq!((error.kind(), error.path()), (ErrorKind::Missing, Some(found.path())));
    }
}

#[test]
fn a_snapshot_without_one_of_its_shards_is_no_model() {
    let bench = Bench::new("shard", vec![sharded()]);
    let snapshot = bench.pulled("org/sharded");
    let place = |name: &str| snapshot.path().join(name);
    let told = || snapshot.model(None).expect_err("a part is missing").to_string();
    let (first, second) = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors");
    for name in [second, first] {
        fs::remove_file(place(name)).expect("ours");
        let expected = format!("there is no {name}, which model.safetensors.index.json names");
        assert_eq!(told(), format!("{}: {expected}", snapshot.path().display()));
    }
    assert_eq!(snapshot.model(None).expect_err("missing").kind(), ErrorKind::Missing);
    assert_eq!(bench.pulled("org/sharded").model(None).expect("whole again"), snapshot.path());
    let index = place("model.safetensors.index.json");
    for text in ["", "{}", "{\"weight_map\": {\"a\": \"../../x.safetensors\"}}"] {
        fs::remove_file(&index).expect("ours");
        fs::write(&index, text).expect("writable");
        assert!(snapshot.model(None).is_ok(), "the reader says what is wrong with {text:?}");
    }
}

#[test]
fn a_reference_to_anything_but_a_commit_is_none() {
    let root = folder("references");
    write(&root, "models--a--b/snapshots/evil/config.json", "{}");
    write(&root, "outside/config.json", "{}");
    for text in ["", "../../../outside", "evil", "main", &COMMIT[1..], &format!("{COMMIT}00")] {
        write(&root, "models--a--b/refs/main", text);
        assert_eq!(Cache::new(&root).snapshot(&id("a/b"), &main()), None, "{text:?}");
        assert!(Cache::new(&root).repo(&id("a/b")).expect("a folder").snapshots.is_empty());
    }
    write(&root, "models--a--b/refs/main", COMMIT);
    assert_eq!(Cache::new(&root).snapshot(&id("a/b"), &main()), None, "no such snapshot");
}

#[test]
fn a_snapshot_without_a_name_goes_by_its_commit() {
    let root = folder("nameless");
    write(&root, &format!("models--a--b/snapshots/{COMMIT}/x.gguf"), "GGUF");
    let repo = Cache::new(&root).repo(&id("a/b")).expect("there");
    assert_eq!(repo.names_of(&repo.snapshots[0]), [&COMMIT[..7]]);
    let found =
        |name: &str| Cache::new(&root).snapshot(&id("a/b"), &name.parse().expect("a revision"));
    assert_eq!(found(&COMMIT[..7]), Some(repo.snapshots[0].clone()));
    assert_eq!(found(COMMIT), Some(repo.snapshots[0].clone()));
    for other in ["main", &COMMIT[..6], &"f".repeat(7), &format!("{COMMIT}0")] {
        assert_eq!(found(other), None, "{other}");
    }
    let twin = format!("{}{}", &COMMIT[..7], "0".repeat(33));
    write(&root, &format!("models--a--b/snapshots/{twin}/x.gguf"), "GGUF");
    assert_eq!(found(&COMMIT[..7]), None, "two begin so");
    assert_eq!(found(&COMMIT[..8]), Some(repo.snapshots[0].clone()));
}

#[test]
fn removing_frees_what_it_said_and_touches_nothing_else() {
    let bench = Bench::new("remove", vec![gpt2(), sharded()]);
    bench.pulled("openai-community/gpt2");
    bench.pulled("org/sharded");
    let cache = Cache::new(&bench.cache);
    let gpt2 = id("openai-community/gpt2");
    let said = cache.repo(&gpt2).expect("there").n_bytes();
    assert_eq!(cache.remove(&gpt2).expect("removed"), said);
    assert!(cache.repo(&gpt2).is_none() && cache.repo(&id("org/sharded")).is_some());
    assert!(!bench.cache.join(".locks/models--openai-community--gpt2").exists());
    assert!(bench.cache.join(".locks/models--org--sharded").exists());
    assert_eq!(cache.remove(&gpt2).expect_err("gone").kind(), ErrorKind::Missing);
    bench.pulled("openai-community/gpt2");
}

/// Newer writers keep one blob for all repositories that have the same file.
#[cfg(unix)]
#[test]
fn blobs_may_be_shared_by_all_repositories() {
    use std::os::unix::fs::symlink;
    let bench = Bench::new("shared", vec![sharded()]);
    let snapshot = bench.pulled("org/sharded");
    let own = bench.in_repo("org/sharded", "blobs");
    let shared = bench.cache.join("blobs/ab");
    fs::create_dir_all(&shared).expect("a folder");
    for entry in fs::read_dir(&own).expect("a folder") {
        let entry = entry.expect("readable");
        fs::rename(entry.path(), shared.join(entry.file_name())).expect("one disk");
        let place = Path::new("../../blobs/ab").join(entry.file_name());
        symlink(place, entry.path()).expect("a link");
    }
    assert!(Checkpoint::open(snapshot.path()).is_ok());
    bench.hub.seen();
    bench.pulled("org/sharded");
    assert!(bench.brought().is_empty());
    assert_eq!(Cache::new(&bench.cache).repos().len(), 1, "the shared folder is no repository");
    let freed = Cache::new(&bench.cache).remove(snapshot.repo()).expect("removed");
    assert_eq!(freed, 40, "what others may share stays");
    assert!(fs::read_dir(shared).expect("a folder").count() > 0);
}

/// A folder moved to another disk, or a store that several repositories share: links lead out.
#[cfg(unix)]
#[test]
fn removing_follows_no_link() {
    use std::os::unix::fs::symlink;
    let root = folder("links");
    write(&root, "elsewhere/precious.gguf", "GGUF");
    write(&root, "models--a--linked/refs/main", COMMIT);
    fs::create_dir_all(root.join("models--a--linked/blobs")).expect("a folder");
    symlink(root.join("elsewhere"), root.join("models--a--linked/blobs/store")).expect("a link");
    symlink(root.join("elsewhere"), root.join("models--a--moved")).expect("a link");
    let cache = Cache::new(&root);
    assert_eq!(cache.remove(&id("a/linked")).expect("removed"), 40, "the reference alone");
    assert_eq!(cache.remove(&id("a/moved")).expect("removed"), 0, "the link alone");
    assert!(!root.join("models--a--moved").exists());
    assert!(root.join("elsewhere/precious.gguf").exists());
}
