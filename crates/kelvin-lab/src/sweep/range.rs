//! Lists of values and ranges of numbers, in exact decimals.

use crate::{Error, Result};

/// Digits of a number in a range.
const DIGITS: usize = 17;
/// More values than this are taken for a slip of the finger.
const MOST: i128 = 10_000;

/// The values of a parameter: words and numbers between commas, ranges `FIRST:LAST:STEP` among them.
///
/// # Errors
///
/// No value; a range that is none, that holds nothing, or too much.
pub(super) fn values(name: &str, text: &str) -> Result<Vec<String>> {
    let mut values = Vec::new();
    for item in text.split(',').map(str::trim) {
        match item.split(':').collect::<Vec<_>>()[..] {
            [""] => return Err(Error::new(format!("{name}={text}: a value is missing"))),
            [value] => values.push(Number::parse(value).map_or(value.to_owned(), Number::shown)),
            [first, last, step] => values.extend(range(name, item, [first, last, step])?),
            _ => return Err(Error::new(format!("{name}={item}: a range is FIRST:LAST:STEP"))),
        }
    }
    Ok(values)
}

/// The numbers from the first one on, a step apart, up to the last one.
fn range(name: &str, text: &str, parts: [&str; 3]) -> Result<Vec<String>> {
    let refuse = |why: String| Error::new(format!("{name}={text}: {why}"));
    let mut numbers = [Number::ZERO; 3];
    for (number, part) in numbers.iter_mut().zip(parts) {
        let rule = format!("{part:?} is no decimal number of at most {DIGITS} digits");
        *number = Number::parse(part).ok_or_else(|| refuse(rule))?;
    }
    let places = numbers.map(|it| it.places).into_iter().max().unwrap_or(0);
    let [first, last, step] = numbers.map(|number| number.at(places));
    if step == 0 {
        return Err(refuse("the step is 0".to_owned()));
    }
    let n = (last - first) / step + 1;
    if (last - first).signum() == -step.signum() {
        let way_out = "a falling range has a step below 0, a rising one above";
        return Err(refuse(format!("no number lies in it; {way_out}")));
    }
    if n > MOST {
        return Err(refuse(format!("it has {n} values, at most {MOST}")));
    }
    Ok((0..n).map(|at| Number { digits: first + at * step, places }.shown()).collect())
}

/// `digits` / 10^`places`, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number {
    digits: i128,
    places: u32,
}

impl Number {
    const ZERO: Self = Self { digits: 0, places: 0 };

    /// A decimal number without an exponent.
    fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction}");
        let sound = digits.bytes().all(|byte| byte.is_ascii_digit());
        if !sound || digits.is_empty() || digits.len() > DIGITS {
            return None;
        }
        let digits: i128 = digits.parse().ok()?;
        let places = u32::try_from(fraction.len()).ok()?;
        Some(Self { digits: if negative { -digits } else { digits }, places })
    }

    /// Its digits with so many places, at least its own.
    fn at(self, places: u32) -> i128 {
        self.digits * 10_i128.pow(places - self.places)
    }

    /// As few digits as say it: `0.5`, `2`.
    fn shown(self) -> String {
        let Self { mut digits, mut places } = self;
        while places > 0 && digits % 10 == 0 {
            digits /= 10;
            places -= 1;
        }
        let sign = if digits < 0 { "-" } else { "" };
        let scale = 10_u128.pow(places);
        let (whole, fraction) = (digits.unsigned_abs() / scale, digits.unsigned_abs() % scale);
        match places {
            0 => format!("{sign}{whole}"),
            _ => format!("{sign}{whole}.{fraction:0width$}", width = places as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        match values("x", text) {
            Ok(values) => values.join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn ranges_are_exact_decimals() {
        assert_eq!(of("0.2:2.0:0.2"), "0.2 0.4 0.6 0.8 1 1.2 1.4 1.6 1.8 2");
        assert_eq!(of("0.7:1:0.1"), "0.7 0.8 0.9 1");
        assert_eq!(of("1:0:-0.25"), "1 0.75 0.5 0.25 0");
        assert_eq!(of("-1:1:0.5"), "-1 -0.5 0 0.5 1");
        assert_eq!(of("0.2:2:0.5"), "0.2 0.7 1.2 1.7", "the last number need not be met");
        assert_eq!(of("5:5:1"), "5");
        assert_eq!(of("0.00001:0.00003:0.00001"), "0.00001 0.00002 0.00003");
        assert_eq!(of("1:9:4, off ,0.50,007,1e-4"), "1 5 9 off 0.5 7 1e-4");
    }

    #[test]
    fn what_is_no_range_is_told() {
        let expected = [
            ("", "x=: a value is missing"),
            ("1,,2", "x=1,,2: a value is missing"),
            ("1:2", "x=1:2: a range is FIRST:LAST:STEP"),
            ("1:2:3:4", "x=1:2:3:4: a range is FIRST:LAST:STEP"),
            ("1:2:0", "x=1:2:0: the step is 0"),
            ("1:2:0.00", "x=1:2:0.00: the step is 0"),
            (
                "2:1:0.1",
                "x=2:1:0.1: no number lies in it; a falling range has a step below 0, a rising one above",
            ),
            ("0:1:1e-1", "x=0:1:1e-1: \"1e-1\" is no decimal number of at most 17 digits"),
            ("::", "x=::: \"\" is no decimal number of at most 17 digits"),
            ("0:1:0.00001", "x=0:1:0.00001: it has 100001 values, at most 10000"),
            (
                "0:99999999999999999:0.0000000000000001",
                "x=0:99999999999999999:0.0000000000000001: it has 999999999999999990000000000000001 values, at most 10000",
            ),
        ];
        for (text, told) in expected {
            assert_eq!(of(text), told);
        }
    }
}
