//! `str.format`, as far as it puts values into a text.

use super::arguments::Arguments;
use super::meter::{Fault, Meter, Outcome};
use super::print::Printer;
use super::text::{Char, Text, plain};
use super::value::Value;

/// The text with a value for each `{}`, `{0}` or `{name}`. What else may stand between braces (`{0.a}`, `{:>8}`,
/// `{!r}`) is not supported.
pub(super) fn format(text: &Text, arguments: Arguments<'_>, meter: &Meter) -> Outcome<Text> {
    let mut fields = Fields { arguments, next: 0, counts: None };
    let mut printer = Printer { out: Vec::new(), meter };
    let mut rest = &text[..];
    while let Some(at) = rest.iter().position(|c| *c == '{' || *c == '}') {
        printer.copy(&rest[..at])?;
        meter.step()?;
        let brace = rest[at];
        rest = &rest[at + 1..];
        if rest.first() == Some(&brace) {
            printer.copy(&[brace])?; // doubled, it stands for itself
            rest = &rest[1..];
            continue;
        }
        let end = rest.iter().position(|c| *c == '}').filter(|_| brace == '{');
        let end = end.ok_or_else(|| Fault::failed("a brace in the format has no other"))?;
        printer.value(&fields.take(&rest[..end], meter)?)?;
        rest = &rest[end + 1..];
    }
    printer.copy(rest)?;
    Ok(Text::paid(printer.out))
}

/// The values of a format.
struct Fields<'t> {
    arguments: Arguments<'t>,
    /// The place of the next `{}`.
    next: usize,
    /// Whether there is a `{}`, or a `{0}`.
    counts: Option<bool>,
}

impl<'t> Fields<'t> {
    fn take(&mut self, name: &[Char], meter: &Meter) -> Outcome<Value<'t>> {
        let name = plain(name, meter)?;
        if name.contains(['.', '[', ':', '!', '{']) {
            return Err(Fault::unsupported("a format of more than names and places"));
        }
        meter.values(self.arguments.named.len())?;
        let value = self.value(&name)?.cloned();
        value.ok_or_else(|| Fault::failed(format!("the format has no value {name:?}")))
    }

    fn value(&mut self, name: &str) -> Outcome<Option<&Value<'t>>> {
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            let place = self.place(name)?;
            return Ok(self.arguments.placed.get(place));
        }
        let mut named = self.arguments.named.iter();
        Ok(named.find(|(known, _)| *known == name).map(|(_, value)| value))
    }

    /// The place that a number means, or nothing: the next.
    fn place(&mut self, number: &str) -> Outcome<usize> {
        let counts = number.is_empty();
        if *self.counts.get_or_insert(counts) != counts {
            return Err(Fault::failed("a format counts its values or numbers them, not both"));
        }
        self.next += usize::from(counts);
        Ok(if counts { self.next - 1 } else { number.parse().unwrap_or(usize::MAX) })
    }
}
