//! tests

mod counting;
mod detok;
mod gguf;
mod kernel;
mod tokenizer;
