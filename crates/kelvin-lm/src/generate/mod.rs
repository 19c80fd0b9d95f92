//! From logits to text: sequences, batches of them, and what happens on the way.

mod event;
mod session;

pub use event::{Event, Finish};
pub use session::Session;
