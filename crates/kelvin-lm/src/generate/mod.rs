//! From a model and a prompt to text: sequences, batches of them, and what happens on the way.

mod batch;
mod chooser;
mod detok;
mod event;
mod session;

pub use batch::{Batch, Request};
pub use chooser::Chooser;
pub use detok::{Detok, Progress};
pub use event::{Event, Finish};
pub use session::Session;
