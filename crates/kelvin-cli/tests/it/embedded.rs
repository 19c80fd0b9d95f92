//! Without `-m`: the embedded model answers, whatever its weights say.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::binary::{Run, kelvin, kelvin_reading};
use crate::generate::{in_folder, lines};

const HINT: &str = "hint: no -m: the embedded model answers, and Shakespeare is all it knows; kelvin models \
                    ls lists others, kelvin models pull gpt2 brings one\n";

/// Runs `kelvin` with nothing to fall back on; words are split at spaces.
fn bare(args: &str) -> Run {
    kelvin(&args.split_whitespace().collect::<Vec<_>>())
}

/// What the hint leaves of the talk; it stands there once.
fn talk(run: &Run) -> String {
    assert_eq!(run.stderr.matches(HINT).count(), 1, "{}", run.stderr);
    run.stderr.replacen(HINT, "", 1)
}

#[test]
fn text_comes_without_a_model_and_fills_the_context() {
    let run = bare("generate ROMEO: --seed 1 --temperature 0.8");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stdout.chars().count(), 256 - 6 + 1, "a token is a character, and a line ends");
    let talk = talk(&run);
    assert!(talk.starts_with("verse (embedded) · F16 · 1.8M · "), "{talk}");
    assert!(talk.ends_with(" · length\n"), "{talk}");
    let quiet = bare("generate ROMEO: --seed 1 --temperature 0.8 -q");
    assert_eq!((quiet.stdout, quiet.stderr.as_str()), (run.stdout.clone(), ""));
    let named = bare("generate -m verse ROMEO: --seed 1 --temperature 0.8 --threads 1");
    assert_eq!(named.stdout, run.stdout);
    assert!(named.stderr.starts_with("verse (embedded) · "), "{}", named.stderr);
}

#[test]
fn json_has_its_name_and_no_path() {
    let run = bare("generate ROMEO: --seed 1 --max-new-tokens 3 --json");
    let model = &lines(&run)[0]["model"];
    assert_eq!((&model["name"], &model["path"]), (&json!("verse"), &Value::Null));
    let all = bare("models ls --json").json();
    let listed = json!([{
        "name": "verse", "path": null, "bytes": 3_687_984, "format": "safetensors", "dtype": "F16",
        "from": "embedded", "commit": null,
    }]);
    assert_eq!(all, listed);
}

#[test]
fn every_command_that_takes_a_model_goes_without() {
    let next = bare("next ROMEO --temperature 1 --json").json();
    assert_eq!(
        (&next["vocab_size"], &next["final"].as_array().map(Vec::len)),
        (&json!(65), &Some(64))
    );
    let score = kelvin(&["score", "--text", "But, soft! what light through yonder window breaks?"]);
    assert_eq!(score.code, 0, "{}", score.stderr);
    assert!(talk(&score).starts_with("verse (embedded) · "), "{}", score.stderr);
    let tour = bare("tour --seed 1 --max-new-tokens 2");
    assert_eq!(tour.code, 0, "{}", tour.stderr);
    let talk = talk(&tour);
    assert!(talk.contains("\nROMEO:\n"), "{talk}");
    assert!(bare("tour --seed 1").stderr.contains(" · 6 length\n"), "300 tokens are more than fit");
    let chat = kelvin_reading(&["chat"], "hello");
    assert_eq!(chat.code, 2, "{}", chat.stderr);
    assert!(chat.stderr.contains("error: verse has no chat template: "), "{}", chat.stderr);
}

#[test]
fn a_letter_that_it_lacks_is_named() {
    let run = kelvin(&["generate", "ROMEO: ñ", "-q"]);
    let expected = "error: the prompt: the vocabulary has no token for U+00F1 'ñ' (byte 7)\n";
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.starts_with(expected), "{}", run.stderr);
}

#[test]
fn a_model_of_ones_own_comes_before_the_embedded_one_of_its_name() {
    let models = Path::new(env!("CARGO_TARGET_TMPDIR")).join("embedded-models");
    fs::create_dir_all(&models).expect("a folder");
    fs::write(models.join("verse.gguf"), "not a model").expect("writable");
    let told = |args: &[&str]| crate::binary::run(in_folder(&models).args(args), "");
    let own = told(&["next", "-m", "verse", "x"]);
    assert_eq!(own.code, 3, "{}", own.stderr);
    assert!(own.stderr.contains("verse.gguf: "), "{}", own.stderr);
    assert_eq!(told(&["next", "x", "-q"]).code, 0, "unnamed it is always the embedded one");
    let inside = bare("models inspect verse --json").json();
    assert_eq!((&inside["n_params"], &inside["path"]), (&json!(1_841_472), &Value::Null));
    let stays = bare("models rm verse --yes");
    let expected = "error: verse is a part of the program, and stays\n";
    assert_eq!((stays.code, stays.stderr.as_str()), (2, expected));
}
