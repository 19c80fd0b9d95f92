//! File formats: bytes to tensors and metadata, every limit checked before anything is built.

pub mod gguf;
