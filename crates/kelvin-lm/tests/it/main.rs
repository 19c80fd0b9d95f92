//! Integration tests of `kelvin-lm`.

mod determinism;
mod forward;
mod kernel;
mod real;
mod reference;
mod tiny;
