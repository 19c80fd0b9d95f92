//! Models by name: what they are called, where the standard Hugging Face cache keeps them, and how
//! they get there.
//!
//! * [`ModelName`]: `org/name[@revision][:file]`, and [`ALIASES`] for short.
//! * [`Environment`]: what the variables of `huggingface_hub` say, read once at the border.
//! * [`Cache`]: reads the cache that every Hugging Face library shares; no network.
//! * [`pull`] (feature `hub`): brings what a model needs into that cache, each file held to its
//!   checksum.
//!
//! ```
//! use kelvin_lm::hub::{Cache, ModelName};
//!
//! let name: ModelName = "openai-community/gpt2".parse()?;
//! let cache = Cache::new("no-cache-here");
//! assert!(cache.snapshot(name.repo(), name.revision()).is_none());
//! # Ok::<(), kelvin_lm::Error>(())
//! ```

#![forbid(unsafe_code)]

mod alias;
mod cache;
mod choice;
mod environment;
mod file_name;
mod name;
#[cfg(feature = "hub")]
pub mod pull;

pub use alias::{ALIASES, Access, Alias, alias};
pub use cache::{Cache, CachedFile, CachedRepo, Snapshot};
pub use choice::Weights;
pub use environment::{Certificates, Environment, Token};
pub use file_name::FileName;
pub use name::{ModelName, RepoId, Revision};
