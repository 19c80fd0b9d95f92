//! The settings of a conversation: flags, as typed at first and as changed since.

use std::error::Error as _;

use anyhow::Result;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use kelvin::stage::{self, StageInfo};
use kelvin_lm::defaults::GenerationDefaults;

use crate::args;
use crate::args::policy::flag;
use crate::cmd::generate;
use crate::exit::Failure;
use crate::settings::{Origin, Policy, Setting};
use crate::suggest;
use crate::usage;

/// What cannot be changed once a conversation has begun: the model, and what runs it; what is no
/// setting of a conversation.
const FIXED: [&str; 17] = [
    "prompt",
    "model",
    "threads",
    "activations",
    "simd",
    "dtype",
    "history",
    "n",
    "echo",
    "show-special",
    "parse-special",
    "system",
    "chat-template",
    "date",
    "json",
    "trace",
    "no-trace",
];

/// What can be changed and is no part of a policy.
const OTHERS: [&str; 9] = [
    "max-new-tokens",
    "stop",
    "show",
    "context",
    "context-shift",
    "context-keep",
    "stream",
    "couple",
    "raw",
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
        if is_given(arg, value)? {
            given.push((id.to_owned(), value.to_owned()));
        }
        let matches = read(&command, &given).map_err(|error| refused(&error, id, value))?;
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

    /// Everything that is set, and by whom: the policy, then what is no part of it.
    pub(super) fn all(&self) -> Vec<Setting> {
        let others = OTHERS.iter().filter_map(|name| self.other(name));
        let of_model = generate::of_model(&self.matches, &self.policy);
        self.policy.settings.iter().cloned().chain(others).chain(of_model).collect()
    }

    /// A flag that is no part of a policy, where it holds.
    fn other(&self, name: &'static str) -> Option<Setting> {
        let given = self.given.iter().filter(|(id, _)| id == name);
        let values: Vec<String> = given.map(|(_, value)| format!("{value:?}")).collect();
        let shown = match name {
            _ if values.is_empty() => return None,
            "context-shift" | "couple" | "raw" => name.to_owned(),
            "stop" => format!("stop({})", values.join(", ")),
            _ => format!("{name}({})", values.join(", ").replace('"', "")),
        };
        let changed = self.changed.iter().any(|id| id == name);
        Some(Setting::new(name, shown, if changed { Origin::Set } else { Origin::Flag }))
    }

    /// What to set so that tokens are drawn, where the most probable is taken.
    pub(super) fn way_out_of_greedy(&self) -> Option<&'static str> {
        let greedy = self.policy.settings.iter().find(|setting| setting.name == "greedy")?;
        Some(match greedy.origin {
            Origin::Pipeline => "/set pipeline default",
            Origin::Model(_) => "/set temperature 1",
            Origin::Flag | Origin::Set | Origin::Preset(_) | Origin::Dialect(_) => {
                "/set greedy off"
            }
        })
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
            let args = command.get_arguments();
            let args = args.filter(|arg| !FIXED.contains(&arg.get_id().as_str()));
            let names = args.filter_map(Arg::get_long);
            Err(suggest::unknown("setting", name, names).or("/settings lists what is set"))
        }
    }
}

/// Whether a value gives the flag, or takes it away: `default` does, and `off` where it is no value of
/// a stage.
fn is_given(arg: &Arg, value: &str) -> Result<bool, Failure> {
    let id = arg.get_id().as_str();
    match (arg.get_action(), value) {
        (_, "default") | (ArgAction::SetTrue, "off" | "false") => Ok(false),
        (ArgAction::SetTrue, "on" | "true") => Ok(true),
        (ArgAction::SetTrue, _) => {
            let what = format!("{id}: {value:?} is neither on nor off");
            Err(Failure::typed(what).hint(format!("/set {id} on, /set {id} off")))
        }
        (_, "off") => Ok(is_of_stage(id)),
        _ => Ok(true),
    }
}

/// Whether a flag sets a parameter of a stage, which has an `off` of its own.
fn is_of_stage(id: &str) -> bool {
    let params = |info: &StageInfo| {
        info.params[1..].iter().map(|param| flag(info, param)).collect::<Vec<_>>()
    };
    stage::ALL.iter().any(|info| id == info.name || params(info).iter().any(|name| name == id))
}

/// What is wrong with a value, in the words of a conversation.
fn refused(error: &clap::Error, id: &str, value: &str) -> Failure {
    match error.kind() {
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let why = error.source().map(|why| format!(": {why}")).unwrap_or_default();
            Failure::typed(format!("{id}: {value:?} is no value of it{why}"))
                .hint(format!("/set {id} default takes it away"))
        }
        ErrorKind::ArgumentConflict => {
            let [one, other] = [ContextKind::InvalidArg, ContextKind::PriorArg];
            let (one, other) = (named(error, one), named(error, other));
            let other = if one == id { other } else { one };
            Failure::typed(format!("{id} does not go with {other}"))
                .hint(format!("/set {other} default takes it away"))
        }
        ErrorKind::MissingRequiredArgument => {
            let needed = named(error, ContextKind::InvalidArg);
            Failure::typed(format!("what is set needs {needed}"))
                .hint(format!("/set {needed} on before it"))
        }
        _ => usage::failure(error),
    }
}

/// The flags that an error is about, by their names.
fn named(error: &clap::Error, kind: ContextKind) -> String {
    let name = |arg: &String| {
        arg.trim_start_matches('-').split([' ', '=']).next().unwrap_or_default().to_owned()
    };
    match error.get(kind) {
        Some(ContextValue::String(one)) => name(one),
        Some(ContextValue::Strings(many)) => {
            many.iter().map(name).collect::<Vec<_>>().join(" and ")
        }
        _ => "another".to_owned(),
    }
}

/// Reads flags as the command line does.
fn read(command: &Command, given: &[(String, String)]) -> Result<ArgMatches, clap::Error> {
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
    command.try_get_matches_from(line)
}

/// Whether a flag was typed on the command line.
pub(super) fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reads each flag: nothing, the policy, a job, or the randomness.
    #[test]
    fn every_flag_is_fixed_or_changes_something() {
        let policy: Vec<Arg> = args::policy::args().collect();
        let of_policy = |id: &str| id != "history" && policy.iter().any(|arg| arg.get_id() == id);
        let mut n_changeable = 0;
        for arg in args::chat().get_arguments() {
            let id = arg.get_id().as_str();
            let other = OTHERS.contains(&id) && id != "raw" || id == "seed";
            let places = [FIXED.contains(&id), of_policy(id), other];
            assert_eq!(places.iter().filter(|is_there| **is_there).count(), 1, "{id}: {places:?}");
            n_changeable += usize::from(!places[0]);
        }
        assert!(n_changeable > OTHERS.len() + stage::ALL.len());
    }

    fn told(lines: &[(&str, &str)]) -> Vec<String> {
        let matches = args::chat().get_matches_from(["chat"]);
        let policy = Policy::resolve(&matches, None).expect("nothing is set");
        let mut settings = Settings::new(&matches, policy);
        let defaults = GenerationDefaults::default();
        let mut set = |(name, value): &(&str, &str)| match settings.set(name, value, &defaults) {
            Ok(()) => {
                let all = settings.all();
                all.iter().map(|it| format!("{}: {}", it.shown, it.origin)).collect::<Vec<_>>()
            }
            Err(error) => vec![error.to_string()],
        };
        lines.iter().map(|line| set(line).join(" · ")).collect()
    }

    #[test]
    fn flags_are_on_or_off() {
        let lines = ["no", "on", "off", "true", "false", "on", "default"];
        let lines = lines.map(|value| ("greedy", value));
        let (no, on, off) = ("greedy: \"no\" is neither on nor off", "greedy: /set", "");
        assert_eq!(told(&lines), [no, on, off, on, off, on, off]);
    }

    #[test]
    fn what_is_no_stage_is_shown_and_taken_away() {
        let lines = [
            ("show", "3"),
            ("max-tokens", "7"),
            ("stop", "a b"),
            ("show", "x"),
            ("show", "off"),
            ("max_new_tokens", "default"),
            ("stop", "off"),
            ("top-k", "off"),
            ("top-k", "default"),
            ("dtype", "q8_0"),
            ("num-return-sequences", "2"),
            ("context-keep", "3"),
            ("couple", "on"),
            ("stream", "1"),
        ];
        let expected = [
            "show(3): /set",
            "max-new-tokens(7): /set · show(3): /set",
            "max-new-tokens(7): /set · stop(\"a b\"): /set · show(3): /set",
            "show: \"x\" is no value of it: invalid digit found in string",
            "max-new-tokens(7): /set · stop(\"a b\"): /set",
            "stop(\"a b\"): /set",
            "",
            "top-k(off): /set",
            "",
            "dtype cannot change in a conversation",
            "num-return-sequences cannot change in a conversation",
            "what is set needs context-shift",
            "couple: /set",
            "stream does not go with couple",
        ];
        assert_eq!(told(&lines), expected);
    }
}
