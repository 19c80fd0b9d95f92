//! Drawing, by one plotting crate that no other file knows: axes, ticks and both kinds of file are its
//! work; what lies between the axes, and how panels share a page, is done here with its shapes.

mod film;
mod frame;
mod label;
mod marks;
mod page;
#[cfg(feature = "png")]
mod png;

use std::fmt::Write as _;

use kuva::backend::svg::SvgBackend;
use kuva::render::render::Scene;
use kuva::render::render::{Primitive, TextAnchor};

pub(super) use self::film::film;
use self::label::label;
pub(super) use self::page::scene;
#[cfg(feature = "png")]
pub(super) use self::png::to_png;
use super::theme::Rgb;

/// The text of a drawing as SVG: it scales with what it lies in, and says what it is to those who do not
/// see it.
pub(super) fn to_svg(drawing: &Drawing) -> String {
    let Drawing { scene, title } = drawing;
    let svg = SvgBackend::new().render_scene(scene);
    let Some((open, rest)) = svg.split_once('>') else { return svg };
    let attributes = open.trim_start_matches("<svg ");
    let (width, height) = (scene.width, scene.height);
    let mut text = format!("<svg role=\"img\" viewBox=\"0 0 {width} {height}\" {attributes}>");
    if !title.is_empty() {
        let title = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        write!(text, "<title>{title}</title>").expect("a String takes everything");
    }
    text + rest
}

/// A page with everything on it, and what it is called.
pub(super) struct Drawing {
    pub(super) scene: Scene,
    pub(super) title: String,
}

/// A text on a page.
pub(super) struct Words<'a> {
    pub(super) at: (f64, f64),
    pub(super) text: &'a str,
    pub(super) size: u32,
    pub(super) anchor: TextAnchor,
    pub(super) ink: Rgb,
    pub(super) bold: bool,
}

impl Words<'_> {
    /// Writes it.
    pub(super) fn write(&self, scene: &mut Scene) {
        scene.add(Primitive::Text {
            x: self.at.0,
            y: self.at.1,
            content: label(self.text),
            size: self.size,
            anchor: self.anchor,
            rotate: None,
            bold: self.bold,
            color: Some(color(self.ink)),
        });
    }
}

pub(super) fn color((red, green, blue): Rgb) -> kuva::render::color::Color {
    kuva::render::color::Color::Rgb(red, green, blue)
}

/// A full rectangle.
pub(super) fn rectangle((x, y, width, height): (f64, f64, f64, f64), ink: Rgb) -> Primitive {
    let fill = color(ink);
    Primitive::Rect { x, y, width, height, fill, stroke: None, stroke_width: None, opacity: None }
}

/// A rectangle's outline.
pub(super) fn outline((x, y, width, height): (f64, f64, f64, f64), ink: Rgb) -> Primitive {
    let (fill, stroke) = (kuva::render::color::Color::None, Some(color(ink)));
    let stroke_width = Some(1.3);
    Primitive::Rect { x, y, width, height, fill, stroke, stroke_width, opacity: None }
}

/// A line, in dashes where it has a pattern.
pub(super) fn line(from: (f64, f64), to: (f64, f64), ink: Rgb, dashes: Option<&str>) -> Primitive {
    Primitive::Line {
        x1: from.0,
        y1: from.1,
        x2: to.0,
        y2: to.1,
        stroke: color(ink),
        stroke_width: 1.4,
        stroke_dasharray: dashes.map(str::to_owned),
    }
}
