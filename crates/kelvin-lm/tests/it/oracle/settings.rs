//! Settings of a model's folder: `config.json` and `generation_config.json`.

use std::fmt::Write;

use kelvin_lm::defaults::GenerationDefaults;
use kelvin_lm::{Config, ErrorKind};

use super::{BESIDE, Verdict, refusal, verdict};

/// The verdict on a `config.json`; what is accepted is within its ranges, so that sizes of tensors and
/// of a cache can be computed.
pub(crate) fn config(json: &[u8]) -> Verdict {
    verdict(
        json,
        BESIDE,
        |json| Config::from_json(&json),
        |config| {
            assert!(config.check().is_ok());
            let slides = (0..config.n_layers).filter(|&layer| config.window_of(layer).is_some());
            let sizes = [config.group(), config.d_query(), config.d_kv(), slides.count()];
            format!("{config:?} {sizes:?}")
        },
    )
}

/// The verdict on a `generation_config.json`; what it asks for is held to the ranges of the stages.
pub(crate) fn generation(json: &[u8]) -> Verdict {
    let read = |json: Vec<u8>| GenerationDefaults::from_generation_config(&json);
    verdict(json, BESIDE, read, |defaults| {
        let mut text = format!("{defaults:?}");
        for setting in defaults.settings() {
            if let Err(error) = setting.check() {
                assert_eq!(error.kind(), ErrorKind::Format);
                writeln!(text, "{}", refusal(&error, json.len())).expect("a string takes all");
            }
        }
        let warnings = defaults.warnings().join(" ");
        assert!(!warnings.contains(char::is_control), "not fit to print: {warnings:?}");
        text + &format!(
            "{:?} {:?}",
            defaults.check_tokens(8).is_ok(),
            defaults.length().map(|it| it.0.max_new_tokens(5))
        )
    })
}
