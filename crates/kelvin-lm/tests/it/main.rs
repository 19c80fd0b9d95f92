//! Integration tests of `kelvin-lm`.

mod batch;
mod blueprint;
mod chat;
mod checkpoints;
mod context;
mod counting;
mod defaults;
mod determinism;
mod detok;
#[cfg(feature = "embedded")]
mod embedded;
mod eval;
mod folders;
mod forward;
mod gguf;
mod golden;
#[cfg(feature = "hub")]
mod hub;
mod kernel;
mod layouts;
mod malformed;
mod memory;
mod model;
mod oracle;
mod real;
mod reference;
mod replay;
mod safetensors;
mod scene;
mod sha256;
mod shapes;
mod strings;
mod tiny;
mod tokenizer;
mod tokenizer_files;
mod tokenizer_real;
mod training;
mod two_forms;
