//! Models in Hugging Face layout, and weights in another format than their file's.

use std::fs;
use std::path::{Path, PathBuf};

use crate::binary::run;
use crate::generate::{in_folder, kelvin, lines};
use crate::tiny::Tiny;

/// A folder of a small random model, made by transformers.
fn golden(name: &str) -> String {
    let folders = concat!(env!("CARGO_MANIFEST_DIR"), "/../kelvin-lm/tests/golden/folders");
    Path::new(folders).join(name).to_string_lossy().into_owned()
}

fn inspect(folder: &Path) -> crate::binary::Run {
    run(in_folder(Path::new("none")).args(["models", "inspect"]).arg(folder), "")
}

/// A folder with these settings, and with a file of no tensors.
fn settings(name: &str, config: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("layouts").join(name);
    fs::create_dir_all(&folder).expect("the folder can be made");
    fs::write(folder.join("config.json"), config).expect("the file can be written");
    let empty = [&2_u64.to_le_bytes()[..], b"{}"].concat();
    fs::write(folder.join("model.safetensors"), empty).expect("likewise");
    folder
}

#[test]
fn a_folder_can_be_looked_into() {
    let shown = inspect(golden("gemma3-sharded").as_ref());
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""), "{}", shown.stderr);
    for words in [
        "gemma3-sharded",
        "safetensors in 2 files, BF16",
        "5, 24 wide",
        "a window of 16 in 3",
        "64 tokens, output head tied",
        "rope_parameters",
    ] {
        assert!(shown.stdout.contains(words), "no {words:?} in {}", shown.stdout);
    }
    let json = kelvin(Path::new("none"), &format!("models inspect {} --json", golden("gpt2")));
    let json = json.json();
    assert_eq!(json["config"]["architecture"], "gpt2");
    assert_eq!(json["n_params"], 64 * 24 + 128 * 24 + 3 * (12 * 24 * 24 + 13 * 24) + 2 * 24);
}

#[test]
fn gpt2_of_124m_is_shown_with_its_vocabulary_and_its_parameters() {
    let shown = inspect(&settings("gpt2", "{\"model_type\": \"gpt2\"}")).stdout;
    let digits: String = shown.chars().filter(|c| !c.is_whitespace()).collect();
    for words in ["124439808", "50257tokens"] {
        assert!(digits.contains(words), "no {words} in {shown}");
    }
}

#[test]
fn what_does_not_run_here_says_why() {
    let shown = inspect(&settings("bert", "{\"model_type\": \"bert\"}"));
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(shown.stdout.contains("\"bert\""), "{}", shown.stdout);
    assert!(shown.stdout.contains("gpt2, llama, gemma3_text, gemma3"), "{}", shown.stdout);
}

#[test]
fn the_header_says_what_format_the_weights_are_held_in() {
    let folder = Tiny::default().write("dtype");
    let args = "generate -m tiny abc --greedy --max-new-tokens 20 --json --dtype";
    let header = |dtype: &str| {
        let run = kelvin(&folder, &format!("{args} {dtype}"));
        assert_eq!(run.code, 0, "{}", run.stderr);
        lines(&run).remove(0)["model"]["dtype"].clone()
    };
    assert_eq!(header("auto"), "F32");
    assert_eq!(header("f32"), "F32");
    assert_eq!(header("bf16"), "BF16 of F32");
    assert_eq!(header("q8_0"), "Q8_0 of F32");
    let refused = kelvin(&folder, &format!("{args} int4"));
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("auto, f32, f16, bf16, q8_0"), "{}", refused.stderr);
}
