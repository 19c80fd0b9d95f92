//! Operators, subscripts and slices, as Python has them.

use std::cmp::Ordering::{self, Equal, Greater, Less};

use minijinja::machinery::ast::BinOpKind;

use super::arguments::whole;
use super::meter::{Fault, Meter, Outcome};
use super::print::Printer;
use super::text::Text;
use super::value::{Number, Value};

/// The value of `left op right`; `and` and `or` are not among the operators here.
pub(super) fn binary<'t>(
    op: BinOpKind,
    left: &Value<'t>,
    right: &Value<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    let ordered = |wanted: &[Ordering]| {
        let order = left.order(right, meter)?;
        Ok(Value::Bool(order.is_some_and(|order| wanted.contains(&order))))
    };
    match op {
        BinOpKind::Eq => left.equals(right, meter).map(Value::Bool),
        BinOpKind::Ne => left.equals(right, meter).map(|equal| Value::Bool(!equal)),
        BinOpKind::Lt => ordered(&[Less]),
        BinOpKind::Lte => ordered(&[Less, Equal]),
        BinOpKind::Gt => ordered(&[Greater]),
        BinOpKind::Gte => ordered(&[Greater, Equal]),
        BinOpKind::In => right.contains(left, meter).map(Value::Bool),
        BinOpKind::Concat => {
            let mut printer = Printer { out: Vec::new(), meter };
            printer.value(left)?;
            printer.value(right)?;
            Ok(Value::Text(Text::paid(printer.out)))
        }
        BinOpKind::Add => add(left, right, meter),
        BinOpKind::Mul => multiply(left, right, meter),
        BinOpKind::Sub | BinOpKind::Div | BinOpKind::FloorDiv | BinOpKind::Rem | BinOpKind::Pow => {
            match (left.number(), right.number()) {
                (Some(a), Some(b)) => arithmetic(op, a, b),
                _ => Err(undefined_for(symbol(op), left, right)),
            }
        }
        BinOpKind::ScAnd | BinOpKind::ScOr => unreachable!("these look at one side first"),
    }
}

fn symbol(op: BinOpKind) -> &'static str {
    match op {
        BinOpKind::Add => "+",
        BinOpKind::Sub => "-",
        BinOpKind::Mul => "*",
        BinOpKind::Div => "/",
        BinOpKind::FloorDiv => "//",
        BinOpKind::Rem => "%",
        _ => "**",
    }
}

fn undefined_for<'t>(symbol: &str, left: &Value<'t>, right: &Value<'t>) -> Fault {
    if let (Value::Text(_), "%") = (left, symbol) {
        return Fault::unsupported("'%' that formats a string");
    }
    for side in [left, right] {
        if let Value::Undefined(name) = side {
            return Fault::failed(format!("{name:?} is undefined"));
        }
    }
    Fault::failed(format!("{} {symbol} {} means nothing", left.kind(), right.kind()))
}

fn add<'t>(left: &Value<'t>, right: &Value<'t>, meter: &Meter) -> Outcome<Value<'t>> {
    let joined = |a: &[Value<'t>], b: &[Value<'t>]| {
        meter.values(a.len() + b.len())?;
        Ok([a, b].concat())
    };
    match (left, right) {
        (Value::Text(a), Value::Text(b)) => {
            meter.chars(a.len() + b.len())?;
            Ok(Value::Text(Text::paid([&a[..], b].concat())))
        }
        (Value::List(a), Value::List(b)) => Value::list(joined(&a.items, &b.items)?, meter),
        (Value::Tuple(a), Value::Tuple(b)) => Value::tuple(joined(&a.items, &b.items)?, meter),
        _ => match (left.number(), right.number()) {
            (Some(a), Some(b)) => arithmetic(BinOpKind::Add, a, b),
            _ => Err(undefined_for("+", left, right)),
        },
    }
}

fn multiply<'t>(left: &Value<'t>, right: &Value<'t>, meter: &Meter) -> Outcome<Value<'t>> {
    if let (Some(a), Some(b)) = (left.number(), right.number()) {
        return arithmetic(BinOpKind::Mul, a, b);
    }
    let (repeated, times) = if right.number().is_some() { (left, right) } else { (right, left) };
    let Some(Number::Int(times)) = times.number() else {
        return Err(undefined_for("*", left, right));
    };
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    match repeated {
        Value::Text(text) => {
            meter.chars(text.len().saturating_mul(times))?;
            Ok(Value::Text(Text::paid(text.repeat(times))))
        }
        Value::List(seq) => Value::list(repeated_items(&seq.items, times, meter)?, meter),
        Value::Tuple(seq) => Value::tuple(repeated_items(&seq.items, times, meter)?, meter),
        _ => Err(undefined_for("*", left, right)),
    }
}

fn repeated_items<'t>(items: &[Value<'t>], times: usize, meter: &Meter) -> Outcome<Vec<Value<'t>>> {
    let len = items.len().saturating_mul(times);
    meter.values(len)?;
    Ok(items.iter().cycle().take(len).cloned().collect())
}

fn arithmetic<'t>(op: BinOpKind, a: Number, b: Number) -> Outcome<Value<'t>> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) if !matches!(op, BinOpKind::Div) => of_ints(op, a, b),
        (a, b) => of_floats(op, a.float(), b.float()),
    }
}

fn of_ints<'t>(op: BinOpKind, a: i64, b: i64) -> Outcome<Value<'t>> {
    if b == 0 && matches!(op, BinOpKind::FloorDiv | BinOpKind::Rem) {
        return Err(Fault::failed("division by zero"));
    }
    let rest = |a: i64, b: i64| a.checked_rem(b).unwrap_or(0); // −2⁶³ % −1
    let other_sign = |a: i64, b: i64| rest(a, b) != 0 && (a < 0) != (b < 0);
    let value = match op {
        BinOpKind::Add => a.checked_add(b),
        BinOpKind::Sub => a.checked_sub(b),
        BinOpKind::Mul => a.checked_mul(b),
        BinOpKind::FloorDiv => a.checked_div(b).map(|q| q - i64::from(other_sign(a, b))),
        BinOpKind::Rem => Some(rest(a, b) + if other_sign(a, b) { b } else { 0 }),
        _ => match u32::try_from(b) {
            Ok(b) => a.checked_pow(b),
            Err(_) => return Err(Fault::unsupported("'**' with this exponent")),
        },
    };
    value.map(Value::Int).ok_or_else(|| Fault::unsupported("whole numbers beyond 64 bits"))
}

fn of_floats<'t>(op: BinOpKind, a: f64, b: f64) -> Outcome<Value<'t>> {
    if b == 0.0 && matches!(op, BinOpKind::Div | BinOpKind::FloorDiv | BinOpKind::Rem) {
        return Err(Fault::failed("division by zero"));
    }
    Ok(Value::Float(match op {
        BinOpKind::Add => a + b,
        BinOpKind::Sub => a - b,
        BinOpKind::Mul => a * b,
        BinOpKind::Div => a / b,
        BinOpKind::FloorDiv => floor_division(a, b),
        BinOpKind::Rem => remainder(a, b),
        _ => return Err(Fault::unsupported("'**' of fractions")),
    }))
}

/// What division leaves over, with the sign of the divisor.
fn remainder(a: f64, b: f64) -> f64 {
    let rest = a % b; // exact
    if rest == 0.0 {
        rest.abs().copysign(b)
    } else if (rest < 0.0) != (b < 0.0) {
        rest + b
    } else {
        rest
    }
}

/// The whole number of times that `b` goes into `a`, by way of the remainder, as Python has it.
fn floor_division(a: f64, b: f64) -> f64 {
    let times = (a - remainder(a, b)) / b;
    if times == 0.0 { times.abs().copysign(a / b) } else { times.round() }
}

/// `-value`.
pub(super) fn negative<'t>(value: &Value<'t>) -> Outcome<Value<'t>> {
    match value.number() {
        Some(Number::Float(x)) => Ok(Value::Float(-x)),
        Some(Number::Int(n)) => n
            .checked_neg()
            .map(Value::Int)
            .ok_or_else(|| Fault::unsupported("whole numbers beyond 64 bits")),
        None => Err(Fault::failed(format!("-{} means nothing", value.kind()))),
    }
}

/// `value[key]`; none where there is nothing.
pub(super) fn item<'t>(
    value: &Value<'t>,
    key: &Value<'t>,
    meter: &Meter,
) -> Outcome<Option<Value<'t>>> {
    let place = |len: usize| match key {
        Value::Int(at) => place_of(*at, len),
        Value::Bool(at) => place_of(i64::from(*at), len),
        _ => None,
    };
    Ok(match value {
        Value::Text(text) => match place(text.len()) {
            Some(at) => Some(Value::Text(Text::of(&text[at..=at], meter)?)),
            None => None,
        },
        Value::List(seq) | Value::Tuple(seq) => {
            place(seq.items.len()).map(|at| seq.items[at].clone())
        }
        Value::Range(steps) => place(steps.len).and_then(|at| steps.at(at)).map(Value::Int),
        Value::Map(_) => value.get(key, meter)?,
        _ => None,
    })
}

/// The place that a subscript means, from the end where it is negative.
fn place_of(at: i64, len: usize) -> Option<usize> {
    let len = i64::try_from(len).ok()?;
    let at = if at < 0 { at + len } else { at };
    usize::try_from(at).ok().filter(|_| at < len)
}

/// `value[start:stop:step]`.
pub(super) fn slice<'t>(
    value: &Value<'t>,
    bounds: [&Value<'t>; 3],
    meter: &Meter,
) -> Outcome<Value<'t>> {
    let places = |len: usize| places(bounds, len);
    match value {
        Value::Text(text) => {
            let places = places(text.len())?;
            meter.chars(places.len)?;
            Ok(Value::Text(Text::paid(places.map(|at| text[at]).collect())))
        }
        Value::List(seq) | Value::Tuple(seq) => {
            let places = places(seq.items.len())?;
            meter.values(places.len)?;
            let items = places.map(|at| seq.items[at].clone()).collect();
            match value {
                Value::List(_) => Value::list(items, meter),
                _ => Value::tuple(items, meter),
            }
        }
        Value::Range(_) => Err(Fault::unsupported("a slice of a range")),
        Value::Undefined(name) => Err(Fault::failed(format!("{name:?} is undefined"))),
        other => Err(Fault::failed(format!("a slice of {} means nothing", other.kind()))),
    }
}

/// The places of a slice, in its order.
struct Places {
    next: i64,
    step: i64,
    len: usize,
}

impl Iterator for Places {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.len = self.len.checked_sub(1)?;
        let at = usize::try_from(self.next).ok()?;
        self.next += self.step;
        Some(at)
    }
}

/// Python's `slice.indices`.
fn places(bounds: [&Value<'_>; 3], len: usize) -> Outcome<Places> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let given = |value: &Value<'_>| match value {
        Value::None => Ok(None),
        value => whole(value, "a slice").map(Some),
    };
    let step = given(bounds[2])?.unwrap_or(1);
    if step == 0 {
        return Err(Fault::failed("a slice wants a step other than 0"));
    }
    let step = step.clamp(-len - 1, len + 1); // farther steps go beyond the end as well
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let bound =
        |value: &Value<'_>, default: i64| {
            let at = given(value)?;
            Ok(at.map_or(default, |at| {
                if at < 0 { at.saturating_add(len).max(low) } else { at.min(high) }
            }))
        };
    let first = bound(bounds[0], if step > 0 { low } else { high })?;
    let end = bound(bounds[1], if step > 0 { high } else { low })?;
    let len = (end - first + step - step.signum()) / step;
    Ok(Places { next: first, step, len: usize::try_from(len.max(0)).unwrap_or(0) })
}

/// The length as `|length` and `is divisibleby` want it.
pub(super) fn len(value: &Value<'_>) -> Outcome<usize> {
    value.len().ok_or_else(|| Fault::failed(format!("{} has no length", value.kind())))
}
