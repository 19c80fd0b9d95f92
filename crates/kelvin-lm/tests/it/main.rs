//! Integration tests of `kelvin-lm`.
//! tests

mod batch;
mod counting;
mod detok;
mod determinism;
mod detok;
mod forward;
mod gguf;
mod golden;
mod kernel;
mod model;
mod real;
mod reference;
mod tiny;
mod tokenizer;
