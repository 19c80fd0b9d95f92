//! What language models do, measured and drawn: traces, samples, metrics, comparisons, figures.
//!
//! Nothing here knows a model or a clock. The same numbers give the same bytes.
//!
//! ```
//! use kelvin_lab::figure::{Axis, Figure, Ink, Panel, Theme};
//!
//! let panel = Panel::new("Squares")
//!     .with_axes(Axis::linear("x"), Axis::linear("x²"))
//!     .line("exact", Ink::Blue, (0..5).map(|x| (f64::from(x), f64::from(x * x))));
//! assert!(Figure::from(panel).to_svg(Theme::Light).starts_with("<svg "));
//! ```

#![forbid(unsafe_code)]

pub mod compare;
mod error;
pub mod figure;
pub mod measure;
pub mod report;
pub mod rescore;
pub mod sample;
pub mod sweep;
pub mod trace;

pub use error::{Error, Result};
pub use figure::Figure;
pub use sample::{Key, Sample};
pub use trace::Trace;
