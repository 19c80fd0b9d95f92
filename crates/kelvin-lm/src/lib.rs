//! Language models for Kelvin: from a model file to logits, and from tokens to text.

#![warn(missing_docs)]

mod cache;
pub mod chat;
mod checkpoint;
mod config;
pub mod defaults;
pub mod dtype;
#[cfg(feature = "embedded")]
pub mod embedded;
mod error;
pub mod eval;
pub mod format;
pub mod generate;
pub mod hub;
pub mod kernel;
pub mod memory;
pub mod model;
pub mod tokenizer;
pub mod train;

pub use cache::KvCache;
pub use checkpoint::{Checkpoint, Stored};
pub use config::{
    Activation, Architecture, Biases, Config, FeedForward, Llama3Scaling, NormKind, Positions,
    QueryScale, Rope, RopeScaling, Window,
};
pub use error::{Error, ErrorKind};
pub use generate::Session;
pub use kelvin::TokenId;
pub use kernel::{Engine, EngineOptions};
pub use model::{ConfigNotes, Model, ModelOptions, WeightDtype};

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;
