//! The comparison as one JSON object: a stable contract, to which keys may only be added.
//!
//! It holds no speed and no time, so that the same command gives the same bytes.

use kelvin_lab::compare::{Estimate, Interval, LEVEL, N_RESAMPLES, difference, estimate};
use kelvin_lab::measure::{self, Group, frontier};
use serde_json::{Map, Value, json};

use super::All;
use super::page::texts;
use super::row::{Parting, Row};

/// The object.
pub(super) fn object(all: &All<'_>) -> Value {
    let plan = all.plan;
    let base = all.rows.first().map(|row| row.groups(all.prompts)).unwrap_or_default();
    json!({
        "kelvin": env!("CARGO_PKG_VERSION"),
        "prompts": all.prompts,
        "n": plan.n,
        "max_new_tokens": plan.max_new_tokens,
        "seed": plan.randomness.seed,
        "coupled": plan.is_coupled,
        "level": LEVEL,
        "resamples": N_RESAMPLES,
        "judge": all.judge.map(|judge| judge.model().json()),
        "again": plan.again.to_string(),
        "rows": all.rows.iter().enumerate().map(|(at, row)| row_object(at, row, &base, all)).collect::<Value>(),
    })
}

fn row_object(at: usize, row: &Row, base: &[Group<'_>], all: &All<'_>) -> Value {
    let groups = row.groups(all.prompts);
    let (mut metrics, mut differences) = (Map::new(), Map::new());
    for metric in measure::ALL {
        metrics.insert(metric.json_name(), number(estimate(metric, &groups)));
        if at > 0 {
            differences.insert(metric.json_name(), number(difference(metric, base, &groups)));
        }
    }
    json!({
        "policy": row.policy,
        "pipeline": row.pipeline,
        "model": row.facts.1,
        "stream": all.plan.stream(at % all.plan.policies.len().max(1)),
        "metrics": metrics,
        "differences": differences,
        "first_divergence": row.leaving().map(|it| json!({"median": it.median, "never": it.never})),
        "frontier": all.reference.and_then(|reference| frontier(&texts(row), reference)),
        "samples": row.samples.iter().zip(&row.partings).map(|(sample, parting)| json!({
            "prompt": sample.prompt,
            "sample": sample.sample,
            "text": sample.text,
            "token_ids": sample.token_ids,
            "finish_reason": sample.finish,
            "first_divergence": match parting {
                Parting::After { tokens, .. } => Some(tokens),
                Parting::Never | Parting::Alone => None,
            },
        })).collect::<Value>(),
        "failures": row.failures,
    })
}

/// A number with its interval; null where it is not defined.
pub(super) fn number(estimate: Option<Estimate>) -> Value {
    estimate.map_or(Value::Null, |Estimate { value, interval }| {
        let Interval { low, high } = interval.unwrap_or(Interval { low: f64::NAN, high: f64::NAN });
        json!({"value": value, "low": low, "high": high}) // JSON has null for what is no number
    })
}
