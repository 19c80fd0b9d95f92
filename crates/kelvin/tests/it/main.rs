//! The integration tests of the crate, one binary.
#![expect(clippy::float_cmp, reason = "these tests are about exact values")]

mod plain;
mod probe;
mod rows;

mod allocations;
mod cases;
mod conformance;
mod dialects;
mod enumerate;
mod levels;
mod math;
mod measured;
mod properties;
mod registry;
mod schedule;
mod softmax;
mod stability;
mod statistics;
mod trace;
mod vectors;
