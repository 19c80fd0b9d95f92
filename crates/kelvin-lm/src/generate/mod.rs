//! From a model and a prompt to text.

mod detok;

pub use detok::{Detok, Progress};
