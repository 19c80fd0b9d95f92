//! The decision for people: bars, what was cut and by whom, and where everything comes from.

use std::io::{self, Write};

use kelvin::pipeline::Shown;
use kelvin::stage::{Effect, StageInfo};
use kelvin::trace::{StageEffect, SupportToken};
use kelvin::{TraceStep, stats};

use super::Decision;
use super::table::{Line, Table, Token};
use crate::term::number::{count, counted, percent};
use crate::term::paragraph;

/// How the decision is to look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Rows of kept tokens.
    pub(crate) rows: usize,
    /// Columns of the terminal.
    pub(crate) width: usize,
    /// Entropies in bits.
    pub(crate) bits: bool,
}

/// Removed tokens shown for each stage, at least.
const REMOVED_ROWS: usize = 2;

/// Writes the decision.
pub(crate) fn write(decision: &Decision<'_>, look: Look, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}\n", decision.facts.join(" · "))?;
    let kept = kept_lines(decision, look.rows);
    let shown = kept.iter().filter(|line| matches!(line, Line::Token(_))).count();
    let room = look.rows.saturating_sub(kept.len());
    let lines = kept.into_iter().chain(removed_lines(decision, room)).chain(other_lines(decision));
    let n_draws = decision.draws.map(|(n_draws, _)| n_draws);
    Table::new(lines.collect(), n_draws, look.width).write(out)?;
    writeln!(out)?;
    let notes = [
        ("entropy", entropies(decision, shown, look.bits)),
        ("stages", vec![stages(decision)]),
        ("origin", decision.origins.clone()),
        ("draw", vec![outcome(decision)]),
    ];
    notes.iter().try_for_each(|(label, parts)| paragraph::write(out, label, parts, look.width))
}

/// The best of what is kept, and the last of it where some in between are left out.
fn kept_lines(decision: &Decision<'_>, rows: usize) -> Vec<Line> {
    let TraceStep { support_head: head, support, token: chosen, .. } = &decision.step;
    let line = |at: usize| {
        let SupportToken { token, raw_p, p, .. } = head[at];
        Line::Token(Token {
            rank: Some(at + 1),
            name: decision.names.visible(token),
            raw: decision.raw_share(raw_p),
            p: Some(p),
            drawn: decision.drawn(token),
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
fn removed_lines(decision: &Decision<'_>, room: usize) -> Vec<Line> {
    let step = &decision.step;
    let cuts: Vec<usize> =
        (0..step.stages.len()).rev().filter(|&at| step.stages[at].removed > 0).collect();
    let rows = (room / cuts.len().max(1)).max(REMOVED_ROWS);
    let mut lines = Vec::new();
    for at in cuts {
        let stage = &step.stages[at];
        lines.push(Line::Rule(rule(decision, at)));
        let ranked = step.head.iter().enumerate().filter(|(_, token)| token.removed_by == Some(at));
        let before = lines.len();
        lines.extend(ranked.take(rows).map(|(place, removed)| {
            Line::Token(Token {
                rank: Some(place + 1),
                name: decision.names.visible(removed.token),
                raw: decision.raw_share(removed.raw_p),
                note: format!("cut by {}", stage.name),
                ..Token::default()
            })
        }));
        lines.extend((lines.len() - before < stage.removed).then_some(Line::Gap));
    }
    lines
}

/// `top-p cut here: 26 tokens, 9.8% of what top-k left`.
fn rule(decision: &Decision<'_>, at: usize) -> String {
    let stages = &decision.step.stages;
    let StageEffect { name, removed, mass_removed, .. } = stages[at];
    let before = stages[..at].iter().rev().find(|before| before.removed > 0);
    let whole = before.map_or("the mass".to_owned(), |before| format!("what {} left", before.name));
    let verb = match kelvin::stage::find(name).map(|info| info.effect) {
        Some(Effect::Logits | Effect::Mask) => "banned",
        _ => "cut here:",
    };
    format!("{name} {verb} {}, {} of {whole}", counted(removed, "token"), percent(mass_removed))
}

fn other_lines(decision: &Decision<'_>) -> Vec<Line> {
    let raw = decision.other;
    if raw <= 0.0 {
        return Vec::new();
    }
    let other = Token { name: "other".to_owned(), raw, ..Token::default() };
    vec![Line::Rule("not listed, never drawn".to_owned()), Line::Token(other)]
}

fn entropies(decision: &Decision<'_>, shown: usize, bits: bool) -> Vec<String> {
    let step = &decision.step;
    let (scale, unit) = if bits { (stats::bits(1.0), "bits") } else { (1.0, "nats") };
    let (raw, last) = (step.raw_entropy_nats * scale, step.entropy_nats * scale);
    let held = match step.support {
        1 => "it held".to_owned(),
        n => format!("the {} held", count(n)),
    };
    let mut parts = vec![
        format!("{raw:.3} {unit} raw → {last:.3} {unit} final"),
        format!("shown {} of {} kept", count(shown), count(step.kept)),
    ];
    let raw_mass = decision.raw_mass.map(percent);
    parts.extend(raw_mass.map(|mass| format!("{held} {mass} of the raw mass")));
    if step.kept > step.support {
        parts.push(format!("{} too rare to be drawn", count(step.kept - step.support)));
    }
    parts
}

/// `edt(0.5, base=1) (T = 0.874) → top-k(40) (50 217 out) → draw`.
fn stages(decision: &Decision<'_>) -> String {
    let pipeline = decision.pipeline;
    let stages = pipeline.stages().iter().zip(&decision.step.stages).map(|(stage, effect)| {
        let shown = Shown(stage.as_ref());
        match effect.removed {
            0 if pipeline.skips(stage.as_ref()) => format!("{shown} (idle)"),
            0 if sets_temperature_anew(stage.info()) => {
                format!("{shown} (T = {:.3})", effect.temperature)
            }
            0 => shown.to_string(),
            removed => format!("{shown} ({} out)", count(removed)),
        }
    });
    let pick = if pipeline.is_greedy() { "greedy" } else { "draw" };
    stages.chain([pick.to_owned()]).collect::<Vec<_>>().join(" → ")
}

/// Whether its arguments do not say the temperature of a step.
fn sets_temperature_anew(stage: &StageInfo) -> bool {
    stage.effect == Effect::Temperature && stage.name != "temperature"
}

/// The decision in one sentence.
pub(crate) fn sentence(decision: &Decision<'_>) -> String {
    let step = decision.step;
    let name = decision.names.visible(step.token);
    let raw = percent(kelvin::math::exp(step.raw_logprob));
    let Some(draw) = step.draw else {
        let place = ordinal(step.raw_rank);
        return format!("greedy took {name}, {place} in the model's own order with {raw}");
    };
    let cuts = decision.pipeline.stages().iter().zip(&step.stages);
    let cuts: Vec<String> = cuts
        .filter(|(_, effect)| effect.removed > 0)
        .map(|(stage, effect)| {
            format!("{} left {}", Shown(stage.as_ref()), counted(effect.kept, "token"))
        })
        .collect();
    let cuts =
        if cuts.is_empty() { "every token could be drawn".to_owned() } else { cuts.join(", ") };
    let held = match decision.raw_mass {
        Some(mass) if mass < 1.0 => format!(" with {} of the raw mass", percent(mass)),
        _ => String::new(),
    };
    let p = percent(kelvin::math::exp(step.logprob));
    format!(
        "{cuts}{held}; {name} had {p} of what was left (raw {raw}), and u = {:.3} fell on it",
        draw.u()
    )
}

fn outcome(decision: &Decision<'_>) -> String {
    let step = &decision.step;
    let name = decision.names.visible(step.token);
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
