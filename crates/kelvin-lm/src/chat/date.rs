//! The date that a template may ask for.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::{Error, ErrorKind, Result};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A day of the Gregorian calendar, years 1 to 9999.
///
/// Templates that ask for the date get this one (at midnight), never the clock's: the same request
/// gives the same prompt tomorrow.
///
/// ```
/// use kelvin_lm::chat::Date;
///
/// let date: Date = "2024-07-26".parse()?;
/// assert_eq!(date, Date::new(2024, 7, 26)?);
/// assert_eq!(date.to_string(), "2024-07-26");
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A day; months and days count from 1.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] for a day that the calendar does not have.
    pub fn new(year: u16, month: u8, day: u8) -> Result<Self> {
        let there = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_of(year, month)).contains(&day);
        if !there {
            let detail = format!("{year:04}-{month:02}-{day:02} is no day of the calendar");
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        Ok(Self { year, month, day })
    }

    /// The day that is so many days after 1 January 1970.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] for a day after 9999.
    ///
    /// # Panics
    ///
    /// Never: a month has fewer than 256 days.
    pub fn from_unix_days(days: u32) -> Result<Self> {
        let (mut year, mut left) = (1970_u16, days);
        while left >= days_of_year(year) {
            left -= days_of_year(year);
            year += 1;
            if year > 9999 {
                let detail = format!("{days} days after 1970 is after the year 9999");
                return Err(Error::new(ErrorKind::Parameter, detail));
            }
        }
        let mut month = 1;
        while left >= u32::from(days_of(year, month)) {
            left -= u32::from(days_of(year, month));
            month += 1;
        }
        let day = u8::try_from(left + 1).expect("a day of a month");
        Ok(Self { year, month, day })
    }

    /// The day in a format of C's `strftime`; the name of the first directive that is unknown here.
    pub(super) fn strftime(self, format: &str) -> std::result::Result<String, String> {
        let mut text = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                text.push(c);
                continue;
            }
            let mut directive = chars.next();
            let padded = directive != Some('-');
            if !padded {
                directive = chars.next();
            }
            let known = directive.is_some_and(|directive| self.write(directive, padded, &mut text));
            if !known {
                let directive = directive.map_or_else(String::new, String::from);
                return Err(format!("%{directive} in the format of strftime_now"));
            }
        }
        Ok(text)
    }

    /// Writes what a directive stands for; false where it is unknown.
    fn write(self, directive: char, padded: bool, text: &mut String) -> bool {
        let Self { year, month, day } = self;
        let named = |names: &[&'static str], at: usize| names[at];
        let month_name = named(&MONTHS, usize::from(month) - 1);
        let day_name = named(&DAYS, self.weekday());
        let two = if padded { 2 } else { 1 };
        let written = match directive {
            '%' => write!(text, "%"),
            'Y' => write!(text, "{year}"),
            'y' => write!(text, "{:0two$}", year % 100),
            'm' => write!(text, "{month:0two$}"),
            'd' => write!(text, "{day:0two$}"),
            'e' => write!(text, "{day:>two$}"),
            'B' => write!(text, "{month_name}"),
            'b' | 'h' => write!(text, "{}", &month_name[..3]),
            'A' => write!(text, "{day_name}"),
            'a' => write!(text, "{}", &day_name[..3]),
            'w' => write!(text, "{}", self.weekday()),
            'j' => {
                write!(text, "{:0three$}", self.day_of_year(), three = if padded { 3 } else { 1 })
            }
            'F' => write!(text, "{self}"),
            'D' | 'x' => write!(text, "{month:02}/{day:02}/{:02}", year % 100),
            'H' | 'M' | 'S' => write!(text, "{:0two$}", 0),
            'I' => write!(text, "12"),
            'p' => write!(text, "AM"),
            'T' | 'X' => write!(text, "00:00:00"),
            'R' => write!(text, "00:00"),
            _ => return false,
        };
        written.is_ok()
    }

    /// Days since the year began, from 1.
    fn day_of_year(self) -> u32 {
        let before = (1..self.month).map(|month| u32::from(days_of(self.year, month)));
        before.sum::<u32>() + u32::from(self.day)
    }

    /// Days since Sunday.
    fn weekday(self) -> usize {
        let years = u32::from(self.year) - 1;
        let days = 365 * years + years / 4 - years / 100 + years / 400 + self.day_of_year();
        (days % 7) as usize // 1 January of the year 1 was a Monday
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_year(year: u16) -> u32 {
    365 + u32::from(is_leap(year))
}

fn days_of(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u8::from(is_leap(year)),
        _ => 31,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for Date {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
        let parts = text.splitn(3, '-').map(|part| Some(part).filter(digits)?.parse::<u16>().ok());
        let parts: Option<Vec<u16>> = parts.collect();
        let small = |part: u16| u8::try_from(part).unwrap_or(u8::MAX);
        match parts.as_deref() {
            Some(&[year, month, day]) if text.len() == 10 => {
                Self::new(year, small(month), small(day))
            }
            _ => {
                let detail = format!("{text:?} is no date, expected the form 2024-07-26");
                Err(Error::new(ErrorKind::Parameter, detail))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    #[test]
    fn days_of_the_calendar() {
        for (days, date) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_778, "2026-11-21"),
        ] {
            let from_days = Date::from_unix_days(days).expect("before 9999");
            assert_eq!(from_days.to_string(), date);
            assert_eq!(date.parse::<Date>().expect("a date"), from_days);
        }
        assert!(Date::from_unix_days(u32::MAX).is_err());
        let no_days = [
            "2024-+1-+1",
            "+202-01-01",
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-1-1",
            "0000-01-01",
            "x",
            "24-01-001",
        ];
        for no_day in no_days {
            assert!(no_day.parse::<Date>().is_err(), "{no_day}");
        }
    }

    /// By Python's `date.strftime`.
    #[test]
    fn formats() {
        let date = Date::new(2026, 11, 1).expect("a day");
        let cases = [
            ("%d %b %Y", "01 Nov 2026"),
            ("%A, %B %-d, %y (%j) %%", "Sunday, November 1, 26 (305) %"),
            ("%Y-%m-%dT%H:%M:%S", "2026-11-01T00:00:00"),
            ("%e|%a|%w|%F|%D|%I:%M %p", " 1|Sun|0|2026-11-01|11/01/26|12:00 AM"),
            ("", ""),
        ];
        for (format, expected) in cases {
            assert_eq!(date.strftime(format).as_deref(), Ok(expected), "{format}");
        }
        for (format, named) in [("%Q", "%Q in"), ("a%", "% in"), ("%-", "% in")] {
            assert!(date.strftime(format).expect_err(format).starts_with(named), "{format}");
        }
        let monday = Date::new(2024, 2, 26).expect("a day");
        assert_eq!(monday.strftime("%a %j").as_deref(), Ok("Mon 057"));
    }
}
