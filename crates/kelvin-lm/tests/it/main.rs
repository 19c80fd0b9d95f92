//! tests

mod detok;
mod tokenizer;
