//! From logits to text: sequences, batches of them, and what happens on the way.

mod detok;
mod event;
mod session;

pub use detok::{Detok, Progress};
pub use event::{Event, Finish};
pub use session::Session;
