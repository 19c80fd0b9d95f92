//! Kernels: the arithmetic of a model, bit for bit the same on every machine.
//!
//! Each output element is computed by one thread in one fixed order; threads split outputs, never a
//! sum. So thread count, batch size, prefill chunking and instruction set change no bit within a
//! numerics [`Profile`].

#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for an instruction set by being inlined into its dispatcher"
)]

pub(crate) mod activation;
pub(crate) mod adamw;
pub(crate) mod attention;
pub(crate) mod causal;
pub(crate) mod cross_entropy;
pub(crate) mod dropout;
mod engine;
pub(crate) mod gemm;
pub(crate) mod math;
mod matrix;
pub(crate) mod norm;
mod part;
mod prepared;
mod probe;
mod product;
pub(crate) mod rope;
pub(crate) mod simd;
pub(crate) mod sums;

pub use engine::{Activations, Engine, EngineOptions};
pub use gemm::Blocking;
pub use matrix::Matrix;
pub use prepared::Prepared;
pub use probe::bandwidth_probe;
pub use simd::{Level, Profile};
