//! `kelvin chat`: conversations.

mod command;
mod conversation;
mod heard;
mod settings;
mod talk;

use std::io::{self, IsTerminal as _};

use anyhow::Result;
use clap::ArgMatches;

use self::conversation::Conversation;
use self::settings::{Settings, is_typed};
use super::generate::{self, Kind};
use crate::args::policy::text;
use crate::args::randomness::Randomness;
use crate::chat::{Chat, read_message};
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::lines::{Lines, Piped, Terminal};
use crate::settings::{UNTOUCHED, origins};
use crate::{load, playback};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let message = match text(matches, "prompt") {
        Some("-") => read_message(io::stdin())?,
        Some(text) => text.to_owned(),
        None => return converse(matches, console),
    };
    generate::run_once(matches, vec![message], Kind::Messages, console)
}

/// A conversation, from a terminal or a pipe.
fn converse(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    for flag in ["n", "echo", "show-special", "history", "trace"] {
        if is_typed(matches, flag) {
            let name = if flag == "n" { "-n".to_owned() } else { format!("--{flag}") };
            let what = format!("{name} goes with a PROMPT, not with a conversation");
            let way_out = match flag {
                "trace" => {
                    "a conversation keeps no account of its answers; /save keeps what was said"
                }
                _ => "/retry answers in another way",
            };
            return Err(Failure::typed(what).hint(way_out).into());
        }
    }
    let (mut loaded, policy) = load::with_policy(matches, console)?;
    let chat = Chat::from_matches(matches, &mut loaded)?;
    let untouched = policy.is_untouched();
    let randomness = Randomness::from_matches(matches);
    let settings = Settings::new(matches, policy);
    let mut conversation = Conversation::new(&loaded, chat, settings, randomness);
    if untouched {
        console.hint(UNTOUCHED)?;
    }
    console.talk(&conversation.facts().join(" · "))?;
    let values = conversation.settings.all();
    console.talk(&origins(&values, |setting| &setting.shown).join(" · "))?;
    playback::listen_for_interrupts()?;
    playback::set_running(false);
    let mut lines: Box<dyn Lines> = if io::stdin().is_terminal() {
        console.talk("/help lists what else can be said; Ctrl-D leaves")?;
        Box::new(Terminal::new(&console.term)?)
    } else {
        Box::new(Piped::new(io::stdin().lock()))
    };
    talk::talk(&mut conversation, lines.as_mut(), console)
}
