//! Language models for Kelvin: from a model file to logits, and from tokens to text.

#![warn(missing_docs)]

pub mod dtype;
mod error;
pub mod format;

pub use error::{Error, ErrorKind};

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;
