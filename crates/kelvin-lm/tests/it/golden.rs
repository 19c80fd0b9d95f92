//! Kelvin beside llama.cpp: the same ids in, the logits compared.
//!
//! `tests/golden/MADE.md` says how the figures of llama.cpp were made and what they mean.

mod comparison;
mod file;

use std::path::Path;

use kelvin_lm::eval::{Scoring, Text, Windows};
use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::kernel::Activations;
use kelvin_lm::tokenizer::{SpecialTokens, Tokenizer};
use kelvin_lm::{EngineOptions, Model, Result, Session};

use crate::real;
use comparison::Comparison;
use file::Golden;

/// The model that a golden file is about, running as the file's weights did.
///
/// llama.cpp's F32 copies hold the dequantised weights, and f32 activations compute with exactly
/// these: no copy is needed.
fn load(golden: &Golden, path: &Path) -> Result<Model> {
    let activations = if golden.is_f32() { Activations::F32 } else { Activations::Int8 };
    Model::load(path, EngineOptions { activations, ..EngineOptions::default() })
}

fn tokenizer(path: &Path) -> Result<Tokenizer> {
    Tokenizer::from_gguf(&Gguf::read(path)?)
}

/// Every prompt, fed with llama.cpp's own tokens whatever we would have chosen.
fn compare(golden: &Golden, model: &Model) -> Result<Comparison> {
    let mut comparison = Comparison::default();
    for prompt in golden.prompts() {
        let mut session = Session::new(model);
        let (last, before) = prompt.input.split_last().expect("prompts are not empty");
        if !before.is_empty() {
            session.feed(before)?;
        }
        let chosen = &prompt.ids[..prompt.ids.len() - 1];
        let fed: Vec<u32> = [*last].iter().chain(chosen).copied().collect();
        session.feed_all(&fed, |pos, logits| {
            let step = pos - before.len();
            comparison.add(&prompt.name, step, &prompt.steps[step], logits);
        })?;
        assert_eq!(session.pos(), before.len() + prompt.ids.len());
    }
    Ok(comparison)
}

/// Tolerances of the F32 comparison: each logit of each top ten, and the gap below which two tokens
/// are as good as tied.
const F32_LOGIT: f64 = 2e-3;
const F32_TIE: f64 = 0.01;

fn check_f32(name: &str) -> Result<()> {
    let golden = Golden::read(name, "f32");
    let Some(path) = real::path(golden.model()) else { return Ok(()) };
    let found = compare(&golden, &load(&golden, &path)?)?;
    real::say(&format!("{name} f32: {found}"));
    assert!(found.worst.by <= F32_LOGIT, "{name} f32: {found}");
    assert!(found.widest_flip() < F32_TIE, "{name} f32: {found}");
    Ok(())
}

/// Tolerances of the quantised comparison; the rms is the models' own. llama.cpp differs from itself
/// by three quarters of that as soon as it reads the tokens in chunks.
const FLIP_RATE: f64 = 0.06;
const WIDEST_FLIP: f64 = 0.7;

fn check_quantised(name: &str, rms: f64) -> Result<()> {
    let golden = Golden::read(name, "quant");
    let Some(path) = real::path(golden.model()) else { return Ok(()) };
    let found = compare(&golden, &load(&golden, &path)?)?;
    real::say(&format!("{name} quantised: {found}; llama.cpp itself: {}", golden.self_noise()));
    assert!(found.rms() <= rms, "{name} quantised: {found}");
    assert!(found.flip_rate() <= FLIP_RATE, "{name} quantised: {found}");
    assert!(found.widest_flip() <= WIDEST_FLIP, "{name} quantised: {found}");
    Ok(())
}

#[test]
fn smollm2_in_f32_has_llama_cpps_logits() -> Result<()> {
    check_f32("smollm2")
}

#[test]
fn gemma3_in_f32_has_llama_cpps_logits() -> Result<()> {
    check_f32("gemma3")
}

#[test]
fn smollm2_quantised_stays_near_llama_cpp() -> Result<()> {
    check_quantised("smollm2", 0.25)
}

#[test]
fn gemma3_quantised_stays_near_llama_cpp() -> Result<()> {
    check_quantised("gemma3", 0.35)
}

/// Sums of −ln p over spans of a text: element s for the ids fed at `span * s` and after.
fn span_losses(model: &Model, ids: &[u32], span: usize) -> Result<Vec<f64>> {
    let mut losses = vec![0.0; ids.len().div_ceil(span)];
    let text = Text::from_ids(None, ids, 0)?;
    for score in Scoring::new(model, &text, Windows::of(model)?)? {
        let score = score?;
        losses[(score.pos - 1) / span] += score.surprisal_nats;
    }
    Ok(losses)
}

fn check_perplexity(name: &str, weights: &str, tolerance: f64) -> Result<()> {
    let golden = Golden::read(name, weights);
    let Some(text) = real::text("the-verdict.txt") else { return Ok(()) };
    let Some(path) = real::path(golden.model()) else { return Ok(()) };
    let expected = golden.perplexity();
    let ids = tokenizer(&path)?.encode_prompt(&text, SpecialTokens::Text)?;
    let ids = &ids[..expected.ids];
    assert_eq!(file::fnv1a64(ids), expected.ids_fnv1a64, "other ids than llama.cpp's");
    let losses = span_losses(&load(&golden, &path)?, ids, expected.span)?;
    let found = kelvin::math::exp(losses.iter().sum::<f64>() / expected.scored as f64);
    let off = found / expected.value - 1.0;
    let line = format!(
        "{name} {weights}: perplexity {found:.4}, llama.cpp {:.4}: {:+.3} %",
        expected.value,
        100.0 * off
    );
    real::say(&line);
    assert!(
        off.abs() <= tolerance,
        "{line}; span losses {losses:.3?}, llama.cpp {:.3?}",
        expected.span_losses
    );
    Ok(())
}

#[test]
fn smollm2_in_f32_has_llama_cpps_perplexity() -> Result<()> {
    check_perplexity("smollm2", "f32", 0.001)
}

#[test]
fn gemma3_in_f32_has_llama_cpps_perplexity() -> Result<()> {
    check_perplexity("gemma3", "f32", 0.001)
}

#[test]
fn smollm2_quantised_has_llama_cpps_perplexity() -> Result<()> {
    check_perplexity("smollm2", "quant", 0.015)
}

#[test]
fn gemma3_quantised_has_llama_cpps_perplexity() -> Result<()> {
    check_perplexity("gemma3", "quant", 0.015)
}

#[test]
fn prompts_have_llama_cpps_ids() -> Result<()> {
    for name in ["smollm2", "gemma3"] {
        let golden = Golden::read(name, "quant");
        let Some(path) = real::path(golden.model()) else { continue };
        let tokenizer = tokenizer(&path)?;
        for prompt in golden.prompts() {
            let ids = tokenizer.encode_prompt(&prompt.text, SpecialTokens::Text)?;
            assert_eq!(ids, prompt.input, "{name}, {:?}", prompt.text);
        }
    }
    Ok(())
}
