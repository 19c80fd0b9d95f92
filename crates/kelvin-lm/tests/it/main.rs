//! Integration tests of `kelvin-lm`.

mod counting;
mod detok;
mod determinism;
mod forward;
mod gguf;
mod golden;
mod kernel;
mod real;
mod reference;
mod tiny;
mod tokenizer;
