//! Figures of what language models do: pure functions from numbers to the text of an SVG.
//!
//! Nothing here knows a model, a file or a clock. The same numbers give the same bytes.
//!
//! ```
//! use kelvin_lab::figure::{Axis, Figure, Ink};
//!
//! let figure = Figure::new("Squares")
//!     .with_axes(Axis::linear("x"), Axis::linear("x²"))
//!     .line("exact", Ink::Blue, (0..5).map(|x| (f64::from(x), f64::from(x * x))));
//! assert!(figure.to_svg().starts_with("<svg "));
//! ```

#![forbid(unsafe_code)]

pub mod figure;

pub use figure::Figure;
