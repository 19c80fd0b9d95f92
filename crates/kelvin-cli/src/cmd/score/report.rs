//! Scores for people: where the surprises are, and a table of the figures.

use std::cmp::Ordering;
use std::io;

use anyhow::Result;
use kelvin_lm::eval::TokenScore;
use kelvin_lm::tokenizer::ShowSpecial;

use super::heat_map;
use super::row::{Figures, Row};
use crate::console::Console;
use crate::term::number::count;
use crate::term::table::{Align, Table};
use crate::term::text::{cut_front, visible};
use crate::term::theme;
use crate::vocab;

/// Tokens listed where nobody says how many.
const LISTED: usize = 10;
/// The longest text whose heat map is drawn, in tokens: some screens of it.
const MAPPED: usize = 2000;
/// Tokens before a listed one that are looked at for its context.
const BEFORE: usize = 12;

/// Says what each row comes to, then all in one table.
pub(super) struct Report {
    /// Tokens to list, where anybody said how many.
    show: Option<usize>,
    /// Whether one model reads alone, so that its tokens are shown.
    is_alone: bool,
}

impl Report {
    pub(super) fn new(show: Option<usize>, is_alone: bool) -> Self {
        Self { show, is_alone }
    }

    /// Scores a row and shows its tokens: a heat map where colour is to be had and the text is not
    /// long, else the most surprising ones.
    pub(super) fn tell(&self, row: &Row<'_>, console: &mut Console<'_>) -> Result<Figures> {
        let is_mapped = self.is_alone && console.is_styled() && row.tokens.n_tokens() <= MAPPED;
        let default = if !self.is_alone || is_mapped { 0 } else { LISTED };
        let mut map = Vec::new();
        let mut surprises = Surprises::new(self.show.unwrap_or(default));
        let figures = row.score(console, |score, _| {
            if is_mapped {
                map.push(*score);
            }
            surprises.add(score);
            Ok(())
        })?;
        if is_mapped {
            self.title(&figures, console)?;
            heat_map::write(row, &map, console.out)?;
        }
        if !surprises.best.is_empty() {
            self.title(&figures, console)?;
            surprises.table(row, console.width).write(console.out)?;
            writeln!(console.out)?;
        }
        Ok(figures)
    }

    /// The name of what the next lines are about, where there are several.
    fn title(&self, figures: &Figures, console: &mut Console<'_>) -> io::Result<()> {
        if self.is_alone && figures.part == "all" {
            return Ok(());
        }
        let name = theme::NAME;
        writeln!(console.out, "{name}── {} ──{name:#}", figures.label())
    }
}

/// The table of all rows.
pub(super) fn table(all: &[Figures]) -> Table {
    let mut table = Table::new(&[
        ("model", Align::Left),
        ("part", Align::Left),
        ("bits/byte", Align::Right),
        ("perplexity", Align::Right),
        ("nats/token", Align::Right),
        ("tokens scored", Align::Right),
        ("bytes", Align::Right),
    ]);
    for figures in all {
        let (totals, bits) = (figures.totals, figures.bits_per_byte());
        table.row([
            figures.model.clone(),
            figures.part.to_owned(),
            bits.map_or("–".to_owned(), |bits| format!("{bits:.4}")),
            perplexity(totals.perplexity()),
            format!("{:.4}", totals.nats_per_token()),
            format!("{} of {}", count(totals.n_tokens), count(figures.n_tokens)),
            count(figures.n_bytes),
        ]);
    }
    table
}

/// With three decimals, as long as these say something.
fn perplexity(ppl: f64) -> String {
    if ppl < 1e6 { format!("{ppl:.3}") } else { format!("{ppl:.3e}") }
}

/// The most surprising tokens, the first ones of those that are equally so.
pub(super) struct Surprises {
    n: usize,
    best: Vec<TokenScore>,
}

impl Surprises {
    pub(super) fn new(n: usize) -> Self {
        Self { n, best: Vec::new() }
    }

    pub(super) fn add(&mut self, score: &TokenScore) {
        let before = |other: &TokenScore| {
            other.surprisal_nats.total_cmp(&score.surprisal_nats) != Ordering::Less
        };
        let place = self.best.partition_point(before);
        if place < self.n {
            self.best.insert(place, *score);
            self.best.truncate(self.n);
        }
    }

    /// The tokens so far, the most surprising first.
    pub(super) fn best(&self) -> &[TokenScore] {
        &self.best
    }

    fn table(&self, row: &Row<'_>, width: usize) -> Table {
        let mut table = Table::new(&[
            ("surprisal", Align::Right),
            ("expected", Align::Right),
            ("rank", Align::Right),
            ("pos", Align::Right),
            ("before", Align::Right),
            ("token", Align::Left),
        ]);
        let room = width.saturating_sub(60).clamp(12, 48);
        for score in &self.best {
            let ids = &row.tokens.ids()[score.pos.saturating_sub(BEFORE)..score.pos];
            let before = row.loaded.tokenizer.text_bytes(ids, ShowSpecial::Show);
            table.row([
                format!("{:.2}", score.surprisal_nats),
                format!("{:.2}", score.entropy_nats),
                count(score.rank),
                count(score.pos),
                cut_front(&visible(&before), room),
                vocab::visible(&row.loaded.tokenizer, score.id),
            ]);
        }
        table
    }
}
