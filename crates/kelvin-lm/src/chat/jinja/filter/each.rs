//! Filters that ask something of each item: `map`, `select` and their like.

use super::super::arguments::{Arguments, required, string};
use super::super::meter::{Meter, Outcome};
use super::super::test;
use super::super::value::Value;
use super::by::{By, Case};

pub(super) fn apply<'t>(
    name: &str,
    value: &Value<'t>,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    if !value.is_true() {
        return Value::list(Vec::new(), meter); // as in Jinja: nothing is asked of what counts as false
    }
    let seq = value.items(meter)?;
    if name == "map" {
        return map(&seq.items, arguments, meter);
    }
    select(name, &seq.items, arguments, meter)
}

fn select<'t>(
    name: &str,
    items: &[Value<'t>],
    mut arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    let attribute = if name.ends_with("attr") {
        Some(required(arguments.take_first(), name, "attribute")?)
    } else {
        None
    };
    let by = By::new(Case::Counts, attribute, meter)?;
    let test = arguments.take_first().map(|test| string(test, name)).transpose()?;
    let test = test.map(|test| test.plain(meter)).transpose()?;
    let mut kept = Vec::new();
    for item in items {
        meter.step()?;
        let value = by.value(item)?;
        let holds = match &test {
            None => value.is_true(),
            Some(test) => test::holds(test, &value, arguments.clone(), meter)?,
        };
        if holds == name.starts_with("select") {
            meter.values(1)?;
            kept.push(item.clone());
        }
    }
    Value::list(kept, meter)
}

fn map<'t>(items: &[Value<'t>], mut arguments: Arguments<'t>, meter: &Meter) -> Outcome<Value<'t>> {
    let mut mapped = Vec::new();
    if let Some(name) = arguments.take_first() {
        let name = string(name, "map")?.plain(meter)?;
        for item in items {
            meter.enter()?;
            let value = super::apply(&name, item.clone(), arguments.clone(), meter);
            meter.leave();
            mapped.push(value?);
        }
    } else {
        let [attribute, default] = arguments.bind("map", ["attribute", "default"])?;
        let attribute = required(attribute, "map", "attribute")?;
        let by = By::new(Case::Counts, Some(attribute), meter)?;
        for item in items {
            meter.step()?;
            mapped.push(match (by.value(item)?, &default) {
                (Value::Undefined(_), Some(default)) => default.clone(),
                (value, _) => value,
            });
        }
    }
    Value::list(mapped, meter)
}
