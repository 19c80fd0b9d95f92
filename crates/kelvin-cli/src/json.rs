//! Parts of the JSON contract that several commands share.

use kelvin::TokenId;
use kelvin::trace::SupportToken;
use kelvin_lab::trace::{self, Row, Shift};
use kelvin_lm::generate::Context;
use serde_json::Value;

use crate::settings::Setting;
use crate::term::number::shortest;

/// The values of a policy with their origins.
pub(crate) fn settings(settings: &[Setting]) -> Vec<trace::Setting> {
    let object = |setting: &Setting| trace::Setting {
        name: setting.name.to_owned(),
        value: setting.shown.clone(),
        origin: setting.origin.to_string(),
    };
    settings.iter().map(object).collect()
}

/// How much of a sequence the model sees.
pub(crate) fn context(context: Context) -> trace::Context {
    let shift = Shift { keep: context.keep(), drop: context.drop() };
    trace::Context { limit: context.limit(), shift: context.is_shifting().then_some(shift) }
}

/// The best of a final distribution; `listed` is the share of the raw one that is spread over tokens.
pub(crate) fn rows(
    support: &[SupportToken],
    listed: f64,
    name: impl Fn(TokenId) -> Value,
) -> Vec<Row> {
    let row = |token: &SupportToken| Row {
        id: token.token,
        token: name(token.token),
        logit: shortest(token.logit),
        raw_p: token.raw_p * listed,
        p: token.p,
    };
    support.iter().map(row).collect()
}
