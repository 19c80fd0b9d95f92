//! A figure: a title, two axes and what is drawn between them.
//!
//! One plotting crate draws it, and no other file knows which.

mod loss;

pub use loss::LossCurves;

use std::sync::Arc;

use kuva::plot::band::BandPlot;
use kuva::plot::legend::LegendPosition;
use kuva::plot::scatter::MarkerShape;
use kuva::plot::{LinePlot, ScatterPlot};
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::theme::Theme;

/// Pixels of a figure, as wide as a page of text takes it.
const SIZE: (f64, f64) = (720.0, 440.0);

/// The largest number that an axis is asked for; ticks are no whole numbers of anything beyond it.
const LARGEST: f64 = 1e15;
/// The smallest number on a logarithmic axis.
const SMALLEST: f64 = 1e-9;

/// A figure, until [`to_svg`](Self::to_svg) draws it.
///
/// What is added later lies above what came before. Points that an axis cannot show are left out:
/// NaN, what is further from 0 than 10¹⁵, and on a logarithmic axis what is below 10⁻⁹.
///
/// ```
/// use kelvin_lab::figure::{Axis, Figure, Ink};
///
/// let figure = Figure::new("Decay")
///     .with_axes(Axis::linear("step"), Axis::log("height"))
///     .band("spread", Ink::Blue, [(0.0, 4.0, 9.0), (1.0, 1.0, 2.0)])
///     .line("height", Ink::Blue, [(0.0, 6.0), (1.0, 1.5), (2.0, 0.0)])
///     .dots("lowest", Ink::Orange, [(1.0, 1.5)]);
/// let svg = figure.to_svg();
/// assert!(svg.contains("Decay") && svg.contains("lowest"));
/// assert_eq!(svg, figure.to_svg());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    title: String,
    x: Axis,
    y: Axis,
    layers: Vec<Layer>,
}

/// One axis: what it measures, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    label: String,
    scale: Scale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    Log,
}

impl Axis {
    /// Equal steps are equally far apart.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Linear }
    }

    /// Equal factors are equally far apart.
    pub fn log(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Log }
    }

    fn shows(&self, x: f64) -> bool {
        x.abs() <= LARGEST && (self.scale == Scale::Linear || x >= SMALLEST)
    }
}

/// A colour that people with any colour vision tell from the others, on white and in grey print
/// (Okabe and Ito, Color Universal Design, 2008).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// The main thing.
    Blue,
    /// What it is held against.
    Orange,
    /// A third.
    Green,
    /// What is only there for orientation.
    Grey,
}

impl Ink {
    fn css(self) -> &'static str {
        match self {
            Self::Blue => "#0072b2",
            Self::Orange => "#d55e00",
            Self::Green => "#009e73",
            Self::Grey => "#767676",
        }
    }
}

/// Something drawn, and what the legend calls it: nothing where the name is empty.
#[derive(Debug, Clone, PartialEq)]
struct Layer {
    name: String,
    ink: Ink,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    /// (x, y)
    Line(Vec<(f64, f64)>),
    /// (x, y)
    Dots(Vec<(f64, f64)>),
    /// (x, lowest, highest)
    Band(Vec<(f64, f64, f64)>),
}

impl Figure {
    /// A figure with nothing in it.
    pub fn new(title: impl Into<String>) -> Self {
        let (x, y) = (Axis::linear(""), Axis::linear(""));
        Self { title: title.into(), x, y, layers: Vec::new() }
    }

    /// The same figure, between these axes.
    #[must_use]
    pub fn with_axes(self, x: Axis, y: Axis) -> Self {
        Self { x, y, ..self }
    }

    /// The same figure, with a line through these points (x, y).
    #[must_use]
    pub fn line(
        self,
        name: impl Into<String>,
        ink: Ink,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        self.with(name, ink, Shape::Line(points.into_iter().collect()))
    }

    /// The same figure, with a dot at each of these points (x, y).
    #[must_use]
    pub fn dots(
        self,
        name: impl Into<String>,
        ink: Ink,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        self.with(name, ink, Shape::Dots(points.into_iter().collect()))
    }

    /// The same figure, with a pale band between the lowest and the highest at each x, in this order.
    #[must_use]
    pub fn band(
        self,
        name: impl Into<String>,
        ink: Ink,
        points: impl IntoIterator<Item = (f64, f64, f64)>,
    ) -> Self {
        self.with(name, ink, Shape::Band(points.into_iter().collect()))
    }

    fn with(mut self, name: impl Into<String>, ink: Ink, shape: Shape) -> Self {
        self.layers.push(Layer { name: name.into(), ink, shape });
        self
    }

    /// The text of an SVG: dark on white, so that it reads on any page. It names fonts and brings
    /// none; its layout does not depend on those that are there.
    pub fn to_svg(&self) -> String {
        let plots: Vec<Plot> = self.layers.iter().filter_map(|layer| self.plot(layer)).collect();
        let layout = self.layout(&plots);
        with_own_ids(&kuva::render_to_svg(plots, layout))
    }

    fn layout(&self, plots: &[Plot]) -> Layout {
        let empty = plots.is_empty().then(|| Layout::new((0.0, 1.0), (0.0, 1.0)));
        let mut layout = empty.unwrap_or_else(|| Layout::auto_from_plots(plots));
        if self.x.scale == Scale::Log {
            layout = layout.with_log_x();
        }
        if self.y.scale == Scale::Log {
            layout = layout.with_log_y();
        }
        layout
            .with_width(SIZE.0)
            .with_height(SIZE.1)
            .with_title(&self.title)
            .with_title_size(15)
            .with_label_size(13)
            .with_tick_size(11)
            .with_body_size(12)
            .with_x_label(&self.x.label)
            .with_y_label(&self.y.label)
            .with_tick_format(TickFormat::Custom(Arc::new(tick)))
            .with_legend_position(LegendPosition::InsideTopRight)
            .with_theme(theme())
    }

    /// What draws a layer; nothing for one without a point that the axes can show.
    fn plot(&self, layer: &Layer) -> Option<Plot> {
        let Layer { name, ink, shape } = layer;
        let shown = |&(x, y): &(f64, f64)| self.x.shows(x) && self.y.shows(y);
        let plot: Plot = match shape {
            Shape::Line(points) => {
                let points = some(points.iter().copied().filter(shown))?;
                let line = LinePlot::new().with_data(points).with_color(ink.css());
                named(name, line.with_stroke_width(1.6), LinePlot::with_legend).into()
            }
            Shape::Dots(points) => {
                let points = some(points.iter().copied().filter(shown))?;
                let dots = ScatterPlot::new().with_data(points).with_color(ink.css());
                let dots = dots.with_size(3.5).with_marker(MarkerShape::Circle);
                named(name, dots, ScatterPlot::with_legend).into()
            }
            Shape::Band(points) => {
                let shown = |&(x, low, high): &_| shown(&(x, low)) && shown(&(x, high));
                let points = some(points.iter().copied().filter(shown))?;
                let x = points.iter().map(|point| point.0);
                let low = points.iter().map(|point| point.1);
                let high = points.iter().map(|point| point.2);
                let band = BandPlot::new(x, low, high).with_color(ink.css()).with_opacity(0.2);
                named(name, band, BandPlot::with_legend).into()
            }
        };
        Some(plot)
    }
}

/// Those that there are, where there is one.
fn some<T>(points: impl Iterator<Item = T>) -> Option<Vec<T>> {
    let points: Vec<T> = points.collect();
    (!points.is_empty()).then_some(points)
}

/// The same plot, in the legend where it has a name.
fn named<P>(name: &str, plot: P, with_legend: impl Fn(P, String) -> P) -> P {
    if name.is_empty() { plot } else { with_legend(plot, name.to_owned()) }
}

/// What the plotting crate calls the frame of a figure, before a number that counts all figures of the
/// process.
const FRAME: &str = "kuva-clip-";

/// The same SVG, its frame named by what is drawn: the same whatever was drawn before, and another one
/// for another figure on the same page.
fn with_own_ids(svg: &str) -> String {
    let parts: Vec<&str> = svg
        .split(FRAME)
        .enumerate()
        .map(|(at, part)| match at {
            0 => part,
            _ => part.trim_start_matches(|c: char| c.is_ascii_digit()),
        })
        .collect();
    let hash = parts.iter().flat_map(|part| part.bytes()).fold(0xCBF2_9CE4_8422_2325, fnv);
    parts.join(&format!("frame-{hash:016x}"))
}

/// FNV-1a of 64 bits, by one byte.
fn fnv(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
}

/// A number at an axis, without zeros at its end: `0.2`, `1500`, `2e-7`.
fn tick(x: f64) -> String {
    match x.abs() {
        0.0 => "0".to_owned(),
        size if (1e-4..1e6).contains(&size) => {
            let text = format!("{x:.6}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => format!("{x:e}"),
    }
}

/// Dark on white, a quiet grid.
fn theme() -> Theme {
    let ink = || "#262626".to_owned();
    Theme {
        axis_color: ink(),
        tick_color: ink(),
        text_color: ink(),
        grid_color: "#e4e4e4".to_owned(),
        legend_border: "#cccccc".to_owned(),
        ..Theme::light()
    }
}

#[cfg(test)]
mod tests {
    use super::tick;

    #[test]
    fn ticks_are_short() {
        let cases = [
            (0.0, "0"),
            (0.2, "0.2"),
            (-2.5, "-2.5"),
            (1500.0, "1500"),
            (999_999.0, "999999"),
            (1e6, "1e6"),
            (2e-7, "2e-7"),
        ];
        for (x, expected) in cases {
            assert_eq!(tick(x), expected);
        }
    }
}
