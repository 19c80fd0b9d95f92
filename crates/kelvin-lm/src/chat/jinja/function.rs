//! What a template can call by name.

use std::cell::RefCell;
use std::rc::Rc;

use super::arguments::{Arguments, required, string, whole};
use super::meter::{Cause, Fault, Meter, Outcome};
use super::print;
use super::text::Text;
use super::value::{Map, Namespace, Steps, Value};
use crate::chat::date::Date;

/// The longest range, as in Jinja's sandbox.
const LONGEST: usize = 100_000;

/// A function of every template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Range,
    Namespace,
    Dict,
    RaiseException,
    /// The date that the caller gave; the clock is never asked.
    StrftimeNow(Date),
}

impl Function {
    /// The function of this name. `strftime_now` is there where a date is.
    pub(super) fn named(name: &str, date: Option<Date>) -> Option<Self> {
        Some(match name {
            "range" => Self::Range,
            "namespace" => Self::Namespace,
            "dict" => Self::Dict,
            "raise_exception" => Self::RaiseException,
            "strftime_now" => Self::StrftimeNow(date?),
            _ => return None,
        })
    }

    pub(super) fn call<'t>(self, arguments: Arguments<'t>, meter: &Meter) -> Outcome<Value<'t>> {
        match self {
            Self::Range => range(arguments),
            Self::Namespace => namespace(arguments, meter),
            Self::Dict => dict(arguments, meter),
            Self::RaiseException => {
                let message = arguments.one("raise_exception", "message")?;
                let words = print::text(&message, meter)?.plain(meter)?;
                Err(Fault::new(Cause::Refused(words)))
            }
            Self::StrftimeNow(date) => {
                let format = string(arguments.one("strftime_now", "format")?, "strftime_now")?;
                let shown = date.strftime(&format.plain(meter)?).map_err(Fault::unsupported)?;
                Value::own(&shown, meter)
            }
        }
    }
}

fn range(arguments: Arguments<'_>) -> Outcome<Value<'_>> {
    let [first, second, step] = arguments.bind("range", ["start", "stop", "step"])?;
    let first = whole(&required(first, "range", "stop")?, "range")?;
    let second = second.map(|value| whole(&value, "range")).transpose()?;
    let step = step.map_or(Ok(1), |value| whole(&value, "range"))?;
    let (start, end) = second.map_or((0, first), |end| (first, end));
    if step == 0 {
        return Err(Fault::failed("range wants a step other than 0"));
    }
    let span = i128::from(end) - i128::from(start);
    let len = (span + i128::from(step) - i128::from(step.signum())) / i128::from(step);
    match usize::try_from(len.max(0)).ok().filter(|&len| len <= LONGEST) {
        Some(len) => Ok(Value::Range(Steps { start, step, len })),
        None => Err(Fault::failed(format!("range is longer than {LONGEST}"))),
    }
}

/// The pairs of the map that may come first, then those given by name.
fn pairs<'t>(
    what: &str,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Vec<(Value<'t>, Value<'t>)>> {
    let mut placed = arguments.placed.into_iter();
    let mut pairs = match (placed.next(), placed.next()) {
        (None, _) => Vec::new(),
        (Some(Value::Map(map)), None) => {
            meter.values(2 * map.pairs.len())?;
            map.pairs.clone()
        }
        _ => return Err(Fault::unsupported(format!("{what} of something other than a dict"))),
    };
    for (name, value) in arguments.named {
        pairs.push((Value::own(name, meter)?, value));
    }
    Ok(pairs)
}

fn dict<'t>(arguments: Arguments<'t>, meter: &Meter) -> Outcome<Value<'t>> {
    let pairs = pairs("dict", arguments, meter)?;
    Ok(Value::Map(Rc::new(Map::new(pairs, meter)?)))
}

fn namespace<'t>(arguments: Arguments<'t>, meter: &Meter) -> Outcome<Value<'t>> {
    let space = Namespace(RefCell::default());
    for (name, value) in pairs("namespace", arguments, meter)? {
        space.set(string(name, "namespace")?, value, meter)?;
    }
    Ok(Value::Namespace(Rc::new(space)))
}

impl<'t> Namespace<'t> {
    /// The value of an attribute, where it is there.
    pub(super) fn get(&self, name: &str, meter: &Meter) -> Outcome<Option<Value<'t>>> {
        let attributes = self.0.borrow();
        meter.chars(attributes.len() + name.len())?;
        let found = attributes.iter().find(|(known, _)| known.is(name));
        Ok(found.map(|(_, value)| value.clone()))
    }

    /// Sets an attribute.
    pub(super) fn set(&self, name: Text, value: Value<'t>, meter: &Meter) -> Outcome<()> {
        let value = value.storable()?;
        let mut attributes = self.0.borrow_mut();
        meter.chars(attributes.len() + name.len())?;
        if let Some((_, place)) = attributes.iter_mut().find(|(known, _)| *known == name) {
            *place = value;
            return Ok(());
        }
        meter.values(2)?;
        attributes.push((name, value));
        Ok(())
    }
}
