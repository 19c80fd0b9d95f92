//! tests
mod counting;
mod gguf;
