//! What continuations are like, as numbers: diversity, repetition, likelihood, length.
//!
//! Every metric is a pure function over continuations without their prompts. [`ALL`] lists them, each
//! with its definition, range and source; tables, sweeps, reports and pages of documentation read it.
//! What is not defined (the self-BLEU of one text, the bigrams of a single token) is `None`, never a
//! number that stands for it.
//!
//! ```
//! use kelvin_lab::measure::{distinct, loop_at_end, rep};
//!
//! assert_eq!(distinct([&[1, 2, 1][..], &[1, 2]], 1), Some(0.4)); // two tokens among five
//! assert_eq!(rep(&[7, 8, 7, 8, 7], 2), Some(0.5)); // (7 8) and (8 7), twice each
//! assert_eq!(loop_at_end(&[3, 7, 8, 7, 8, 7, 8]).map(|it| it.period), Some(2));
//! assert_eq!(distinct([&[1][..]], 2), None);
//! ```

mod frontier;
mod likelihood;
mod metric;
mod ngrams;
mod registry;
mod repetition;
mod self_bleu;
mod unique;

pub use frontier::{ByteBigrams, frontier};
pub use likelihood::{mean, nats};
pub use metric::{Direction, Group, Metric, Rule};
pub use ngrams::{distinct, rep};
pub use registry::{ALL, find};
pub use repetition::{Loop, longest_repeat, loop_at_end};
pub use self_bleu::self_bleu;
pub use unique::{different, mode_share, unique_characters};
