//! A generation as it happens: the distribution, the pick, the text that grows.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::{Axis, Bars, Figure, Ink, Panel, Theme, draw};
use crate::trace::{self, Names, Sequence, Step};

/// Tokens of a distribution that there is room for.
const ROWS: usize = 10;
/// Tokens of a text that are shown; a film of more is none that people wait for.
const MOST: usize = 48;

/// One picture for each token of a text, shown one after the other: the distribution first, then the
/// token picked from it, then the text with that token.
///
/// As SVG it moves by style sheets alone, without a script, and begins again at its end; it stands still
/// under a pointer. Where motion is unwelcome, and on paper, it is its last picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Animation {
    /// The settings and the seed, below all pictures.
    pub caption: String,
    /// The pictures.
    pub frames: Vec<Frame>,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Frame {
    /// The prompt and the tokens before.
    pub before: String,
    /// The token picked.
    pub token: String,
    /// Its probability in the distribution it was drawn from.
    pub p: f64,
    /// Tokens left to draw from.
    pub kept: usize,
    /// The draw in [0, 1); null when greedy.
    pub u: Option<f64>,
    /// The best tokens, and the one picked where it is none of them.
    pub rows: Vec<Candidate>,
}

/// A token that could be picked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// Its text.
    pub name: String,
    /// Its probability in the model's distribution.
    pub raw_p: f64,
    /// Its probability in the distribution drawn from.
    pub p: f64,
    /// Whether it was picked.
    pub is_picked: bool,
}

impl Animation {
    /// The film of a text, of its first 48 tokens; of tokens without candidates it shows the picked one.
    pub fn new(sequence: &Sequence, names: &Names) -> Self {
        let mut before = sequence.header.text.clone();
        let mut frames = Vec::new();
        for step in sequence.steps.iter().take(MOST) {
            let token = super::generation::shown(step);
            frames.push(Frame {
                before: before.clone(),
                token: token.clone(),
                p: step.p,
                kept: step.kept,
                u: step.u,
                rows: candidates(step, names),
            });
            before.push_str(&token);
        }
        Self { caption: String::new(), frames }
    }

    /// The same film, with this line below.
    #[must_use]
    pub fn with_caption(self, caption: impl Into<String>) -> Self {
        Self { caption: caption.into(), ..self }
    }

    /// The text of an animated SVG.
    pub fn to_svg(&self, theme: Theme) -> String {
        draw::to_svg(&draw::film(self, theme))
    }

    /// The last picture; nothing where there is none.
    pub fn last(&self) -> Option<Figure> {
        let frame = self.frames.last()?;
        Some(frame.figure().with_caption(self.caption.clone()))
    }
}

impl Frame {
    /// The picture of this decision by itself.
    pub fn figure(&self) -> Figure {
        let all = Bars::new(self.rows.iter().map(|row| row.p));
        let picked = self.rows.iter().map(|row| if row.is_picked { row.p } else { 0.0 });
        let raw = Bars::new(self.rows.iter().map(|row| row.raw_p)).all_hollow();
        let texts = self
            .rows
            .iter()
            .map(|row| if row.p > 0.0 { format!("{:.3}", row.p) } else { "removed".to_owned() });
        let names = self
            .rows
            .iter()
            .map(|row| if row.is_picked { format!("▶ {}", row.name) } else { row.name.clone() });
        let names = names.chain(std::iter::repeat_n(String::new(), ROWS)).take(ROWS);
        let panel = Panel::new(self.words())
            .with_axes(
                Axis::linear("Probability").from_to(0.0, 1.1),
                Axis::categories("", names.collect::<Vec<_>>()),
            )
            .bars("drawn from", Ink::Blue, all.narrow().with_texts(texts))
            .bars("picked", Ink::Orange, Bars::new(picked).narrow())
            .bars("the model's own", Ink::Grey, raw);
        let mut title: String = self.before.clone() + &self.token;
        if let Some((at, _)) = title.char_indices().rev().nth(120) {
            title.replace_range(..at, "…");
        }
        Figure::new(title, vec![panel])
    }

    /// The decision in words.
    fn words(&self) -> String {
        let mut words = format!("{} kept", self.kept);
        match self.u {
            Some(u) => write!(words, ", u = {u:.4}").expect("a String takes everything"),
            None => words.push_str(", greedy"),
        }
        write!(words, ": picked with p = {:.3}", self.p).expect("a String takes everything");
        words
    }
}

/// The candidates of a step: those listed with it, else what its head says of them.
fn candidates(step: &Step, names: &Names) -> Vec<Candidate> {
    let mut rows: Vec<(u32, Candidate)> = listed(step);
    if rows.is_empty() {
        rows = of_head(step, names);
    }
    let is_there = rows.iter().any(|(id, _)| *id == step.id);
    rows.truncate(if is_there { ROWS } else { ROWS - 1 });
    if rows.iter().all(|(id, _)| *id != step.id) {
        rows.truncate(ROWS - 1);
        let name = super::generation::shown(step);
        let picked = Candidate { name, raw_p: step.raw_p, p: step.p, is_picked: true };
        rows.push((step.id, picked));
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

fn listed(step: &Step) -> Vec<(u32, Candidate)> {
    let rows = step.last.iter().flatten();
    let candidate = |row: &trace::Row| {
        let name = match &row.token {
            Value::String(text) => text.clone(),
            _ => format!("#{}", row.id),
        };
        let is_picked = row.id == step.id;
        (row.id, Candidate { name, raw_p: row.raw_p, p: row.p, is_picked })
    };
    rows.map(candidate).collect()
}

fn of_head(step: &Step, names: &Names) -> Vec<(u32, Candidate)> {
    let row = |it: trace::Candidate| {
        let name =
            names.get(it.id).map_or_else(|| format!("#{}", it.id), |text| text.to_lossy().into());
        let is_picked = it.id == step.id;
        (it.id, Candidate { name, raw_p: it.raw_p, p: it.p, is_picked })
    };
    step.candidates().map(row).collect()
}
