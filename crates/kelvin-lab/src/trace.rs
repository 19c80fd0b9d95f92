//! Traces: the account of every decision of a run, as JSON Lines.
//!
//! A file holds one or more sequences. Each has a [`Header`], a [`Step`] for each token, and a [`Done`]
//! at its end; lines of several sequences may alternate, and each says whose it is. Keys may be added in
//! later versions; what is not known here is passed over.

mod buffer;
mod header;
mod line;
mod reader;
mod step;
mod text;

pub use buffer::LineBuffer;
pub use header::{Context, Header, Setting, Shift};
pub use line::{ContextShift, Done, Failed, Line};
pub use reader::{Names, Sequence, Trace};
pub use step::{Candidate, Draw, Head, Row, StageEffect, Step, TailBin};
pub use text::Text;

/// The schema that headers name.
pub const SCHEMA: &str = "kelvin.trace/1";
