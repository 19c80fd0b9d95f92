//! What lies between the axes: lines, dots, bands, bars, shades.

use kuva::render::render::{PathData, Primitive, Scene, TextAnchor};

use super::frame::Frame;
use super::{Words, color, line, outline, rectangle};
use crate::figure::theme::{Rgb, brightness, mix};
use crate::figure::{Bars, Cells, Corner, Layer, Note, Panel, Point, Shape, Side, Stroke, Theme};

/// Dashes of lines that are compared with others.
pub(super) const DASHES: &str = "6 4";
/// Dashes of lines that only mark a place.
pub(super) const DOTS: &str = "2 3";
/// The radius of a dot.
const DOT: f64 = 3.2;

/// Draws the layers of a panel into its frame.
pub(super) struct Pen<'a> {
    pub(super) scene: &'a mut Scene,
    pub(super) frame: &'a Frame,
    pub(super) panel: &'a Panel,
    pub(super) theme: Theme,
}

impl Pen<'_> {
    /// Draws everything of the panel.
    pub(super) fn draw(&mut self) {
        let panel = self.panel;
        for layer in &panel.layers {
            self.layer(layer);
        }
        if let Some(note) = &panel.note {
            self.note(note);
        }
    }

    fn layer(&mut self, layer: &Layer) {
        let (ink, side) = (self.theme.ink(layer.ink), layer.side);
        match &layer.shape {
            Shape::Line { points, stroke } => {
                let points = self.shown(side, points);
                match stroke {
                    Stroke::Solid => self.polyline(points, ink),
                    Stroke::Dashed => {
                        for dash in dashes(&points) {
                            self.polyline(dash, ink);
                        }
                    }
                }
            }
            Shape::Dots { points } => {
                for (cx, cy) in self.shown(side, points) {
                    self.dot((cx, cy), ink);
                }
            }
            Shape::Band { points } => self.band(side, points, ink),
            Shape::Bars(bars) => self.bars(bars, ink),
            Shape::Across { y } if self.axis(side).shows(*y) => {
                let (left, _, right, _) = self.frame.inside();
                let y = self.frame.place(side, (0.0, *y)).1;
                self.scene.add(line((left, y), (right, y), ink, Some(DASHES)));
            }
            Shape::Upright { x } if self.panel.x.shows(*x) => {
                let (_, top, _, bottom) = self.frame.inside();
                let x = self.frame.place(side, (*x, 0.0)).0;
                self.scene.add(line((x, top), (x, bottom), ink, Some(DOTS)));
            }
            Shape::Across { .. } | Shape::Upright { .. } => (),
            Shape::Points { points } => points.iter().for_each(|point| self.point(point, ink)),
            Shape::Cells(cells) => self.cells(cells, ink),
        }
    }

    fn axis(&self, side: Side) -> &crate::figure::Axis {
        match (side, &self.panel.right) {
            (Side::Right, Some(axis)) => axis,
            _ => &self.panel.y,
        }
    }

    /// The places of those points that the axes can show.
    fn shown(&self, side: Side, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let (x_axis, y_axis) = (&self.panel.x, self.axis(side));
        let shown = points.iter().filter(|(x, y)| x_axis.shows(*x) && y_axis.shows(*y));
        shown.map(|&point| self.frame.place(side, point)).collect()
    }

    fn polyline(&mut self, points: Vec<(f64, f64)>, ink: Rgb) {
        if points.len() > 1 {
            let (stroke, stroke_width, stroke_dasharray) = (color(ink), 1.7, None);
            self.scene.add(Primitive::PolyLine { points, stroke, stroke_width, stroke_dasharray });
        }
    }

    fn dot(&mut self, (cx, cy): (f64, f64), ink: Rgb) {
        let (fill, stroke) = (color(ink), Some(color(self.theme.page())));
        let (fill_opacity, stroke_width) = (None, Some(0.8));
        self.scene.add(Primitive::Circle {
            cx,
            cy,
            r: DOT,
            fill,
            fill_opacity,
            stroke,
            stroke_width,
        });
    }

    fn band(&mut self, side: Side, points: &[(f64, f64, f64)], ink: Rgb) {
        let (x_axis, y_axis) = (&self.panel.x, self.axis(side));
        let is_shown = |&&(x, low, high): &&(f64, f64, f64)| {
            x_axis.shows(x) && y_axis.shows(low) && y_axis.shows(high)
        };
        let points: Vec<_> = points.iter().filter(is_shown).collect();
        let above = points.iter().map(|point| (point.0, point.2));
        let below = points.iter().rev().map(|point| (point.0, point.1));
        let corner = |(at, point)| {
            let (x, y) = self.frame.place(side, point);
            format!("{}{x:.2} {y:.2} ", if at == 0 { "M" } else { "L" })
        };
        let mut d = above.chain(below).enumerate().map(corner).collect::<Vec<_>>().concat();
        if points.len() > 1 {
            let fill = Some(color(ink));
            let (stroke, stroke_width) = (kuva::render::color::Color::None, 0.0);
            d.push('Z');
            self.scene.add(Primitive::Path(Box::new(PathData {
                d,
                fill,
                stroke,
                stroke_width,
                opacity: Some(0.22),
                stroke_dasharray: None,
            })));
        }
    }

    /// Bars along the axis with names, else upright; hollow ones have an outline and no more.
    fn bars(&mut self, bars: &Bars, ink: Rgb) {
        for (at, &value) in bars.values.iter().enumerate() {
            let is_lying = self.panel.y.is_named();
            let axis = if is_lying { &self.panel.x } else { &self.panel.y };
            if !axis.shows(value) {
                continue;
            }
            let rect = self.bar((at, value), bars, is_lying);
            if rect.2.min(rect.3) < 0.05 {
                // nothing to see
            } else if bars.hollow.get(at).copied().unwrap_or(false) {
                self.scene.add(outline(rect, self.theme.ink(crate::figure::Ink::Grey)));
            } else {
                self.scene.add(rectangle(rect, ink));
            }
            if let Some(text) = bars.texts.get(at).filter(|text| !text.is_empty()) {
                self.bar_text(text, rect, is_lying, value < 0.0);
            }
        }
    }

    /// Left, top, width, height of a bar.
    fn bar(&self, (at, value): (usize, f64), bars: &Bars, is_lying: bool) -> (f64, f64, f64, f64) {
        let half = bars.width / 2.0;
        let (a, b) = if is_lying {
            let middle = (self.panel.y.categories.len() as f64) - at as f64;
            ((0.0, middle - half), (value, middle + half))
        } else {
            let middle = at as f64 + 1.0;
            ((middle - half, 0.0), (middle + half, value))
        };
        let (a, b) = (self.frame.place(Side::Left, a), self.frame.place(Side::Left, b));
        (a.0.min(b.0), a.1.min(b.1), (a.0 - b.0).abs(), (a.1 - b.1).abs())
    }

    fn bar_text(
        &mut self,
        text: &str,
        (x, y, width, height): (f64, f64, f64, f64),
        is_lying: bool,
        is_negative: bool,
    ) {
        let (at, anchor) = match (is_lying, is_negative) {
            (true, false) => ((x + width + 4.0, y + height / 2.0 + 3.5), TextAnchor::Start),
            (true, true) => ((x - 4.0, y + height / 2.0 + 3.5), TextAnchor::End),
            (false, false) => ((x + width / 2.0, y - 3.0), TextAnchor::Middle),
            (false, true) => ((x + width / 2.0, y + height + 11.0), TextAnchor::Middle),
        };
        let ink = self.theme.text();
        Words { at, text, size: 10, anchor, ink, bold: false }.write(self.scene);
    }

    /// A dot, its intervals and its name.
    fn point(&mut self, point: &Point, ink: Rgb) {
        let Point { name, x, y } = point;
        let all = [x.0, x.1, x.2].iter().all(|&x| self.panel.x.shows(x))
            && [y.0, y.1, y.2].iter().all(|&y| self.panel.y.shows(y));
        if !all {
            return;
        }
        let place = |x, y| self.frame.place(Side::Left, (x, y));
        let ends = [(place(x.0, y.1), place(x.2, y.1)), (place(x.1, y.0), place(x.1, y.2))];
        let middle = place(x.1, y.1);
        for (from, to) in ends {
            self.scene.add(line(from, to, ink, None));
        }
        self.dot(middle, ink);
        let (left, _, right, _) = self.frame.inside();
        let is_far = middle.0 > f64::midpoint(left, right); // its name goes where there is room
        let (x, anchor) = if is_far {
            (middle.0 - 6.0, TextAnchor::End)
        } else {
            (middle.0 + 6.0, TextAnchor::Start)
        };
        let (at, ink) = ((x, middle.1 - 6.0), self.theme.text());
        Words { at, text: name, size: 10, anchor, ink, bold: false }.write(self.scene);
    }

    /// A shade for each number, and the number in it.
    fn cells(&mut self, cells: &Cells, ink: Rgb) {
        let (low, high) = cells.range;
        for (row, values) in cells.rows.iter().enumerate() {
            let middle = (cells.rows.len() - row) as f64;
            for (column, &value) in values.iter().enumerate() {
                let x = column as f64 + 1.0;
                let a = self.frame.place(Side::Left, (x - 0.48, middle + 0.48));
                let b = self.frame.place(Side::Left, (x + 0.48, middle - 0.48));
                let part = if high > low { (value - low) / (high - low) } else { 0.0 };
                let shade = mix(self.theme.page(), ink, 0.08 + 0.92 * part);
                self.scene.add(rectangle((a.0, a.1, b.0 - a.0, b.1 - a.1), shade));
                let ink =
                    if brightness(shade) > 0.3 { (0x1A, 0x1A, 0x1A) } else { (255, 255, 255) };
                let at = (f64::midpoint(a.0, b.0), f64::midpoint(a.1, b.1) + 4.0);
                let text = &format!("{value:.3}");
                Words { at, text, size: 11, anchor: TextAnchor::Middle, ink, bold: false }
                    .write(self.scene);
            }
        }
    }

    /// A text in a corner, on a ground that hides what is below.
    fn note(&mut self, note: &Note) {
        let (left, top, right, _) = self.frame.inside();
        let lines: Vec<&str> = note.text.split('\n').collect();
        let width =
            lines.iter().map(|text| super::label::width(text, 11)).fold(0.0, f64::max) + 8.0;
        let height = 15.0 * lines.len() as f64 + 5.0;
        let x = match note.corner {
            Corner::TopRight => right - width - 4.0,
            Corner::TopLeft => left + 6.0,
        };
        let ground = mix(self.theme.page(), self.theme.grid(), 0.5);
        self.scene.add(rectangle((x, top + 4.0, width, height), ground));
        for (at, text) in lines.iter().enumerate() {
            let at = (x + width / 2.0, top + 18.0 + 15.0 * at as f64);
            let ink = self.theme.text();
            Words { at, text, size: 11, anchor: TextAnchor::Middle, ink, bold: false }
                .write(self.scene);
        }
    }
}

/// A line cut into dashes of 6 with 4 between them, along all of it: a pattern that began anew at every
/// point would be none where points are close.
fn dashes(points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    const PERIOD: [f64; 2] = [6.0, 4.0];
    let (mut dashes, mut dash) =
        (Vec::new(), points.first().copied().into_iter().collect::<Vec<_>>());
    let (mut phase, mut left) = (0, PERIOD[0]);
    for pair in points.windows(2) {
        let ((mut x, mut y), end) = (pair[0], pair[1]);
        loop {
            let (dx, dy) = (end.0 - x, end.1 - y);
            let length = (dx * dx + dy * dy).sqrt();
            if length < left {
                left -= length;
                break;
            }
            (x, y) = (x + dx * left / length, y + dy * left / length);
            if phase == 0 {
                dash.push((x, y));
                dashes.push(std::mem::take(&mut dash));
            } else {
                dash = vec![(x, y)];
            }
            phase = 1 - phase;
            left = PERIOD[phase];
        }
        if phase == 0 && left < PERIOD[0] {
            dash.push(end);
        }
    }
    if dash.len() > 1 {
        dashes.push(dash);
    }
    dashes
}

#[cfg(test)]
mod tests {
    use super::dashes;

    #[test]
    fn dashes_go_on_over_the_points_of_a_line() {
        let fine: Vec<(f64, f64)> = (0..=40).map(|x| (f64::from(x) * 0.5, 0.0)).collect();
        let ends = |dashes: Vec<Vec<(f64, f64)>>| -> Vec<(f64, f64)> {
            dashes.iter().map(|dash| (dash[0].0, dash[dash.len() - 1].0)).collect()
        };
        assert_eq!(ends(dashes(&fine)), [(0.0, 6.0), (10.0, 16.0)]);
        assert_eq!(ends(dashes(&[(0.0, 0.0), (20.0, 0.0)])), [(0.0, 6.0), (10.0, 16.0)]);
        assert_eq!(ends(dashes(&[(0.0, 0.0), (5.0, 0.0)])), [(0.0, 5.0)]);
        assert!(dashes(&[]).is_empty() && dashes(&[(1.0, 1.0)]).is_empty());
    }
}
