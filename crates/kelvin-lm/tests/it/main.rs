//! tests
mod kernel;
