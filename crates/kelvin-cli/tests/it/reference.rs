//! `docs/reference/`: pages written by the program itself, which a test finds stale.
//!
//! `KELVIN_BLESS=1 cargo test -p kelvin-cli reference` renews them.

use std::fmt::Write as _;
use std::fs;

use kelvin_lm::train::{Settings, Size};

use crate::binary::{in_crate, kelvin};

#[test]
fn the_command_reference_is_what_the_commands_say() {
    let mut page = String::from(
        "# Commands\n\nWhat `kelvin --help` says, and `--help` of each command. Written by a test; do not edit.\n",
    );
    write_block(&mut page, &["--help"]);
    let commands = "generate, next, explain, replay, rescore, compare, sweep, merge, plot, score, train, tour, lesson, models, models pull, \
                    models rm, stages, presets, \
                    examples, doctor, bench";
    for command in commands.split(", ") {
        writeln!(page, "\n## kelvin {command}").expect("a String takes it");
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        write_block(&mut page, &words);
    }
    hold("cli.md", &page);
}

#[test]
fn the_stage_reference_is_what_the_registry_says() {
    let mut page = String::from(
        "# Stages\n\nWhat a pipeline is made of, in the default order: what `kelvin stages NAME` prints. Formulas, \
         edge cases and examples stand in the docs of crate `kelvin`, module `stage`. Written by a test; do not \
         edit.\n",
    );
    for info in kelvin::stage::ALL {
        writeln!(page, "\n## {}", info.name).expect("a String takes it");
        write_block(&mut page, &["stages", info.name]);
    }
    hold("stages.md", &page);
}

#[test]
fn the_metric_reference_is_what_the_registry_says() {
    let mut page = String::from(
        "# Metrics\n\nWhat `kelvin compare` measures, in the order of `--metrics all`; [how to read \
         them](../concepts/metrics.md). In JSON hyphens are underscores. Written by a test; do not edit.\n",
    );
    for metric in kelvin_lab::measure::ALL {
        let (low, high) = metric.range;
        let high =
            if high.is_finite() { format!("{high} at most") } else { "no upper bound".to_owned() };
        let diverse = match metric.direction.name() {
            "neither" => "says nothing of diversity by itself".to_owned(),
            direction => format!("{direction} is more diverse"),
        };
        writeln!(
            page,
            "\n## {}\n\n{}.\n\n| | |\n|---|---|\n| computed | {} |\n| unit and range | {}; {low} at least, {high} |\n| \
             direction | {diverse} |\n| source | {} |\n| pitfall | {} |",
            metric.name,
            capital(metric.summary),
            metric.rule.name(),
            metric.unit,
            metric.origin,
            metric.pitfall,
        )
        .expect("a String takes it");
    }
    hold("metrics.md", &page);
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Characters of the text that the sizes are told of: Shakespeare's, as they are usually trained on.
const CHARACTERS: usize = 65;
/// The vocabulary of GPT-2.
const PIECES: usize = 50_257;

#[test]
fn the_sizes_are_what_the_library_says() {
    let mut page = String::from(
        "# Sizes\n\nWhat `kelvin train --size NAME` stands for; every number is a flag of its own. Written by a test; do \
         not edit.\n\nAll are GPT-2: norms before each block, learned positions, GELU, the head tied to the \
         embedding.\n",
    );
    let sizes = Size::all();
    let row = |page: &mut String, name: &str, of: &dyn Fn(&Size) -> String| {
        let cells: Vec<String> = sizes.iter().map(of).collect();
        writeln!(page, "| {name} | {} |", cells.join(" | ")).expect("a String takes it");
    };
    page.push('\n');
    row(&mut page, "", &|size| format!("`{}`", size.name));
    row(&mut page, "---", &|_| "---".to_owned());
    row(&mut page, "`--n-layers`", &|size| size.n_layers.to_string());
    row(&mut page, "`--n-heads`", &|size| size.n_heads.to_string());
    row(&mut page, "`--d-model`", &|size| size.d_model.to_string());
    row(&mut page, "`--context`", &|size| size.max_seq.to_string());
    row(&mut page, "vocabulary", &|size| vocab_size(size).to_string());
    row(&mut page, "parameters", &|size| {
        size.config(vocab_size(size)).expect("a blueprint").n_params().to_string()
    });
    row(&mut page, "`--steps`", &|size| size.steps.to_string());
    for (name, of) in SETTINGS {
        row(&mut page, &format!("`--{name}`"), &|size| of(&size.settings));
    }
    let tiny = Size::from_name("char-tiny").expect("a size").config(26).expect("a blueprint");
    write!(
        page,
        "\nThe vocabulary is that of the data, so the number of parameters depends on it; the table has {CHARACTERS} \
         characters, and GPT-2's {PIECES} pieces for `gpt2-124m`. With 26 characters `char-tiny` has {} parameters. The \
         model of the same size in Kelvin's second seed has 119706: its norms come after each block, and its head is not \
         tied.\n\n`--warmup-steps` is at most a tenth of `--decay-steps`, and `--decay-steps` is `--steps` of the first \
         start, where nobody says otherwise.\n",
        tiny.n_params()
    )
    .expect("a String takes it");
    hold("sizes.md", &page);
}

type Shown = fn(&Settings) -> String;

const SETTINGS: [(&str, Shown); 12] = [
    ("batch-size", |it| it.batch_size.to_string()),
    ("block-size", |it| it.block_size.to_string()),
    ("grad-accum", |it| it.grad_accum.to_string()),
    ("learning-rate", |it| it.learning_rate.to_string()),
    ("min-learning-rate", |it| it.min_learning_rate.to_string()),
    ("warmup-steps", |it| it.warmup_steps.to_string()),
    ("weight-decay", |it| it.weight_decay.to_string()),
    ("beta1", |it| it.beta1.to_string()),
    ("beta2", |it| it.beta2.to_string()),
    ("eps", |it| format!("{:e}", it.eps)),
    ("max-grad-norm", |it| it.max_grad_norm.to_string()),
    ("dropout", |it| it.dropout.to_string()),
];

fn vocab_size(size: &Size) -> usize {
    if size.name.starts_with("char") { CHARACTERS } else { PIECES }
}

fn write_block(page: &mut String, arguments: &[&str]) {
    let run = kelvin(arguments);
    assert_eq!(run.code, 0, "{arguments:?}: {}", run.stderr);
    let lines: Vec<&str> = run.stdout.lines().map(str::trim_end).collect();
    writeln!(page, "\n```text\n{}\n```", lines.join("\n").trim_end()).expect("a String takes it");
}

fn hold(name: &str, page: &str) {
    let path = in_crate("../../docs/reference").join(name);
    if std::env::var_os("KELVIN_BLESS").is_some() {
        fs::write(&path, page).expect("writable");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "{} is stale; KELVIN_BLESS=1 renews it", path.display());
}
