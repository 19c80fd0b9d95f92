//! The flags that say which model runs, and on what.

use clap::{Arg, value_parser};
use kelvin_lm::WeightDtype;

const MODEL: &str = "Model";
/// What `-m` takes.
pub(crate) const MODEL_HELP: &str =
    "A file or folder, org/name from the hub's cache, or a name of `kelvin models ls`";
/// What it means to leave `-m` out.
pub(crate) const MODEL_DEFAULT: &str = "[default: the embedded model]";

/// The same, where a trace names the model.
pub(crate) fn for_trace() -> [Arg; 5] {
    args().map(|arg| match arg.get_id().as_str() {
        "model" => arg.help(format!("{MODEL_HELP} [default: the one that the trace names]")),
        "dtype" => arg.help("Format that weights are held in [default: as in the run]"),
        "activations" => {
            arg.help("Activations that meet block-quantised weights [default: as in the run]")
        }
        _ => arg,
    })
}

/// Model, format of weights, threads, activations, instruction set.
pub(crate) fn args() -> [Arg; 5] {
    [
        Arg::new("model")
            .short('m')
            .long("model")
            .value_name("MODEL")
            .help(format!("{MODEL_HELP} {MODEL_DEFAULT}")),
        Arg::new("dtype")
            .long("dtype")
            .value_name("TYPE")
            .value_parser(WeightDtype::ALL.map(WeightDtype::name))
            .help("Format that weights are held in [default: auto, as in the file]"),
        Arg::new("threads")
            .long("threads")
            .value_name("N")
            .value_parser(value_parser!(u16).range(1..))
            .help("Threads; the result is the same with any number [default: one for each core]"),
        Arg::new("activations")
            .long("activations")
            .value_name("TYPE")
            .value_parser(["int8", "f32"])
            .help("Activations that meet block-quantised weights [default: int8]"),
        Arg::new("simd")
            .long("simd")
            .value_name("LEVEL")
            .value_parser(["scalar", "avx2", "avx512"])
            .help("Instruction set; the result is the same with any [default: the widest here]"),
    ]
    .map(|arg| arg.help_heading(MODEL))
}
