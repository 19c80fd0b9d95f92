//! tests

mod counting;
mod detok;
mod gguf;
mod tokenizer;
