//! The account as JSON: a stable contract, to which keys may only be added.

use kelvin_lab::trace::StageEffect;
use serde_json::{Map, Value, json};

use super::account::Account;
use crate::json::{rows, settings};

/// The account as one object, with at most `show` rows of the final distribution.
pub(super) fn object(account: &Account, show: usize) -> Value {
    let Account { subject, policy, seed, step, .. } = account;
    let shown = &step.support_head[..show.min(step.support_head.len())];
    let shown_p: f64 = shown.iter().map(|token| token.p).sum();
    let rest = step.support - shown.len();
    let listed = 1.0 - subject.other;
    let rows = rows(shown, listed, |token| subject.names.json(token));
    let mut object = json!({
        "vocab_size": subject.logits.len(),
        "pipeline": policy.pipeline.to_string(),
        "dialect": policy.dialect.name,
        "seed": seed.seed,
        "stream": seed.stream,
        "raw": {"entropy_nats": step.raw_entropy_nats},
        "stages": step.stages.iter().map(StageEffect::of).collect::<Vec<_>>(),
        "final": rows,
        "zero_weight": step.kept - step.support,
        "rest": {"count": rest, "p": if rest == 0 { 0.0 } else { (1.0 - shown_p).max(0.0) }},
        "kept": step.kept,
        "support": step.support,
        "entropy_nats": step.entropy_nats,
        "greedy_id": step.greedy,
        "draws": draws_object(account),
        "other": subject.other,
        "settings": settings(&policy.settings),
        "position": step.position,
        "id": step.token,
        "draw": step.draw.map(|draw| json!({"u": draw.u(), "r": draw.r, "total": draw.total})),
    });
    if !subject.prompt.is_empty() {
        object["prompt_ids"] = json!(subject.prompt);
    }
    object
}

fn draws_object(account: &Account) -> Value {
    let counts = account.draws.iter().map(|&(token, count)| (token.to_string(), count.into()));
    Value::Object(counts.collect::<Map<_, _>>())
}
