//! Scores as JSON Lines: a stable contract, to which keys may only be added.

use anyhow::Result;
use kelvin_lm::eval::TokenScore;
use serde_json::{Value, json};

use super::report::Surprises;
use super::row::{Figures, Row};
use crate::console::Console;
use crate::vocab;

/// Writes a header for each row of the table, a line for each token, and one with the figures.
pub(super) struct JsonLines {
    /// The most surprising tokens of each row, instead of all in order.
    show: Option<usize>,
    /// Rows written.
    n_rows: usize,
}

impl JsonLines {
    pub(super) fn new(show: Option<usize>) -> Self {
        Self { show, n_rows: 0 }
    }

    /// Scores a row and writes its lines.
    pub(super) fn tell(&mut self, row: &Row<'_>, console: &mut Console<'_>) -> Result<Figures> {
        let at = self.n_rows;
        self.n_rows += 1;
        console.json(&header(at, row))?;
        let mut surprises = Surprises::new(self.show.unwrap_or(0));
        let is_whole = self.show.is_none();
        let figures = row.score(console, |score, console| {
            surprises.add(score);
            if is_whole { Ok(console.json(&token(at, row, score))?) } else { Ok(()) }
        })?;
        surprises.best().iter().try_for_each(|score| console.json(&token(at, row, score)))?;
        console.json(&done(at, &figures))?;
        Ok(figures)
    }
}

fn header(at: usize, row: &Row<'_>) -> Value {
    json!({
        "type": "header",
        "row": at,
        "schema": "kelvin.score/1",
        "kelvin": env!("CARGO_PKG_VERSION"),
        "model": row.loaded.json(),
        "text": row.subject.name,
        "part": row.part.name,
        "context": row.windows.size(),
        "stride": row.windows.stride(),
        "bos": row.tokens.has_bos(),
        "n_tokens": row.tokens.n_tokens(),
        "n_bytes": row.part.text.len(),
    })
}

fn token(at: usize, row: &Row<'_>, score: &TokenScore) -> Value {
    json!({
        "type": "token",
        "row": at,
        "pos": score.pos,
        "id": score.id,
        "text": vocab::json(&row.loaded.tokenizer, score.id),
        "surprisal_nats": score.surprisal_nats,
        "rank": score.rank,
        "entropy_nats": score.entropy_nats,
    })
}

fn done(at: usize, figures: &Figures) -> Value {
    let totals = figures.totals;
    json!({
        "type": "done",
        "row": at,
        "part": figures.part,
        "bits_per_byte": figures.bits_per_byte(),
        "perplexity": totals.perplexity(),
        "nats_per_token": totals.nats_per_token(),
        "nats": totals.nats,
        "n_tokens": figures.n_tokens,
        "n_scored": totals.n_tokens,
        "n_bytes": figures.n_bytes,
        "n_scored_bytes": figures.n_scored_bytes,
        "complete": figures.is_complete,
    })
}
