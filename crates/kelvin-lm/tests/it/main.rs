//! Integration tests of `kelvin-lm`.

mod batch;
mod chat;
mod context;
mod counting;
mod defaults;
mod determinism;
mod detok;
mod eval;
mod forward;
mod gguf;
mod golden;
mod kernel;
mod model;
mod real;
mod reference;
mod safetensors;
mod tiny;
mod tokenizer;
