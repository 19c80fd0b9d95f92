//! The two real models, where the user has them.

use std::path::PathBuf;

use serde_json::Value;

use crate::binary::{Run, command, run, skipped};

/// The folder with both models; a line says what is skipped where they are not.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("KELVIN_MODELS").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/kelvin/models"));
    let folder = named.or_else(home)?;
    let there = ["smollm2-135m-instruct-q4_1.gguf", "gemma-3-270m-q4_k_m.gguf"];
    let there = there.iter().all(|file| folder.join(file).is_file());
    if !there {
        skipped(&format!("no models in {}; scripts/get-models brings them", folder.display()));
    }
    there.then_some(folder)
}

fn kelvin(folder: &PathBuf, args: &[&str]) -> Run {
    run(command().env("KELVIN_MODELS", folder).args(args), "")
}

const PROMPT: &str = "Racconta una breve storia su un gatto magico.";

/// The README's command, shortened.
#[test]
fn gemma_continues_an_italian_story() {
    let Some(folder) = folder() else { return };
    let args = ["generate", "-m", "gemma3-270m", PROMPT, "--temperature", "0.7", "--top-p", "0.9"];
    let args = [&args[..], &["--seed", "1", "--max-new-tokens", "24"]].concat();
    let run = kelvin(&folder, &args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("gatto"), "{}", run.stdout);
    assert!(run.stderr.contains("gemma3-270m · Q4_K_M · 268M · "), "{}", run.stderr);
    assert!(run.stderr.contains("temperature(0.7), top-p(0.9): flag"), "{}", run.stderr);
    let again = kelvin(&folder, &[&args[..], &["--threads", "1"]].concat());
    assert_eq!(again.stdout, run.stdout, "the same bytes with another number of threads");
}

#[test]
fn smollm_knows_a_capital_and_adds_no_bos() {
    let Some(folder) = folder() else { return };
    let args = ["next", "-m", "smollm2", "The capital of France is", "--json", "--show", "3", "-q"];
    let answer: Value = kelvin(&folder, &args).json();
    assert_eq!(answer["final"][0]["token"], " Paris");
    assert_eq!(answer["vocab_size"], 49_152);
    assert_eq!(answer["prompt_ids"].as_array().expect("an array").len(), 5);
}

#[test]
fn prompts_of_any_script_come_back() {
    let Some(folder) = folder() else { return };
    for model in ["smollm2", "gemma3-270m"] {
        for prompt in ["Perché no? Città, più, così.", "Ελληνικά и русский, 猫が好き, 🐈‍⬛"]
        {
            let args = [
                "generate",
                "-m",
                model,
                prompt,
                "--greedy",
                "--echo",
                "--max-new-tokens",
                "1",
                "-q",
            ];
            let echoed = kelvin(&folder, &args).stdout;
            assert!(echoed.starts_with(prompt), "{model}: {echoed}");
        }
    }
}
