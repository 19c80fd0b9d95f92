//! One decision of a trace, in full view.

use anyhow::Result;
use clap::ArgMatches;
use kelvin::trace::{HeadToken, StageEffect, SupportToken, TailBin};
use kelvin::{Draw, Pipeline, TraceStep, math, stage};
use kelvin_lab::trace::{self, Head, Line, Sequence, Step};

use super::{facts, origins};
use crate::console::Console;
use crate::decision::{self, Decision, Look};
use crate::exit::Failure;
use crate::vocab::Names;

/// Rows of the table.
const ROWS: usize = 20;

/// Tells the step at a place, or gives its line.
pub(super) fn explain(
    sequence: &Sequence,
    at: usize,
    names: &Names,
    (matches, console): (&ArgMatches, &mut Console<'_>),
) -> Result<()> {
    let step = &sequence.steps[at];
    if matches.get_flag("json") {
        return Ok(console.json(&serde_json::to_value(Line::Step(Box::new(step.clone())))?)?);
    }
    let head = step.head.as_ref().ok_or_else(|| {
        Failure::read("this trace lists no candidates, so there is nothing to explain")
            .hint("kelvin generate --trace FILE keeps them; what --json prints does not")
    })?;
    let pipeline = pipeline(sequence)?;
    let account = account(step, head)?;
    let decision = decision(sequence, (&pipeline, &account), names);
    let rows = matches.get_one::<u32>("show").map_or(ROWS, |&n| n as usize);
    let look = Look { rows, width: console.width, bits: matches.get_flag("bits") };
    writeln!(console.out, "step {} of {} · position {}", at + 1, sequence.steps.len(), step.pos)?;
    decision::write(&decision, look, console.out)?;
    writeln!(console.out, "\n{}", decision::sentence(&decision))?;
    Ok(())
}

/// The policy of a trace.
///
/// # Errors
///
/// Something read: it is none.
pub(crate) fn pipeline(sequence: &Sequence) -> Result<Pipeline, Failure> {
    let text = &sequence.header.pipeline;
    text.parse().map_err(|error| Failure::read(format!("the trace's pipeline {text:?}: {error}")))
}

fn decision<'a>(
    sequence: &Sequence,
    (pipeline, step): (&'a Pipeline, &'a TraceStep),
    names: &'a Names,
) -> Decision<'a> {
    let is_whole = step.support_head.len() == step.support;
    let listed = || step.support_head.iter().map(|token| token.raw_p).sum::<f64>();
    let is_untouched = step.stages.iter().all(|stage| stage.removed == 0) && !pipeline.is_greedy();
    let raw_mass = if is_untouched { Some(1.0) } else { is_whole.then(listed) };
    Decision {
        facts: facts(sequence),
        names,
        pipeline,
        origins: origins(&sequence.header.settings, |setting| &setting.name),
        step,
        raw_mass,
        other: 0.0,
        draws: None,
    }
}

/// The account that a line was written of, as far as its head goes.
///
/// # Errors
///
/// Something read: lists of different lengths, a stage that there is not.
fn account(step: &Step, head: &Head) -> Result<TraceStep, Failure> {
    let n = head.ids.len();
    if n == 0 || [head.logits.len(), head.removed_by.len(), head.weights.len()] != [n; 3] {
        return Err(Failure::read(format!("position {}: the lists of the head differ", step.pos)));
    }
    let total = step.draw.map_or(1, |draw| draw.total).max(1);
    let raw_p = |logit: f32| math::exp((f64::from(logit) - head.log_sum).min(0.0));
    let support = (0..n).filter(|&at| head.weights[at] > 0).map(|at| SupportToken {
        token: head.ids[at],
        logit: head.logits[at],
        raw_p: raw_p(head.logits[at]),
        p: head.weights[at] as f64 / total as f64,
    });
    let mut support_head: Vec<SupportToken> = support.collect();
    support_head.sort_by(|a, b| b.p.total_cmp(&a.p));
    let greedy = support_head.first().map_or(step.id, |first| first.token);
    Ok(TraceStep {
        position: step.pos,
        token: step.id,
        raw_logprob: step.raw_logprob,
        raw_rank: step.raw_rank,
        logprob: step.logprob,
        raw_entropy_nats: step.raw_entropy_nats,
        entropy_nats: step.entropy_nats,
        draw: step.draw.map(|draw| Draw { r: draw.r, total: draw.total, word: draw.word }),
        stages: step.stages.iter().map(effect).collect::<Result<_, _>>()?,
        head: (0..n)
            .map(|at| HeadToken {
                token: head.ids[at],
                logit: head.logits[at],
                raw_p: raw_p(head.logits[at]),
                removed_by: head.removed_by[at],
            })
            .collect(),
        tail: step
            .tail
            .iter()
            .map(|&trace::TailBin(count, mean, variance)| TailBin {
                count,
                mean: mean.into(),
                variance: variance.into(),
            })
            .collect(),
        support_head,
        kept: step.kept,
        support: step.support,
        greedy,
    })
}

fn effect(line: &trace::StageEffect) -> Result<StageEffect, Failure> {
    let info = stage::find(&line.stage)
        .ok_or_else(|| Failure::read(format!("the trace names a stage {:?}", line.stage)))?;
    Ok(StageEffect {
        name: info.name,
        kept: line.kept,
        removed: line.removed,
        mass_removed: line.mass_removed,
        first_removed: line.first_removed,
        temperature: line.temperature,
    })
}
