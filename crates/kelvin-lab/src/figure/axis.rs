//! An axis: what it measures, and how.

use serde::Serialize;

/// The largest number that an axis is asked for; ticks are no whole numbers of anything beyond it.
const LARGEST: f64 = 1e15;
/// The smallest number on a logarithmic axis.
const SMALLEST: f64 = 1e-9;

/// One axis of a panel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// What it measures, with the unit.
    pub label: String,
    /// How far apart its values are.
    #[serde(skip)]
    pub scale: Scale,
    /// The first and the last value; from the data where there is none.
    #[serde(skip)]
    pub range: Option<(f64, f64)>,
    /// The names of the bars on it, the first at 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
}

/// How far apart values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps are equally far apart.
    Linear,
    /// Equal factors are equally far apart.
    Log,
}

impl Axis {
    fn new(label: impl Into<String>, scale: Scale) -> Self {
        Self { label: label.into(), scale, range: None, categories: Vec::new() }
    }

    /// Equal steps are equally far apart.
    pub fn linear(label: impl Into<String>) -> Self {
        Self::new(label, Scale::Linear)
    }

    /// Equal factors are equally far apart.
    pub fn log(label: impl Into<String>) -> Self {
        Self::new(label, Scale::Log)
    }

    /// A place for each name, in this order: from the left, or from the top.
    pub fn categories(
        label: impl Into<String>,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let categories = names.into_iter().map(Into::into).collect();
        Self { categories, ..Self::linear(label) }
    }

    /// The axis of probabilities: a little more than 0 to 1.
    pub fn probability(label: impl Into<String>) -> Self {
        Self::linear(label).from_to(0.0, 1.05)
    }

    /// The same axis, from and to these values.
    #[must_use]
    pub fn from_to(self, low: f64, high: f64) -> Self {
        Self { range: Some((low, high)), ..self }
    }

    /// Whether it can show a value: NaN it cannot, nor what is further from 0 than 10¹⁵, nor on a
    /// logarithmic axis what is below 10⁻⁹.
    pub fn shows(&self, x: f64) -> bool {
        x.abs() <= LARGEST && (self.scale == Scale::Linear || x >= SMALLEST)
    }

    pub(super) fn is_named(&self) -> bool {
        !self.categories.is_empty()
    }
}
