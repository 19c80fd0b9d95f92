//! Conversations as prompts: the template, and what it is told.

use std::fs::File;
use std::io::Read as _;

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lm::chat::{ChatTemplate, Message, Prompt, RenderOptions};
use kelvin_lm::tokenizer::SpecialTokens;
use kelvin_lm::{ErrorKind, TokenId};
use serde_json::{Value, json};

use crate::args;
use crate::args::policy::text;
use crate::exit::Failure;
use crate::load::{self, Loaded};

/// The most that is read of a file for a template.
const MOST: u64 = 1 << 20;

/// How this run makes prompts of conversations.
#[derive(Debug)]
pub(crate) struct Chat {
    template: ChatTemplate,
    /// The template's file; none for the model's own.
    file: Option<String>,
    options: RenderOptions,
    special: SpecialTokens,
    /// The system message of `--system`.
    pub(crate) system: Option<String>,
}

impl Chat {
    /// Reads the flags, and the template that they or the model name.
    ///
    /// # Errors
    ///
    /// Something typed: a model without a template. Something read: a template that cannot be used.
    pub(crate) fn from_matches(matches: &ArgMatches, loaded: &mut Loaded) -> Result<Self> {
        let file = text(matches, "chat-template");
        let template = match file {
            Some(file) => from_file(file)?,
            None => match std::mem::replace(&mut loaded.template, Ok(None))? {
                Some(template) => template,
                None => return Err(without_template(&loaded.card.name).into()),
            },
        };
        Ok(Self {
            template: template.for_tokenizer(&loaded.tokenizer),
            file: file.map(str::to_owned),
            options: RenderOptions { date: args::chat::date(matches), ..RenderOptions::default() },
            special: load::special_tokens(matches),
            system: text(matches, "system").map(str::to_owned),
        })
    }

    /// A conversation that a user's message begins, after the system message where there is one.
    pub(crate) fn beginning(&self, message: &str) -> Vec<Message> {
        let system = self.system.as_deref().map(Message::system);
        system.into_iter().chain([Message::user(message)]).collect()
    }

    /// The prompt that asks for the next answer.
    ///
    /// # Errors
    ///
    /// Those of the template.
    pub(crate) fn render(&self, messages: &[Message]) -> Result<Prompt> {
        self.template.render(messages, &self.options).map_err(|error| {
            let no_date = error.kind() == ErrorKind::Template && self.lacks_date();
            let failure = Failure::read(error.to_string());
            if no_date {
                failure.hint("--date today gives it the date").into()
            } else {
                error.into()
            }
        })
    }

    /// The tokens of a prompt.
    ///
    /// # Errors
    ///
    /// Something typed: a character that the vocabulary cannot spell.
    pub(crate) fn encode(&self, prompt: &Prompt, loaded: &Loaded) -> Result<Vec<TokenId>> {
        load::encoded(prompt.encode(&loaded.tokenizer, self.special), "the conversation")
    }

    fn lacks_date(&self) -> bool {
        self.options.date.is_none() && self.template.asks_for_date()
    }

    /// What a header says of it: the template where it is not the model's, the date where it matters.
    pub(crate) fn facts(&self) -> Vec<String> {
        let file = self.file.as_ref().map(|file| format!("chat template {file}"));
        let date = self.template.asks_for_date().then(|| match self.options.date {
            Some(date) => format!("date {date}"),
            None => "date: the template's own".to_owned(),
        });
        [file, date].into_iter().flatten().collect()
    }

    /// What a JSON header says of it and of a conversation.
    pub(crate) fn json(&self, messages: &[Message], prompt: &Prompt) -> Value {
        json!({
            "template": self.file.as_deref().unwrap_or("the model's own"),
            "date": self.options.date.map(|date| date.to_string()),
            "messages": messages.iter().map(message_json).collect::<Value>(),
            "prompt": prompt.text(),
        })
    }
}

/// A message as JSON has it everywhere: `{"role": …, "content": …}`.
pub(crate) fn message_json(message: &Message) -> Value {
    json!({"role": message.role.name(), "content": message.content})
}

fn from_file(path: &str) -> Result<ChatTemplate> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes));
    read.map_err(|error| Failure::read(format!("cannot read {path}")).caused_by(error))?;
    Ok(ChatTemplate::from_bytes(&bytes).map_err(|error| error.in_file(path))?)
}

fn without_template(name: &str) -> Failure {
    let what =
        format!("{name} has no chat template: it was made to continue text, not to converse");
    Failure::typed(what)
        .hint("kelvin generate continues text; --chat-template FILE gives a template")
}
