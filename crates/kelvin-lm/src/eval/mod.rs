//! How well a model predicts a text: surprisal of each token, perplexity, bits per byte.
//!
//! | figure | definition |
//! |---|---|
//! | surprisal of a token | −ln p(token given the tokens in view), in nats, under the model's distribution, no policy applied |
//! | nats per token | mean surprisal of the scored tokens: the cross-entropy, the loss that training minimises |
//! | perplexity | e^(nats per token) (Jelinek, Mercer, Bahl, Baker 1977): as uncertain as a fair die with so many faces |
//! | bits per byte | sum of surprisals / ln 2 / bytes of the text that the scored tokens stand for |
//!
//! Perplexities of models with different tokenizers do not compare: a token is not the same piece of
//! text. Bits per byte do.
//!
//! The first token of a text has nothing before it, unless the model begins with BOS; without one it is
//! not scored, and neither are its bytes counted. Every other token is scored exactly once.
//!
//! A text longer than the model's context is read through [`Windows`]. Memory does not grow with the
//! text: a handful of rows of logits is held at a time. The figures have the same bits whatever the
//! threads, chunks and instruction set (within one numerics profile), like the logits they are made of.

mod scoring;
mod split;
mod text;
mod windows;

pub use scoring::{Scoring, TokenScore, Totals};
pub use split::first_bytes;
pub use text::Text;
pub use windows::Windows;
