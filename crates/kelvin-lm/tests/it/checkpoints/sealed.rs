//! Folders whose hashes are right and whose files are not: written by hand, or to do harm.

use std::fs;
use std::path::Path;

use kelvin_lm::ErrorKind;
use kelvin_lm::train::Saved;
use serde_json::{Value, json};

use super::{Scene, provenance, reason, sha256, state};
use crate::counting;

/// Every file of a checkpoint, in the order of the manifest.
const FILES: [&str; 7] = [
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "optimizer.safetensors",
    "state.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

fn file(name: &str, bytes: &[u8]) -> String {
    let (n, hash) = (bytes.len(), sha256(bytes));
    format!(
        "    {{\n      \"name\": \"{name}\",\n      \"n_bytes\": {n},\n      \"sha256\": \"{hash}\"\n    }}"
    )
}

/// A manifest of these entries, spelled as it has to be.
fn manifest(version: u32, entries: &[String]) -> String {
    let of = |hash: &str| {
        let entries = entries.join(",\n");
        format!(
            "{{\n  \"version\": {version},\n  \"files\": [\n{entries}\n  ],\n  \"sha256\": \"{hash}\"\n}}\n"
        )
    };
    of(&sha256(of("").as_bytes()))
}

/// Gives a folder the manifest of its files.
fn seal(folder: &Path) {
    let entries = FILES.map(|name| file(name, &fs::read(folder.join(name)).expect("a file")));
    fs::write(folder.join("manifest.json"), manifest(1, &entries)).expect("written");
}

/// The error of a checkpoint in which a file was replaced and everything sealed again.
fn refusal(name: &str, bytes: &[u8]) -> String {
    let scene = Scene::new(&format!("sealed-{:?}", std::thread::current().id()));
    let folder = scene.save(3);
    fs::write(folder.join(name), bytes).expect("written");
    seal(&folder);
    let (opened, peak) = counting::peak(|| Saved::open(&folder));
    assert!(peak < 4_000_000, "{peak} bytes for {name}");
    reason(&scene, &opened.expect_err("refused")).replace("step-3/", "")
}

/// The same of a value in a JSON file.
fn refusal_of(name: &str, change: impl FnOnce(&mut Value)) -> String {
    let scene = Scene::new(&format!("value-{:?}", std::thread::current().id()));
    let bytes = fs::read(scene.save(3).join(name)).expect("a file");
    let mut value: Value = serde_json::from_slice(&bytes).expect("JSON");
    change(&mut value);
    refusal(name, value.to_string().as_bytes())
}

#[test]
fn the_manifest_is_sealed_as_the_library_does_it() {
    let scene = Scene::new("seal");
    let folder = scene.save(3);
    let before = fs::read_to_string(folder.join("manifest.json")).expect("text");
    seal(&folder);
    assert_eq!(fs::read_to_string(folder.join("manifest.json")).expect("text"), before);
}

#[test]
fn state_json_is_held_to_its_rules() {
    let cases: [(&str, Value, &str); 9] = [
        ("/version", json!(2), "state.json: version = 2, but only 1 is known"),
        (
            "/profile",
            json!("slow"),
            "state.json: profile = \"slow\", but only fast and portable are known",
        ),
        ("/step", json!(-1), "state.json: state.json: invalid value"),
        ("/step", json!("3"), "state.json: state.json: invalid type"),
        ("/step", json!(4_294_967_296_u64), "state.json: state.json: invalid value"),
        ("/settings/dropout", json!(1.0), "state.json: dropout = 1 is outside 0 ≤ dropout < 1"),
        ("/settings/block_size", json!(5), "state.json: block-size = 5 is outside 1 to 4"),
        ("/settings/seed", Value::Null, "state.json: state.json: invalid type"),
        (
            "/tokenizer/sha256",
            json!("00"),
            "tokenizer.json: is not the tokenizer that state.json names",
        ),
    ];
    for (place, value, expected) in cases {
        let text =
            refusal_of("state.json", |state| *state.pointer_mut(place).expect("there") = value);
        assert!(text.starts_with(expected), "{place}: {text}");
    }
    let unknown = refusal_of("state.json", |state| state["threads"] = json!(2));
    assert!(unknown.starts_with("state.json: state.json: unknown field `threads`"), "{unknown}");
    for bytes in [&b""[..], b"[]", b"{", b"null", b"{\"version\": 1, \"version\": 1}"] {
        let text = refusal("state.json", bytes);
        assert!(text.starts_with("state.json: state.json: "), "{text}");
    }
}

#[test]
fn config_json_decides_no_memory_before_the_tensors_agree() {
    let huge = refusal_of("config.json", |config| {
        config["n_layer"] = json!(1024);
        config["n_embd"] = json!(131_072);
        config["n_head"] = json!(1024);
        config["n_inner"] = json!(1_048_576);
        config["vocab_size"] = json!(16_777_216);
    });
    let expected = "model.safetensors: tensor transformer.wte.weight is F32 [5, 8], expected F32 [16777216, 131072]";
    assert!(huge.starts_with(expected), "{huge}");
    let small = refusal_of("config.json", |config| config["vocab_size"] = json!(4));
    assert!(small.starts_with("tokenizer.json: "), "{small}");
    let other = refusal(
        "config.json",
        br#"{"model_type": "llama", "vocab_size": 5, "max_position_embeddings": 4}"#,
    );
    assert!(other.starts_with("config.json: architecture is not that of GPT-2"), "{other}");
}

/// A safetensors file of one tensor.
fn tensor(name: &str, dtype: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let header = json!({ name: {"dtype": dtype, "shape": shape, "data_offsets": [0, data.len()]} });
    let header = header.to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.bytes());
    file.extend(data);
    file
}

#[test]
fn tensors_are_those_of_the_blueprint() {
    let name = "transformer.wte.weight";
    let cases = [
        (tensor("other", "F32", &[1], &[0; 4]), "holds no tensor transformer.wte.weight"),
        (
            tensor(name, "F32", &[8, 5], &[0; 160]),
            "tensor transformer.wte.weight is F32 [8, 5], expected F32 [5, 8]",
        ),
        (
            tensor(name, "F16", &[5, 8], &[0; 80]),
            "tensor transformer.wte.weight is F16 [5, 8], expected F32 [5, 8]",
        ),
        (tensor(name, "F32", &[5, 8], &[0; 160]), "holds no tensor transformer.wpe.weight"),
    ];
    for (bytes, expected) in cases {
        let text = refusal("model.safetensors", &bytes);
        assert!(text.starts_with(&format!("model.safetensors: {expected}")), "{text}");
    }
    let text = refusal("optimizer.safetensors", &tensor("exp_avg.x", "F32", &[1], &[0; 4]));
    assert_eq!(text, "optimizer.safetensors: holds no tensor exp_avg.transformer.wte.weight");
    let text = refusal("optimizer.safetensors", b"no tensors at all");
    assert!(text.starts_with("optimizer.safetensors: "), "{text}");
}

#[test]
fn a_number_that_is_none_is_not_loaded() {
    let scene = Scene::new("sealed-nan");
    let folder = scene.save(3);
    let path = folder.join("optimizer.safetensors");
    let mut bytes = fs::read(&path).expect("a file");
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, bytes).expect("written");
    seal(&folder);
    let error = Saved::open(&folder).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Logits);
    assert!(error.to_string().contains("exp_avg_sq.transformer.wte.weight is NaN"), "{error}");
}

#[test]
fn the_manifest_names_a_checkpoints_files_and_no_others() {
    let scene = Scene::new("manifests");
    let folder = scene.save(3);
    let sound = FILES.map(|name| file(name, &fs::read(folder.join(name)).expect("a file")));
    let with = |entries: &[String], version| {
        fs::write(folder.join("manifest.json"), manifest(version, entries)).expect("written");
        reason(&scene, &Saved::open(&folder).expect_err("refused"))
    };
    let named = "step-3/manifest.json: names other files than a checkpoint has";
    assert_eq!(with(&sound[1..], 1), named);
    assert_eq!(with(&[&sound[..], &sound[..1]].concat(), 1), named);
    assert_eq!(with(&[], 1), named);
    let mut swapped = sound.clone();
    swapped.swap(0, 1);
    assert_eq!(with(&swapped, 1), named);
    for name in ["../config.json", "/etc/passwd", "Config.json", ""] {
        let mut other = sound.clone();
        other[0] = file(name, b"{}");
        assert_eq!(with(&other, 1), named, "{name}");
    }
    assert_eq!(with(&sound, 2), "step-3/manifest.json: version = 2, but only 1 is known");
    let mut upper = sound.clone();
    upper[0] = upper[0].replace("sha256\": \"", "sha256\": \"zz");
    assert!(
        with(&upper, 1).starts_with("step-3/config.json: is damaged: its SHA-256 begins with ")
    );
    seal(&folder);
    Saved::open(&folder).expect("all is as it was");
}

/// A checkpoint that this version cannot read may be whole: it is never moved away for a new one.
#[test]
fn what_cannot_be_told_from_a_whole_one_is_not_replaced() {
    let scene = Scene::new("newer");
    let folder = scene.save(3);
    let entries = FILES.map(|name| file(name, &fs::read(folder.join(name)).expect("a file")));
    fs::write(folder.join("manifest.json"), manifest(2, &entries)).expect("written");
    assert_kept(&scene, "version = 2, but only 1 is known");
    assert!(folder.join("model.safetensors").exists());
}

/// As a disk that cannot be read for a while: a link in a circle, which nobody can look behind.
#[cfg(unix)]
#[test]
fn what_cannot_be_read_is_not_replaced() {
    let scene = Scene::new("unreadable");
    std::os::unix::fs::symlink("step-3", scene.0.join("step-3")).expect("a link");
    assert_kept(&scene, "cannot be read");
}

/// Saving step 3 is refused for this cause, and leaves all as it was.
fn assert_kept(scene: &Scene, cause: &str) {
    let error = scene.checkpoints().save(&state(3), &provenance()).expect_err("something is there");
    assert_eq!(error.kind(), ErrorKind::Write);
    let text = "step-3: is there already, and cannot be told from a whole checkpoint";
    assert_eq!(reason(scene, &error), text);
    let source = std::error::Error::source(&error).expect("a cause").to_string();
    assert!(source.contains(cause), "{source}");
    assert_eq!(scene.names(), ["step-3"]);
}
