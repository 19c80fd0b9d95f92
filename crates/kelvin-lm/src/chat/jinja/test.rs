//! Tests: what comes after `is`, and what `select` and its like take.

use std::rc::Rc;

use minijinja::machinery::ast::BinOpKind;

use super::arguments::Arguments;
use super::meter::{Fault, Meter, Outcome};
use super::operator::binary;
use super::print;
use super::text::Text;
use super::value::Value;

/// Whether `value is name(arguments)`.
pub(super) fn holds<'t>(
    name: &str,
    value: &Value<'t>,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<bool> {
    if let Some(op) = comparison(name) {
        let other = arguments.one(name, "other")?;
        return Ok(binary(op, value, &other, meter)?.is_true());
    }
    match name {
        "divisibleby" => {
            let rest = binary(BinOpKind::Rem, value, &arguments.one(name, "num")?, meter)?;
            return rest.equals(&Value::Int(0), meter);
        }
        "odd" | "even" => {
            arguments.none(name)?;
            let rest = binary(BinOpKind::Rem, value, &Value::Int(2), meter)?;
            return rest.equals(&Value::Int(i64::from(name == "odd")), meter);
        }
        "lower" | "upper" => {
            arguments.none(name)?;
            let text = print::text(value, meter)?;
            meter.chars(text.len())?;
            return Ok(is_in_case(name, &text));
        }
        "sameas" => return same(value, &arguments.one(name, "other")?, meter),
        _ => (),
    }
    let answer = of_kind(name, value)?;
    arguments.none(name)?;
    Ok(answer)
}

fn comparison(name: &str) -> Option<BinOpKind> {
    Some(match name {
        "eq" | "equalto" | "==" => BinOpKind::Eq,
        "ne" | "!=" => BinOpKind::Ne,
        "lt" | "lessthan" | "<" => BinOpKind::Lt,
        "le" | "<=" => BinOpKind::Lte,
        "gt" | "greaterthan" | ">" => BinOpKind::Gt,
        "ge" | ">=" => BinOpKind::Gte,
        "in" => BinOpKind::In,
        _ => return None,
    })
}

fn of_kind(name: &str, value: &Value<'_>) -> Outcome<bool> {
    let is_text = matches!(value, Value::Text(_));
    let is_map = matches!(value, Value::Map(_));
    let is_missing = matches!(value, Value::Undefined(_)); // which Python lets pass for much
    let is_seq = matches!(value, Value::List(_) | Value::Tuple(_) | Value::Range(_)) || is_missing;
    Ok(match name {
        "defined" => !is_missing,
        "undefined" => is_missing,
        "none" => matches!(value, Value::None),
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "number" => value.number().is_some(),
        "string" => is_text,
        "mapping" => is_map,
        "sequence" | "iterable" => is_text || is_map || is_seq,
        "callable" => matches!(value, Value::Macro(_) | Value::Function(_)) || is_missing,
        _ => return Err(Fault::unsupported(format!("test {name:?}"))),
    })
}

fn is_in_case(name: &str, text: &Text) -> bool {
    let any = |what: fn(char) -> bool| text.iter().any(|c| what(c.char()));
    let (lower, upper) = (any(char::is_lowercase), any(char::is_uppercase));
    if name == "lower" { lower && !upper } else { upper && !lower }
}

/// Identity, which for what a template can make is equality of the same type.
fn same<'t>(a: &Value<'t>, b: &Value<'t>, meter: &Meter) -> Outcome<bool> {
    match (a, b) {
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            Ok(Rc::ptr_eq(a, b))
        }
        (Value::Map(a), Value::Map(b)) => Ok(Rc::ptr_eq(a, b)),
        _ => Ok(a.kind() == b.kind() && a.equals(b, meter)?),
    }
}
