//! Figures: panels of bars, lines and dots between axes, with all their numbers in the open.
//!
//! A [`Figure`] is data: what it shows can be compared, printed as JSON, and drawn in two themes. Each
//! family of figures is one file and a pure function from numbers to a figure; one file draws, and no
//! other knows the plotting crate.

mod animation;
mod axis;
mod diversity;
mod draw;
mod generation;
mod grid;
mod layer;
mod loss;
mod panel;
mod paths;
mod repetition;
mod row;
mod softmax;
mod strategies;
mod temperature;
mod theme;
mod truncation;

pub use animation::Animation;
pub use axis::{Axis, Scale};
pub use diversity::{Diversity, Estimate, diversity, diversity_by_temperature, pareto};
pub use generation::generation;
pub use grid::grid;
pub use layer::{Bars, Cells, Layer, Point, Shape, Side, Stroke};
pub use loss::LossCurves;
pub use panel::{Corner, Note, Panel};
pub use paths::paths;
pub use repetition::repetition;
pub use row::{Arrangement, Law, Row, Strategy, Variant};
pub use softmax::{distribution, logits};
pub use strategies::{scenarios, strategies};
pub use temperature::{entropy, tail, temperature};
pub use theme::{Ink, Theme};
pub use truncation::{confident_uncertain, limitation, top_k, top_p};

use serde::Serialize;

/// Panels in a grid, with a title above and a line of settings below.
///
/// ```
/// use kelvin_lab::figure::{Axis, Figure, Ink, Panel, Theme};
///
/// let panel = Panel::new("Decay")
///     .with_axes(Axis::linear("step"), Axis::log("height"))
///     .band("spread", Ink::Blue, [(0.0, 4.0, 9.0), (1.0, 1.0, 2.0)])
///     .line("height", Ink::Blue, [(0.0, 6.0), (1.0, 1.5), (2.0, 0.0)])
///     .dots("lowest", Ink::Orange, [(1.0, 1.5)]);
/// let figure = Figure::from(panel).with_caption("seed 7");
/// let svg = figure.to_svg(Theme::Light);
/// assert!(svg.contains("Decay") && svg.contains("lowest") && svg.contains("seed 7"));
/// assert_eq!(svg, figure.to_svg(Theme::Light));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What stands above all panels; empty where one panel's title says it.
    pub title: String,
    /// The settings and the seed, below all panels.
    pub caption: String,
    /// Panels in a row of the grid, at least 1.
    pub columns: usize,
    /// The panels, row by row.
    pub panels: Vec<Panel>,
}

impl From<Panel> for Figure {
    fn from(panel: Panel) -> Self {
        Self::new("", vec![panel])
    }
}

impl Figure {
    /// These panels in one row.
    pub fn new(title: impl Into<String>, panels: Vec<Panel>) -> Self {
        let columns = panels.len().max(1);
        Self { title: title.into(), caption: String::new(), columns, panels }
    }

    /// The same panels, so many in a row (at least one).
    #[must_use]
    pub fn with_columns(self, columns: usize) -> Self {
        Self { columns: columns.max(1), ..self }
    }

    /// The same figure, with this line below it.
    #[must_use]
    pub fn with_caption(self, caption: impl Into<String>) -> Self {
        Self { caption: caption.into(), ..self }
    }

    /// The text of an SVG. It names fonts and brings none; its layout does not depend on those that are
    /// there.
    pub fn to_svg(&self, theme: Theme) -> String {
        draw::to_svg(&draw::scene(self, theme))
    }

    /// The bytes of a PNG, `scale` pixels to each pixel of the SVG (1 to 8; 2 is sharp on most screens),
    /// with a font of its own: text appears on a machine that has none.
    ///
    /// # Errors
    ///
    /// The picture is larger than an image may be.
    #[cfg(feature = "png")]
    pub fn to_png(&self, theme: Theme, scale: f32) -> crate::Result<Vec<u8>> {
        draw::to_png(draw::scene(self, theme), scale)
    }
}

/// A number in a title, as the courses write it: `1.0`, `0.95`.
fn decimal(x: f64) -> String {
    format!("{x:?}")
}

/// An entropy in a title. It is never −0, so neither is its text.
fn nats(entropy: f64) -> String {
    format!("H={entropy:.2}")
}
