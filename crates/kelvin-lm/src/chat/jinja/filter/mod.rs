//! Filters: what comes after `|`.

mod by;
mod each;
mod items;
mod number;
mod string;

use super::arguments::{Arguments, string as expect_string, whole};
use super::meter::{Fault, Meter, Outcome};
use super::method::is_of_map;
use super::operator::len;
use super::print::{Json, Printer, text};
use super::text::{Char, Text};
use super::value::Value;

/// The value of `value|name(arguments)`.
pub(super) fn apply<'t>(
    name: &str,
    value: Value<'t>,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    match name {
        "map" | "select" | "reject" | "selectattr" | "rejectattr" => {
            each::apply(name, &value, arguments, meter)
        }
        "list" | "first" | "last" | "reverse" | "sort" | "unique" | "min" | "max" | "sum"
        | "join" | "dictsort" | "items" => items::apply(name, &value, arguments, meter),
        "length" | "count" => {
            arguments.none(name)?;
            len(&value).map(Value::count)
        }
        "default" | "d" => default(value, arguments, meter),
        "safe" => arguments.none(name).map(|()| value), // nothing is escaped
        "abs" => number::abs(&value, arguments),
        "int" => number::int(&value, arguments, meter),
        "float" => number::float(&value, arguments, meter),
        "tojson" => to_json(&value, arguments, meter),
        "indent" => {
            let text = expect_string(value, name)?;
            string::indent(&text, arguments, meter).map(Value::Text)
        }
        "attr" => {
            let key = expect_string(arguments.one(name, "name")?, name)?.plain(meter)?;
            attribute(&value, &key, meter)
        }
        _ => string::apply(name, &text(&value, meter)?, arguments, meter).map(Value::Text),
    }
}

/// What Python's `getattr` finds: never a key of a map, and methods are not values here.
fn attribute<'t>(value: &Value<'t>, name: &str, meter: &Meter) -> Outcome<Value<'t>> {
    let found = match value {
        Value::Namespace(space) => space.get(name, meter)?,
        Value::Undefined(undefined) => {
            return Err(Fault::failed(format!("{undefined:?} is undefined")));
        }
        Value::None | Value::Bool(_) => None,
        Value::Map(_) if !is_of_map(name) => None,
        other => return Err(Fault::unsupported(format!("filter \"attr\" of {}", other.kind()))),
    };
    Ok(found.unwrap_or(Value::Undefined("attr")))
}

fn default<'t>(value: Value<'t>, arguments: Arguments<'t>, meter: &Meter) -> Outcome<Value<'t>> {
    let [default, boolean] = arguments.bind("default", ["default_value", "boolean"])?;
    let falsy_too = boolean.is_some_and(|boolean| boolean.is_true());
    let missing = matches!(value, Value::Undefined(_)) || falsy_too && !value.is_true();
    match (missing, default) {
        (false, _) => Ok(value),
        (true, Some(default)) => Ok(default),
        (true, None) => Value::own("", meter),
    }
}

/// The margin that `indent` and `tojson` take: a text, or how many spaces.
fn margin(width: &Value<'_>, what: &str, meter: &Meter) -> Outcome<Text> {
    if let Value::Text(margin) = width {
        return Ok(margin.clone());
    }
    let width = usize::try_from(whole(width, what)?).unwrap_or(0);
    meter.chars(width)?;
    Ok(Text::paid(vec![Char::own(' '); width]))
}

fn to_json<'t>(value: &Value<'t>, arguments: Arguments<'t>, meter: &Meter) -> Outcome<Value<'t>> {
    let names = ["ensure_ascii", "indent", "separators", "sort_keys"];
    let [ensure_ascii, indent, separators, sort_keys] = arguments.bind("tojson", names)?;
    let given = |value: &Value<'t>| !matches!(value, Value::None);
    let indent = indent.filter(given).map(|width| margin(&width, "tojson", meter)).transpose()?;
    let [item_separator, key_separator] = match separators.filter(given) {
        None => {
            let item = if indent.is_some() { "," } else { ", " };
            [Text::own(item, meter)?, Text::own(": ", meter)?]
        }
        Some(pair) => match &pair.items(meter)?.items[..] {
            [item, key] => {
                [expect_string(item.clone(), "tojson")?, expect_string(key.clone(), "tojson")?]
            }
            _ => return Err(Fault::failed("tojson wants two separators")),
        },
    };
    let flag = |value: Option<Value<'_>>| value.is_some_and(|value| value.is_true());
    let (ensure_ascii, sort_keys) = (flag(ensure_ascii), flag(sort_keys));
    let style = Json { ensure_ascii, sort_keys, indent, item_separator, key_separator };
    let mut printer = Printer { out: Vec::new(), meter };
    printer.json(value, &style, 0)?;
    Ok(Value::Text(Text::paid(printer.out)))
}
