//! Integration tests of `kelvin-lm`.

mod batch;
mod counting;
mod determinism;
mod detok;
mod folders;
mod forward;
mod gguf;
mod golden;
mod kernel;
mod layouts;
mod model;
mod real;
mod reference;
mod safetensors;
mod tiny;
mod tokenizer;
