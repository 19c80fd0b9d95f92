//! Models that come from the hub and go: pulled from a server of our own, listed, run, removed.

#[allow(dead_code, reason = "the library's tests use all of it")]
#[path = "../../../kelvin-lm/tests/it/hub/server.rs"]
mod server;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use self::server::{COMMIT, Fault, Hub, Repo};
use crate::binary::{Run, command, run};
use crate::tiny::Tiny;

/// A hub, and a home for one test.
struct Bench {
    hub: Hub,
    home: PathBuf,
}

impl Bench {
    fn new(test: &str, repos: Vec<Repo>) -> Self {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hub").join(test);
        fs::remove_dir_all(&home).ok();
        fs::create_dir_all(home.join("models")).expect("folders can be made");
        Self { hub: Hub::start(repos), home }
    }

    fn kelvin(&self, args: &str) -> Run {
        self.kelvin_with(args, &[])
    }

    fn kelvin_with(&self, args: &str, variables: &[(&str, &str)]) -> Run {
        let mut command = command();
        command.env("HOME", &self.home).env("KELVIN_MODELS", self.home.join("models"));
        command.env("HF_ENDPOINT", &self.hub.endpoint).envs(variables.iter().copied());
        run(command.args(args.split(' ')), "")
    }

    fn cache(&self) -> PathBuf {
        self.home.join(".cache/huggingface/hub")
    }

    /// What the home holds, as if it stood at `~`.
    fn tilde(&self, text: &str) -> String {
        text.replace(self.home.to_str().expect("a plain path"), "~")
            .replace(&self.hub.endpoint, "HUB")
    }
}

/// A repository with the tests' tiny model in two files of one size.
fn tiny(name: &str) -> Repo {
    let folder = Tiny::default().write(name);
    let bytes = fs::read(folder.join("tiny.gguf")).expect("just written");
    Repo::new(
        "org/tiny-GGUF",
        &[("README.md", b"#"), ("tiny-F32.gguf", &bytes), ("tiny-Q8_0.gguf", &bytes)],
    )
}

fn gpt2() -> Repo {
    let files: [(&str, &[u8]); 4] = [
        ("config.json", b"{\"model_type\": \"gpt2\", \"torch_dtype\": \"bfloat16\"}"),
        ("model.safetensors", &[7; 2048]),
        ("pytorch_model.bin", b"PK"),
        ("tokenizer.json", b"{}"),
    ];
    Repo::new("openai-community/gpt2", &files)
}

#[test]
fn a_pulled_file_is_a_model_with_and_without_its_name_and_without_the_hub() {
    let bench = Bench::new("run", vec![tiny("hub-run")]);
    let pulled = bench.kelvin("models pull org/tiny-GGUF:F32");
    assert_eq!(pulled.code, 0, "{}", pulled.stderr);
    let snapshot = format!("~/.cache/huggingface/hub/models--org--tiny-GGUF/snapshots/{COMMIT}");
    assert_eq!(bench.tilde(&pulled.stdout), format!("{snapshot}/tiny-F32.gguf\n"));
    let offline = [("HF_HUB_OFFLINE", "1")];
    bench.hub.seen();
    let next = |name: &str| {
        bench.kelvin_with(&format!("next -m {name} abc --json --seed 1"), &offline).json()
    };
    let by_tag = next("org/tiny-GGUF:f32");
    assert_eq!(by_tag, next("org/tiny-GGUF"));
    assert_eq!(by_tag, next(&format!("org/tiny-GGUF@{COMMIT}:tiny-F32.gguf")));
    assert!(bench.hub.seen().is_empty());
    let absent = bench.kelvin("next -m org/tiny-GGUF:Q8_0 abc");
    assert_eq!(absent.code, 3);
    assert!(
        absent.stderr.contains("there is no Q8_0; the GGUF files are tiny-F32.gguf"),
        "{}",
        absent.stderr
    );
    assert!(absent.stderr.contains("kelvin models pull org/tiny-GGUF:Q8_0 brings what is missing"));
}

#[test]
fn a_pull_says_what_it_does_on_stderr_and_the_path_on_stdout() {
    let bench = Bench::new("talk", vec![gpt2()]);
    bench.hub.fault("model.safetensors", Fault::Status(503, Vec::new()));
    let pulled = bench.kelvin("models pull gpt2");
    let expected = "HUB answers with an error of its own (503); trying again in 1 s\n\
        openai-community/gpt2 (main = 607a30d) from HUB: 3 files, 2.0 KiB, 2.0 KiB to fetch\n\
        config.json: 49 B, verified\ntokenizer.json: 2 B, verified\n\
        model.safetensors: 2.0 KiB, verified\n\
        3 files, 2.0 KiB; -m openai-community/gpt2 reads\n";
    assert_eq!(bench.tilde(&pulled.stderr), expected);
    let again = bench.kelvin("models pull gpt2 -q");
    assert_eq!((again.stdout, again.stderr.as_str()), (pulled.stdout, ""));
}

#[test]
fn a_dry_run_and_json_say_the_same_and_write_nothing() {
    let bench = Bench::new("dry", vec![gpt2()]);
    let dry = bench.kelvin("models pull gpt2 --dry-run");
    let expected = "config.json: 49 B to fetch\ntokenizer.json: 2 B to fetch\nmodel.safetensors: 2.0 KiB to fetch\n";
    assert_eq!(dry.stdout, expected);
    let said = bench.kelvin("models pull gpt2 --dry-run --json").json();
    assert!(!bench.cache().exists());
    assert_eq!((&said["missing_bytes"], &said["path"]), (&json!(2099), &Value::Null));
    let did = bench.kelvin("models pull gpt2 --json").json();
    let checksum = "sha256:e4fde89f39bc53b90e9935a8015b80dd6e4135485e894094a3517fa250e344ae";
    assert_eq!(did["files"][2]["name"], "model.safetensors");
    assert_eq!(did["files"][2]["checksum"], checksum);
    assert_eq!((&did["fetched_bytes"], &did["missing_bytes"]), (&json!(2099), &json!(0)));
    assert_eq!((&did["repo"], &did["revision"]), (&json!("openai-community/gpt2"), &json!("main")));
    assert_eq!(did["commit"], COMMIT);
    assert!(Path::new(did["path"].as_str().expect("a path")).join("config.json").is_file());
}

#[test]
fn both_places_are_listed() {
    let bench = Bench::new("list", vec![gpt2(), tiny("hub-list")]);
    let tiny = Tiny::default().write("hub-list").join("tiny.gguf");
    fs::copy(tiny, bench.home.join("models/mine.gguf")).expect("a copy");
    bench.kelvin("models pull gpt2");
    bench.kelvin("models pull org/tiny-GGUF:F32");
    let listed = bench.kelvin("models ls");
    let rows = "model                             size  format       type  from\n\
                mine                         472.1 KiB  GGUF 3             folder\n\
                openai-community/gpt2          2.0 KiB  safetensors  BF16  hub\n\
                org/tiny-GGUF:tiny-F32.gguf  472.1 KiB  GGUF 3             hub\n\
                verse                          3.5 MiB  safetensors  F16   embedded\n";
    assert_eq!(listed.stdout, rows);
    let places =
        "\nin ~/models and ~/.cache/huggingface/hub; kelvin models inspect NAME looks inside\n";
    assert_eq!(bench.tilde(&listed.stderr), places);
    let all = bench.kelvin("models ls --json").json();
    let names: Vec<&Value> = all.as_array().expect("a list").iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["mine", "openai-community/gpt2", "org/tiny-GGUF:tiny-F32.gguf", "verse"]);
    assert_eq!((&all[0]["from"], &all[0]["commit"]), (&json!("folder"), &Value::Null));
    assert_eq!((&all[1]["dtype"], &all[1]["commit"]), (&json!("BF16"), &json!(COMMIT)));
    for name in names
        .iter()
        .map(|name| name.as_str().expect("a name"))
        .filter(|name| !name.contains("gpt2"))
    {
        assert_eq!(bench.kelvin(&format!("models inspect {name} --json")).code, 0, "{name}");
    }
    let doctor = bench.kelvin("doctor --json").json();
    assert_eq!(doctor["hub"]["found"], "openai-community/gpt2, org/tiny-GGUF");
}

#[test]
fn removing_asks_and_stays_within_its_places() {
    let bench = Bench::new("remove", vec![gpt2()]);
    bench.kelvin("models pull gpt2");
    let tiny = Tiny::default().write("hub-remove").join("tiny.gguf");
    for place in ["models/mine.gguf", "mine.gguf"] {
        fs::copy(&tiny, bench.home.join(place)).expect("a copy");
    }
    let repo = bench.cache().join("models--openai-community--gpt2");
    let unasked = bench.kelvin("models rm gpt2");
    let expected = "error: --yes is needed to remove openai-community/gpt2: \
        ~/.cache/huggingface/hub/models--openai-community--gpt2 (2.1 KiB, 1 revision) where nobody can be asked\n\n\
        hint: add --yes; nothing was removed\n";
    assert_eq!((unasked.code, bench.tilde(&unasked.stderr).as_str()), (2, expected));
    let by_commit = format!("gpt2@{COMMIT}");
    for part in ["gpt2@main", "openai-community/gpt2@main", &by_commit, "gpt2:x.gguf"] {
        let refused = bench.kelvin(&format!("models rm {part} --yes"));
        let expected = "error: a repository is removed as a whole, with all its revisions and files\n\n\
            hint: kelvin models rm openai-community/gpt2\n";
        assert_eq!((refused.code, refused.stderr.as_str()), (2, expected), "{part}");
    }
    for outside in
        ["../mine.gguf", "./mine.gguf", "models", "..", "/etc/passwd", "openai-community"]
    {
        assert_eq!(bench.kelvin(&format!("models rm {outside} --yes")).code, 3, "{outside}");
    }
    let removed = bench.kelvin("models rm mine --yes --json").json();
    assert_eq!(removed["freed_bytes"], json!(fs::metadata(&tiny).expect("there").len()));
    assert!(!bench.home.join("models/mine.gguf").exists());
    assert!(bench.home.join("mine.gguf").exists() && repo.exists());
    let removed = bench.kelvin("models rm openai-community/gpt2 -y");
    assert!(bench.tilde(&removed.stderr).ends_with("gpt2: 2.1 KiB freed\n"), "{}", removed.stderr);
    assert!(!repo.exists());
    assert_eq!(bench.kelvin("models rm gpt2 -y").code, 3, "gone");
}

/// A folder in Hugging Face layout, with something below it.
fn layout(folder: &Path) {
    let files = [
        ("config.json", "{\"model_type\": \"llama\", \"dtype\": \"float16\"}"),
        ("model.safetensors", "1234567"),
        ("checkpoints/1/optimizer.pt", "123"),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("folders can be made");
        fs::write(path, text).expect("writable");
    }
}

#[test]
fn folders_in_kelvins_own_are_models_too() {
    let bench = Bench::new("folders", vec![]);
    let models = bench.home.join("models");
    for name in ["mine.v1", "org/name", "a/b/deep"] {
        layout(&models.join(name));
    }
    fs::create_dir_all(models.join("empty")).expect("a folder");
    fs::create_dir_all(models.join("bare")).expect("a folder");
    fs::write(models.join("bare/config.json"), "{}").expect("writable");
    let rows = "model        size  format       type  from\n\
                bare          2 B  not a model        folder\n\
                mine.v1      50 B  safetensors  F16   folder\n\
                org/name     50 B  safetensors  F16   folder\n\
                verse     3.5 MiB  safetensors  F16   embedded\n";
    assert_eq!(bench.kelvin("models ls").stdout, rows);
    let all = bench.kelvin("models ls --json").json();
    assert_eq!((&all[1]["name"], &all[1]["dtype"]), (&json!("mine.v1"), &json!("F16")));
    let absent = bench.kelvin("next -m other x").stderr;
    assert!(absent.contains("you have   mine.v1, org/name, verse\n"), "{absent}");
    for name in ["mine.v1", "org/name"] {
        let opened = bench.tilde(&bench.kelvin(&format!("next -m {name} x")).stderr);
        assert!(opened.contains(&format!("~/models/{name}/model.safetensors")), "{opened}");
    }
    assert!(bench.kelvin("next -m mine x").stderr.contains("no model \"mine\""));

    let unasked = bench.kelvin("models rm org/name");
    let expected = "--yes is needed to remove ~/models/org/name (53 B, 3 files) where nobody";
    assert!(bench.tilde(&unasked.stderr).contains(expected), "{}", unasked.stderr);
    let removed = bench.kelvin("models rm org/name --yes --json").json();
    assert_eq!(removed["freed_bytes"], json!(53));
    assert!(!models.join("org/name").exists() && models.join("org").exists());
    let refused = bench.kelvin("models rm bare --yes");
    let expected = "error: ~/models/bare has no safetensors: it is no model\n\n\
        hint: folders that are none are yours to remove\n";
    assert_eq!((refused.code, bench.tilde(&refused.stderr).as_str()), (3, expected));
    for other in ["org", "a", "a/b", "a/b/deep", "empty", "mine", "mine.v1/..", "org/../mine.v1"] {
        assert_eq!(bench.kelvin(&format!("models rm {other} --yes")).code, 3, "{other}");
    }
    assert!(models.join("a/b/deep/model.safetensors").is_file() && models.join("mine.v1").is_dir());
}

#[test]
fn of_a_file_and_a_folder_with_one_name_the_file_is_meant() {
    let bench = Bench::new("both", vec![]);
    let tiny = Tiny::default().write("hub-both").join("tiny.gguf");
    layout(&bench.home.join("models/mine"));
    fs::copy(tiny, bench.home.join("models/mine.gguf")).expect("a copy");
    let inspected = bench.kelvin("models inspect mine --json").json();
    assert!(inspected["path"].as_str().expect("a path").ends_with("/mine.gguf"));
    assert_eq!(bench.kelvin("models rm mine --yes").code, 0);
    assert!(
        bench.home.join("models/mine").is_dir() && !bench.home.join("models/mine.gguf").exists()
    );
    assert_eq!(bench.kelvin("models rm mine --yes").code, 0);
    assert_eq!(fs::read_dir(bench.home.join("models")).expect("a folder").count(), 0);
}

#[cfg(unix)]
#[test]
fn removing_a_folder_follows_no_link() {
    use std::os::unix::fs::symlink;
    let bench = Bench::new("folder-links", vec![]);
    let (models, elsewhere) = (bench.home.join("models"), bench.home.join("elsewhere"));
    layout(&elsewhere.join("precious"));
    layout(&models.join("mine"));
    symlink(elsewhere.join("precious"), models.join("mine/linked")).expect("a link");
    symlink(elsewhere.join("precious"), models.join("linked")).expect("a link");
    symlink(&elsewhere, models.join("org")).expect("a link");
    let listed = bench.kelvin("models ls --json").json();
    let names: Vec<&Value> =
        listed.as_array().expect("a list").iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["linked", "mine", "verse"], "not what a link of another name leads to");
    assert_eq!(bench.kelvin("models rm org/precious --yes").code, 3);
    let unasked = bench.kelvin("models rm linked").stderr;
    assert!(bench.tilde(&unasked).contains("~/models/linked (0 B, a link) where"), "{unasked}");
    for name in ["linked", "mine"] {
        assert_eq!(bench.kelvin(&format!("models rm {name} --yes")).code, 0, "{name}");
        assert!(!models.join(name).exists());
    }
    for name in ["config.json", "model.safetensors", "checkpoints/1/optimizer.pt"] {
        assert!(elsewhere.join("precious").join(name).is_file(), "{name}");
    }
}

#[test]
fn a_name_in_the_folder_comes_before_the_same_name_on_the_hub() {
    let bench = Bench::new("order", vec![]);
    let tiny = Tiny::default().write("hub-order").join("tiny.gguf");
    let inspect =
        |name: &str| bench.kelvin(&format!("models inspect {name} --json")).json()["path"].clone();
    let write = |path: PathBuf| {
        fs::create_dir_all(path.parent().expect("it has one")).expect("folders can be made");
        fs::copy(&tiny, path).expect("a copy");
    };
    let repo = |id: &str| bench.cache().join(format!("models--{id}"));
    for id in ["openai-community--gpt2", "gpt2"] {
        write(repo(id).join(format!("snapshots/{COMMIT}/x.gguf")));
        fs::create_dir_all(repo(id).join("refs")).expect("a folder");
        fs::write(repo(id).join("refs/main"), COMMIT).expect("writable");
    }
    let is_in = |path: Value, part: &str| path.as_str().expect("a path").contains(part);
    assert!(is_in(inspect("gpt2"), "models--openai-community--gpt2/"));
    fs::remove_dir_all(repo("openai-community--gpt2")).expect("ours");
    assert!(is_in(inspect("gpt2"), "models--gpt2/"), "where transformers keeps that name");
    write(bench.home.join("models/gpt2.gguf"));
    assert!(is_in(inspect("gpt2"), "models/gpt2.gguf"));
}

#[test]
fn what_fails_has_its_exit_code_and_says_where_it_looked() {
    let mut gated = gpt2();
    gated.gate = Some("hf_x".to_owned());
    let bench = Bench::new("fails", vec![gated]);
    let told = |args: &str, variables: &[(&str, &str)]| {
        let run = bench.kelvin_with(args, variables);
        (run.code, bench.tilde(&run.stderr))
    };
    let (code, text) = told("models pull gpt2", &[]);
    assert_eq!(code, 3);
    assert!(text.starts_with("error: openai-community/gpt2 is gated"), "{text}");
    assert!(text.contains("hint: accept its terms at HUB/openai-community/gpt2"), "{text}");
    let (code, text) = told("models pull org/none", &[]);
    assert!(code == 3 && text.contains("no public repository org/none"), "{text}");
    let (code, text) = told("models pull gpt2", &[("HF_HUB_OFFLINE", "yes")]);
    assert!(code == 3 && text.contains("hint: HF_HUB_OFFLINE=0 allows it"), "{text}");
    let (code, text) = told("next -m google/gemma-3-1b-it x", &[("TRANSFORMERS_OFFLINE", "1")]);
    let expected = "error: no model \"google/gemma-3-1b-it\" on this machine, and TRANSFORMERS_OFFLINE=1\n  \
        looked in  ./google/gemma-3-1b-it (nothing there)\n             \
        ~/models (no google/gemma-3-1b-it.gguf)\n             \
        ~/.cache/huggingface/hub/models--google--gemma-3-1b-it (no such folder)\n  \
        you have   verse\n  \
        try        TRANSFORMERS_OFFLINE=0 kelvin models pull google/gemma-3-1b-it   (gated: needs HF_TOKEN)\n";
    assert_eq!((code, text.as_str()), (3, expected));
    fs::write(bench.home.join("in-the-way"), "").expect("writable");
    let place = bench.home.join("in-the-way/hub");
    let variables = [("HF_HUB_CACHE", place.to_str().expect("a plain path")), ("HF_TOKEN", "hf_x")];
    let (code, text) = told("models pull gpt2", &variables);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("hint: set HF_HUB_CACHE"), "{text}");
}

/// What is no path and no name says which rule it breaks, and not that a GGUF file was expected.
#[test]
fn a_name_that_is_none_says_why() {
    let bench = Bench::new("misnamed", vec![]);
    let told = |name: &str| {
        let mut command = command();
        command.env("HOME", &bench.home).current_dir(&bench.home);
        let run = run(command.args(["next", "-m", name, "x"]), "");
        (run.code, run.stderr)
    };
    let id = "hint: name a repository as the hub does, for example openai-community/gpt2\n";
    let file = "hint: name a file as the repository lists it, for example model-Q4_K_M.gguf\n";
    let part = "is no repository's id: each part has letters, digits, '-', '_' and '.' only";
    for (name, rule, hint) in [
        ("org/name:", "\"\" is no plain name of a file within its repository".to_owned(), file),
        ("gpt 2", format!("\"gpt 2\" {part}"), id),
        (
            "org/name/sub",
            "\"org/name/sub\" is no repository's id: a repository is org/name, with one slash"
                .to_owned(),
            id,
        ),
    ] {
        let expected = format!(
            "error: no file or folder {name:?} here, and as a name on the hub: {rule}\n\n{hint}"
        );
        assert_eq!(told(name), (3, expected));
    }
    fs::create_dir_all(bench.home.join("org/name/sub")).expect("folders can be made");
    let there = told("org/name/sub");
    assert!(there.1.contains("error: org/name/sub: the folder has no config.json"), "{}", there.1);
    let expected =
        "error: the model's name is empty\n\nhint: kelvin models ls lists what -m can name\n";
    assert_eq!(told(""), (2, expected.to_owned()));
    let (code, text) = told("https://huggingface.co/org/name/tree/main");
    assert!(
        code == 3 && text.ends_with("as its address does after the host: org/name\n"),
        "{text}"
    );
    let pull = bench.kelvin("models pull https://huggingface.co/gpt2");
    let expected = "error: \"https://huggingface.co/gpt2\" is an address, and a model has a name\n\n\
        hint: name it as org/name, as its address does after the host: gpt2\n";
    assert_eq!((pull.code, pull.stderr.as_str()), (2, expected));
}

#[test]
fn a_password_in_an_address_is_never_shown() {
    let bench = Bench::new("endpoint", vec![]);
    let variables = [("HF_ENDPOINT", "https://ada:secret@hub.example")];
    for args in ["models pull gpt2", "doctor", "next -m gpt2 x", "models ls"] {
        let run = bench.kelvin_with(args, &variables);
        assert!(!format!("{}{}", run.stdout, run.stderr).contains("secret"), "{args}: {run:?}");
    }
    let doctor = bench.kelvin_with("doctor --json", &variables).json();
    let why = doctor["hub"]["why"].as_str().expect("text");
    assert!(why.contains("pull does not work: HF_ENDPOINT holds more than an address"), "{why}");
}

#[test]
fn a_model_without_one_of_its_shards_is_no_model_yet() {
    let index: &[u8] = br#"{"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}"#;
    let files: [(&str, &[u8]); 5] = [
        ("config.json", b"{\"model_type\": \"llama\"}"),
        ("tokenizer.json", b"{}"),
        ("model.safetensors.index.json", index),
        ("a.safetensors", &[7; 100]),
        ("b.safetensors", &[8; 200]),
    ];
    let bench = Bench::new("shard", vec![Repo::new("org/sharded", &files)]);
    let pulled = bench.kelvin("models pull org/sharded");
    assert_eq!(pulled.code, 0, "{}", pulled.stderr);
    assert!(bench.kelvin("models ls").stdout.contains("  safetensors  "));
    fs::remove_file(Path::new(pulled.stdout.trim_end()).join("b.safetensors")).expect("ours");
    let listed = bench.kelvin("models ls").stdout;
    assert!(listed.contains("  safetensors: incomplete  "), "{listed}");
    let absent = bench.kelvin("next -m other x").stderr;
    assert!(absent.contains("you have   verse\n"), "{absent}");
    let run = bench.kelvin("next -m org/sharded x");
    let expected = "error: org/sharded is in the hub's cache, but not as a model\n\
        cause: ~/.cache/huggingface/hub/models--org--sharded/snapshots/COMMIT: \
        there is no b.safetensors, which model.safetensors.index.json names\n\n\
        hint: kelvin models pull org/sharded brings what is missing\n";
    assert_eq!((run.code, bench.tilde(&run.stderr)), (3, expected.replace("COMMIT", COMMIT)));
}

#[test]
fn a_repository_of_which_only_a_part_is_there_is_no_model_yet() {
    let bench = Bench::new("part", vec![gpt2()]);
    bench.kelvin("models pull gpt2");
    let snapshot = bench.cache().join("models--openai-community--gpt2/snapshots").join(COMMIT);
    fs::remove_file(snapshot.join("model.safetensors")).expect("ours");
    let run = bench.kelvin("next -m gpt2 x");
    let expected = "error: openai-community/gpt2 is in the hub's cache, but not as a model\n\
        cause: ~/.cache/huggingface/hub/models--openai-community--gpt2/snapshots/COMMIT: \
        there is no model.safetensors and no GGUF file\n\n\
        hint: kelvin models pull openai-community/gpt2 brings what is missing\n";
    assert_eq!((run.code, bench.tilde(&run.stderr)), (3, expected.replace("COMMIT", COMMIT)));
    let again = bench.kelvin("models pull gpt2");
    assert!(again.stderr.contains("model.safetensors: 2.0 KiB, there already"), "{}", again.stderr);
    assert!(snapshot.join("model.safetensors").is_file(), "the blob is linked again");
    let missing = bench.kelvin("next -m gpt2@v2 x");
    assert!(missing.stderr.contains("(no revision v2, but main)"), "{}", missing.stderr);
}
