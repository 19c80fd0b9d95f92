//! Integration tests of `kelvin-lm`.

mod determinism;
mod forward;
mod real;
mod reference;
mod tiny;
