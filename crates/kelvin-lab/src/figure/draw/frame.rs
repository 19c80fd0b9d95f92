//! The frame of a panel: its axes, laid out by the plotting crate.

use std::sync::Arc;

use kuva::render::axis::{add_axes_and_grid, add_labels_and_title, add_y2_axis};
use kuva::render::layout::{ComputedLayout, Layout, TickFormat};
use kuva::render::render::Scene;
use kuva::render::theme::Theme as Colors;

use super::label::{self, label};
use crate::figure::axis::Scale;
use crate::figure::theme::css;
use crate::figure::{Axis, Layer, Panel, Shape, Side, Theme};

/// Pixels of a tick's text.
const TICK: u32 = 10;
/// Pixels at both sides of the axes, roughly.
const MARGINS: f64 = 76.0;

/// The places of a panel's values on the page.
pub(super) struct Frame {
    layout: Layout,
    left: ComputedLayout,
    right: ComputedLayout,
}

/// What an axis measures of a layer.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    X,
    Left,
    Right,
}

impl Frame {
    /// The axes of a panel of this size, with at least this much room at the left and at the right.
    pub(super) fn new(
        panel: &Panel,
        (width, height): (f64, f64),
        margins: (f64, f64),
        theme: Theme,
    ) -> Self {
        let (x, y) = (range(panel, &panel.x, Way::X), range(panel, &panel.y, Way::Left));
        let mut layout = Layout::new(x, y).with_width(width).with_height(height);
        layout = with_words(layout, panel);
        layout = with_x(layout, &panel.x, x, width);
        layout = with_y(layout, &panel.y, y);
        if let Some(right) = &panel.right {
            let (low, high) = range(panel, right, Way::Right);
            layout = layout.with_y2_range(low, high).with_y2_label(label(&right.label));
            if right.range.is_some() {
                layout = layout.with_y2_axis_min(low).with_y2_axis_max(high);
            }
        }
        let layout = layout
            .with_title_size(13)
            .with_subtitle_size(11)
            .with_label_size(11)
            .with_tick_size(TICK)
            .with_body_size(11)
            .with_tick_format(TickFormat::Custom(Arc::new(tick)))
            .with_y2_tick_format(TickFormat::Custom(Arc::new(tick)))
            .with_theme(colors(theme));
        let own = ComputedLayout::from_layout(&layout);
        let (left, right) = (own.margin_left.max(margins.0), own.margin_right.max(margins.1));
        let layout = layout.with_force_margins(left, right);
        let left = ComputedLayout::from_layout(&layout);
        let right = left.for_y2();
        Self { layout, left, right }
    }

    /// Room at the left and at the right of the axes.
    pub(super) fn margins(&self) -> (f64, f64) {
        (self.left.margin_left, self.left.margin_right)
    }

    /// Draws the axes.
    pub(super) fn draw(&self, scene: &mut Scene) {
        add_axes_and_grid(scene, &self.left, &self.layout);
        if self.layout.y2_range.is_some() {
            add_y2_axis(scene, &self.left, &self.layout);
        }
        add_labels_and_title(scene, &self.left, &self.layout);
    }

    /// Where a point lies; outside the axes it lies at their end.
    pub(super) fn place(&self, side: Side, (x, y): (f64, f64)) -> (f64, f64) {
        let computed = match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        };
        let inside = |value: f64, (low, high): (f64, f64)| value.max(low).min(high);
        let x = computed.map_x(inside(x, computed.x_range));
        (x, computed.map_y(inside(y, computed.y_range)))
    }

    /// Left, top, right, bottom of what is between the axes.
    pub(super) fn inside(&self) -> (f64, f64, f64, f64) {
        let it = &self.left;
        let (right, bottom) = (it.width - it.margin_right, it.height - it.margin_bottom);
        (it.margin_left, it.margin_top, right, bottom)
    }
}

/// The same layout, with the panel's texts: the second line of a title is smaller.
fn with_words(mut layout: Layout, panel: &Panel) -> Layout {
    let (title, second) = panel.title.split_once('\n').unwrap_or((&panel.title, ""));
    if !title.is_empty() {
        layout = layout.with_title(label(title));
    }
    if !second.is_empty() {
        layout = layout.with_subtitle(label(second));
    }
    if !panel.x.label.is_empty() {
        layout = layout.with_x_label(label(&panel.x.label));
    }
    if !panel.y.label.is_empty() {
        layout = layout.with_y_label(label(&panel.y.label));
    }
    layout
}

/// The same layout, with this axis below; names too long for their places are turned.
fn with_x(mut layout: Layout, axis: &Axis, (low, high): (f64, f64), width: f64) -> Layout {
    if axis.is_named() {
        let names: Vec<String> = axis.categories.iter().map(|name| label::name(name)).collect();
        let place = (width - MARGINS) / names.len() as f64;
        if names.iter().any(|name| label::width(name, TICK) > place - 3.0) {
            layout = layout.with_x_tick_rotate(-45.0);
        }
        return layout.with_x_categories(names);
    }
    if axis.scale == Scale::Log {
        layout = layout.with_log_x();
    }
    if axis.range.is_some() {
        layout = layout.with_x_axis_min(low).with_x_axis_max(high);
    }
    layout
}

fn with_y(mut layout: Layout, axis: &Axis, (low, high): (f64, f64)) -> Layout {
    if axis.is_named() {
        let names = axis.categories.iter().rev().map(|name| label::name(name)).collect();
        return layout.with_y_categories(names);
    }
    if axis.scale == Scale::Log {
        layout = layout.with_log_y();
    }
    if axis.range.is_some() {
        layout = layout.with_y_axis_min(low).with_y_axis_max(high);
    }
    layout
}

/// From where to where an axis goes: as it says, else as far as what it shows.
fn range(panel: &Panel, axis: &Axis, way: Way) -> (f64, f64) {
    if axis.is_named() {
        return (0.4, axis.categories.len() as f64 + 0.6);
    }
    if let Some(range) = axis.range {
        return range;
    }
    let values = panel.layers.iter().flat_map(|layer| values(panel, layer, way));
    let shown = values.filter(|&value| axis.shows(value));
    let (low, high) =
        shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// The values of a layer that an axis has to show: those of points that both axes can.
fn values(panel: &Panel, layer: &Layer, way: Way) -> Vec<f64> {
    if way != Way::X && (layer.side == Side::Right) != (way == Way::Right) {
        return Vec::new();
    }
    let (is_x, named) = (way == Way::X, panel.y.is_named());
    let height = panel.right.as_ref().filter(|_| layer.side == Side::Right).unwrap_or(&panel.y);
    let fits =
        |x: f64, low: f64, high: f64| panel.x.shows(x) && height.shows(low) && height.shows(high);
    match &layer.shape {
        Shape::Line { points, .. } | Shape::Dots { points } => {
            let shown = points.iter().filter(|(x, y)| fits(*x, *y, *y));
            shown.map(|(x, y)| if is_x { *x } else { *y }).collect()
        }
        Shape::Band { points } => {
            let shown = points.iter().filter(|(x, low, high)| fits(*x, *low, *high));
            shown.flat_map(|&(x, low, high)| if is_x { [x, x] } else { [low, high] }).collect()
        }
        Shape::Points { points } => {
            let shown = points.iter().filter(|it| fits(it.x.1, it.y.0, it.y.2));
            shown.flat_map(|it| if is_x { [it.x.0, it.x.2] } else { [it.y.0, it.y.2] }).collect()
        }
        Shape::Bars(bars) if is_x == named => [0.0].iter().chain(&bars.values).copied().collect(),
        Shape::Bars(bars) => vec![0.5, bars.values.len() as f64 + 0.5],
        Shape::Across { y } if !is_x => vec![*y],
        Shape::Upright { x } if is_x => vec![*x],
        Shape::Across { .. } | Shape::Upright { .. } | Shape::Cells(_) => Vec::new(),
    }
}

/// A number at an axis, without zeros at its end: `0.2`, `1500`, `2e-7`.
fn tick(x: f64) -> String {
    match x.abs() {
        size if size < 1e-12 => "0".to_owned(), // what rounding leaves of 0
        size if (1e-4..1e6).contains(&size) => {
            let text = format!("{x:.6}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => format!("{x:e}"),
    }
}

/// The plotting crate's own colours, for axes and their texts.
fn colors(theme: Theme) -> Colors {
    let text = || css(theme.text());
    Colors {
        background: css(theme.page()),
        axis_color: css(theme.quiet()),
        tick_color: css(theme.quiet()),
        text_color: text(),
        grid_color: css(theme.grid()),
        ..Colors::light()
    }
}

#[cfg(test)]
mod tests {
    use super::tick;

    #[test]
    fn ticks_are_short() {
        let cases = [
            (0.0, "0"),
            (-1e-17, "0"),
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
