//! Parts of the JSON contract that several commands share.

use kelvin::trace::{StageEffect, SupportToken};
use kelvin_lm::generate::Context;
use serde_json::{Value, json};

use crate::settings::Setting;
use crate::term::number::shortest;

/// The values of a policy with their origins.
pub(crate) fn settings(settings: &[Setting]) -> Value {
    let object = |setting: &Setting| {
        json!({
            "name": setting.name,
            "value": setting.shown,
            "origin": setting.origin.to_string(),
        })
    };
    settings.iter().map(object).collect()
}

/// How much of a sequence the model sees; `shift` is null where a full context is the end.
pub(crate) fn context(context: Context) -> Value {
    let shift = json!({"keep": context.keep(), "drop": context.drop()});
    let shift = if context.is_shifting() { shift } else { Value::Null };
    json!({"limit": context.limit(), "shift": shift})
}

/// What a stage did: tokens kept and removed, and the share of its input's mass that it removed.
pub(crate) fn stage(stage: &StageEffect) -> Value {
    json!({
        "stage": stage.name,
        "kept": stage.kept,
        "removed": stage.removed,
        "mass_removed": stage.mass_removed,
        "temperature": stage.temperature,
    })
}

/// A row of the final distribution; `listed` is the share of the raw one that is spread over tokens.
pub(crate) fn support_token(token: &SupportToken, name: &Value, listed: f64) -> Value {
    json!({
        "id": token.token,
        "token": name,
        "logit": shortest(token.logit),
        "raw_p": token.raw_p * listed,
        "p": token.p,
    })
}
