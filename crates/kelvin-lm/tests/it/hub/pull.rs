//! What a pull asks for, and what it leaves.

use std::fs;
use std::path::Path;

use kelvin_lm::Checkpoint;
use kelvin_lm::hub::pull::FileState;
use kelvin_lm::hub::{Cache, ModelName, Weights};

use super::server::{COMMIT, File};
use super::{Bench, environment, gpt2, quantised, sharded};

#[test]
fn a_model_comes_with_its_texts_and_weights_alone() {
    let bench = Bench::new("whole", vec![gpt2()]);
    let (pulled, events) = bench.pull("openai-community/gpt2");
    let snapshot = pulled.expect("it works");
    let names = [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "model.safetensors",
    ];
    let brought = bench.brought();
    assert_eq!(brought[0], "config.json", "to know whether it runs here");
    assert_eq!(brought[1..], names, "nothing is asked for an empty file");
    let of_config = ["begin config.json 0", "verify config.json", "done config.json"];
    assert_eq!(events[..3], of_config);
    let mut sorted = [&names[..], &["special_tokens_map.json"]].concat();
    sorted.sort_unstable();
    let files: Vec<String> = snapshot.files().iter().map(|file| file.name.to_string()).collect();
    assert_eq!(files, sorted);
    for File { name, bytes, .. } in gpt2().files {
        if let Ok(found) = fs::read(snapshot.path().join(&name)) {
            assert!(found == bytes, "{name}");
        }
    }
    assert_eq!(snapshot.model(None).expect("a model"), snapshot.path());
    assert_eq!(snapshot.weights(), Weights::Safetensors);
}

/// The layout is `huggingface_hub`'s: its documentation shows exactly these names and links.
#[cfg(unix)]
#[test]
fn the_layout_is_that_of_the_standard_cache() {
    let bench = Bench::new("layout", vec![gpt2(), quantised()]);
    bench.pulled("openai-community/gpt2");
    bench.pulled("org/quantised-GGUF:BF16");
    let read = |repo: &str, path: &str| fs::read_link(bench.in_repo(repo, path)).expect("a link");
    let blob = |repo: fn() -> super::Repo, name: &str| {
        repo().files.iter().find(|file| file.name == name).expect("a file").etag()
    };
    let shallow = format!("snapshots/{COMMIT}/config.json");
    let deep = format!("snapshots/{COMMIT}/BF16/model-BF16.gguf");
    let of_deep = blob(quantised, "BF16/model-BF16.gguf");
    let of_shallow = blob(gpt2, "config.json");
    assert_eq!(read("openai-community/gpt2", &shallow), Path::new("../../blobs").join(of_shallow));
    assert_eq!(read("org/quantised-GGUF", &deep), Path::new("../../../blobs").join(&of_deep));
    assert_eq!(of_deep.len(), 64, "the sha256 of a large file");
    assert_eq!(
        blob(gpt2, "generation_config.json"),
        "9e26dfeeb6e641a33dae4961196235bdb965b21b",
        "git's own"
    );
    let main = fs::read_to_string(bench.in_repo("openai-community/gpt2", "refs/main"));
    assert_eq!(main.expect("a reference"), COMMIT);
    let left: Vec<_> = fs::read_dir(bench.in_repo("openai-community/gpt2", "blobs"))
        .expect("a folder")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("hexadecimal"))
        .collect();
    assert_eq!(left.len(), 6, "one is empty");
    assert!(left.iter().all(|name| !name.contains("incomplete")), "{left:?}");
    let tag = fs::read_to_string(bench.cache.join("CACHEDIR.TAG")).expect("a tag");
    assert!(tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55"));
}

#[test]
fn what_is_there_is_not_asked_for_again() {
    let bench = Bench::new("twice", vec![gpt2()]);
    let first = bench.pulled("openai-community/gpt2");
    bench.hub.seen();
    let (second, events) = bench.pull("openai-community/gpt2");
    assert_eq!(second.expect("it works"), first);
    assert!(bench.brought().is_empty());
    assert_eq!(events[..2], ["begin config.json 22", "done config.json"]);
}

#[test]
fn a_plan_writes_nothing_and_says_how_much_is_to_come() {
    let bench = Bench::new("plan", vec![gpt2()]);
    let name: ModelName = "openai-community/gpt2".parse().expect("a name");
    let plan = bench.client().plan(&name, &mut |_| ()).expect("a plan");
    assert_eq!((plan.commit.as_str(), plan.files.len()), (COMMIT, 6));
    assert_eq!(plan.n_missing(), plan.n_bytes());
    assert_eq!(plan.n_bytes(), 300_000 + 22 + 2 + 18 + 8);
    assert_eq!(fs::read_dir(&bench.cache).expect("a folder").count(), 0);
    bench.client().fetch(&plan, &mut |_| ()).expect("it works");
    let plan = bench.client().plan(&name, &mut |_| ()).expect("a plan");
    assert_eq!(plan.n_missing(), 0);
    assert!(plan.files.iter().all(|file| file.state == FileState::Whole));
}

#[test]
fn revisions_share_blobs_and_each_keeps_its_commit() {
    let mut repo = gpt2();
    repo.revisions = vec!["main".to_owned(), "refs/pr/7".to_owned()];
    let bench = Bench::new("revisions", vec![repo]);
    bench.pulled("openai-community/gpt2");
    bench.hub.seen();
    let other = "f".repeat(40);
    bench.hub.change("openai-community/gpt2", |repo| {
        repo.commit.clone_from(&other);
        repo.files[2].bytes = b"{\"model_type\": \"gpt2\", \"new\": 1}".to_vec();
    });
    let snapshot = bench.pulled("openai-community/gpt2@refs/pr/7");
    assert_eq!(bench.brought(), ["config.json"; 2], "the other files are the same blobs");
    assert_eq!(snapshot.commit(), other);
    let cache = Cache::new(&bench.cache);
    let commit = |revision: &str| {
        let repo = "openai-community/gpt2".parse().expect("an id");
        let snapshot = cache.snapshot(&repo, &revision.parse().expect("a revision"))?;
        Some(snapshot.commit().to_owned())
    };
    assert_eq!(commit("main").as_deref(), Some(COMMIT));
    assert_eq!(commit("refs/pr/7"), Some(other.clone()));
    assert_eq!(commit(&other), Some(other.clone()), "a commit needs no reference");
    assert_eq!(commit("v1"), None);
    bench.pulled(&format!("openai-community/gpt2@{other}"));
    assert!(!bench.in_repo("openai-community/gpt2", "refs").join(&other).exists());
}

#[test]
fn shards_come_as_the_index_names_them() {
    let bench = Bench::new("sharded", vec![sharded()]);
    let snapshot = bench.pulled("org/sharded");
    let brought = bench.brought();
    assert_eq!(
        brought[..2],
        ["config.json", "model.safetensors.index.json"],
        "to know what is needed"
    );
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    assert_eq!(brought[brought.len() - 2..], shards);
    let files = snapshot.files();
    let largest: Vec<u64> = files.iter().map(|file| file.n_bytes).filter(|n| *n > 1000).collect();
    assert_eq!(largest, [5068, 6068]);
    assert!(matches!(Checkpoint::open(snapshot.path()).expect("a model"), Checkpoint::Folder(_)));
    assert_eq!(snapshot.model(None).expect("a folder"), snapshot.path());
}

#[test]
fn a_gguf_file_is_named_in_full_or_by_its_end() {
    let bench = Bench::new("gguf", vec![quantised()]);
    let snapshot = bench.pulled("org/quantised-GGUF:Q4_K_M");
    assert_eq!(bench.brought(), ["model-Q4_K_M.gguf"]);
    let only = snapshot.model(None).expect("the only one there");
    assert_eq!(only, snapshot.path().join("model-Q4_K_M.gguf"));
    let snapshot = bench.pulled("org/quantised-GGUF:model-Q8_0.gguf");
    let error = snapshot.model(None).expect_err("two are there").to_string();
    assert!(error.contains("several GGUF files: model-Q4_K_M.gguf, model-Q8_0.gguf"), "{error}");
    let tag = "q8_0".parse().expect("a name");
    assert!(snapshot.model(Some(&tag)).expect("one").ends_with("model-Q8_0.gguf"));
    let told = bench.refused("org/quantised-GGUF");
    assert!(
        told.contains(
            "several GGUF files: BF16/model-BF16.gguf, model-Q4_K_M.gguf, model-Q8_0.gguf"
        ),
        "{told}"
    );
    assert!(told.contains("kelvin models pull org/quantised-GGUF:FILE"), "{told}");
}

#[test]
fn two_pulls_at_once_bring_each_file_once() {
    let bench = Bench::new("together", vec![gpt2()]);
    std::thread::scope(|scope| {
        let pulls = [(); 4].map(|()| scope.spawn(|| bench.pulled("openai-community/gpt2")));
        for pull in pulls {
            let snapshot = pull.join().expect("no panic");
            assert_eq!(
                fs::read(snapshot.path().join("model.safetensors")).expect("there").len(),
                300_000
            );
        }
    });
    let mut brought = bench.brought();
    brought.retain(|name| name != "config.json"); // which a plan may read before it is there
    brought.sort();
    let n_brought = brought.len();
    brought.dedup();
    assert_eq!((n_brought, brought.len()), (4, 4), "{brought:?}");
}

#[test]
fn the_token_goes_to_the_hub_alone() {
    let mut repo = gpt2();
    repo.gate = Some("hf_secret".to_owned());
    let bench = Bench { token: "hf_secret", ..Bench::new("token", vec![repo]) };
    bench.pulled("openai-community/gpt2");
    let seen = bench.hub.seen();
    for request in &seen {
        let token = request.header("authorization");
        let expected = (!request.at_cdn).then_some("Bearer hf_secret");
        assert_eq!(token, expected, "{} {}", request.method, request.path);
        assert_eq!(request.header("accept-encoding"), Some("identity"));
    }
    assert_eq!(seen.iter().filter(|request| request.at_cdn).count(), 1);
}

#[test]
fn a_token_file_is_read_and_trimmed() {
    let folder = super::folder("token-file");
    fs::write(folder.join("token"), "hf_secret\r\n").expect("writable");
    let home = folder.to_str().expect("a plain path");
    let token = environment(&[("HF_HOME", home)]).token().expect("a token").expect("one");
    assert_eq!(token.secret(), "hf_secret");
    assert!(token.origin().ends_with("token-file/token"), "{}", token.origin());
    let elsewhere = folder.join("token").to_str().expect("a plain path").to_owned();
    let named = environment(&[("HF_TOKEN_PATH", &elsewhere)]).token().expect("a token");
    assert_eq!(named.as_ref(), Some(&token));
    let blank = environment(&[("HF_HOME", home), ("HF_TOKEN", "  ")]).token().expect("a token");
    assert_eq!(blank, named, "a blank variable names no token");
    fs::write(folder.join("token"), "\n").expect("writable");
    assert_eq!(environment(&[("HF_HOME", home)]).token().expect("none"), None);
}
