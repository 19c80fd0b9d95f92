//! Integration tests of `kelvin-lm`.

mod batch;
mod chat;
mod context;
mod counting;
mod determinism;
mod detok;
mod eval;
mod forward;
mod gguf;
mod golden;
mod kernel;
mod malformed;
mod model;
mod oracle;
mod real;
mod reference;
mod replay;
mod safetensors;
mod tiny;
mod tokenizer;
