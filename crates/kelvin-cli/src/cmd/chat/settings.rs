//! The settings of a conversation: flags, as typed at first and as changed since.

use anyhow::Result;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use kelvin_lm::defaults::GenerationDefaults;

use crate::args;
use crate::exit::Failure;
use crate::settings::{Origin, Policy};
use crate::suggest;
use crate::usage;

/// What cannot be changed once a conversation has begun: the model, and what runs it; what is no
/// setting of a conversation.
const FIXED: [&str; 14] = [
    "prompt",
    "model",
    "threads",
    "activations",
    "simd",
    "history",
    "n",
    "echo",
    "show-special",
    "parse-special",
    "system",
    "chat-template",
    "date",
    "json",
];

/// The flags that hold, and the policy that they make.
#[derive(Debug)]
pub(super) struct Settings {
    /// Flags with their values, in the order they were given.
    given: Vec<(String, String)>,
    /// The names among them that `/set` gave.
    changed: Vec<String>,
    /// All of them, read.
    pub(super) matches: ArgMatches,
    /// How tokens are chosen under them.
    pub(super) policy: Policy,
}

impl Settings {
    /// The flags of the command line, and the policy that they made.
    pub(super) fn new(matches: &ArgMatches, policy: Policy) -> Self {
        let command = args::chat();
        let typed = |arg: &&Arg| {
            let id = arg.get_id().as_str();
            id != "prompt" && matches.value_source(id) == Some(ValueSource::CommandLine)
        };
        let values = |arg: &Arg| -> Vec<(String, String)> {
            let id = arg.get_id().as_str();
            let raw = matches.get_raw(id).into_iter().flatten();
            raw.map(|value| (id.to_owned(), value.to_string_lossy().into_owned())).collect()
        };
        let given = command.get_arguments().filter(typed).flat_map(values).collect();
        Self { given, changed: Vec::new(), matches: matches.clone(), policy }
    }

    /// Changes a setting; `default` takes the flag away.
    ///
    /// # Errors
    ///
    /// Something typed: no such setting, or a value that it cannot have. Nothing has changed then.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: &str,
        defaults: &GenerationDefaults,
    ) -> Result<()> {
        let command = args::chat();
        let arg = find(&command, name)?;
        let id = arg.get_id().as_str();
        let mut given = self.given.clone();
        given.retain(|(known, _)| known != id);
        let off =
            matches!(arg.get_action(), ArgAction::SetTrue) && matches!(value, "off" | "false");
        if value != "default" && !off {
            given.push((id.to_owned(), value.to_owned()));
        }
        let matches = read(&command, &given)?;
        let mut policy = Policy::resolve(&matches, Some(defaults))?;
        let mut changed = self.changed.clone();
        changed.push(id.to_owned());
        for setting in policy.settings.iter_mut().filter(|it| it.origin == Origin::Flag) {
            if changed.iter().any(|id| id.starts_with(setting.name)) {
                setting.origin = Origin::Set;
            }
        }
        *self = Self { given, changed, matches, policy };
        Ok(())
    }
}

/// The flag of a setting, by any of its names.
fn find<'a>(command: &'a Command, name: &str) -> Result<&'a Arg, Failure> {
    let spelled = name.trim_start_matches('-').replace('_', "-");
    let is_called = |arg: &Arg| {
        let long = arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default());
        arg.get_id() == spelled.as_str() || long.into_iter().any(|long| long == spelled)
    };
    match command.get_arguments().find(|arg| is_called(arg)) {
        Some(arg) if !FIXED.contains(&arg.get_id().as_str()) => Ok(arg),
        Some(_) => Err(Failure::typed(format!("{spelled} cannot change in a conversation"))
            .hint("/quit, and give it as a flag")),
        None => {
            let names = command.get_arguments().filter_map(Arg::get_long);
            let names = names.filter(|name| !FIXED.contains(name));
            Err(suggest::unknown("setting", name, names).or("/settings lists what is set"))
        }
    }
}

/// Reads flags as the command line does.
fn read(command: &Command, given: &[(String, String)]) -> Result<ArgMatches> {
    let mut line = Vec::new();
    for (id, value) in given {
        let arg = command.get_arguments().find(|arg| arg.get_id() == id.as_str());
        let arg = arg.expect("the flags given are flags of the command");
        let long = arg.get_long().expect("only the prompt has no name");
        line.push(match arg.get_action() {
            ArgAction::SetTrue => format!("--{long}"),
            _ => format!("--{long}={value}"),
        });
    }
    let command = command.clone().no_binary_name(true);
    Ok(command.try_get_matches_from(line).map_err(|error| usage::failure(&error))?)
}

/// Whether a flag was typed on the command line.
pub(super) fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}
