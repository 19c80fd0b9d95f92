//! Sweeps: every combination of some values of some parameters, sampled and kept.
//!
//! A [`Grid`] says which combinations there are, a [`Manifest`] everything that a sweep's samples depend
//! on, a [`Shard`] which of them a machine takes. Samples are kept as lines of a [`journal`] while
//! they come, and as [tables] when all are there. Reading and writing files is the caller's.

#[cfg(feature = "parquet")]
mod columns;
mod grid;
pub mod journal;
mod manifest;
mod range;
mod shard;
mod summary;
#[cfg(feature = "parquet")]
pub mod tables;

pub use grid::{Axis, Grid};
pub use manifest::{JudgeId, Manifest, ModelId, PromptId};
pub use shard::Shard;
pub use summary::{CellSummary, Summary};

/// The schema that manifests name.
pub const SCHEMA: &str = "kelvin.sweep/1";
