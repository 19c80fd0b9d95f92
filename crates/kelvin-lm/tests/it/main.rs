//! Integration tests of `kelvin-lm`.

mod batch;
mod counting;
mod determinism;
mod detok;
mod forward;
mod gguf;
mod golden;
mod kernel;
mod malformed_tokenizer;
mod model;
mod real;
mod reference;
mod safetensors;
mod strings;
mod tiny;
mod tokenizer;
mod tokenizer_files;
