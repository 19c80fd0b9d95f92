//! Jinja, as chat templates use it: parsed by the `minijinja` crate, evaluated here.
//!
//! The evaluation is our own for two reasons.
//!
//! * *Origin.* Each character knows whether it comes from the template or from a message
//!   ([`Char`]), through every operator, filter and method. So control tokens that a message spells are
//!   known for what they are in the rendered text, whatever the template did to the message.
//! * *Bounds.* A template is somebody else's program. Here every copy and comparison is paid for from
//!   one budget before it is made, which bounds time and memory without a clock. (`minijinja`'s own
//!   machine counts instructions, and one instruction can double a string: 1,000 of them made 2.6 GB.)
//!
//! What a value does is what Python's value does, since templates are written for Python's Jinja:
//! `True` and `None` are printed so, `/` divides, `1 == 1.0`, keys keep their order. What is not
//! implemented is an error that names it, never a guess.

mod arguments;
mod expression;
mod filter;
mod format;
mod function;
mod interpreter;
mod meter;
mod method;
mod operator;
mod print;
mod scope;
mod sort;
mod source;
mod test;
mod text;
mod value;

use std::rc::Rc;

use interpreter::Interpreter;
use meter::{BASE, BYTES, MESSAGES, Meter, PER_BYTE, PER_MESSAGE};
use scope::Scopes;
use value::Map;

pub(super) use meter::{Cause, Fault, Outcome};
pub(super) use source::Source;
pub(super) use text::Char;
use text::Text;
use value::Value;

use super::date::Date;

/// What a template is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    /// Role and content of each message; contents are quoted, roles are not.
    pub(super) messages: &'a [(&'a str, &'a str)],
    pub(super) add_generation_prompt: bool,
    /// Further strings by name, such as `bos_token`.
    pub(super) texts: &'a [(&'static str, &'a str)],
    /// What `strftime_now` says; the function is undefined without.
    pub(super) date: Option<Date>,
}

/// The text that a template makes.
pub(super) fn render(source: &Source, given: Given<'_>) -> Outcome<Vec<Char>> {
    let meter = Meter::new(budget(given.messages)?);
    let template = source.parse()?;
    let scopes = Scopes::new(variables(given, &meter)?);
    Interpreter::new(meter, scopes, given.date).render(&template)
}

/// What a template may cost for these messages.
fn budget(messages: &[(&str, &str)]) -> Outcome<u64> {
    let bytes: usize = messages.iter().map(|(_, content)| content.len()).sum();
    for (n, most, what) in [(bytes, BYTES, "bytes"), (messages.len(), MESSAGES, "messages")] {
        if n > most {
            let what = format!("the conversation has {n} {what}, the most is {most}");
            return Err(Fault::new(Cause::TooLong(what)));
        }
    }
    Ok(BASE + PER_BYTE * bytes as u64 + PER_MESSAGE * messages.len() as u64)
}

/// The names that transformers gives to every template.
fn variables<'t>(given: Given<'_>, meter: &Meter) -> Outcome<Vec<(&'static str, Value<'t>)>> {
    let pair = |name: &str, value: Text| Ok((Value::own(name, meter)?, Value::Text(value)));
    let message = |&(role, content): &(&str, &str)| {
        let role = pair("role", Text::own(role, meter)?)?;
        let content = pair("content", Text::quoted(content, meter)?)?;
        Ok(Value::Map(Rc::new(Map::new([role, content], meter)?)))
    };
    let messages: Vec<_> = given.messages.iter().map(message).collect::<Outcome<_>>()?;
    let mut variables = vec![
        ("messages", Value::list(messages, meter)?),
        ("add_generation_prompt", Value::Bool(given.add_generation_prompt)),
        ("tools", Value::None),
        ("documents", Value::None),
    ];
    for &(name, text) in given.texts {
        variables.push((name, Value::own(text, meter)?));
    }
    Ok(variables)
}
