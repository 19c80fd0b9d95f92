//! Filters that make numbers.

use super::super::arguments::Arguments;
use super::super::meter::{Fault, Meter, Outcome};
use super::super::value::{Number, Value};

pub(super) fn abs<'t>(value: &Value<'t>, arguments: Arguments<'t>) -> Outcome<Value<'t>> {
    arguments.none("abs")?;
    match value {
        Value::Int(n) => n.checked_abs().map(Value::Int).ok_or_else(too_large),
        Value::Float(x) => Ok(Value::Float(x.abs())),
        _ => Err(Fault::failed(format!("abs wants a number, not {}", value.kind()))),
    }
}

/// The whole part of what is, or reads as, a number; the default of anything else.
pub(super) fn int<'t>(
    value: &Value<'t>,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    let [default] = arguments.bind("int", ["default"])?;
    if let Value::Text(text) = value
        && let Ok(n) = text.plain(meter)?.trim().parse()
    {
        return Ok(Value::Int(n));
    }
    match number(value, meter)? {
        Some(Number::Int(n)) => Ok(Value::Int(n)),
        Some(Number::Float(x)) if x.is_finite() => truncated(x),
        _ => Ok(default.unwrap_or(Value::Int(0))),
    }
}

/// What is, or reads as, a number; the default of anything else.
pub(super) fn float<'t>(
    value: &Value<'t>,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    let [default] = arguments.bind("float", ["default"])?;
    let number = number(value, meter)?.map(|number| Value::Float(number.float()));
    Ok(number.or(default).unwrap_or(Value::Float(0.0)))
}

fn number(value: &Value<'_>, meter: &Meter) -> Outcome<Option<Number>> {
    match value {
        Value::Undefined(name) => Err(Fault::failed(format!("{name:?} is undefined"))),
        Value::Text(text) => Ok(text.plain(meter)?.trim().parse().ok().map(Number::Float)),
        other => Ok(other.number()),
    }
}

fn too_large() -> Fault {
    Fault::unsupported("whole numbers beyond 64 bits")
}

fn truncated<'t>(x: f64) -> Outcome<Value<'t>> {
    if x.abs() >= 9e18 {
        return Err(too_large());
    }
    #[expect(clippy::cast_possible_truncation, reason = "the fraction is to be cut off")]
    Ok(Value::Int(x as i64))
}
