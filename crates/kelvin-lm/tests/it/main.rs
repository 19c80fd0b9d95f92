//! Integration tests of `kelvin-lm`.

mod batch;
mod determinism;
mod detok;
mod forward;
mod kernel;
mod real;
mod reference;
mod tiny;
mod tokenizer;
