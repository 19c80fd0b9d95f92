//! A text with each token's surprisal as its colour, and as its weight and underline, so that the
//! steps differ without colour too.

use std::io::{self, Write};

use anstyle::{AnsiColor, Effects, Style};
use kelvin_lm::eval::TokenScore;
use kelvin_lm::tokenizer::ShowSpecial;

use super::row::Row;
use crate::term::text::harmless;
use crate::term::theme;

/// Where each step begins, in nats, and what it looks like.
const STEPS: [(f64, Style); 5] = [
    (0.0, theme::QUIET),
    (1.0, theme::PLAIN),
    (3.0, AnsiColor::Cyan.on_default().effects(Effects::UNDERLINE)),
    (6.0, AnsiColor::Yellow.on_default().effects(Effects::BOLD.insert(Effects::UNDERLINE))),
    (9.0, AnsiColor::Red.on_default().effects(Effects::BOLD.insert(Effects::INVERT))),
];

fn style(surprisal_nats: f64) -> Style {
    let step = STEPS.iter().rev().find(|(least, _)| surprisal_nats >= *least);
    step.map_or(theme::PLAIN, |(_, style)| *style)
}

/// Writes the legend, then the text.
///
/// # Errors
///
/// Those of the writer.
pub(super) fn write(row: &Row<'_>, scores: &[TokenScore], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}\n", legend())?;
    let mut painter = Painter { out, pending: Vec::new(), surprisal: None };
    let first = usize::from(row.tokens.has_bos());
    let ids = row.tokens.ids().iter().enumerate().skip(first);
    let mut scores = scores.iter().peekable();
    for (pos, &id) in ids {
        let score = scores.next_if(|score| score.pos == pos);
        let bytes = row.loaded.tokenizer.text_bytes(&[id], ShowSpecial::Show);
        painter.paint(&bytes, score.map(|score| score.surprisal_nats))?;
    }
    painter.end()
}

/// `nats  under 1   1 to 3   3 to 6   6 to 9   9 and more`.
fn legend() -> String {
    let quiet = theme::QUIET;
    let names = (0..STEPS.len()).map(|at| {
        let (least, style) = STEPS[at];
        let name = match STEPS.get(at + 1) {
            Some((next, _)) if at == 0 => format!("under {next}"),
            Some((next, _)) => format!("{least} to {next}"),
            None => format!("{least} and more"),
        };
        format!("{style}{name}{style:#}")
    });
    let names: Vec<String> = names.collect();
    format!("{quiet}surprisal in nats:{quiet:#}  {}", names.join("   "))
}

/// Paints whole characters: tokens that share one are painted together, as the most surprising of them.
struct Painter<'a> {
    out: &'a mut dyn Write,
    pending: Vec<u8>,
    /// None for tokens that nothing stood before.
    surprisal: Option<f64>,
}

impl Painter<'_> {
    fn paint(&mut self, bytes: &[u8], surprisal: Option<f64>) -> io::Result<()> {
        self.pending.extend_from_slice(bytes);
        self.surprisal = match (self.surprisal, surprisal) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        if std::str::from_utf8(&self.pending).is_err() {
            return Ok(());
        }
        self.flush()
    }

    /// Writes what waits. A line end gets a sign in the token's style, and breaks the line outside it.
    fn flush(&mut self) -> io::Result<()> {
        let style = self.surprisal.take().map_or(theme::PLAIN, style);
        let text = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending.clear();
        for line in text.split_inclusive('\n') {
            match line.strip_suffix('\n') {
                Some(line) => writeln!(self.out, "{style}{}⏎{style:#}", harmless(line))?,
                None => write!(self.out, "{style}{}{style:#}", harmless(line))?,
            }
        }
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        self.flush()?;
        writeln!(self.out, "\n")
    }
}
