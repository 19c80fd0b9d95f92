//! Checkpoints: what a run has come to, on disk whole or not at all.
//!
//! A checkpoint is a folder `step-N`: a model in Hugging Face layout that any program loads as it is,
//! and beside it what the run goes on from. Its last file names every other with its size and SHA-256, so
//! that a checkpoint is known to be whole, and any changed bit is found.
//!
//! ```text
//! config.json generation_config.json model.safetensors tokenizer.json tokenizer_config.json
//! optimizer.safetensors   exp_avg.NAME and exp_avg_sq.NAME for each tensor NAME
//! state.json              the step, the settings, hashes of data and tokenizer, the numerics profile
//! manifest.json           name, size and SHA-256 of each file, and of itself
//! ```

#![forbid(unsafe_code)]

mod aside;
mod contents;
mod digest;
mod drift;
mod export;
mod load;
mod manifest;
mod place;
mod provenance;
mod record;
mod save;
mod storage;
#[cfg(test)]
mod tests;

pub use export::{check_free, export};
pub use load::{Latest, Saved};
pub use provenance::{Provenance, TokenizerFiles};
pub use save::Checkpoints;
