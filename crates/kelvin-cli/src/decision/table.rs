//! The table of tokens: raw and final shares, and a bar of both.

use std::io::{self, Write};

use anstyle::Style;

use crate::term::bar::bar;
use crate::term::number::{count, percent};
use crate::term::text::{cut, padding, width};
use crate::term::theme;

/// Columns of a percentage.
const SHARE: usize = 8;

/// One line of the table.
#[derive(Debug)]
pub(crate) enum Line {
    /// A token.
    Token(Token),
    /// A line across, with what it says.
    Rule(String),
    /// Lines left out.
    Gap,
}

/// A token's line.
#[derive(Debug, Default)]
pub(crate) struct Token {
    /// Its place, 1-based.
    pub(crate) rank: Option<usize>,
    /// Its text, made visible.
    pub(crate) name: String,
    /// Its share of the model's distribution.
    pub(crate) raw: f64,
    /// Its share of the final distribution; none where it was removed.
    pub(crate) p: Option<f64>,
    /// How often it was drawn.
    pub(crate) drawn: u32,
    /// Whether the draw fell on it.
    pub(crate) chosen: bool,
    /// What is said behind the bar, where there is room.
    pub(crate) note: String,
}

/// Lines, and how wide their columns are.
#[derive(Debug)]
pub(crate) struct Table {
    lines: Vec<Line>,
    n_draws: Option<u32>,
    rank: usize,
    name: usize,
    bar: usize,
    /// The share of a full bar.
    full: f64,
}

impl Table {
    /// Lays the lines out in `columns`; with `n_draws`, a column counts draws.
    pub(crate) fn new(lines: Vec<Line>, n_draws: Option<u32>, columns: usize) -> Self {
        let tokens = || lines.iter().filter_map(Line::token);
        let last = tokens().filter_map(|token| token.rank).max().unwrap_or(0);
        let rank = last.to_string().len().max(2);
        let widest = tokens().map(|token| width(&token.name)).max().unwrap_or(0);
        let name = widest.clamp(5, columns / 3);
        let full = tokens().map(|token| token.p.unwrap_or(0.0).max(token.raw)).fold(0.0, f64::max);
        let drawn = n_draws.map_or(0, |n| drawn_heading(n).len() + 2);
        let used = 2 + rank + 2 + name + 2 + SHARE + 2 + SHARE + drawn + 2;
        let bar = columns.saturating_sub(used).clamp(10, 60);
        Self { lines, n_draws, rank, name, bar, full }
    }

    /// Writes heading and lines.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { rank, name, .. } = self;
        let drawn = self.n_draws.map(|n| format!("  {}", drawn_heading(n))).unwrap_or_default();
        let quiet = theme::QUIET;
        writeln!(
            out,
            "{quiet}  {:>rank$}  {:<name$}  {:>SHARE$}  {:>SHARE$}{drawn}  █ final ░ raw{quiet:#}",
            "#", "token", "raw p", "final p"
        )?;
        for line in &self.lines {
            match line {
                Line::Token(token) => writeln!(out, "{}", self.line(token))?,
                Line::Rule(text) => writeln!(out, "{quiet} ── {text} ──{quiet:#}")?,
                Line::Gap => writeln!(out, "{quiet}  {:>rank$}{quiet:#}", "…")?,
            }
        }
        Ok(())
    }

    fn line(&self, token: &Token) -> String {
        let (name_style, style, mark) = match token.p {
            Some(_) if token.chosen => (theme::CHOSEN, theme::PLAIN, '●'),
            Some(_) => (theme::PLAIN, theme::PLAIN, ' '),
            None => (theme::QUIET, theme::QUIET, ' '),
        };
        let rank = token.rank.map(|rank| rank.to_string()).unwrap_or_default();
        let name = cut(&token.name, self.name);
        let left = format!("{mark} {rank:>0$}  {name}", self.rank);
        let pad = padding(&name, self.name);
        let (raw, p) = (percent(token.raw), token.p.map_or("–".to_owned(), percent));
        let drawn = self.n_draws.map_or_else(String::new, |n| {
            format!("  {:>1$}", count(token.drawn as usize), drawn_heading(n).len())
        });
        let cells = format!("{raw:>SHARE$}  {p:>SHARE$}{drawn}");
        let bar = self.bar(token);
        format!("{name_style}{left}{name_style:#}{pad}  {style}{cells}{style:#}{bar}")
    }

    /// The bar with its gap, and the note where there is room for it.
    fn bar(&self, token: &Token) -> String {
        let (solid, shade) = bar(token.p.unwrap_or(0.0), token.raw, self.full, self.bar);
        let used = width(&solid) + width(&shade);
        let fits = !token.note.is_empty() && used + 2 + width(&token.note) <= self.bar;
        let note = if fits { format!("  {}", token.note) } else { String::new() };
        let gap = if used > 0 { "  " } else { "" };
        format!("{gap}{}{}", painted(theme::FINAL, &solid), painted(theme::QUIET, &(shade + &note)))
    }
}

fn painted(style: Style, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{style}{text}{style:#}") }
}

impl Line {
    fn token(&self) -> Option<&Token> {
        match self {
            Self::Token(token) => Some(token),
            Self::Rule(_) | Self::Gap => None,
        }
    }
}

fn drawn_heading(n: u32) -> String {
    format!("of {}", count(n as usize))
}
