//! File formats: bytes to tensors and metadata, every limit checked before anything is built.
//!
//! This module is the one place that reads model files, which nobody vouches for. Each file here
//! forbids unsafe code, compares what a file claims with the bytes that are there before it relies on
//! it, and answers with a typed error that names the place and the rule.

#![forbid(unsafe_code)]

pub(crate) mod file;
mod files;
mod folder;
pub mod gguf;
pub(crate) mod json;
mod magic;
mod safetensors;
mod shards;
pub(crate) mod text;

pub(crate) use file::Source;
pub use folder::Folder;
pub use safetensors::{Safetensors, SafetensorsWriter, Tensor, TensorNumbers};
pub use shards::Shards;
pub(crate) use text::{Sentence, Text};
