//! Pictures one after the other on one page, by style sheets alone.

use std::fmt::Write as _;

use kuva::render::render::{Primitive, Scene, TextAnchor};

use super::frame::Frame as Axes;
use super::label;
use super::marks::Pen;
use super::{Drawing, Words, outline, rectangle};
use crate::figure::animation::{Animation, Frame};
use crate::figure::theme::css;
use crate::figure::{Ink, Panel, Shape, Theme};

/// Seconds that a decision takes: to look at the distribution, to see the pick, to see the text grow.
const SECONDS: f64 = 3.0;
/// Seconds at the end, before it begins again.
const PAUSE: f64 = 3.0;
/// The page.
const SIZE: (f64, f64) = (720.0, 460.0);
/// Lines of text above the distribution.
const LINES: usize = 3;

/// The film on its page.
pub(in crate::figure) fn film(animation: &Animation, theme: Theme) -> Drawing {
    let mut scene = Scene::new(SIZE.0, SIZE.1);
    scene.background_color = Some(css(theme.page()));
    scene.text_color = Some(css(theme.text()));
    scene.font_family = Some(super::page::FONTS.to_owned());
    let cycle = SECONDS * animation.frames.len() as f64 + PAUSE;
    scene.defs.push(style(cycle));
    let mut reel = Reel { scene, theme, cycle, n_frames: animation.frames.len() };
    for (at, frame) in animation.frames.iter().enumerate() {
        reel.frame(at, frame);
    }
    reel.legend();
    reel.caption(&animation.caption);
    let title = animation.frames.first().map_or("", |frame| &frame.before);
    Drawing { title: label::label(title), scene: reel.scene }
}

/// What moves: every part is seen for its share of the cycle. Parts of the last picture are seen where
/// nothing moves.
fn style(cycle: f64) -> String {
    let share = |seconds: f64| 100.0 * seconds / cycle;
    let third = SECONDS / 3.0;
    let mut text = String::from("<style>");
    for (name, seconds) in [("a", 3.0), ("b", 2.0), ("c", 1.0)] {
        for (kind, more) in [("", 0.0), ("z", PAUSE)] {
            let seen = share(seconds * third + more);
            let gone = (seen + 0.001).min(100.0);
            write!(
                text,
                "@keyframes {name}{kind}{{0%,{seen:.3}%{{opacity:1}}{gone:.3}%,100%{{opacity:0}}}}\
                 .{name}{kind}{{opacity:0;animation:{name}{kind} {cycle}s linear infinite}}"
            )
            .expect("a String takes it");
        }
    }
    text += "svg:hover g{animation-play-state:paused}.az,.bz,.cz{opacity:1}\
             @media print,(prefers-reduced-motion:reduce){g{animation:none!important}}</style>";
    text
}

struct Reel {
    scene: Scene,
    theme: Theme,
    cycle: f64,
    n_frames: usize,
}

impl Reel {
    /// One decision: its parts `a` (all the while), `b` (from the pick on), `c` (the text has grown).
    fn frame(&mut self, at: usize, frame: &Frame) {
        let figure = frame.figure();
        let Some(panel) = figure.panels.first() else { return };
        let picked = |panel: &Panel, keeps: bool| {
            let is_pick = |layer: &crate::figure::Layer| {
                layer.name == "picked" && matches!(layer.shape, Shape::Bars(_))
            };
            let layers = panel.layers.iter().filter(|layer| is_pick(layer) == keeps);
            Panel { title: String::new(), layers: layers.cloned().collect(), ..panel.clone() }
        };
        let top = 30.0 + 20.0 * LINES as f64;
        self.open("a", at);
        self.text(&frame.before, "");
        let mut seen = picked(panel, false);
        for (name, row) in seen.y.categories.iter_mut().zip(&frame.rows) {
            name.clone_from(&row.name);
        }
        self.panel(&seen, top, true);
        self.scene.add(Primitive::GroupEnd);
        self.open("b", at);
        self.panel(&picked(panel, true), top, false);
        self.words(&panel.title);
        self.scene.add(Primitive::GroupEnd);
        self.open("c", at);
        let paper = (0.0, 0.0, SIZE.0, top - 12.0);
        self.scene.add(rectangle(paper, self.theme.page()));
        self.text(&frame.before, &frame.token);
        self.scene.add(Primitive::GroupEnd);
    }

    /// Opens a part; it is seen first when its time comes, and the last picture's parts for longer.
    fn open(&mut self, part: &str, at: usize) {
        let later = match part {
            "a" => 0.0,
            "b" => 1.0,
            _ => 2.0,
        };
        let start = SECONDS * at as f64 + later * SECONDS / 3.0;
        let kind = if at + 1 == self.n_frames { "z" } else { "" };
        let delay = start - self.cycle;
        let attributes = format!("class=\"{part}{kind}\" style=\"animation-delay:{delay}s\"");
        let (transform, title) = (None, None);
        self.scene.add(Primitive::GroupStart { transform, title, extra_attrs: Some(attributes) });
    }

    fn panel(&mut self, panel: &Panel, top: f64, with_axes: bool) {
        let transform = Some(format!("translate(10,{top})"));
        self.scene.add(Primitive::GroupStart { transform, title: None, extra_attrs: None });
        let size = (SIZE.0 - 20.0, SIZE.1 - top - 30.0);
        let axes = Axes::new(panel, size, (104.0, 0.0), self.theme);
        if with_axes {
            axes.draw(&mut self.scene);
        }
        Pen { scene: &mut self.scene, frame: &axes, panel, theme: self.theme }.draw();
        self.scene.add(Primitive::GroupEnd);
    }

    /// The end of the text so far, its newest token in another weight.
    fn text(&mut self, before: &str, token: &str) {
        let shown = format!("{before}{token}");
        let lines = label::lines(&shown, 14, SIZE.0 - 60.0);
        let first = lines.len().saturating_sub(LINES);
        for (at, text) in lines[first..].iter().enumerate() {
            let is_new = !token.is_empty() && first + at + 1 == lines.len();
            let ink = self.theme.text();
            let at = (24.0, 30.0 + 20.0 * at as f64);
            Words { at, text, size: 14, anchor: TextAnchor::Start, ink, bold: is_new }
                .write(&mut self.scene);
        }
    }

    fn words(&mut self, text: &str) {
        let ink = self.theme.quiet();
        let at = (SIZE.0 - 24.0, 32.0 + 20.0 * LINES as f64);
        Words { at, text, size: 12, anchor: TextAnchor::End, ink, bold: false }
            .write(&mut self.scene);
    }

    /// What the three kinds of bars are.
    fn legend(&mut self) {
        let mut x = 24.0;
        let y = 32.0 + 20.0 * LINES as f64;
        let inks = [Some(Ink::Blue), Some(Ink::Orange), None];
        for (ink, text) in inks.into_iter().zip(["drawn from", "picked", "the model's own"]) {
            let rect = (x, y - 9.0, 14.0, 9.0);
            let sign = match ink {
                Some(ink) => rectangle(rect, self.theme.ink(ink)),
                None => outline(rect, self.theme.ink(Ink::Grey)),
            };
            self.scene.add(sign);
            let (at, ink) = ((x + 19.0, y), self.theme.quiet());
            Words { at, text, size: 11, anchor: TextAnchor::Start, ink, bold: false }
                .write(&mut self.scene);
            x += 19.0 + label::width(text, 11) + 18.0;
        }
    }

    fn caption(&mut self, caption: &str) {
        let ink = self.theme.quiet();
        for text in label::lines(caption, 10, SIZE.0 - 48.0).iter().take(1) {
            let at = (24.0, SIZE.1 - 12.0);
            Words { at, text, size: 10, anchor: TextAnchor::Start, ink, bold: false }
                .write(&mut self.scene);
        }
    }
}
