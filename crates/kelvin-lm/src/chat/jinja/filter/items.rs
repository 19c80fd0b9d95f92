//! Filters that take a value apart.

use super::super::arguments::Arguments;
use super::super::meter::{Fault, Meter, Outcome};
use super::super::method::joined;
use super::super::operator::binary;
use super::super::print::text;
use super::super::text::Text;
use super::super::value::Value;
use super::by::{By, Case};
use minijinja::machinery::ast::BinOpKind;

pub(super) fn apply<'t>(
    name: &str,
    value: &Value<'t>,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    match (name, value) {
        ("items" | "dictsort", _) => return pairs(name, value, arguments, meter),
        ("reverse", Value::Text(text)) => {
            arguments.none(name)?;
            meter.chars(text.len())?;
            return Ok(Value::Text(Text::paid(text.iter().rev().copied().collect())));
        }
        _ => (),
    }
    let seq = value.items(meter)?;
    let end = |item: Option<&Value<'t>>| item.cloned().unwrap_or(Value::Undefined("item"));
    match name {
        "first" => arguments.none(name).map(|()| end(seq.items.first())),
        "last" => arguments.none(name).map(|()| end(seq.items.last())),
        "list" => arguments.none(name).map(|()| Value::List(seq)),
        "reverse" => {
            arguments.none(name)?;
            meter.values(seq.items.len())?;
            Value::list(seq.items.iter().rev().cloned().collect(), meter)
        }
        "sum" => sum(&seq.items, arguments, meter),
        "join" => join(&seq.items, arguments, meter),
        _ => ordered(name, &seq.items, arguments, meter),
    }
}

/// `sort`, `unique`, `min`, `max`.
fn ordered<'t>(
    name: &str,
    items: &[Value<'t>],
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    meter.values(items.len())?;
    if name == "sort" {
        let names = ["reverse", "case_sensitive", "attribute"];
        let [reverse, case, attribute] = arguments.bind(name, names)?;
        let by = By::new(Case::of(case.as_ref()), attribute, meter)?;
        let reverse = reverse.is_some_and(|reverse| reverse.is_true());
        return Value::list(by.sort(items.to_vec(), reverse)?, meter);
    }
    let [case, attribute] = arguments.bind(name, ["case_sensitive", "attribute"])?;
    let by = By::new(Case::of(case.as_ref()), attribute, meter)?;
    if name == "unique" {
        return Value::list(by.unique(items)?, meter);
    }
    let mut sorted = by.sort(items.to_vec(), name == "max")?.into_iter();
    Ok(sorted.next().unwrap_or(Value::Undefined("item")))
}

fn sum<'t>(items: &[Value<'t>], arguments: Arguments<'t>, meter: &Meter) -> Outcome<Value<'t>> {
    let [attribute, start] = arguments.bind("sum", ["attribute", "start"])?;
    let by = By::new(Case::Counts, attribute, meter)?;
    items.iter().try_fold(start.unwrap_or(Value::Int(0)), |sum, item| {
        meter.step()?;
        binary(BinOpKind::Add, &sum, &by.key(item)?, meter)
    })
}

fn join<'t>(items: &[Value<'t>], arguments: Arguments<'t>, meter: &Meter) -> Outcome<Value<'t>> {
    let [between, attribute] = arguments.bind("join", ["d", "attribute"])?;
    let between = text(&between.unwrap_or(Value::Undefined("d")), meter)?;
    let by = By::new(Case::Counts, attribute, meter)?;
    meter.values(items.len())?;
    let items: Vec<_> = items.iter().map(|item| by.key(item)).collect::<Outcome<_>>()?;
    joined(&items, &between, meter)
}

/// `items`, `dictsort`.
fn pairs<'t>(
    name: &str,
    value: &Value<'t>,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    let pairs = match value {
        Value::Map(map) => &map.pairs[..],
        Value::Undefined(_) if name == "items" => &[],
        other => return Err(Fault::failed(format!("{name} wants a dict, not {}", other.kind()))),
    };
    let pair = |(key, value): &(Value<'t>, Value<'t>)| {
        Value::tuple(vec![key.clone(), value.clone()], meter)
    };
    let pairs: Vec<_> = pairs.iter().map(pair).collect::<Outcome<_>>()?;
    if name == "items" {
        arguments.none(name)?;
        return Value::list(pairs, meter);
    }
    let [case, by, reverse] = arguments.bind(name, ["case_sensitive", "by", "reverse"])?;
    let by_value = matches!(by, Some(Value::Text(by)) if by.is("value"));
    let place = Value::Int(i64::from(by_value));
    let by = By::new(Case::of(case.as_ref()), Some(place), meter)?;
    let sorted = by.sort(pairs, reverse.is_some_and(|reverse| reverse.is_true()))?;
    Value::list(sorted, meter)
}
