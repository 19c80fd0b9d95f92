//! The flags of `kelvin train`: one for each value of a run, each of which a config file may say too.

use clap::{Arg, ArgAction, Command};

const RUN: &str = "Run";
const MODEL: &str = "Model";
const OPTIMISER: &str = "Training";
const WATCHING: &str = "Watching";
const MACHINE: &str = "Machine";

/// A flag that takes a value: its name, what the help calls the value, the help.
type Flag = (&'static str, &'static str, &'static str);

/// What a run is made of and where it goes.
const RUN_FLAGS: [Flag; 9] = [
    ("steps", "N", "Steps in all, those before a resume counted [default: the size's]"),
    ("out", "DIR", "The run's folder [default: named after the data and the size]"),
    (
        "init",
        "MODEL",
        "Begin with the weights of this GPT-2 model; of a checkpoint step-N with its optimizer too",
    ),
    (
        "split",
        "SHARE",
        "Train on the first SHARE of the characters, take losses on the rest [default: 0.9]",
    ),
    ("save-every", "N", "Save after each N steps, and at the end [default: 250]"),
    ("keep", "N", "Checkpoints that are kept, at least 2 [default: 2]"),
    ("export", "DIR", "At the end write the model alone, in Hugging Face layout"),
    ("export-dtype", "TYPE", "Its numbers: f32, f16 or bf16 [default: f32]"),
    (
        "seed",
        "N",
        "Decides first weights, order of the data, dropout and samples [default: the size's]",
    ),
];

const MODEL_FLAGS: [Flag; 6] = [
    ("size", "NAME", "char-tiny, char-small, char-medium or gpt2-124m [default: char-small]"),
    (
        "tokenizer",
        "FILE|MODEL",
        "A tokenizer.json, or a model that has one [default: the characters of the data]",
    ),
    ("n-layers", "N", "Layers"),
    ("n-heads", "N", "Heads of a layer"),
    ("d-model", "N", "Width; the feed-forward block is four times as wide"),
    ("context", "N", "Positions of the longest sequence"),
];

const TRAINING_FLAGS: [Flag; 13] = [
    ("batch-size", "N", "Windows in a batch"),
    ("block-size", "N", "Tokens that a window predicts"),
    ("grad-accum", "N", "Batches whose gradients make one step"),
    ("learning-rate", "X", "The rate after the warm-up"),
    (
        "min-learning-rate",
        "X",
        "The rate at the end of the cosine [default: a tenth of the learning rate]",
    ),
    (
        "warmup-steps",
        "N",
        "Steps of linear growth [default: the size's, at most a tenth of --decay-steps]",
    ),
    ("decay-steps", "N", "The step at which the cosine ends [default: --steps of the first start]"),
    ("weight-decay", "X", "Decoupled decay of matrices"),
    ("beta1", "X", "Memory of the mean gradient"),
    ("beta2", "X", "Memory of the mean squared gradient"),
    ("eps", "X", "Added to the root of that"),
    ("max-grad-norm", "X|off", "The gradient's norm is cut to this"),
    ("dropout", "X", "Share of numbers dropped"),
];

const WATCHING_FLAGS: [Flag; 4] = [
    (
        "eval-every",
        "N",
        "Take the validation loss and draw a sample after each N steps, and at the end [default: 250]",
    ),
    ("eval-windows", "N|all", "Windows of --block-size that it is taken on [default: 256]"),
    (
        "sample-prompt",
        "TEXT",
        "What samples begin with [default: a line end, or the first character]",
    ),
    ("sample-tokens", "N", "Tokens of a sample; 0 draws none [default: 200]"),
];

const MACHINE_FLAGS: [Flag; 2] = [
    (
        "threads",
        "N",
        "Threads; the result is the same with any number [default: one for each core]",
    ),
    (
        "simd",
        "LEVEL",
        "scalar, avx2 or avx512; the result is the same with any [default: the widest here]",
    ),
];

/// The names of all values, in the order in which they are shown.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    groups().into_iter().flat_map(|(_, flags)| flags.iter().map(|(name, ..)| *name))
}

fn groups() -> [(&'static str, &'static [Flag]); 5] {
    [
        (RUN, &RUN_FLAGS),
        (MODEL, &MODEL_FLAGS),
        (OPTIMISER, &TRAINING_FLAGS),
        (WATCHING, &WATCHING_FLAGS),
        (MACHINE, &MACHINE_FLAGS),
    ]
}

/// `kelvin train`.
pub(super) fn command() -> Command {
    let values = groups().into_iter().flat_map(|(heading, flags)| {
        flags.iter().map(move |(name, value, help)| {
            let arg = Arg::new(*name).long(*name).value_name(*value).help(*help);
            arg.help_heading(heading).allow_negative_numbers(true)
        })
    });
    Command::new("train")
        .about("Train a small language model on a text, and watch it learn")
        .long_about(
            "Train a small language model on a text, and watch it learn.\n\nThe run's folder gets a checkpoint \
             step-N now and then (a model that -m, transformers and others read), metrics.jsonl, loss.svg and \
             train.toml with every value. --resume goes on from the newest whole checkpoint and ends with the \
             bits of a run that was never stopped. Ctrl-C finishes the step, saves and ends; a second one ends \
             at once. stdout is the path of the last checkpoint, or the metrics with --json.",
        )
        .arg(
            Arg::new("data")
                .value_name("DATA")
                .num_args(1..)
                .help("Text files, read one behind the other [with --resume: those of the run]"),
        )
        .arg(
            Arg::new("resume")
                .long("resume")
                .value_name("DIR")
                .num_args(0..=1)
                .default_missing_value("")
                .conflicts_with_all(["init", "config"])
                .help_heading(RUN)
                .help("Go on with the run in DIR, or in --out; begins it where there is no checkpoint yet"),
        )
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE.toml")
                .help_heading(RUN)
                .help("Read values from a file, such as another run's train.toml; flags go first"),
        )
        .args(values)
        .arg(super::json().action(ArgAction::SetTrue).help("Print metrics.jsonl as it grows"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn no_two_values_have_one_name() {
        let names: Vec<_> = super::names().collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
