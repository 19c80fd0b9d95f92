//! From a model and a prompt to text: sequences, batches of them, and what happens on the way.

mod batch;
mod chooser;
mod context;
mod detok;
mod event;
mod session;
mod view;

pub use batch::{Batch, Request};
pub use chooser::Chooser;
pub use context::Context;
pub use detok::{Detok, Progress};
pub use event::{Event, Finish};
pub use session::Session;
