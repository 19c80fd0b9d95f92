//! The two real models, where the user has them.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::binary::{Run, command, in_crate, run, skipped};
use crate::generate::lines;

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

/// The text of exercise 5.5, in `KELVIN_DATA` or beside the repository.
fn verdict() -> Option<PathBuf> {
    let beside = || in_crate("../../../shared/data");
    let data = std::env::var_os("KELVIN_DATA").map_or_else(beside, PathBuf::from);
    let path = data.join("the-verdict.txt");
    let there = path.is_file();
    if !there {
        skipped(&format!("{} is not there; KELVIN_DATA names its folder", path.display()));
    }
    Some(path).filter(|_| there)
}

/// Exercise 5.5 of *Build a Large Language Model (From Scratch)*: losses on both parts of a text that the
/// models were not fitted to. The figures are those of `docs/concepts/scores.md`.
#[test]
#[ignore = "reads 10,000 tokens with both real models"]
fn both_models_have_their_losses_on_both_parts_of_the_verdict() {
    let (Some(folder), Some(verdict)) = (folder(), verdict()) else { return };
    let verdict = verdict.to_str().expect("a plain path");
    let score = |more: &[&str]| {
        let args = ["score", "--split", "0.9", "-m", "smollm2", "-m", "gemma3-270m", verdict];
        kelvin(&folder, &[&args[..], &["--show", "0"], more].concat())
    };
    let told = score(&[]);
    let shown = [told.stdout.as_str(), &told.stderr].concat();
    for window in ["windows of 8192 tokens, 4096 apart", "windows of 32768 tokens, 16384 apart"] {
        assert!(shown.contains(window), "{shown}");
    }
    let lines: Vec<Value> = lines(&score(&["--json"]));
    let of_type = |kind| lines.iter().filter(move |line| line["type"] == kind);
    let window = |it: &Value| format!("{} by {}", it["context"], it["stride"]);
    let windows: Vec<String> = of_type("header").map(window).collect();
    let (smollm2, gemma3) = ("8192 by 4096", "32768 by 16384");
    assert_eq!(windows, [smollm2, smollm2, gemma3, gemma3]);
    let expected = [
        ("train", 4626, 4625, 3.4919, 1.2642),
        ("validation", 537, 536, 3.5274, 1.3332),
        ("train", 4452, 4452, 3.4401, 1.1988),
        ("validation", 539, 539, 3.4464, 1.3086),
    ];
    let done: Vec<&Value> = of_type("done").collect();
    assert_eq!(done.len(), expected.len());
    for (done, (part, n_tokens, n_scored, nats, bits)) in done.into_iter().zip(expected) {
        assert_eq!((&done["part"], &done["n_tokens"]), (&json!(part), &json!(n_tokens)));
        assert_eq!(done["n_scored"], n_scored);
        let off = |key: &str, by: f64| (done[key].as_f64().expect("a number") - by).abs();
        assert!(off("nats_per_token", nats) < 1e-4, "{done}"); // four digits are shown
        assert!(off("bits_per_byte", bits) < 1e-4, "{done}");
        assert!(off("perplexity", kelvin::math::exp(nats)) < 1e-2, "{done}");
    }
}
