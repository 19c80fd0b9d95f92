//! Integration tests of `kelvin-lm`.

mod detok;
mod determinism;
mod forward;
mod kernel;
mod real;
mod reference;
mod tiny;
mod tokenizer;
