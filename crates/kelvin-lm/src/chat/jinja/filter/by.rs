//! What filters look at of each item.

use std::cmp::Ordering;

use super::super::meter::{Meter, Outcome};
use super::super::method::cased;
use super::super::operator::item;
use super::super::sort::sorted;
use super::super::text::{Char, Text, plain};
use super::super::value::Value;

/// What of each item is looked at, and whether its case counts.
pub(super) struct By<'t, 'm> {
    case: Case,
    /// Keys and places to go down, one after the other.
    path: Vec<Value<'t>>,
    meter: &'m Meter,
}

/// Whether `A` is `a`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Ignored,
    Counts,
}

impl Case {
    /// From an argument `case_sensitive`.
    pub(super) fn of(sensitive: Option<&Value<'_>>) -> Self {
        if sensitive.is_some_and(Value::is_true) { Self::Counts } else { Self::Ignored }
    }
}

impl<'t, 'm> By<'t, 'm> {
    /// By an attribute, such as `a.b.0`, or by the items themselves.
    pub(super) fn new(case: Case, attribute: Option<Value<'t>>, meter: &'m Meter) -> Outcome<Self> {
        let path = match attribute {
            None | Some(Value::None) => Vec::new(),
            Some(Value::Text(path)) => {
                let part = |part: &[Char]| match plain(part, meter)?.parse() {
                    Ok(place) => Ok(Value::Int(place)),
                    Err(_) => Text::of(part, meter).map(Value::Text),
                };
                let n_parts = 1 + path.iter().filter(|c| **c == '.').count();
                meter.values(n_parts)?;
                path.split(|c| *c == '.').map(part).collect::<Outcome<_>>()?
            }
            Some(place) => vec![place],
        };
        Ok(Self { case, path, meter })
    }

    /// The attribute of an item, or the item itself.
    pub(super) fn value(&self, of: &Value<'t>) -> Outcome<Value<'t>> {
        self.path.iter().try_fold(of.clone(), |value, key| {
            self.meter.step()?;
            Ok(item(&value, key, self.meter)?.unwrap_or(Value::Undefined("attribute")))
        })
    }

    /// What an item is compared by.
    pub(super) fn key(&self, of: &Value<'t>) -> Outcome<Value<'t>> {
        match self.value(of)? {
            Value::Text(text) if self.case == Case::Ignored => {
                cased(&text, "lower", self.meter).map(Value::Text)
            }
            value => Ok(value),
        }
    }

    /// The items in order; equal ones stay as they are, also in reverse.
    pub(super) fn sort(&self, items: Vec<Value<'t>>, reverse: bool) -> Outcome<Vec<Value<'t>>> {
        let keyed = items.into_iter().map(|item| Ok((self.key(&item)?, item)));
        let keyed: Vec<_> = keyed.collect::<Outcome<_>>()?;
        let keyed = sorted(keyed, &|(a, _), (b, _)| {
            let order = a.order(b, self.meter)?.unwrap_or(Ordering::Equal);
            Ok(if reverse { order.reverse() } else { order })
        })?;
        Ok(keyed.into_iter().map(|(_, item)| item).collect())
    }

    /// The first item of each key.
    pub(super) fn unique(&self, items: &[Value<'t>]) -> Outcome<Vec<Value<'t>>> {
        let (mut seen, mut kept): (Vec<Value<'t>>, Vec<Value<'t>>) = (Vec::new(), Vec::new());
        for item in items {
            let key = self.key(item)?;
            key.hashable(self.meter)?;
            if !key.is_among(&seen, self.meter)? {
                self.meter.values(2)?;
                seen.push(key);
                kept.push(item.clone());
            }
        }
        Ok(kept)
    }
}
