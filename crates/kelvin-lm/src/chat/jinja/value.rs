//! The values a template works with: Python's, as far as templates go.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::rc::Rc;

use minijinja::machinery::ast;

use super::function::Function;
use super::meter::{Fault, Meter, Outcome};
use super::text::{Text, find};

/// How deep values may lie inside each other.
const DEPTH: u8 = 64;

/// A value. Copies are cheap; lists and maps never change, so no value can contain itself.
#[derive(Debug, Clone)]
pub(super) enum Value<'t> {
    /// What was looked up and is not there, by the name it was looked up by.
    Undefined(&'t str),
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Text),
    List(Rc<Seq<'t>>),
    Tuple(Rc<Seq<'t>>),
    Map(Rc<Map<'t>>),
    Range(Steps),
    Namespace(Rc<Namespace<'t>>),
    Loop(Rc<Turn<'t>>),
    Macro(&'t ast::Macro<'t>),
    Function(Function),
}

/// Values in order, and how deep they go.
#[derive(Debug)]
pub(super) struct Seq<'t> {
    pub(super) items: Vec<Value<'t>>,
    depth: u8,
}

/// Pairs in the order they came, each key once, and how deep they go.
#[derive(Debug)]
pub(super) struct Map<'t> {
    pub(super) pairs: Vec<(Value<'t>, Value<'t>)>,
    depth: u8,
}

/// The one thing that a template can change: `namespace(…)`.
#[derive(Debug, Default)]
pub(super) struct Namespace<'t>(pub(super) RefCell<Vec<(Text, Value<'t>)>>);

/// `range(start, stop, step)`, never written out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    pub(super) start: i64,
    pub(super) step: i64,
    pub(super) len: usize,
}

impl Steps {
    pub(super) fn at(self, place: usize) -> Option<i64> {
        let place = i64::try_from(place).ok().filter(|_| place < self.len)?;
        Some(self.start.wrapping_add(place.wrapping_mul(self.step))) // between start and stop
    }
}

/// One turn of a `for` loop, as `loop` shows it.
#[derive(Debug)]
pub(super) struct Turn<'t> {
    pub(super) items: Rc<Seq<'t>>,
    pub(super) index: usize,
}

impl<'t> Value<'t> {
    /// A string of the template.
    pub(super) fn own(text: &str, meter: &Meter) -> Outcome<Self> {
        Text::own(text, meter).map(Self::Text)
    }

    pub(super) fn list(items: Vec<Self>, meter: &Meter) -> Outcome<Self> {
        Ok(Self::List(Rc::new(Seq::new(items, meter)?)))
    }

    pub(super) fn tuple(items: Vec<Self>, meter: &Meter) -> Outcome<Self> {
        Ok(Self::Tuple(Rc::new(Seq::new(items, meter)?)))
    }

    /// A count; more than an `i64` holds is more than memory holds.
    pub(super) fn count(n: usize) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }

    /// What Python calls the type, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "undefined",
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Map(_) => "dict",
            Self::Range(_) => "range",
            Self::Namespace(_) => "namespace",
            Self::Loop(_) => "loop",
            Self::Macro(_) => "macro",
            Self::Function(_) => "function",
        }
    }

    /// Whether Python takes it for true.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Undefined(_) | Self::None => false,
            Self::Bool(b) => *b,
            Self::Int(n) => *n != 0,
            Self::Float(x) => *x != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(seq) | Self::Tuple(seq) => !seq.items.is_empty(),
            Self::Map(map) => !map.pairs.is_empty(),
            Self::Range(steps) => steps.len > 0,
            Self::Namespace(_) | Self::Loop(_) | Self::Macro(_) | Self::Function(_) => true,
        }
    }

    /// Its length, where it has one.
    pub(super) fn len(&self) -> Option<usize> {
        Some(match self {
            Self::Undefined(_) => 0,
            Self::Text(text) => text.len(),
            Self::List(seq) | Self::Tuple(seq) => seq.items.len(),
            Self::Map(map) => map.pairs.len(),
            Self::Range(steps) => steps.len,
            _ => return None,
        })
    }

    /// The values that a loop over it meets: characters, items, keys.
    pub(super) fn items(&self, meter: &Meter) -> Outcome<Rc<Seq<'t>>> {
        let items = match self {
            Self::List(seq) | Self::Tuple(seq) => return Ok(Rc::clone(seq)),
            Self::Undefined(_) => Vec::new(),
            Self::Text(text) => {
                meter.values(text.len())?; // each becomes a string of its own
                let one = |c| Text::of(std::slice::from_ref(c), meter).map(Self::Text);
                text.iter().map(one).collect::<Outcome<_>>()?
            }
            Self::Map(map) => map.pairs.iter().map(|(key, _)| key.clone()).collect(),
            Self::Range(steps) => {
                meter.values(steps.len)?;
                (0..steps.len).filter_map(|at| steps.at(at)).map(Self::Int).collect()
            }
            other => return Err(Fault::failed(format!("{} is not iterable", other.kind()))),
        };
        Ok(Rc::new(Seq::new(items, meter)?))
    }

    /// The value under a key, where it is a map that has it.
    pub(super) fn get(&self, key: &Self, meter: &Meter) -> Outcome<Option<Self>> {
        let Self::Map(map) = self else { return Ok(None) };
        for (known, value) in &map.pairs {
            if known.equals(key, meter)? {
                return Ok(Some(value.clone()));
            }
        }
        Ok(None)
    }

    /// The value under a name, where it is a map that has it.
    pub(super) fn get_named(&self, name: &str, meter: &Meter) -> Outcome<Option<Self>> {
        let Self::Map(map) = self else { return Ok(None) };
        meter.chars(map.pairs.len() + name.len())?;
        let named = |(key, _): &&(Self, Self)| matches!(key, Self::Text(key) if key.is(name));
        Ok(map.pairs.iter().find(named).map(|(_, value)| value.clone()))
    }

    /// A number, where it is one: true is 1.
    pub(super) fn number(&self) -> Option<Number> {
        match self {
            Self::Bool(b) => Some(Number::Int(i64::from(*b))),
            Self::Int(n) => Some(Number::Int(*n)),
            Self::Float(x) => Some(Number::Float(*x)),
            _ => None,
        }
    }

    /// Equality as Python has it: 1, 1.0 and True are equal, a list is no tuple.
    pub(super) fn equals(&self, other: &Self, meter: &Meter) -> Outcome<bool> {
        meter.chars(1)?;
        Ok(match (self, other) {
            (Self::Undefined(_), Self::Undefined(_)) | (Self::None, Self::None) => true,
            (Self::Text(a), Self::Text(b)) => {
                a.len() == b.len() && {
                    meter.chars(a.len())?;
                    a == b
                }
            }
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => {
                a.items.len() == b.items.len() && all_equal(&a.items, &b.items, meter)?
            }
            (Self::Map(a), Self::Map(b)) => {
                a.pairs.len() == b.pairs.len() && a.within(other, meter)?
            }
            (Self::Range(a), Self::Range(b)) => {
                (a.len, a.at(0), a.at(1)) == (b.len, b.at(0), b.at(1))
            }
            (Self::Namespace(a), Self::Namespace(b)) => Rc::ptr_eq(a, b),
            (Self::Macro(a), Self::Macro(b)) => std::ptr::eq(*a, *b),
            (Self::Function(a), Self::Function(b)) => a == b,
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a.order(b) == Some(Ordering::Equal),
                _ => false,
            },
        })
    }

    /// Order as Python has it: numbers with numbers, strings with strings, lists with lists.
    pub(super) fn order(&self, other: &Self, meter: &Meter) -> Outcome<Option<Ordering>> {
        meter.chars(1)?;
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => {
                meter.chars(a.len().min(b.len()))?;
                Ok(Some(a.cmp(b)))
            }
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => {
                for (a, b) in a.items.iter().zip(&b.items) {
                    if !a.equals(b, meter)? {
                        return a.order(b, meter);
                    }
                }
                Ok(Some(a.items.len().cmp(&b.items.len())))
            }
            _ => {
                if let (Some(a), Some(b)) = (self.number(), other.number()) {
                    return Ok(a.order(b));
                }
                let kinds = format!("{} and {}", self.kind(), other.kind());
                Err(Fault::failed(format!("{kinds} cannot be compared by size")))
            }
        }
    }

    /// Whether it contains `item`, as `in` asks.
    pub(super) fn contains(&self, item: &Self, meter: &Meter) -> Outcome<bool> {
        match (self, item) {
            (Self::Text(text), Self::Text(part)) => Ok(find(text, part, 0, meter)?.is_some()),
            (Self::Text(_), other) => {
                Err(Fault::failed(format!("'in' a string wants a string, not {}", other.kind())))
            }
            (Self::Map(_), key) => Ok(self.get(key.hashable(meter)?, meter)?.is_some()),
            (Self::None | Self::Bool(_) | Self::Int(_) | Self::Float(_), _) => {
                Err(Fault::failed(format!("'in' wants something iterable, not {}", self.kind())))
            }
            _ => item.is_among(&self.items(meter)?.items, meter),
        }
    }

    /// Refuses what has no hash in Python, so that it can be no key.
    pub(super) fn hashable(&self, meter: &Meter) -> Outcome<&Self> {
        meter.chars(1)?;
        match self {
            Self::List(_) | Self::Map(_) | Self::Namespace(_) => {
                Err(Fault::failed(format!("{} cannot be a key", self.kind())))
            }
            Self::Tuple(seq) => {
                seq.items.iter().try_for_each(|item| item.hashable(meter).map(|_| ()))?;
                Ok(self)
            }
            _ => Ok(self),
        }
    }

    fn depth(&self) -> Outcome<u8> {
        match self {
            Self::List(seq) | Self::Tuple(seq) => Ok(seq.depth),
            Self::Map(map) => Ok(map.depth),
            Self::Namespace(_) | Self::Loop(_) => {
                Err(Fault::unsupported(format!("a {} inside another value", self.kind())))
            }
            _ => Ok(0),
        }
    }

    /// Refuses what may not be stored in a namespace: what could come to contain itself.
    pub(super) fn storable(self) -> Outcome<Self> {
        self.depth().map(|_| self)
    }
}

impl<'t> Seq<'t> {
    /// Pays for the items.
    pub(super) fn new(items: Vec<Value<'t>>, meter: &Meter) -> Outcome<Self> {
        meter.values(1 + items.len())?;
        let depth = above(items.iter())?;
        Ok(Self { items, depth })
    }
}

impl<'t> Map<'t> {
    /// The pairs; of several with one key, the last value at the place of the first.
    pub(super) fn new(
        all: impl IntoIterator<Item = (Value<'t>, Value<'t>)>,
        meter: &Meter,
    ) -> Outcome<Self> {
        let mut pairs: Vec<(Value<'t>, Value<'t>)> = Vec::new();
        for (key, value) in all {
            meter.values(2)?;
            key.hashable(meter)?;
            let mut place = None;
            for (at, (known, _)) in pairs.iter().enumerate() {
                if known.equals(&key, meter)? {
                    place = Some(at);
                    break;
                }
            }
            match place {
                Some(at) => pairs[at].1 = value,
                None => pairs.push((key, value)),
            }
        }
        let depth = above(pairs.iter().flat_map(|(key, value)| [key, value]))?;
        Ok(Self { pairs, depth })
    }

    /// Whether `other` has the same value under each of the keys.
    fn within(&self, other: &Value<'t>, meter: &Meter) -> Outcome<bool> {
        for (key, value) in &self.pairs {
            match other.get(key, meter)? {
                Some(theirs) if theirs.equals(value, meter)? => (),
                _ => return Ok(false),
            }
        }
        Ok(true)
    }
}

impl Value<'_> {
    /// Whether one of these is equal.
    pub(super) fn is_among(&self, values: &[Self], meter: &Meter) -> Outcome<bool> {
        for value in values {
            if self.equals(value, meter)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn above<'v, 't: 'v>(mut values: impl Iterator<Item = &'v Value<'t>>) -> Outcome<u8> {
    let depth = values.try_fold(0, |deepest, value| Ok(value.depth()?.max(deepest)))?;
    if depth == DEPTH {
        return Err(Fault::failed(format!("values are nested deeper than {DEPTH}")));
    }
    Ok(depth + 1)
}

fn all_equal<'t>(a: &[Value<'t>], b: &[Value<'t>], meter: &Meter) -> Outcome<bool> {
    for (a, b) in a.iter().zip(b) {
        if !a.equals(b, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A number of either kind.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    pub(super) fn float(self) -> f64 {
        match self {
            Self::Int(n) => n as f64,
            Self::Float(x) => x,
        }
    }

    fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            (a, b) => a.float().partial_cmp(&b.float()),
        }
    }
}
