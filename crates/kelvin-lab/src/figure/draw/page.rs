//! The page: title, legend, panels in a grid, caption.

use kuva::render::render::{Primitive, Scene, TextAnchor};

use super::frame::Frame;
use super::label;
use super::marks::{DASHES, DOTS, Pen};
use super::{Drawing, Words, color, line, outline, rectangle};
use crate::figure::theme::{css, mix};
use crate::figure::{Figure, Ink, Layer, Panel, Shape, Stroke, Theme};

/// Pixels around everything.
const EDGE: f64 = 12.0;
/// Pixels of the title, of the legend's words, of the caption.
const SIZES: (u32, u32, u32) = (16, 12, 10);
/// The width of a legend's sign.
const SIGN: f64 = 20.0;
/// Fonts that most machines have one of; the first is the one that widths are taken from.
pub(super) const FONTS: &str = "DejaVu Sans, Verdana, Liberation Sans, Arial, sans-serif";

/// The figure on its page.
pub(in crate::figure) fn scene(figure: &Figure, theme: Theme) -> Drawing {
    let columns = figure.columns.clamp(1, figure.panels.len().max(1));
    let (width, height) = cell(columns, figure);
    let rows = figure.panels.len().div_ceil(columns);
    let full = 2.0 * EDGE + width * columns as f64;
    let mut scene = Scene::new(full, 0.0);
    scene.background_color = Some(css(theme.page()));
    scene.text_color = Some(css(theme.text()));
    scene.font_family = Some(FONTS.to_owned());
    let mut page = Page { scene, theme, y: EDGE };
    page.title(&figure.title);
    page.legend(figure);
    let margins = margins(figure, columns, (width, height));
    for row in 0..rows {
        for column in 0..columns {
            let at = (EDGE + width * column as f64, page.y);
            if let Some(panel) = figure.panels.get(row * columns + column) {
                page.panel(panel, at, (width, height), margins);
            }
        }
        page.y += height;
    }
    page.caption(&figure.caption);
    page.scene.height = (page.y + EDGE).ceil();
    let first = figure.panels.first().map_or("", |panel| &panel.title);
    let title = if figure.title.is_empty() { first } else { &figure.title };
    Drawing { title: label::label(title), scene: page.scene }
}

/// The size of a panel: smaller where there are more beside it, higher where it has many names.
fn cell(columns: usize, figure: &Figure) -> (f64, f64) {
    let (width, height) = match columns {
        1 => (720.0, 400.0),
        2 => (480.0, 320.0),
        3 => (370.0, 290.0),
        4 => (320.0, 280.0),
        _ => (280.0, 280.0),
    };
    let most = |of: fn(&Panel) -> usize| figure.panels.iter().map(of).max().unwrap_or(0) as f64;
    let (below, beside) = (most(|it| it.x.categories.len()), most(|it| it.y.categories.len()));
    (f64::max(width, 90.0 + 15.0 * below), f64::max(height, 90.0 + 20.0 * beside))
}

/// The room that panels one below the other need beside their axes, so that these stand in line.
fn margins(figure: &Figure, columns: usize, size: (f64, f64)) -> (f64, f64) {
    if columns > 1 {
        return (0.0, 0.0);
    }
    let frames = figure.panels.iter().map(|it| Frame::new(it, size, (0.0, 0.0), Theme::Light));
    frames.map(|frame| frame.margins()).fold((0.0, 0.0), |(a, b), (c, d)| (a.max(c), b.max(d)))
}

/// A page, filled from the top.
struct Page {
    scene: Scene,
    theme: Theme,
    /// Where the next thing goes.
    y: f64,
}

impl Page {
    fn title(&mut self, title: &str) {
        let middle = self.scene.width / 2.0;
        for text in &label::lines(title, SIZES.0, self.scene.width - 4.0 * EDGE) {
            let (at, ink) = ((middle, self.y + 16.0), self.theme.text());
            Words { at, text, size: SIZES.0, anchor: TextAnchor::Middle, ink, bold: true }
                .write(&mut self.scene);
            self.y += 23.0;
        }
    }

    fn caption(&mut self, caption: &str) {
        self.y += if caption.is_empty() { 0.0 } else { 6.0 };
        for text in &label::lines(caption, SIZES.2, self.scene.width - 4.0 * EDGE) {
            let (at, ink) = ((2.0 * EDGE, self.y + 10.0), self.theme.quiet());
            Words { at, text, size: SIZES.2, anchor: TextAnchor::Start, ink, bold: false }
                .write(&mut self.scene);
            self.y += 14.0;
        }
    }

    fn panel(&mut self, panel: &Panel, (x, y): (f64, f64), size: (f64, f64), margins: (f64, f64)) {
        let transform = Some(format!("translate({x},{y})"));
        self.scene.add(Primitive::GroupStart { transform, title: None, extra_attrs: None });
        let frame = Frame::new(panel, size, margins, self.theme);
        frame.draw(&mut self.scene);
        let theme = self.theme;
        Pen { scene: &mut self.scene, frame: &frame, panel, theme }.draw();
        self.scene.add(Primitive::GroupEnd);
    }

    /// One row of signs and names for all panels, or more where they do not fit.
    fn legend(&mut self, figure: &Figure) {
        let entries = entries(figure);
        if entries.is_empty() {
            return;
        }
        let room = self.scene.width - 4.0 * EDGE;
        let mut rows: Vec<(f64, Vec<&Layer>)> = Vec::new();
        for entry in entries {
            let width = SIGN + label::width(&entry.name, SIZES.1) + 24.0;
            match rows.last_mut() {
                Some((used, row)) if *used + width <= room => {
                    *used += width;
                    row.push(entry);
                }
                _ => rows.push((width, vec![entry])),
            }
        }
        for (used, row) in rows {
            let mut x = f64::midpoint(self.scene.width, -used) + 12.0;
            for entry in row {
                self.sign(entry, x);
                let (at, ink) = ((x + SIGN + 5.0, self.y + 14.0), self.theme.text());
                let (text, anchor) = (entry.name.as_str(), TextAnchor::Start);
                Words { at, text, size: SIZES.1, anchor, ink, bold: false }.write(&mut self.scene);
                x += SIGN + label::width(&entry.name, SIZES.1) + 24.0;
            }
            self.y += 20.0;
        }
        self.y += 4.0;
    }

    /// What stands for a layer: a little of what it is.
    fn sign(&mut self, entry: &Layer, x: f64) {
        let (ink, y) = (self.theme.ink(entry.ink), self.y + 10.0);
        let across = |dashes| line((x, y), (x + SIGN, y), ink, dashes);
        let rect = (x + 3.0, y - 5.0, SIGN - 6.0, 10.0);
        let sign = match &entry.shape {
            Shape::Line { stroke: Stroke::Solid, .. } => across(None),
            Shape::Line { stroke: Stroke::Dashed, .. } | Shape::Across { .. } => {
                across(Some(DASHES))
            }
            Shape::Upright { .. } => across(Some(DOTS)),
            Shape::Bars(bars)
                if bars.hollow.iter().all(|&hollow| hollow) && !bars.hollow.is_empty() =>
            {
                outline(rect, self.theme.ink(Ink::Grey))
            }
            Shape::Bars(_) | Shape::Cells(_) => rectangle(rect, ink),
            Shape::Band { .. } => rectangle(rect, mix(self.theme.page(), ink, 0.3)),
            Shape::Dots { .. } | Shape::Points { .. } => Primitive::Circle {
                cx: x + SIGN / 2.0,
                cy: y,
                r: 3.6,
                fill: color(ink),
                fill_opacity: None,
                stroke: None,
                stroke_width: None,
            },
        };
        self.scene.add(sign);
    }
}

/// The layers with a name, each name once.
fn entries(figure: &Figure) -> Vec<&Layer> {
    let mut entries: Vec<&Layer> = Vec::new();
    for layer in figure.panels.iter().flat_map(|panel| &panel.layers) {
        let is_new = entries.iter().all(|entry| entry.name != layer.name);
        if !layer.name.is_empty() && is_new {
            entries.push(layer);
        }
    }
    entries
}
