//! The account for people: bars, what was cut and by whom, and where everything comes from.

use std::io::{self, Write};

use kelvin::pipeline::Shown;
use kelvin::stage::Effect;
use kelvin::trace::{StageEffect, SupportToken};
use kelvin::{TraceStep, stats};

use super::account::Account;
use super::table::{Line, Table, Token};
use crate::settings;
use crate::term::number::{count, counted, percent};
use crate::term::paragraph;

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

/// Writes the account.
pub(super) fn write(account: &Account, look: Look, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}\n", header(account))?;
    let kept = kept_lines(account, look.rows);
    let shown = kept.iter().filter(|line| matches!(line, Line::Token(_))).count();
    let room = look.rows.saturating_sub(kept.len());
    let lines = kept.into_iter().chain(removed_lines(account, room)).chain(other_lines(account));
    let n_draws = (account.n_draws > 0).then_some(account.n_draws);
    Table::new(lines.collect(), n_draws, look.width).write(out)?;
    writeln!(out)?;
    let notes = [
        ("entropy", entropies(account, shown, look.bits)),
        ("stages", vec![stages(account)]),
        ("origin", settings::origins(&account.policy.settings, |setting| setting.name)),
        ("draw", vec![outcome(account)]),
    ];
    notes.iter().try_for_each(|(label, parts)| paragraph::write(out, label, parts, look.width))
}

fn header(account: &Account) -> String {
    let mut parts = vec![account.subject.name.clone()];
    parts.extend(account.subject.facts.iter().cloned());
    parts.push(format!("dialect {}", account.policy.dialect.name));
    parts.push(format!("seed {}", account.seed_shown));
    parts.join(" · ")
}

/// The best of what is kept, and the last of it where some in between are left out.
fn kept_lines(account: &Account, rows: usize) -> Vec<Line> {
    let TraceStep { support_head: head, support, token: chosen, .. } = &account.step;
    let line = |at: usize| {
        let SupportToken { token, raw_p, p, .. } = head[at];
        Line::Token(Token {
            rank: Some(at + 1),
            name: account.subject.names.visible(token),
            raw: account.raw_share(raw_p),
            p: Some(p),
            drawn: account.drawn(token),
            chosen: token == *chosen,
            note: String::new(),
        })
    };
    if *support <= rows {
        return (0..head.len()).map(line).collect();
    }
    let last = (head.len() == *support && rows > 1).then(|| line(support - 1));
    let first = rows.min(head.len()) - usize::from(last.is_some());
    (0..first).map(line).chain([Line::Gap]).chain(last).collect()
}

/// Each cut, the last one first, with the best of what it took; about `room` lines in all.
fn removed_lines(account: &Account, room: usize) -> Vec<Line> {
    let step = &account.step;
    let cuts: Vec<usize> =
        (0..step.stages.len()).rev().filter(|&at| step.stages[at].removed > 0).collect();
    let rows = (room / cuts.len().max(1)).max(REMOVED_ROWS);
    let mut lines = Vec::new();
    for at in cuts {
        let stage = &step.stages[at];
        lines.push(Line::Rule(rule(account, at)));
        let ranked = step.head.iter().enumerate().filter(|(_, token)| token.removed_by == Some(at));
        let before = lines.len();
        lines.extend(ranked.take(rows).map(|(place, removed)| {
            Line::Token(Token {
                rank: Some(place + 1),
                name: account.subject.names.visible(removed.token),
                raw: account.raw_share(removed.raw_p),
                note: format!("cut by {}", stage.name),
                ..Token::default()
            })
        }));
        lines.extend((lines.len() - before < stage.removed).then_some(Line::Gap));
    }
    lines
}

/// `top-p cut here: 26 tokens, 9.8% of what top-k left`.
fn rule(account: &Account, at: usize) -> String {
    let stages = &account.step.stages;
    let StageEffect { name, removed, mass_removed, .. } = stages[at];
    let before = stages[..at].iter().rev().find(|before| before.removed > 0);
    let whole = before.map_or("the mass".to_owned(), |before| format!("what {} left", before.name));
    let verb = match kelvin::stage::find(name).map(|info| info.effect) {
        Some(Effect::Logits | Effect::Mask) => "banned",
        _ => "cut here:",
    };
    format!("{name} {verb} {}, {} of {whole}", counted(removed, "token"), percent(mass_removed))
}

fn other_lines(account: &Account) -> Vec<Line> {
    let raw = account.subject.other;
    if raw <= 0.0 {
        return Vec::new();
    }
    let other = Token { name: "other".to_owned(), raw, ..Token::default() };
    vec![Line::Rule("not listed, never drawn".to_owned()), Line::Token(other)]
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

/// `temperature(0.7) → top-k(40) (50 217 out) → draw`.
fn stages(account: &Account) -> String {
    let pipeline = &account.policy.pipeline;
    let stages = pipeline.stages().iter().zip(&account.step.stages).map(|(stage, effect)| {
        let shown = Shown(stage.as_ref());
        match effect.removed {
            0 if pipeline.skips(stage.as_ref()) => format!("{shown} (idle)"),
            0 => shown.to_string(),
            removed => format!("{shown} ({} out)", count(removed)),
        }
    });
    let pick = if pipeline.is_greedy() { "greedy" } else { "draw" };
    stages.chain([pick.to_owned()]).collect::<Vec<_>>().join(" → ")
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
    format!(
        "u = {:.3} → {name}, {place} with {}",
        draw.u(),
        percent(kelvin::math::exp(step.logprob))
    )
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
