//! Kernels: the arithmetic of a model, bit for bit the same on every machine.
//!
//! Each output element is computed by one thread in one fixed order; threads split outputs, never a
//! sum. So thread count, batch size, prefill chunking and instruction set change no bit within a
//! numerics [`Profile`].

pub(crate) mod math;
pub(crate) mod simd;

pub use simd::{Level, Profile};
