//! The loop of a conversation: lines in, answers out.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::command::{COMMANDS, Command, Input};
use super::conversation::{Conversation, Ended};
use crate::chat::message_json;
use crate::console::Console;
use crate::exit::{self, Code, Failure};
use crate::lines::{self, Line, Lines};
use crate::settings;
use crate::term::table::{Align, Table};
use crate::term::text::harmless;
use crate::term::theme;

/// What stands before a line that is awaited.
const PROMPT: &str = "> ";
/// The same, where a line goes on.
const MORE: &str = "… ";

/// Talks until the lines end, or somebody leaves; how it went.
///
/// Nothing that is typed ends a conversation, and nothing that goes wrong with it: it is told, and the
/// conversation is as it was. From a pipe the last such failure is the exit code.
///
/// # Errors
///
/// Those of the lines and of the console.
pub(super) fn talk(
    conversation: &mut Conversation<'_>,
    lines: &mut dyn Lines,
    console: &mut Console<'_>,
) -> Result<Code> {
    let mut code = Code::Done;
    let mut saved = None;
    loop {
        let line = match lines::read(lines, PROMPT, MORE)? {
            Line::Text(line) => line,
            Line::Interrupted => {
                console.talk("Ctrl-D or /quit leaves")?;
                continue;
            }
            Line::Bad(failure) => {
                code = exit::report(&failure.into(), console.err)?;
                continue;
            }
            Line::End => break,
        };
        let mut turn = Turn { conversation, lines, console, saved: &mut saved };
        match turn.take(&line) {
            Ok(Next::Interrupted) if !lines.is_terminal() => return Ok(Code::Interrupted),
            Ok(Next::Line | Next::Interrupted) => (),
            Ok(Next::Failed) => code = Code::Failed,
            Ok(Next::Leave) => break,
            Err(error) => {
                code = exit::code_of(&error);
                if code == Code::Done {
                    return Err(error); // nobody reads any more
                }
                exit::report(&error, console.err)?;
            }
        }
    }
    Ok(if lines.is_terminal() { Code::Done } else { code })
}

/// What comes after a line.
enum Next {
    Line,
    /// The model failed, which was told.
    Failed,
    Interrupted,
    Leave,
}

impl From<Ended> for Next {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Answered => Self::Line,
            Ended::Interrupted | Ended::Unbegun => Self::Interrupted,
            Ended::Failed => Self::Failed,
        }
    }
}

/// One line's worth.
struct Turn<'t, 'm, 'c> {
    conversation: &'t mut Conversation<'m>,
    lines: &'t mut dyn Lines,
    console: &'t mut Console<'c>,
    /// The file that the conversation was saved to.
    saved: &'t mut Option<PathBuf>,
}

impl Turn<'_, '_, '_> {
    fn take(&mut self, line: &str) -> Result<Next> {
        match Input::parse(line)? {
            Input::Nothing => Ok(Next::Line),
            Input::Message(text) => Ok(self.conversation.say(&text, self.console)?.into()),
            Input::Command(command) => self.obey(command),
        }
    }

    fn obey(&mut self, command: Command) -> Result<Next> {
        match command {
            Command::Retry => return Ok(self.conversation.retry(self.console)?.into()),
            Command::Edit(text) => return self.edit(text),
            Command::Quit => return Ok(Next::Leave),
            Command::Help => self.help()?,
            Command::Settings => self.settings()?,
            Command::Set { name, value } => self.set(&name, &value)?,
            Command::Seed(seed) => self.set("seed", &seed.to_string())?,
            Command::System(text) => self.system(text.as_deref())?,
            Command::Undo => {
                let text = self.conversation.undo()?;
                self.console.talk(&format!("took back: {}", harmless(&text)))?;
            }
            Command::History => self.history()?,
            Command::Clear => {
                self.conversation.clear();
                self.console.talk("a new conversation")?;
            }
            Command::Save(file) => self.save(file)?,
            Command::Raw => {
                let raw = self.conversation.raw()?;
                writeln!(self.console.err, "{}", harmless(raw))?;
            }
        }
        Ok(Next::Line)
    }

    fn edit(&mut self, text: Option<String>) -> Result<Next> {
        let before = self.conversation.last_exchange("edit")?;
        let text = match text {
            Some(text) => text,
            None => match self.lines.edit(PROMPT, before)? {
                Line::Text(text) if !text.trim().is_empty() => text,
                _ => return Ok(Next::Line),
            },
        };
        Ok(self.conversation.edit(&text, self.console)?.into())
    }

    fn help(&mut self) -> Result<()> {
        let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
        for (name, arguments, does) in COMMANDS {
            table.row([format!("/{name} {arguments}").trim_end().to_owned(), does.to_owned()]);
        }
        table.write(self.console.err)?;
        self.console.talk("a line that ends in \\ goes on; // begins a message with /")?;
        Ok(())
    }

    fn settings(&mut self) -> Result<()> {
        let facts = self.conversation.facts().join(" · ");
        writeln!(self.console.err, "{facts}")?;
        let values = self.conversation.settings.all();
        let values = settings::origins(&values, |setting| &setting.shown).join(" · ");
        writeln!(self.console.err, "{values}")?;
        if let Some(system) = self.conversation.system() {
            writeln!(self.console.err, "system: {}", harmless(system))?;
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        self.conversation.set(name, value)?;
        let settings = &self.conversation.settings;
        self.console.warn_all(&settings.policy.warnings)?;
        let values = settings.all();
        let values = settings::origins(&values, |setting| &setting.shown);
        let seed = format!("seed {}", self.conversation.randomness.shown());
        self.console.talk(&format!("{} · {seed}", values.join(" · ")))?;
        Ok(())
    }

    fn system(&mut self, text: Option<&str>) -> Result<()> {
        match text {
            Some("off") => self.conversation.set_system(None),
            Some(text) => self.conversation.set_system(Some(text)),
            None => (),
        }
        let system = self.conversation.system();
        let shown = system.map_or_else(|| "no system message".into(), harmless);
        self.console.talk(&format!("system: {shown}"))?;
        Ok(())
    }

    fn history(&mut self) -> Result<()> {
        let name = theme::NAME;
        for message in &self.conversation.messages {
            let content = harmless(&message.content);
            writeln!(self.console.err, "{name}{}{name:#}: {content}", message.role)?;
        }
        Ok(())
    }

    /// Writes the conversation; a file that something else is in is left alone.
    fn save(&mut self, file: String) -> Result<()> {
        let path = PathBuf::from(file);
        let ours = self.saved.as_ref() == Some(&path);
        let shown = path.display().to_string();
        if path.exists() && !ours {
            return Err(Failure::typed(format!("/save: {shown} exists"))
                .hint("name another")
                .into());
        }
        let messages = &self.conversation.messages;
        let lines: Vec<_> = messages.iter().map(|it| message_json(it).to_string()).collect();
        let lines = lines.join("\n") + if lines.is_empty() { "" } else { "\n" };
        fs::write(&path, lines)
            .map_err(|error| Failure::failed(format!("cannot write {shown}")).caused_by(error))?;
        let n = crate::term::number::counted(messages.len(), "message");
        self.console.talk(&format!("{n} saved to {shown}"))?;
        *self.saved = Some(path);
        Ok(())
    }
}
