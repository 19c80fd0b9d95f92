//! What is drawn between the axes.

use serde::Serialize;

use super::Ink;

/// Something drawn, and what the legend calls it: nothing where the name is empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Layer {
    /// What the legend calls it.
    pub name: String,
    /// Its colour.
    pub ink: Ink,
    /// The axis of its heights.
    pub side: Side,
    /// What it is.
    #[serde(flatten)]
    pub shape: Shape,
}

/// The left or the right axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The main one.
    Left,
    /// The twin.
    Right,
}

/// What a layer is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "shape", rename_all = "snake_case")]
pub enum Shape {
    /// A line through points.
    Line {
        /// (x, y)
        points: Vec<(f64, f64)>,
        /// How it is drawn.
        stroke: Stroke,
    },
    /// A dot at each point.
    Dots {
        /// (x, y)
        points: Vec<(f64, f64)>,
    },
    /// A pale band.
    Band {
        /// (x, lowest, highest)
        points: Vec<(f64, f64, f64)>,
    },
    /// A bar for each value.
    Bars(Bars),
    /// A dashed line across the panel, at this height.
    Across {
        /// The height.
        y: f64,
    },
    /// A dotted line from bottom to top.
    Upright {
        /// Where.
        x: f64,
    },
    /// Named dots, each with its intervals.
    Points {
        /// The dots.
        points: Vec<Point>,
    },
    /// A grid of shades, each with its number.
    Cells(Cells),
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stroke {
    /// In one.
    Solid,
    /// In dashes.
    Dashed,
}

/// Bars from 0, the first at 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bars {
    /// How high each is.
    pub values: Vec<f64>,
    /// Whether each is hollow: removed, or what was there before. None is where the list is empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hollow: Vec<bool>,
    /// What is written above each; nothing where the list is empty or the text is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
    /// The share of its place that each takes, up to 1.
    #[serde(skip)]
    pub width: f64,
}

impl Bars {
    /// Bars of these heights, full, with a little room between.
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let (hollow, texts) = (Vec::new(), Vec::new());
        Self { values: values.into_iter().collect(), hollow, texts, width: 0.8 }
    }

    /// The same bars, hollow where this says so.
    #[must_use]
    pub fn hollow(self, hollow: impl IntoIterator<Item = bool>) -> Self {
        Self { hollow: hollow.into_iter().collect(), ..self }
    }

    /// The same bars, all hollow: what was there before.
    #[must_use]
    pub fn all_hollow(self) -> Self {
        let hollow = vec![true; self.values.len()];
        Self { hollow, ..self }
    }

    /// The same bars, narrow enough to stand inside others.
    #[must_use]
    pub fn narrow(self) -> Self {
        Self { width: 0.42, ..self }
    }

    /// The same bars, with a text above each.
    #[must_use]
    pub fn with_texts(self, texts: impl IntoIterator<Item = String>) -> Self {
        Self { texts: texts.into_iter().collect(), ..self }
    }
}

/// A named dot with an interval in each direction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// What is written beside it.
    pub name: String,
    /// Its place, from the lowest to the highest it may be: (lowest, x, highest).
    pub x: (f64, f64, f64),
    /// (lowest, y, highest)
    pub y: (f64, f64, f64),
}

/// Shades of numbers, one for each pair of names on the two axes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cells {
    /// A row for each name of the y axis, from the top down; in it a number for each name of x.
    pub rows: Vec<Vec<f64>>,
    /// The number that is white, and the one that is full.
    #[serde(skip)]
    pub range: (f64, f64),
}
