//! Variables, and where they can be seen.

use super::meter::{Meter, Outcome};
use super::value::Value;

/// Scopes inside each other, the innermost last; the first is the template's own.
#[derive(Debug)]
pub(super) struct Scopes<'t> {
    inner: Vec<Vec<(&'t str, Value<'t>)>>,
    /// What the caller gave: seen from everywhere, hidden by anything of the same name.
    given: Vec<(&'static str, Value<'t>)>,
    /// The scopes from here on are seen, and the first.
    base: usize,
}

impl<'t> Scopes<'t> {
    pub(super) fn new(given: Vec<(&'static str, Value<'t>)>) -> Self {
        Self { inner: vec![Vec::new()], given, base: 0 }
    }

    /// The value of a variable, where it has one.
    pub(super) fn get(&self, name: &str, meter: &Meter) -> Outcome<Option<Value<'t>>> {
        let first = &self.inner[..1.min(self.base)];
        for scope in self.inner[self.base..].iter().rev().chain(first) {
            meter.chars(1 + scope.len())?;
            if let Some((_, value)) = scope.iter().find(|(known, _)| *known == name) {
                return Ok(Some(value.clone()));
            }
        }
        Ok(self.given.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()))
    }

    /// Sets a variable of the innermost scope.
    pub(super) fn set(&mut self, name: &'t str, value: Value<'t>, meter: &Meter) -> Outcome<()> {
        let scope = self.inner.last_mut().expect("the first scope is never left");
        meter.chars(1 + scope.len())?;
        if let Some((_, place)) = scope.iter_mut().find(|(known, _)| *known == name) {
            *place = value;
            return Ok(());
        }
        meter.values(2)?;
        scope.push((name, value));
        Ok(())
    }

    /// Whether this is the template's own scope.
    pub(super) fn is_outermost(&self) -> bool {
        self.inner.len() == 1
    }

    /// Opens a scope.
    pub(super) fn open(&mut self) {
        self.inner.push(Vec::new());
    }

    /// Closes the innermost scope.
    pub(super) fn close(&mut self) {
        self.inner.pop();
    }

    /// Opens the scope of a macro, which sees the template's own and none between; what to give to
    /// [`return_from`](Self::return_from).
    pub(super) fn call(&mut self) -> usize {
        self.open();
        std::mem::replace(&mut self.base, self.inner.len() - 1)
    }

    /// Closes the scope of a macro.
    pub(super) fn return_from(&mut self, base: usize) {
        self.close();
        self.base = base;
    }
}
