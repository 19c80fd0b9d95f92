//! The command line that gives a result again.

use std::fmt;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};

use crate::args;
use crate::term::text::quoted;

/// Flags that change no byte of a result.
const UNTOLD: [&str; 3] = ["threads", "simd", "json"];

/// What was typed, in the order of the command's arguments, and then what is said in any case.
///
/// Everything typed is in it, so that a new flag is not forgotten; what is not told is named.
#[derive(Debug, Clone)]
pub(crate) struct Again {
    command: String,
    /// Words of the arguments that were typed, by the arguments' names.
    typed: Vec<(String, Vec<String>)>,
    /// What is said whatever was typed.
    said: Vec<String>,
    /// Prompts that look like flags: they stand at the end.
    dashed: Vec<String>,
}

impl Again {
    /// A command with all that was typed.
    ///
    /// # Panics
    ///
    /// If there is no such command, or these are the arguments of another one.
    pub(crate) fn of(command: &str, matches: &ArgMatches) -> Self {
        let all = args::command();
        let known = all.find_subcommand(command).expect("a command of this name");
        let mut typed = Vec::new();
        let mut dashed = Vec::new();
        for arg in known.get_arguments().filter(|arg| !UNTOLD.contains(&arg.get_id().as_str())) {
            let mut words = words(arg, matches);
            if arg.is_positional() {
                dashed.extend(words.extract_if(.., |word| looks_like_a_flag(word)));
            }
            typed.push((arg.get_id().to_string(), words));
        }
        Self { command: command.to_owned(), typed, said: Vec::new(), dashed }
    }

    /// The same with these words, for a shell, in place of what was typed for an argument; without it where
    /// there are none.
    #[must_use]
    pub(crate) fn saying(mut self, argument: &str, words: Option<String>) -> Self {
        self.typed.retain(|(name, _)| name != argument);
        self.said.extend(words);
        self
    }
}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kelvin {}", self.command)?;
        for word in self.typed.iter().flat_map(|(_, words)| words) {
            write!(f, " {}", quoted(word))?;
        }
        self.said.iter().try_for_each(|words| write!(f, " {words}"))?;
        if !self.dashed.is_empty() {
            f.write_str(" --")?;
        }
        self.dashed.iter().try_for_each(|word| write!(f, " {}", quoted(word)))
    }
}

/// An argument as it would be typed again; nothing where it was not.
pub(crate) fn words(arg: &Arg, matches: &ArgMatches) -> Vec<String> {
    let name = arg.get_id().as_str();
    if matches.value_source(name) != Some(ValueSource::CommandLine) {
        return Vec::new();
    }
    let values = matches.get_raw(name).into_iter().flatten();
    let values: Vec<String> = values.map(|value| value.to_string_lossy().into_owned()).collect();
    if arg.is_positional() {
        return values;
    }
    let long = arg.get_long().map(|long| format!("--{long}")).unwrap_or_default();
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return vec![long];
    }
    let values = match arg.get_value_delimiter() {
        Some(delimiter) => vec![values.join(&delimiter.to_string())],
        None => values,
    };
    let flag = arg.get_short().map_or_else(|| long.clone(), |short| format!("-{short}"));
    let typed = values.into_iter().flat_map(|value| {
        if looks_like_a_flag(&value) {
            vec![format!("{long}={value}")]
        } else {
            vec![flag.clone(), value]
        }
    });
    typed.collect()
}

fn looks_like_a_flag(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(line: &[&str]) -> Again {
        let matches = args::command().get_matches_from(line);
        let (command, matches) = matches.subcommand().expect("a command");
        Again::of(command, matches)
    }

    #[test]
    fn what_is_typed_is_said_again() {
        let line = ["kelvin", "compare", "a b", "-n", "4", "--threads", "2", "--json"];
        let typed = again(&line);
        assert_eq!(typed.to_string(), "kelvin compare 'a b' -n 4");
        let said = typed.saying("n", Some("-n 5".to_owned())).saying("prompt", None);
        assert_eq!(said.to_string(), "kelvin compare -n 5");
        let line = ["kelvin", "compare", "--stop=-x", "--metrics", "rep-4,loops", "--", "-y", "z"];
        let typed = again(&line).saying("report", Some("--report FILE".to_owned()));
        let expected = "kelvin compare z --stop=-x --metrics rep-4,loops --report FILE -- -y";
        assert_eq!(typed.to_string(), expected);
    }
}
