//! The integration tests of the crate, one binary.

mod plain;
mod probe;
mod rows;

mod cases;
mod trace;
mod vectors;
