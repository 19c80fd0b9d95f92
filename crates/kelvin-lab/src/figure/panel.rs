//! One panel: a title, axes, and what is drawn between them.

use serde::Serialize;

use super::{Axis, Bars, Cells, Ink, Layer, Point, Shape, Side, Stroke};

/// One panel of a figure.
///
/// What is added later lies above what came before. Points that an axis cannot show are left out (see
/// [`Axis::shows`]).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Panel {
    /// What stands above it; a second line is smaller.
    pub title: String,
    /// The axis below.
    pub x: Axis,
    /// The axis at the left.
    pub y: Axis,
    /// The axis at the right, where some layers have another measure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<Axis>,
    /// A text in a corner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// What is drawn.
    pub layers: Vec<Layer>,
}

/// A text in a corner of a panel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The text, of one or more lines.
    pub text: String,
    /// The corner.
    #[serde(skip)]
    pub corner: Corner,
}

/// A corner of a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corner {
    /// Where the courses put it, and where falling bars leave room.
    TopRight,
    /// Where rising curves leave room.
    TopLeft,
}

impl Panel {
    /// A panel with nothing in it.
    pub fn new(title: impl Into<String>) -> Self {
        let (x, y) = (Axis::linear(""), Axis::linear(""));
        Self { title: title.into(), x, y, right: None, note: None, layers: Vec::new() }
    }

    /// The same panel, between these axes.
    #[must_use]
    pub fn with_axes(self, x: Axis, y: Axis) -> Self {
        Self { x, y, ..self }
    }

    /// The same panel, with a second measure at its right.
    #[must_use]
    pub fn with_right(self, axis: Axis) -> Self {
        Self { right: Some(axis), ..self }
    }

    /// The same panel, with a text in a corner.
    #[must_use]
    pub fn with_note(self, corner: Corner, text: impl Into<String>) -> Self {
        Self { note: Some(Note { text: text.into(), corner }), ..self }
    }

    /// The same panel, with a line through these points (x, y).
    #[must_use]
    pub fn line(
        self,
        name: impl Into<String>,
        ink: Ink,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        let points = points.into_iter().collect();
        self.with(name, ink, Shape::Line { points, stroke: Stroke::Solid })
    }

    /// The same panel, with a dashed line through these points (x, y).
    #[must_use]
    pub fn dashes(
        self,
        name: impl Into<String>,
        ink: Ink,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        let points = points.into_iter().collect();
        self.with(name, ink, Shape::Line { points, stroke: Stroke::Dashed })
    }

    /// The same panel, with a dot at each of these points (x, y).
    #[must_use]
    pub fn dots(
        self,
        name: impl Into<String>,
        ink: Ink,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        self.with(name, ink, Shape::Dots { points: points.into_iter().collect() })
    }

    /// The same panel, with a pale band between the lowest and the highest at each x, in this order.
    #[must_use]
    pub fn band(
        self,
        name: impl Into<String>,
        ink: Ink,
        points: impl IntoIterator<Item = (f64, f64, f64)>,
    ) -> Self {
        self.with(name, ink, Shape::Band { points: points.into_iter().collect() })
    }

    /// The same panel, with bars: along the axis that has names, else upright.
    #[must_use]
    pub fn bars(self, name: impl Into<String>, ink: Ink, bars: Bars) -> Self {
        self.with(name, ink, Shape::Bars(bars))
    }

    /// The same panel, with a dashed line across it.
    #[must_use]
    pub fn across(self, name: impl Into<String>, ink: Ink, y: f64) -> Self {
        self.with(name, ink, Shape::Across { y })
    }

    /// The same panel, with a dotted line from bottom to top.
    #[must_use]
    pub fn upright(self, name: impl Into<String>, ink: Ink, x: f64) -> Self {
        self.with(name, ink, Shape::Upright { x })
    }

    /// The same panel, with named dots and their intervals.
    #[must_use]
    pub fn points(self, ink: Ink, points: Vec<Point>) -> Self {
        self.with("", ink, Shape::Points { points })
    }

    /// The same panel, with a grid of shades.
    #[must_use]
    pub fn cells(self, ink: Ink, cells: Cells) -> Self {
        self.with("", ink, Shape::Cells(cells))
    }

    /// The same panel, its last layer measured by the axis at the right.
    #[must_use]
    pub fn at_right(mut self) -> Self {
        if let Some(layer) = self.layers.last_mut() {
            layer.side = Side::Right;
        }
        self
    }

    fn with(mut self, name: impl Into<String>, ink: Ink, shape: Shape) -> Self {
        self.layers.push(Layer { name: name.into(), ink, side: Side::Left, shape });
        self
    }
}
