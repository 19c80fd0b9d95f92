//! The account for people: bars, what was cut and by whom, and where everything comes from.

use std::io::{self, Write};

use anstyle::Style;
use kelvin::stage::Effect;
use kelvin::trace::{HeadToken, StageEffect, SupportToken};
use kelvin::{TokenId, stats};

use super::account::Account;
use crate::term::bar::bar;
use crate::term::number::{count, counted, percent};
use crate::term::text::{cut, padding, width};
use crate::term::{paragraph, theme};

/// How the account is to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Rows of kept tokens.
    pub(super) rows: usize,
    /// Columns of the terminal.
    pub(super) width: usize,
    /// Entropies in bits.
    pub(super) bits: bool,
}

/// Removed tokens shown for each stage, at least.
const REMOVED_ROWS: usize = 2;

/// One line of the table.
enum Line<'a> {
    Kept { rank: usize, token: &'a SupportToken },
    Removed { rank: usize, token: &'a HeadToken, by: &'static str },
    Cut(&'a StageEffect, String),
    Gap,
    Other,
}

/// Writes the account.
pub(super) fn write(account: &Account, look: Look, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}\n", header(account))?;
    let lines = lines(account, look.rows);
    let grid = Grid::of(account, &lines, look);
    grid.heading(account, out)?;
    lines.iter().try_for_each(|line| grid.line(account, line, out))?;
    writeln!(out)?;
    for (label, parts) in notes(account, &lines, look) {
        paragraph::write(out, label, &parts, look.width)?;
    }
    Ok(())
}

fn header(account: &Account) -> String {
    let mut parts = vec![account.subject.name.clone()];
    parts.extend(account.subject.facts.iter().cloned());
    parts.push("dialect native".to_owned());
    parts.push(format!("seed {}", account.seed_shown));
    parts.join(" · ")
}

/// The table: the best of what is kept, then each cut with the best of what it took, last cut first.
fn lines(account: &Account, rows: usize) -> Vec<Line<'_>> {
    let step = &account.step;
    let mut lines = kept_lines(&step.support_head, step.support, rows);
    let cuts: Vec<usize> = (0..step.stages.len()).filter(|&at| step.stages[at].removed > 0).collect();
    let room = rows.saturating_sub(lines.len()) / cuts.len().max(1);
    for &at in cuts.iter().rev() {
        let stage = &step.stages[at];
        let shown = room.max(REMOVED_ROWS);
        lines.push(Line::Cut(stage, share_removed(account, at)));
        let ranked = step.head.iter().enumerate();
        let removed = ranked.filter(|(_, token)| token.removed_by == Some(at)).take(shown);
        let before = lines.len();
        lines.extend(removed.map(|(place, token)| {
            Line::Removed { rank: place + 1, token, by: stage.name }
        }));
        if lines.len() - before < stage.removed {
            lines.push(Line::Gap);
        }
    }
    lines.extend((account.subject.other > 0.0).then_some(Line::Other));
    lines
}

fn kept_lines(head: &[SupportToken], support: usize, rows: usize) -> Vec<Line<'_>> {
    let line = |(at, token)| Line::Kept { rank: at + 1, token };
    let kept = head.iter().enumerate().map(line);
    if support <= rows {
        return kept.collect();
    }
    let last = (head.len() == support && rows > 1).then(|| line((support - 1, &head[support - 1])));
    let mut lines: Vec<_> = kept.take(rows - usize::from(last.is_some())).collect();
    lines.push(Line::Gap);
    lines.extend(last);
    lines
}

/// `26 tokens, 9.8% of what top-k left`.
fn share_removed(account: &Account, at: usize) -> String {
    let stages = &account.step.stages;
    let stage = &stages[at];
    let before = stages[..at].iter().rev().find(|before| before.removed > 0);
    let whole = before.map_or("the mass".to_owned(), |before| format!("what {} left", before.name));
    format!("{}, {} of {whole}", counted(stage.removed, "token"), percent(stage.mass_removed))
}

/// Where the columns stand.
struct Grid {
    rank: usize,
    token: usize,
    drawn: Option<usize>,
    bar: usize,
    full: f64,
}

impl Grid {
    fn of(account: &Account, lines: &[Line<'_>], look: Look) -> Self {
        let ids = lines.iter().filter_map(Line::token);
        let widest = ids.map(|id| width(&account.subject.names.visible(id))).max().unwrap_or(0);
        let token = widest.clamp(5, look.width / 4);
        let rank = lines.iter().map(Line::rank).max().unwrap_or(0).to_string().len().max(2);
        let drawn = (account.n_draws > 0).then(|| drawn_heading(account).len());
        let used = 2 + rank + 2 + token + 2 + 8 + 2 + 8 + 2 + drawn.map_or(0, |drawn| drawn + 2);
        let full = lines.iter().map(|line| line.reach(account)).fold(0.0, f64::max);
        let bar = look.width.saturating_sub(used).clamp(10, 60);
        Self { rank, token, drawn, bar, full }
    }

    fn heading(&self, account: &Account, out: &mut dyn Write) -> io::Result<()> {
        let Self { rank, token, .. } = self;
        let drawn = self.drawn.map(|_| drawn_heading(account) + "  ").unwrap_or_default();
        let quiet = theme::QUIET;
        writeln!(
            out,
            "{quiet}  {:>rank$}  {:<token$}     raw p   final p  {drawn}█ final ░ raw{quiet:#}",
            "#", "token"
        )
    }

    fn line(&self, account: &Account, line: &Line<'_>, out: &mut dyn Write) -> io::Result<()> {
        let quiet = theme::QUIET;
        match line {
            Line::Kept { rank, token } => {
                let chosen = token.token == account.step.token;
                let raw = account.raw_share(token.raw_p);
                let cells = Cells { rank: rank.to_string(), token: Some(token.token), raw };
                self.row(account, &cells, Last::Kept { p: token.p, chosen }, out)
            }
            Line::Removed { rank, token, by } => {
                let raw = account.raw_share(token.raw_p);
                let cells = Cells { rank: rank.to_string(), token: Some(token.token), raw };
                self.row(account, &cells, Last::Gone(&format!("cut by {by}")), out)
            }
            Line::Other => {
                let raw = account.subject.other;
                let cells = Cells { rank: String::new(), token: None, raw };
                self.row(account, &cells, Last::Gone("not listed, never drawn"), out)
            }
            Line::Cut(stage, what) => {
                let verb = if banned(stage) { "banned" } else { "cut here:" };
                writeln!(out, "{quiet} ── {} {verb} {what} ──{quiet:#}", stage.name)
            }
            Line::Gap => writeln!(out, "{quiet}  {:>1$}{quiet:#}", "…", self.rank),
        }
    }

    fn row(
        &self,
        account: &Account,
        cells: &Cells,
        last: Last<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let (p, label, style, mark) = match last {
            Last::Kept { p, chosen: true } => (p, "", theme::CHOSEN, "●"),
            Last::Kept { p, chosen: false } => (p, "", theme::PLAIN, " "),
            Last::Gone(label) => (0.0, label, theme::QUIET, " "),
        };
        let shown = if matches!(last, Last::Kept { .. }) { percent(p) } else { "–".to_owned() };
        let name = cells.token.map_or("other".to_owned(), |id| account.subject.names.visible(id));
        let name = cut(&name, self.token);
        let pad = padding(&name, self.token);
        let (rank, raw) = (&cells.rank, percent(cells.raw));
        let columns = self.rank;
        write!(out, "{style}{mark} {rank:>columns$}  {name}{style:#}{pad}  ")?;
        let faint = if label.is_empty() { theme::PLAIN } else { theme::QUIET };
        write!(out, "{faint}{raw:>8}  {shown:>8}{faint:#}")?;
        if let Some(columns) = self.drawn {
            let drawn = cells.token.map_or(0, |id| account.drawn(id));
            write!(out, "  {faint}{:>columns$}{faint:#}", count(drawn as usize))?;
        }
        self.bar((p, cells.raw), label, out)
    }

    /// The bar, shortened where a label follows it, and the line's end.
    fn bar(&self, (p, raw): (f64, f64), label: &str, out: &mut dyn Write) -> io::Result<()> {
        let (solid, shade) = bar(p, raw, self.full, self.bar);
        let room = self.bar.saturating_sub(width(label) + 2);
        let shade = if label.is_empty() { shade } else { cut(&shade, room) };
        let (full, quiet) = (theme::FINAL, theme::QUIET);
        let mut line = String::new();
        let mut push = |style: Style, text: &str| {
            if !text.is_empty() {
                line.push_str(&format!("{style}{text}{style:#}"));
            }
        };
        push(full, &solid);
        push(quiet, &shade);
        push(quiet, &if label.is_empty() { String::new() } else { format!("  {label}") });
        let gap = if line.is_empty() { "" } else { "  " };
        writeln!(out, "{gap}{line}")
    }
}

/// What stands left of the final share.
struct Cells {
    rank: String,
    token: Option<TokenId>,
    raw: f64,
}

/// What became of a token.
enum Last<'a> {
    Kept { p: f64, chosen: bool },
    Gone(&'a str),
}

impl Line<'_> {
    fn token(&self) -> Option<TokenId> {
        match self {
            Self::Kept { token, .. } => Some(token.token),
            Self::Removed { token, .. } => Some(token.token),
            Self::Cut(..) | Self::Gap | Self::Other => None,
        }
    }

    fn rank(&self) -> usize {
        match self {
            Self::Kept { rank, .. } | Self::Removed { rank, .. } => *rank,
            Self::Cut(..) | Self::Gap | Self::Other => 0,
        }
    }

    /// How far the line's bar reaches.
    fn reach(&self, account: &Account) -> f64 {
        match self {
            Self::Kept { token, .. } => account.raw_share(token.raw_p).max(token.p),
            Self::Removed { token, .. } => account.raw_share(token.raw_p),
            Self::Other => account.subject.other,
            Self::Cut(..) | Self::Gap => 0.0,
        }
    }
}

fn banned(stage: &StageEffect) -> bool {
    let effect = kelvin::stage::find(stage.name).map(|info| info.effect);
    matches!(effect, Some(Effect::Logits | Effect::Mask))
}

fn drawn_heading(account: &Account) -> String {
    format!("of {}", count(account.n_draws as usize))
}

/// The lines under the table, each with its label.
fn notes(account: &Account, lines: &[Line<'_>], look: Look) -> Vec<(&'static str, Vec<String>)> {
    let shown = lines.iter().filter(|line| matches!(line, Line::Kept { .. })).count();
    let mut notes = vec![
        ("entropy", entropies(account, shown, look.bits)),
        ("stages", vec![stages(account)]),
    ];
    let origins = crate::settings::origins(&account.policy.settings);
    notes.push(("origin", origins));
    notes.push(("draw", vec![outcome(account)]));
    notes
}

fn entropies(account: &Account, shown: usize, bits: bool) -> Vec<String> {
    let step = &account.step;
    let (scale, unit) = if bits { (stats::bits(1.0), "bits") } else { (1.0, "nats") };
    let (raw, last) = (step.raw_entropy_nats * scale, step.entropy_nats * scale);
    let held = match step.support {
        1 => "it held".to_owned(),
        n => format!("the {} held", count(n)),
    };
    let mut parts = vec![
        format!("{raw:.3} {unit} raw → {last:.3} {unit} final"),
        format!("shown {} of {} kept", count(shown), count(step.kept)),
        format!("{held} {} of the raw mass", percent(account.raw_mass)),
    ];
    if step.kept > step.support {
        parts.push(format!("{} too rare to be drawn", count(step.kept - step.support)));
    }
    parts
}

/// `temperature(0.7) → top-k(40) 50 217 out → draw`.
fn stages(account: &Account) -> String {
    let pipeline = &account.policy.pipeline;
    let mut text = String::new();
    for (stage, effect) in pipeline.stages().iter().zip(&account.step.stages) {
        text.push_str(&kelvin::pipeline::Shown(stage.as_ref()).to_string());
        match effect.removed {
            0 if pipeline.skips(stage.as_ref()) => text.push_str(" (idle)"),
            0 => (),
            removed => text.push_str(&format!(" ({} out)", count(removed))),
        }
        text.push_str(" → ");
    }
    text + if pipeline.is_greedy() { "greedy" } else { "draw" }
}

fn outcome(account: &Account) -> String {
    let step = &account.step;
    let name = account.subject.names.visible(step.token);
    let Some(draw) = step.draw else { return format!("none: greedy takes {name}") };
    let place = step.support_head.iter().position(|token| token.token == step.token);
    let place = place.map_or_else(
        || format!("beyond the {} best", count(step.support_head.len())),
        |at| format!("{} of {}", ordinal(at + 1), count(step.support)),
    );
    format!("u = {:.3} → {name}, {place} with {}", draw.u(), percent(kelvin::math::exp(step.logprob)))
}

fn ordinal(n: usize) -> String {
    let suffix = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{}{suffix}", count(n))
}
