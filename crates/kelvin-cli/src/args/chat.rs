//! The flags about conversations.

use clap::{Arg, ArgAction, ArgMatches};
use kelvin_lm::chat::Date;

const CHAT: &str = "Chat";

/// `--chat`: the prompt is a message.
pub(crate) fn flag() -> Arg {
    Arg::new("chat")
        .long("chat")
        .action(ArgAction::SetTrue)
        .help_heading(CHAT)
        .help("The prompt is a user's message: the model's chat template makes it a prompt")
}

/// System message, template, date.
pub(crate) fn args() -> [Arg; 3] {
    [
        Arg::new("system")
            .long("system")
            .value_name("TEXT")
            .help("A system message, before the first of the user"),
        Arg::new("chat-template").long("chat-template").value_name("FILE").help(
            "A chat template (Jinja) instead of the model's own, or the name of one of its own",
        ),
        Arg::new("date").long("date").value_name("DAY").value_parser(day).help(
            "The date for templates that ask: 2024-07-26, or today [default: the template's own]",
        ),
    ]
    .map(|arg| arg.help_heading(CHAT))
}

/// The day that `--date` names.
pub(crate) fn date(matches: &ArgMatches) -> Option<Date> {
    matches.get_one("date").copied()
}

fn day(text: &str) -> Result<Date, String> {
    if text == "today" {
        return Ok(today());
    }
    text.parse().map_err(|error: kelvin_lm::Error| format!("{error}, or today"))
}

/// The day it is now, in UTC.
#[expect(clippy::disallowed_methods, reason = "time enters here, where it is asked for by name")]
fn today() -> Date {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let days = now.map_or(0, |since| since.as_secs() / 86_400);
    let days = u32::try_from(days).unwrap_or(0);
    Date::from_unix_days(days).expect("the clock is before the year 9999")
}
