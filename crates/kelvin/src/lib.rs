//! Turn a row of logits into a token, under any decoding policy, exactly and reproducibly.
//!
//! ```
//! use kelvin::{Pipeline, Sampler, Seed};
//!
//! let logits = [8.5, 5.2, 4.1, 2.0, 1.5]; // from any engine: one f32 for each token
//! let pipeline: Pipeline = "temperature(1.5) | top-k(3) | top-p(0.95)".parse()?;
//! let mut sampler = Sampler::new(pipeline, logits.len())?.with_seed(Seed::new(42));
//!
//! let shares = sampler.probabilities(&logits)?;
//! assert_eq!(shares.map_to_percent(), [90, 10, 0, 0, 0]);
//! let token = sampler.sample(&logits)?; // drawn from exactly these shares
//! sampler.accept(token)?; // penalties look at what was accepted
//! # trait Percent { fn map_to_percent(&self) -> Vec<u32>; }
//! # impl Percent for Vec<f64> {
//! #     fn map_to_percent(&self) -> Vec<u32> { self.iter().map(|p| (p * 100.0).round() as u32).collect() }
//! # }
//! # Ok::<(), kelvin::Error>(())
//! ```
//!
//! # Five nouns
//!
//! A [`Stage`](stage::Stage) narrows or reweighs. A [`Pick`](pipeline::Pick) chooses. A [`Pipeline`] is an
//! ordered, validated recipe. A [`Sampler`] is a pipeline in motion, with the history, key and buffers of
//! one sequence. [`Candidates`] are what is still possible.
//!
//! ```text
//! &[f32] ─▶ Candidates ─▶ stage ─▶ stage ─▶ … ─▶ integer weights ─▶ pick ─▶ TokenId
//!            (the row,     penalties, temperature,   2^45 · e^x       r of W
//!             borrowed)    truncations
//! ```
//!
//! # Order is meaning
//!
//! 1. Stages run in the order of the pipeline; the default order is that of [`stage::ALL`]: bias and
//!    masks, penalties, temperature, top-k, top-p, min-p, the other truncations, the draw.
//! 2. One total order serves greedy, top-k, every cut and every tie: the larger logit first, then the
//!    smaller id. It looks at logits before temperature; temperature is a scale and rewrites nothing.
//! 3. A stage that changes logits after a temperature sees z/T.
//! 4. A cut on mass is relative to what is alive at that stage: top-k before top-p renormalises.
//! 5. Greedy takes the first token of the total order after bias, masks and penalties, and skips
//!    temperature and truncations.
//! 6. −∞ bans a token. NaN and +∞ are errors. A row with nothing left is an error.
//!
//! Other engines' order and rules are [dialects](dialect); they show in the text of the pipeline, as
//! `top-k(50, ties=all)` does.
//!
//! # Exact and reproducible
//!
//! The last step is integer: w = round(2^s · exp((z − max)/T)), s = min(45, 63 − ⌈log2 V⌉); every cut on
//! mass or probability compares these integers, and the draw is a uniform integer r in [0, W): the token
//! in whose share, in id order, r falls. So the distribution shown is the distribution drawn, and for a
//! small W a test draws every r there is. The exponential is 2^y, y = (z − max) · (1/T · log₂ e), by the
//! crate's own [`math::exp2`], with the same bits on every machine and instruction set. Randomness is a function of (seed, stream, choice) and position, never a state:
//! see [`rng`].
//!
//! # Features
//!
//! | feature | default | effect |
//! |---|---|---|
//! | `std` | yes | wider instructions, found at run time; without it plain ones, with the same bits |
//!
//! # What this crate does not do
//!
//! It runs no model, knows no text, and holds no lock. It has no dependencies.
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod arguments;
pub mod candidates;
mod decimal;
pub mod dialect;
mod edge;
mod error;
mod history;
pub mod math;
mod measured;
mod nearest;
mod observer;
pub mod pick;
pub mod pipeline;
pub mod preset;
pub mod rng;
mod sampler;
pub mod simd;
pub mod softmax;
mod spec;
pub mod stage;
pub mod stats;
mod token;
pub mod trace;
mod verdict;

pub use candidates::Candidates;
pub use decimal::Decimal;
pub use dialect::Dialect;
pub use edge::{Crossing, Ties};
pub use error::{Error, Result};
pub use history::{History, Part, Scope};
pub use measured::Measured;
pub use nearest::nearest;
pub use pipeline::Pipeline;
pub use rng::{Draw, Seed, stream_of};
pub use sampler::Sampler;
pub use softmax::Softmax;
pub use spec::build_stage;
pub use token::TokenId;
pub use trace::TraceStep;
pub use verdict::Verdict;
