//! `generation_config.json`, in the words of transformers.

use serde_json::Value;

use super::keys::{Keys, shown};
use super::{DefaultSetting, GenerationDefaults, Length, Source};
use crate::Result;

const SOURCE: Source = Source::GenerationConfig;

/// The keys with a number that a stage takes as it is.
const STAGES: [(&str, &str); 11] = [
    ("temperature", "temperature"),
    ("top_k", "top-k"),
    ("top_p", "top-p"),
    ("min_p", "min-p"),
    ("typical_p", "typical-p"),
    ("epsilon_cutoff", "epsilon-cutoff"),
    ("eta_cutoff", "eta-cutoff"),
    ("repetition_penalty", "repetition-penalty"),
    ("presence_penalty", "presence-penalty"),
    ("frequency_penalty", "frequency-penalty"),
    ("no_repeat_ngram_size", "no-repeat-ngram-size"),
];

/// The keys that change tokens and that this version does not apply, each with the number that asks for
/// nothing, where there is one.
const NOT_APPLIED: [(&str, Option<f64>); 23] = [
    ("num_beams", Some(1.0)),
    ("num_beam_groups", Some(1.0)),
    ("num_return_sequences", Some(1.0)),
    ("min_length", Some(0.0)),
    ("min_new_tokens", Some(0.0)),
    ("max_time", None),
    ("diversity_penalty", Some(0.0)),
    ("penalty_alpha", Some(0.0)),
    ("guidance_scale", Some(1.0)),
    ("top_h", Some(1.0)),
    ("encoder_repetition_penalty", Some(1.0)),
    ("encoder_no_repeat_ngram_size", Some(0.0)),
    ("begin_suppress_tokens", None),
    ("forced_bos_token_id", None),
    ("forced_eos_token_id", None),
    ("forced_decoder_ids", None),
    ("force_words_ids", None),
    ("constraints", None),
    ("exponential_decay_length_penalty", None),
    ("dola_layers", None),
    ("token_healing", None),
    ("watermarking_config", None),
    ("generation_kwargs", None),
];

/// The keys that cannot change which tokens come: memory, speed, what is returned, who wrote the file,
/// tokens for padding, and what acts on beams alone.
const HARMLESS: [&str; 45] = [
    "_from_model_config",
    "_commit_hash",
    "assistant_confidence_threshold",
    "assistant_early_exit",
    "assistant_ensemble_weight",
    "assistant_lookbehind",
    "assistant_token_id",
    "bos_token_id",
    "cache_config",
    "cache_implementation",
    "chat_format",
    "compile_config",
    "continuous_batching_config",
    "decoder_start_token_id",
    "disable_compile",
    "early_stopping",
    "is_assistant",
    "length_penalty",
    "low_memory",
    "max_cache_len",
    "max_matching_ngram_size",
    "max_window_size",
    "num_assistant_tokens",
    "num_assistant_tokens_schedule",
    "output_attentions",
    "output_hidden_states",
    "output_logits",
    "output_scores",
    "pad_token_id",
    "prefill_chunk_size",
    "prompt_lookup_num_tokens",
    "remove_invalid_values",
    "renormalize_logits",
    "return_dict",
    "return_dict_in_generate",
    "return_legacy_cache",
    "speculation_type",
    "target_lookbehind",
    "torch_dtype",
    "dtype",
    "transformers_version",
    "trust_remote_code",
    "use_cache",
    "use_mtp",
    "user_token_id",
];

pub(super) fn read(bytes: &[u8]) -> Result<GenerationDefaults> {
    let mut keys = Keys::read(bytes, SOURCE)?;
    let mut defaults = GenerationDefaults::default();
    for (key, stage) in STAGES {
        let arguments = keys.number(key)?;
        defaults
            .settings
            .extend(arguments.map(|text| setting(stage, arguments_of(stage, text), key)));
    }
    defaults.samples = keys.flag("do_sample")?.map(|samples| (samples, SOURCE));
    defaults.length = length(&mut keys)?.map(|length| (length, SOURCE));
    let stops = keys.texts("stop_strings")?.filter(|stops| !stops.is_empty());
    defaults.stops = stops.map(|stops| (stops, SOURCE));
    read_ends(&mut keys, &mut defaults)?;
    read_bans(&mut keys, &mut defaults)?;
    read_biases(&mut keys, &mut defaults)?;
    for (key, neutral) in NOT_APPLIED {
        let value = keys.take(key).filter(|value| !is_nothing(value, neutral));
        defaults.warnings.extend(value.map(|value| not_applied(key, &shown(&value))));
    }
    for key in HARMLESS {
        keys.take(key);
    }
    let unknown = keys
        .untaken()
        .map(|names| format!("{SOURCE} has keys that this version does not know: {names}"));
    defaults.warnings.extend(unknown);
    Ok(defaults)
}

fn setting(stage: &'static str, arguments: String, key: &'static str) -> DefaultSetting {
    DefaultSetting { stage, arguments, key, source: SOURCE }
}

/// 0 is transformers' word for off where a stage has no such number of its own.
fn arguments_of(stage: &str, text: String) -> String {
    let has_zero = !matches!(stage, "top-k" | "no-repeat-ngram-size");
    if has_zero || text != "0" { text } else { "off".to_owned() }
}

fn not_applied(key: &str, value: &str) -> String {
    format!("{SOURCE}: {key} = {value} is not applied")
}

/// Whether a value asks for nothing: false, empty, or the neutral number.
fn is_nothing(value: &Value, neutral: Option<f64>) -> bool {
    match value {
        Value::Bool(asked) => !asked,
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
        Value::Number(number) => neutral.is_some() && number.as_f64() == neutral,
        Value::Null | Value::String(_) => false,
    }
}

/// `max_new_tokens`, which there too beats `max_length`.
fn length(keys: &mut Keys) -> Result<Option<Length>> {
    let whole = keys.count("max_length")?.map(Length::MaxLength);
    Ok(keys.count("max_new_tokens")?.map(Length::MaxNewTokens).or(whole))
}

fn read_ends(keys: &mut Keys, defaults: &mut GenerationDefaults) -> Result<()> {
    let key = "eos_token_id";
    defaults.ends = keys.tokens(key)?.unwrap_or_default();
    defaults.ends.sort_unstable();
    defaults.ends.dedup();
    defaults.tokens.extend(defaults.ends.iter().map(|&token| (key, token)));
    Ok(())
}

/// `suppress_tokens` and `bad_words_ids`, as far as these are single tokens. An end is never a bad word,
/// as there.
fn read_bans(keys: &mut Keys, defaults: &mut GenerationDefaults) -> Result<()> {
    let mut banned = keys.tokens("suppress_tokens")?.unwrap_or_default();
    defaults.tokens.extend(banned.iter().map(|&token| ("suppress_tokens", token)));
    let key = if banned.is_empty() { "bad_words_ids" } else { "suppress_tokens" };
    let words = keys.sequences("bad_words_ids")?.unwrap_or_default();
    if words.iter().any(|word| word.len() > 1) {
        defaults.warnings.push(not_applied("bad_words_ids", "words of several tokens"));
    }
    let single = words.into_iter().filter_map(|word| <[_; 1]>::try_from(word).ok());
    let single: Vec<_> =
        single.map(|[token]| token).filter(|it| !defaults.ends.contains(it)).collect();
    defaults.tokens.extend(single.iter().map(|&token| ("bad_words_ids", token)));
    banned.extend(single);
    let banned: Vec<String> = banned.iter().map(ToString::to_string).collect();
    if !banned.is_empty() {
        defaults.settings.push(setting("banned-tokens", banned.join(","), key));
    }
    Ok(())
}

/// `sequence_bias`, as far as its sequences are single tokens.
fn read_biases(keys: &mut Keys, defaults: &mut GenerationDefaults) -> Result<()> {
    let key = "sequence_bias";
    let biases = keys.biases(key)?.unwrap_or_default();
    if biases.iter().any(|(sequence, _)| sequence.len() != 1) {
        defaults.warnings.push(not_applied(key, "sequences of several tokens"));
    }
    let single: Vec<_> = biases.into_iter().filter(|(sequence, _)| sequence.len() == 1).collect();
    defaults.tokens.extend(single.iter().map(|(sequence, _)| (key, sequence[0])));
    let texts: Vec<String> =
        single.iter().map(|(sequence, bias)| format!("{}={bias}", sequence[0])).collect();
    if !texts.is_empty() {
        defaults.settings.push(setting("logit-bias", texts.join(","), key));
    }
    Ok(())
}
