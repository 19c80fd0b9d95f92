//! Parts of the JSON contract that several commands share.

use serde_json::{Value, json};

use crate::settings::Setting;

/// The values of a policy with their origins.
pub(crate) fn settings(settings: &[Setting]) -> Value {
    let object = |setting: &Setting| {
        json!({
            "stage": setting.name,
            "value": setting.shown,
            "origin": setting.origin.to_string(),
        })
    };
    settings.iter().map(object).collect()
}
