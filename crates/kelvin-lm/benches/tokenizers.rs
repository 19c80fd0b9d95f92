//! Tokenizers on texts made to be hard: the time must grow with the text, not with its square.
//!
//! `cargo bench -p kelvin-lm --bench tokenizers [-- FILTER]`: for each tokenizer the time to load it, and
//! for each text the time at one, two and four megabytes, the rate at four, and how much longer twice
//! the text took. Ids are the same on every machine; times are not.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::tokenizer::{SpecialTokens, Tokenizer};

/// What the texts repeat.
const UNITS: [&str; 16] = [
    "a",
    "^",
    " ",
    "\n",
    "🏴",
    "\u{301}",
    "ab",
    "a ",
    " \n",
    "'",
    "1",
    "日",
    "\t\n ",
    "<|im_start|>",
    "a\u{301}b c'S1\n ",
    "<",
];
const MEGABYTE: usize = 1 << 20;

/// A text of about `n` bytes without a short period.
fn scrambled(n: usize) -> String {
    let codes = (0..).map(|i: u32| i.wrapping_mul(0x9E37_79B1) >> 17);
    let mut text = String::with_capacity(n + 4);
    text.extend(codes.filter_map(char::from_u32).scan(0, |len, c| {
        *len += c.len_utf8();
        (*len <= n).then_some(c)
    }));
    text
}

fn seconds(tokenizer: &Tokenizer, text: &str) -> Option<f64> {
    let start = Instant::now();
    let ids = tokenizer.encode(black_box(text), SpecialTokens::Parse);
    black_box(&ids);
    ids.is_ok().then(|| start.elapsed().as_secs_f64())
}

fn show(name: &str, tokenizer: &Tokenizer) {
    let units = UNITS.map(|unit| (format!("{unit:?}"), unit));
    for (label, unit) in &units {
        row(name, label, tokenizer, |n| unit.repeat(n / unit.len()));
    }
    row(name, "scrambled", tokenizer, scrambled);
}

fn row(name: &str, label: &str, tokenizer: &Tokenizer, text: impl Fn(usize) -> String) {
    let times: Vec<f64> =
        [1, 2, 4].iter().filter_map(|n| seconds(tokenizer, &text(n * MEGABYTE))).collect();
    match times[..] {
        [one, two, four] => println!(
            "{name:<14}{label:<24}{one:>8.3}{two:>8.3}{four:>8.3} s{:>8.1} MB/s{:>6.2}{:>6.2}",
            4.0 / four,
            two / one,
            four / two
        ),
        _ => println!("{name:<14}{label:<24}not in the vocabulary"),
    }
}

fn loaded(name: &str, load: impl Fn() -> Option<Tokenizer>) {
    let start = Instant::now();
    let Some(tokenizer) = load() else { return };
    let time = start.elapsed().as_secs_f64();
    println!("{name:<14}{} tokens, loaded in {time:.3} s", tokenizer.vocab_size());
    show(name, &tokenizer);
}

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tokenizers");
    let names = ["gpt2", "smollm2", "llama3", "llama", "metaspace", "gemma3", "characters"];
    for name in names.into_iter().filter(|name| name.contains(&filter)) {
        let json = fs::read(fixtures.join(format!("{name}.json"))).expect("a golden file");
        loaded(name, || Tokenizer::from_json(&json, None).ok());
    }
    let models = std::env::home_dir().unwrap_or_default().join(".cache/kelvin/models");
    for file in ["smollm2-135m-instruct-q4_1.gguf", "gemma-3-270m-q4_k_m.gguf"] {
        let path: PathBuf = models.join(file);
        if file.contains(&filter) && path.is_file() {
            let gguf = Gguf::read(&path).expect("a model");
            loaded(&file[..12], || Tokenizer::from_gguf(&gguf).ok());
        }
    }
}
