//! Training: its data, its tokenizer, and its numbers beside PyTorch's.

mod characters;
mod data;
mod golden;
mod metrics;
mod pytorch;
mod steps;
mod text_files;
mod verse;
