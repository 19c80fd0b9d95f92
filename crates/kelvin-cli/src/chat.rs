//! Conversations as prompts: the template, and what it is told.

use std::fs::File;
use std::io::{self, BufRead, Read};

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lm::TokenId;
use kelvin_lm::chat::{ChatTemplate, Message, Prompt, RenderOptions};
use kelvin_lm::tokenizer::SpecialTokens;
use serde_json::{Value, json};

use crate::args;
use crate::args::policy::text;
use crate::exit::Failure;
use crate::load::{self, Loaded};

/// The most that is read of a file for a template.
const MOST: u64 = 1 << 20;
/// The most that is read of something typed: no prompt is made of more.
pub(crate) const MOST_TYPED: u64 = 4 << 20;

/// What a reader gives until its end.
///
/// # Errors
///
/// Something read: what is no text, or more than any conversation has.
pub(crate) fn read_message(reader: impl Read) -> Result<String, Failure> {
    let mut text = String::new();
    let read = reader.take(MOST_TYPED + 1).read_to_string(&mut text);
    if text.len() as u64 > MOST_TYPED {
        return Err(too_long("stdin"));
    }
    read.map_err(|error| Failure::read("cannot read stdin").caused_by(error))?;
    Ok(text)
}

/// The bytes of the next line, with its end; all of it is read, and an error where it is too long.
///
/// # Errors
///
/// Those of the reader; something typed within.
pub(crate) fn read_line(reader: &mut impl BufRead) -> io::Result<Result<Vec<u8>, Failure>> {
    let mut line = Vec::new();
    reader.by_ref().take(MOST_TYPED + 1).read_until(b'\n', &mut line)?;
    if line.len() as u64 <= MOST_TYPED {
        return Ok(Ok(line));
    }
    if !line.ends_with(b"\n") {
        reader.skip_until(b'\n')?;
    }
    Ok(Err(too_long("a line")))
}

/// The failure of something typed that is longer.
pub(crate) fn too_long(what: &str) -> Failure {
    Failure::typed(format!("{what} has more than {MOST_TYPED} bytes, the most of a conversation"))
}

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
            Some(file) if !load::names_template(file) => from_file(file)?,
            _ => match std::mem::replace(&mut loaded.template, Ok(None))? {
                Some(template) => template,
                None => return Err(without_template(&loaded.card.name, file).into()),
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
        Ok(self.template.render(messages, &self.options)?)
    }

    /// The tokens of a prompt.
    ///
    /// # Errors
    ///
    /// Something typed: a character that the vocabulary cannot spell. Something read: a template that
    /// makes nothing.
    pub(crate) fn encode(&self, prompt: &Prompt, loaded: &Loaded) -> Result<Vec<TokenId>> {
        let ids = prompt.encode(&loaded.tokenizer, self.special);
        let ids = load::encoded(ids, "the conversation")?;
        if ids.is_empty() {
            let failure = Failure::read("the chat template made an empty prompt");
            return Err(failure.hint("--chat-template FILE gives another").into());
        }
        Ok(ids)
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
    let read = File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
    read.map_err(|error| Failure::read(format!("cannot read {path}")).caused_by(error))?;
    if bytes.len() as u64 > MOST {
        let what = format!("{path}: more than {MOST} bytes are no chat template");
        return Err(Failure::read(what).into());
    }
    Ok(ChatTemplate::from_bytes(&bytes).map_err(|error| error.in_file(path))?)
}

fn without_template(name: &str, template: Option<&str>) -> Failure {
    if let Some(template) = template {
        let what = format!("{template}: no such file, nor a chat template of {name} of that name");
        return Failure::read(what);
    }
    let what =
        format!("{name} has no chat template: it was made to continue text, not to converse");
    Failure::typed(what)
        .hint(
        "kelvin generate continues text; -m takes a model made for chat; --chat-template FILE gives a template",
    )
}
