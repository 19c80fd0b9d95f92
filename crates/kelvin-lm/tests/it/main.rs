//! Integration tests of `kelvin-lm`.

mod batch;
mod blueprint;
mod chat;
mod context;
mod counting;
mod determinism;
mod detok;
mod eval;
mod folders;
mod forward;
mod gguf;
mod golden;
#[cfg(feature = "hub")]
mod hub;
mod kernel;
mod layouts;
mod memory;
mod model;
mod real;
mod reference;
mod safetensors;
mod shapes;
mod tiny;
mod tokenizer;
