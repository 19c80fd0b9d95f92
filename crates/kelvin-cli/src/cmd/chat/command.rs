//! What a line of a conversation is: a message, or a command.

use crate::exit::Failure;
use crate::suggest;

/// A line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing but white space.
    Nothing,
    /// Words for the model.
    Message(String),
    /// Words for us.
    Command(Command),
}

/// What a conversation can be told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Settings,
    Set { name: String, value: String },
    System(Option<String>),
    Edit(Option<String>),
    Retry,
    Undo,
    History,
    Clear,
    Seed(u64),
    Save(String),
    Raw,
    Quit,
}

/// The commands: their names, what follows them, what they do.
pub(super) const COMMANDS: [(&str, &str, &str); 13] = [
    ("help", "", "this list"),
    ("settings", "", "every setting with its origin"),
    (
        "set",
        "NAME VALUE",
        "change a setting: /set temperature 0.7, /set top-p off, /set preset default",
    ),
    ("system", "TEXT", "change the system message; off takes it away"),
    ("edit", "TEXT", "change your last message, and have it answered again"),
    ("retry", "", "have the last message answered in another way"),
    ("undo", "", "take back the last message and its answer"),
    ("history", "", "the conversation so far"),
    ("clear", "", "begin anew; the system message stays"),
    ("seed", "N", "change the seed of what follows"),
    ("save", "FILE", "write the conversation as JSON Lines"),
    ("raw", "", "the prompt as the template writes it, control tokens and all"),
    ("quit", "", "leave; so does Ctrl-D"),
];

impl Input {
    /// Understands a line. `//` begins a message that begins with `/`.
    ///
    /// # Errors
    ///
    /// Something typed: a command that there is not, or that lacks what follows it.
    pub(super) fn parse(line: &str) -> Result<Self, Failure> {
        if line.trim().is_empty() {
            return Ok(Self::Nothing);
        }
        match line.strip_prefix('/') {
            None => Ok(Self::Message(line.to_owned())),
            Some(message) if message.starts_with('/') => Ok(Self::Message(message.to_owned())),
            Some(command) => Command::parse(command).map(Self::Command),
        }
    }
}

impl Command {
    fn parse(line: &str) -> Result<Self, Failure> {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let text = || (!rest.is_empty()).then(|| rest.to_owned());
        let alone = |command| if rest.is_empty() { Ok(command) } else { Err(too_much(name, rest)) };
        match name {
            "help" | "?" => alone(Self::Help),
            "settings" => alone(Self::Settings),
            "set" => set(rest),
            "system" => Ok(Self::System(text())),
            "edit" => Ok(Self::Edit(text())),
            "retry" => alone(Self::Retry),
            "undo" => alone(Self::Undo),
            "history" => alone(Self::History),
            "clear" => alone(Self::Clear),
            "seed" => match rest.parse() {
                Ok(seed) => Ok(Self::Seed(seed)),
                Err(_) => Err(usage("seed", &format!("{rest:?} is no whole number"))),
            },
            "save" => text().map(Self::Save).ok_or_else(|| usage("save", "no file is named")),
            "raw" => alone(Self::Raw),
            "quit" | "exit" | "bye" => alone(Self::Quit),
            _ => Err(suggest::unknown("command", name, COMMANDS.iter().map(|(name, ..)| *name))
                .or("//… for a message that begins with /")),
        }
    }
}

/// `temperature 0.7`, `temperature=0.7`; nothing shows the settings.
fn set(rest: &str) -> Result<Command, Failure> {
    if rest.is_empty() {
        return Ok(Command::Settings);
    }
    let split = rest.split_once(|c: char| c.is_whitespace() || c == '=');
    match split.map(|(name, value)| (name.trim(), value.trim())) {
        Some((name, value)) if !value.is_empty() => {
            Ok(Command::Set { name: name.to_owned(), value: value.to_owned() })
        }
        _ => Err(usage("set", &format!("{rest:?} has no value"))),
    }
}

fn too_much(name: &str, rest: &str) -> Failure {
    Failure::typed(format!("/{name} takes nothing behind it, not {rest:?}"))
        .hint(format!("/{name} alone, or //{name} … for a message"))
}

fn usage(name: &str, what: &str) -> Failure {
    let (_, arguments, does) =
        COMMANDS.iter().find(|(known, ..)| *known == name).expect("a name of the list");
    Failure::typed(format!("/{name}: {what}")).hint(format!("/{name} {arguments}: {does}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Input {
        Input::Message(text.to_owned())
    }

    #[test]
    fn lines_are_messages_or_commands() {
        let set = |name: &str, value: &str| Command::Set { name: name.into(), value: value.into() };
        let cases = [
            ("Hello!", message("Hello!")),
            ("  two spaces", message("  two spaces")),
            ("//etc is a folder", message("/etc is a folder")),
            ("///", message("//")),
            (" \t", Input::Nothing),
            ("/help", Input::Command(Command::Help)),
            ("/set temperature 0.7", Input::Command(set("temperature", "0.7"))),
            ("/set  top-p=off", Input::Command(set("top-p", "off"))),
            ("/set stop a b", Input::Command(set("stop", "a b"))),
            ("/set", Input::Command(Command::Settings)),
            (
                "/system You are a cat.",
                Input::Command(Command::System(Some("You are a cat.".into()))),
            ),
            ("/system", Input::Command(Command::System(None))),
            ("/edit", Input::Command(Command::Edit(None))),
            ("/seed 18446744073709551615", Input::Command(Command::Seed(u64::MAX))),
            ("/exit", Input::Command(Command::Quit)),
        ];
        for (line, input) in cases {
            assert_eq!(Input::parse(line).expect(line), input, "{line:?}");
        }
    }

    #[test]
    fn what_is_no_command_says_what_would_be() {
        let cases = [
            ("/hlep", "no command \"hlep\""),
            ("/quit now", "/quit takes nothing behind it, not \"now\""),
            ("/seed -1", "/seed: \"-1\" is no whole number"),
            ("/save", "/save: no file is named"),
            ("/set temperature", "/set: \"temperature\" has no value"),
        ];
        for (line, words) in cases {
            assert_eq!(Input::parse(line).expect_err(line).to_string(), words, "{line:?}");
        }
    }

    #[test]
    fn every_command_of_the_list_is_understood() {
        for (name, arguments, _) in COMMANDS {
            let line = format!("/{name} {}", arguments.replace('N', "1"));
            assert!(Input::parse(line.trim()).is_ok(), "{line}");
        }
    }
}
