//! Methods of strings, maps and lists, by their Python names.

use std::rc::Rc;

use super::arguments::{Arguments, required, string, whole};
use super::format::format;
use super::meter::{Fault, Meter, Outcome};
use super::print::{Printer, text};
use super::text::{Char, Ends, Text, find, lower, rfind, stripped, upper};
use super::value::{Seq, Value};

/// Calls a method.
pub(super) fn call<'t>(
    value: &Value<'t>,
    name: &str,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    match value {
        Value::Text(text) => of_text(text, name, arguments, meter),
        Value::Map(_) => of_map(value, name, arguments, meter),
        Value::List(seq) | Value::Tuple(seq) => of_seq(&seq.items, name, arguments, meter),
        Value::Undefined(undefined) => Err(Fault::failed(format!("{undefined:?} is undefined"))),
        other => Err(unknown(other.kind(), name)),
    }
}

fn unknown(kind: &str, name: &str) -> Fault {
    Fault::unsupported(format!("method {name:?} of {kind}"))
}

/// Whether a map has a method of this name, which goes before its keys.
pub(super) fn is_of_map(name: &str) -> bool {
    const REST: [&str; 7] = ["clear", "copy", "fromkeys", "pop", "popitem", "setdefault", "update"];
    matches!(name, "get" | "items" | "keys" | "values") || REST.contains(&name)
}

fn of_map<'t>(
    value: &Value<'t>,
    name: &str,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    let Value::Map(map) = value else { return Err(unknown(value.kind(), name)) };
    if name == "get" {
        let [key, default] = arguments.bind("get", ["key", "default"])?;
        let found = value.get(&required(key, "get", "key")?, meter)?;
        return Ok(found.or(default).unwrap_or(Value::None));
    }
    let pairs = map.pairs.iter();
    let items: Vec<_> = match name {
        "keys" => pairs.map(|(key, _)| key.clone()).collect(),
        "values" => pairs.map(|(_, value)| value.clone()).collect(),
        "items" => {
            let pair = |(key, value): &(Value<'t>, Value<'t>)| {
                Value::tuple(vec![key.clone(), value.clone()], meter)
            };
            pairs.map(pair).collect::<Outcome<_>>()?
        }
        _ => return Err(unknown("dict", name)),
    };
    arguments.none(name)?;
    Value::list(items, meter)
}

fn of_seq<'t>(
    items: &[Value<'t>],
    name: &str,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    if !matches!(name, "count" | "index") {
        return Err(unknown("list", name));
    }
    let wanted = arguments.one(name, "value")?;
    let mut count = 0;
    for (at, item) in items.iter().enumerate() {
        if item.equals(&wanted, meter)? {
            if name == "index" {
                return Ok(Value::count(at));
            }
            count += 1;
        }
    }
    if name == "index" {
        return Err(Fault::failed("the list has no such value"));
    }
    Ok(Value::count(count))
}

fn of_text<'t>(
    text: &Text,
    name: &str,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    match name {
        "strip" => strip(text, Ends::Both, arguments, meter),
        "lstrip" => strip(text, Ends::Left, arguments, meter),
        "rstrip" => strip(text, Ends::Right, arguments, meter),
        "split" => split(text, arguments, meter),
        "rsplit" => rsplit(text, arguments, meter),
        "splitlines" => splitlines(text, arguments, meter),
        "startswith" | "endswith" => affix(text, name == "startswith", arguments, meter),
        "removeprefix" | "removesuffix" => remove(text, name == "removeprefix", arguments, meter),
        "replace" => {
            let [old, new, count] = arguments.bind("replace", ["old", "new", "count"])?;
            let old = string(required(old, "replace", "old")?, "replace")?;
            let new = string(required(new, "replace", "new")?, "replace")?;
            let count = count.map_or(Ok(-1), |count| whole(&count, "replace"))?;
            replace(text, &old, &new, usize::try_from(count).ok(), meter).map(Value::Text)
        }
        "find" | "rfind" | "count" => search(text, name, arguments, meter),
        "format" => format(text, arguments, meter).map(Value::Text),
        "join" => {
            let values = arguments.one("join", "iterable")?.items(meter)?;
            let mut printer = Printer { out: Vec::new(), meter };
            for (at, item) in values.items.iter().enumerate() {
                meter.step()?;
                let Value::Text(item) = item else {
                    return Err(Fault::failed(format!("join wants strings, not {}", item.kind())));
                };
                printer.copy(if at == 0 { &[] } else { text })?;
                printer.copy(item)?;
            }
            Ok(Value::Text(Text::paid(printer.out)))
        }
        "upper" | "lower" | "capitalize" | "title" => {
            arguments.none(name)?;
            cased(text, name, meter).map(Value::Text)
        }
        _ => {
            meter.chars(text.len())?;
            let answer = is(text, name).ok_or_else(|| unknown("str", name))?;
            arguments.none(name)?;
            Ok(Value::Bool(answer))
        }
    }
}

/// `isdigit` and its like; none for another name.
fn is(text: &Text, name: &str) -> Option<bool> {
    let all = |what: fn(char) -> bool| !text.is_empty() && text.iter().all(|c| what(c.char()));
    let any = |what: fn(char) -> bool| text.iter().any(|c| what(c.char()));
    Some(match name {
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isdigit" | "isnumeric" | "isdecimal" => all(char::is_numeric),
        "isspace" => !text.is_empty() && text.iter().all(|c| c.is_space()),
        "islower" => any(char::is_lowercase) && !any(char::is_uppercase),
        "isupper" => any(char::is_uppercase) && !any(char::is_lowercase),
        _ => return None,
    })
}

/// The text in another case.
pub(super) fn cased(text: &Text, case: &str, meter: &Meter) -> Outcome<Text> {
    meter.chars(3 * text.len())?; // a character has up to three in the other case
    let mut out = Vec::with_capacity(text.len());
    match case {
        "upper" => upper(text, &mut out),
        "lower" => lower(text, 0..text.len(), &mut out),
        "capitalize" => {
            upper(&text[..text.len().min(1)], &mut out);
            lower(text, text.len().min(1)..text.len(), &mut out);
        }
        _ => {
            let is_letter = |c: &Char| c.char().is_alphabetic();
            let mut start = 0;
            for word in text.chunk_by(|a, b| is_letter(a) == is_letter(b)) {
                upper(&word[..1], &mut out);
                lower(text, start + 1..start + word.len(), &mut out);
                start += word.len();
            }
        }
    }
    Ok(Text::paid(out))
}

fn strip<'t>(
    text: &Text,
    ends: Ends,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    let [chars] = arguments.bind("strip", ["chars"])?;
    trimmed(text, ends, chars, meter).map(Value::Text)
}

/// The text without those characters at its ends; without white space where none are named.
pub(super) fn trimmed(
    text: &Text,
    ends: Ends,
    chars: Option<Value<'_>>,
    meter: &Meter,
) -> Outcome<Text> {
    let kept = match chars {
        None | Some(Value::None) => {
            meter.chars(text.len())?;
            stripped(text, Char::is_space, ends)
        }
        Some(chars) => {
            let chars = string(chars, "strip")?;
            meter.chars(text.len().saturating_mul(chars.len()))?;
            stripped(text, |c| chars.contains(&c), ends)
        }
    };
    Text::of(&text[kept], meter)
}

/// The separator and how often to split at it, from the arguments of `split`.
fn splits(what: &str, arguments: Arguments<'_>) -> Outcome<(Option<Text>, usize)> {
    let [separator, most] = arguments.bind(what, ["sep", "maxsplit"])?;
    let separator = match separator {
        None | Some(Value::None) => None,
        Some(separator) => Some(string(separator, what)?),
    };
    if separator.as_ref().is_some_and(|separator| separator.is_empty()) {
        return Err(Fault::failed(format!("{what} wants a separator that is not empty")));
    }
    let most = most.map_or(Ok(-1), |most| whole(&most, what))?;
    Ok((separator, usize::try_from(most).unwrap_or(usize::MAX)))
}

fn split<'t>(text: &Text, arguments: Arguments<'t>, meter: &Meter) -> Outcome<Value<'t>> {
    let mut parts = Vec::new();
    let mut push = |part: &[Char]| {
        meter.values(2)?;
        parts.push(Value::Text(Text::of(part, meter)?));
        Ok(())
    };
    match splits("split", arguments)? {
        (Some(separator), most) => {
            let mut done = 0;
            for _ in 0..most {
                let Some(at) = find(text, &separator, done, meter)? else { break };
                push(&text[done..at])?;
                done = at + separator.len();
            }
            push(&text[done..])?;
        }
        (None, most) => {
            meter.chars(text.len())?;
            let start = |rest: &[Char]| stripped(rest, Char::is_space, Ends::Left).start;
            let mut done = start(text);
            for _ in 0..most {
                let rest = &text[done..];
                let Some(len) = rest.iter().position(|c| c.is_space()) else { break };
                push(&rest[..len])?;
                done += len + start(&rest[len..]);
            }
            if done < text.len() {
                push(&text[done..])?; // what is left after the last split, or a last word
            }
        }
    }
    Value::list(parts, meter)
}

fn rsplit<'t>(text: &Text, arguments: Arguments<'t>, meter: &Meter) -> Outcome<Value<'t>> {
    let (Some(separator), most) = splits("rsplit", arguments)? else {
        return Err(Fault::unsupported("rsplit without a separator"));
    };
    let (mut parts, mut end) = (Vec::new(), text.len());
    for _ in 0..most {
        let Some(at) = rfind(&text[..end], &separator, meter)? else { break };
        parts.push(Value::Text(Text::of(&text[at + separator.len()..end], meter)?));
        meter.values(2)?;
        end = at;
    }
    parts.push(Value::Text(Text::of(&text[..end], meter)?));
    parts.reverse();
    Value::list(parts, meter)
}

fn splitlines<'t>(text: &Text, arguments: Arguments<'t>, meter: &Meter) -> Outcome<Value<'t>> {
    let [keepends] = arguments.bind("splitlines", ["keepends"])?;
    let lines = lines(text, keepends.is_some_and(|keep| keep.is_true()), meter)?;
    Value::list(lines.into_iter().map(Value::Text).collect(), meter)
}

/// The lines of a text, with or without what ends them; Python knows eleven ends.
pub(super) fn lines(text: &[Char], keep_ends: bool, meter: &Meter) -> Outcome<Vec<Text>> {
    let ends = |c: char| matches!(c, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let (mut lines, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        meter.values(2)?;
        let len = rest.iter().position(|c| ends(c.char())).unwrap_or(rest.len());
        let end = match &rest[len..] {
            [] => 0,
            [a, b, ..] if *a == '\r' && *b == '\n' => 2,
            _ => 1,
        };
        let shown = if keep_ends { len + end } else { len };
        lines.push(Text::of(&rest[..shown], meter)?);
        meter.chars(len)?;
        rest = &rest[len + end..];
    }
    Ok(lines)
}

/// Whether the text begins (or ends) so, or in one of several ways.
fn affix<'t>(
    text: &Text,
    at_start: bool,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    let what = if at_start { "startswith" } else { "endswith" };
    let affixes = match arguments.one(what, "affix")? {
        Value::Tuple(seq) => seq,
        one => Rc::new(Seq::new(vec![one], meter)?),
    };
    for affix in &affixes.items {
        let affix = string(affix.clone(), what)?;
        meter.chars(1 + affix.len())?;
        if if at_start { text.starts_with(&affix) } else { text.ends_with(&affix) } {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn remove<'t>(
    text: &Text,
    at_start: bool,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    let what = if at_start { "removeprefix" } else { "removesuffix" };
    let affix = string(arguments.one(what, "affix")?, what)?;
    meter.chars(affix.len())?;
    let kept = if at_start { text.strip_prefix(&affix[..]) } else { text.strip_suffix(&affix[..]) };
    Ok(Value::Text(Text::of(kept.unwrap_or(text), meter)?))
}

/// The text with `new` for each `old`, from the left, at most so often.
pub(super) fn replace(
    text: &Text,
    old: &Text,
    new: &Text,
    most: Option<usize>,
    meter: &Meter,
) -> Outcome<Text> {
    let mut printer = Printer { out: Vec::new(), meter };
    let mut done = 0;
    for _ in 0..most.unwrap_or(usize::MAX) {
        if old.is_empty() {
            if done > text.len() {
                break;
            }
            printer.copy(new)?; // before each character, and at the end
            printer.copy(text.get(done..=done).unwrap_or(&[]))?;
            done += 1;
            continue;
        }
        let Some(at) = find(text, old, done, meter)? else { break };
        printer.copy(&text[done..at])?;
        printer.copy(new)?;
        done = at + old.len();
    }
    printer.copy(text.get(done..).unwrap_or(&[]))?;
    Ok(Text::paid(printer.out))
}

fn search<'t>(
    text: &Text,
    name: &str,
    arguments: Arguments<'t>,
    meter: &Meter,
) -> Outcome<Value<'t>> {
    let part = string(arguments.one(name, "sub")?, name)?;
    let place = |found: Option<usize>| found.map_or(Value::Int(-1), Value::count);
    match name {
        "find" => find(text, &part, 0, meter).map(place),
        "rfind" => rfind(text, &part, meter).map(place),
        _ if part.is_empty() => Ok(Value::count(text.len() + 1)),
        _ => {
            let (mut count, mut from) = (0, 0);
            while let Some(at) = find(text, &part, from, meter)? {
                count += 1;
                from = at + part.len();
            }
            Ok(Value::count(count))
        }
    }
}

/// The strings of a list, one after the other, for `|join`.
pub(super) fn joined<'t>(items: &[Value<'t>], between: &Text, meter: &Meter) -> Outcome<Value<'t>> {
    let mut printer = Printer { out: Vec::new(), meter };
    for (at, item) in items.iter().enumerate() {
        meter.step()?;
        printer.copy(if at == 0 { &[] } else { between })?;
        printer.copy(&text(item, meter)?)?;
    }
    Ok(Value::Text(Text::paid(printer.out)))
}
