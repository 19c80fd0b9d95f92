//! The arguments of a call.

use super::meter::{Fault, Outcome};
use super::text::Text;
use super::value::Value;

/// Values by place, then by name.
#[derive(Debug, Default, Clone)]
pub(super) struct Arguments<'t> {
    pub(super) placed: Vec<Value<'t>>,
    pub(super) named: Vec<(&'t str, Value<'t>)>,
}

impl<'t> Arguments<'t> {
    /// A value for each parameter, none where it was not given.
    pub(super) fn bind<const N: usize>(
        self,
        what: &str,
        parameters: [&str; N],
    ) -> Outcome<[Option<Value<'t>>; N]> {
        if self.placed.len() > N {
            let given = self.placed.len();
            return Err(Fault::failed(format!("{what} takes {N} arguments, not {given}")));
        }
        let mut placed = self.placed.into_iter();
        let mut bound = parameters.map(|_| placed.next());
        for (name, value) in self.named {
            let Some(place) = parameters.iter().position(|&parameter| parameter == name) else {
                return Err(Fault::failed(format!("{what} has no argument {name:?}")));
            };
            if bound[place].replace(value).is_some() {
                return Err(Fault::failed(format!("{what} has argument {name:?} twice")));
            }
        }
        Ok(bound)
    }

    /// The first that was given by place, taken away.
    pub(super) fn take_first(&mut self) -> Option<Value<'t>> {
        (!self.placed.is_empty()).then(|| self.placed.remove(0))
    }

    /// That there are none.
    pub(super) fn none(self, what: &str) -> Outcome<()> {
        self.bind(what, []).map(|[]: [_; 0]| ())
    }

    /// The only one.
    pub(super) fn one(self, what: &str, parameter: &str) -> Outcome<Value<'t>> {
        let [value] = self.bind(what, [parameter])?;
        required(value, what, parameter)
    }
}

/// An argument that must be there.
pub(super) fn required<'t>(
    value: Option<Value<'t>>,
    what: &str,
    parameter: &str,
) -> Outcome<Value<'t>> {
    value.ok_or_else(|| Fault::failed(format!("{what} needs argument {parameter:?}")))
}

/// An argument that must be a string.
pub(super) fn string(value: Value<'_>, what: &str) -> Outcome<Text> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(Fault::failed(format!("{what} wants a string, not {}", other.kind()))),
    }
}

/// An argument that must be a whole number.
pub(super) fn whole(value: &Value<'_>, what: &str) -> Outcome<i64> {
    match value {
        Value::Int(n) => Ok(*n),
        Value::Bool(b) => Ok(i64::from(*b)),
        other => Err(Fault::failed(format!("{what} wants a whole number, not {}", other.kind()))),
    }
}
