//! Chat templates, from wherever a model keeps them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use super::jinja::{self, Cause, Fault, Given, Source};
use super::{Date, Message, Prompt};
use crate::format::gguf::Gguf;
use crate::format::json::{self, Limits};
use crate::format::{Folder, Sentence};
use crate::tokenizer::Tokenizer;
use crate::{Checkpoint, Error, ErrorKind, Result};

/// The metadata key of GGUF's template; further ones have `.{name}` behind it.
const GGUF_KEY: &str = "tokenizer.chat_template";
/// Of several named templates the one that is meant where none is named.
const DEFAULT: &str = "default";

/// A program that writes conversations the way a model was trained on them.
///
/// Immutable, shared between threads.
///
/// ```
/// use kelvin_lm::chat::{ChatTemplate, Message, RenderOptions};
///
/// let source = "{% for message in messages %}<|{{ message.role }}|>{{ message.content | trim }}\n\
///               {% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";
/// let template = ChatTemplate::new(source)?;
/// let prompt = template.render(&[Message::user(" Hello! ")], &RenderOptions::default())?;
/// assert_eq!(prompt.text(), "<|user|>Hello!\n<|assistant|>");
/// assert_eq!(prompt.quoted(), [8..14]);
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ChatTemplate {
    source: Source,
    texts: Vec<(&'static str, String)>,
}

/// What else a template is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderOptions {
    /// Whether the text ends where the model's answer begins, as a prompt does; else it ends after the
    /// last message.
    pub add_generation_prompt: bool,
    /// What `strftime_now` says. Without a date a template finds no such function, and takes the date it
    /// has for that case (Llama 3.2: 26 July 2024) or says that it needs one.
    pub date: Option<Date>,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self { add_generation_prompt: true, date: None }
    }
}

impl ChatTemplate {
    /// A template from its source.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Template`] where it does not parse, or is larger than a template may be.
    pub fn new(source: &str) -> Result<Self> {
        let source = Source::new(source).map_err(|fault| error(&fault))?;
        Ok(Self { source, texts: Vec::new() })
    }

    /// The same template, for a tokenizer whose special tokens it may write: `bos_token` and
    /// `eos_token`. (`unk_token` and `pad_token` are those of `tokenizer_config.json`, where it has any.)
    #[must_use]
    pub fn for_tokenizer(mut self, tokenizer: &Tokenizer) -> Self {
        let spelled = |token: Option<_>| token.and_then(|token| tokenizer.piece(token));
        let texts =
            [("bos_token", spelled(tokenizer.bos())), ("eos_token", spelled(tokenizer.eos()))];
        for (name, text) in texts {
            self = self.with_text(name, text.map(str::to_owned));
        }
        self
    }

    /// The same template, with another text for a name; none where there is none.
    fn with_text(mut self, name: &'static str, text: Option<String>) -> Self {
        self.texts.retain(|(known, _)| *known != name);
        self.texts.extend(text.map(|text| (name, text)));
        self
    }

    /// The same template, with the tokens that only `tokenizer_config.json` names.
    fn with_tokens(self, config: TokenizerConfig) -> Self {
        let text = |token: Option<Spelled>| match token {
            Some(Spelled::Text(content) | Spelled::Token { content }) => Some(content),
            Some(Spelled::Other(_)) | None => None,
        };
        let (unk, pad) = (text(config.unk_token), text(config.pad_token));
        self.with_text("unk_token", unk).with_text("pad_token", pad)
    }

    /// The template of a model on disk, where it has one; of several the default, or the one that is
    /// called `name`.
    ///
    /// # Errors
    ///
    /// Those of [`from_gguf`](Self::from_gguf) and [`from_folder`](Self::from_folder).
    pub fn open(checkpoint: &Checkpoint, name: Option<&str>) -> Result<Option<Self>> {
        match checkpoint {
            Checkpoint::Gguf(gguf) => Self::from_gguf(gguf, name),
            Checkpoint::Folder(folder) => Self::from_folder(folder, name),
        }
    }

    /// The template inside a GGUF file, where there is one: `tokenizer.chat_template`, or the one that is
    /// called `name`.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), with the byte offset; [`ErrorKind::Format`] where it is no text;
    /// [`ErrorKind::Template`] where there are only named ones and no name is given.
    pub fn from_gguf(gguf: &Gguf, name: Option<&str>) -> Result<Option<Self>> {
        let key = match name {
            Some(name) => format!("{GGUF_KEY}.{name}"),
            None => GGUF_KEY.to_owned(),
        };
        let Some(source) = gguf.metadata().str(&key)? else {
            let names = gguf.metadata().iter().filter_map(|(key, _)| {
                key.strip_prefix(GGUF_KEY).and_then(|rest| rest.strip_prefix('.'))
            });
            return if name.is_none() { nameless(names) } else { Ok(None) };
        };
        let placed = |error: Error| match gguf.metadata().offset(&key) {
            Some(offset) => error.at(offset),
            None => error,
        };
        Self::new(source).map(Some).map_err(placed)
    }

    /// The template of a folder in Hugging Face layout, where there is one: `chat_template.jinja`, else
    /// what `tokenizer_config.json` has.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new) and [`from_tokenizer_config`](Self::from_tokenizer_config), and of
    /// reading the files.
    pub fn from_folder(folder: &Folder, name: Option<&str>) -> Result<Option<Self>> {
        if let Some(bytes) = folder.chat_template()?.filter(|_| name.is_none()) {
            let path = folder.path().join("chat_template.jinja");
            let template = Self::from_bytes(&bytes).map_err(|error| error.in_file(path))?;
            let Some(bytes) = folder.tokenizer_config()? else { return Ok(Some(template)) };
            let path = folder.path().join("tokenizer_config.json");
            let config = TokenizerConfig::read(&bytes).map_err(|error| error.in_file(path))?;
            return Ok(Some(template.with_tokens(config)));
        }
        let Some(bytes) = folder.tokenizer_config()? else { return Ok(None) };
        let path = folder.path().join("tokenizer_config.json");
        Self::from_tokenizer_config(&bytes, name).map_err(|error| error.in_file(path))
    }

    /// The template in the bytes of a `tokenizer_config.json`, where there is one: its `chat_template`,
    /// a text or a list of named texts; of several the one that is called `name`, or `default`.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new); [`ErrorKind::Format`] where the bytes are not such JSON;
    /// [`ErrorKind::Template`] where there are only named ones, none is the default, and no name is given.
    pub fn from_tokenizer_config(json: &[u8], name: Option<&str>) -> Result<Option<Self>> {
        let mut config = TokenizerConfig::read(json)?;
        let source = match (config.chat_template.take(), name) {
            (Some(Templates::One(source)), None) => Some(source),
            (Some(Templates::Named(named)), name) => {
                let wanted = name.unwrap_or(DEFAULT);
                match named.iter().find(|it| it.name == wanted) {
                    Some(it) => Some(it.template.clone()),
                    None if name.is_none() => {
                        return nameless(named.iter().map(|it| it.name.as_str()));
                    }
                    None => None,
                }
            }
            _ => None,
        };
        let Some(source) = source else { return Ok(None) };
        Ok(Some(Self::new(&source)?.with_tokens(config)))
    }

    /// A template from the bytes of a file.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new); [`ErrorKind::Format`] where the bytes are not UTF-8.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        match std::str::from_utf8(bytes) {
            Ok(source) => Self::new(source),
            Err(cause) => {
                let at = cause.valid_up_to() as u64;
                let detail = "the chat template is not UTF-8";
                Err(Error::new(ErrorKind::Format, detail).at(at).caused_by(cause))
            }
        }
    }

    /// The template's source.
    pub fn source(&self) -> &str {
        self.source.text()
    }

    /// Whether the template asks for the date.
    pub fn asks_for_date(&self) -> bool {
        self.source.names("strftime_now")
    }

    /// Writes out a conversation.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conversation`] where the template refuses the messages, in its own words (roles
    /// that do not alternate, a system message it has no place for). [`ErrorKind::Template`], with the
    /// line, where it fails, asks for what is not implemented here, or costs more than a template may.
    pub fn render(&self, messages: &[Message], options: &RenderOptions) -> Result<Prompt> {
        let messages: Vec<(&str, &str)> =
            messages.iter().map(|it| (it.role.name(), it.content.as_str())).collect();
        let texts: Vec<(&str, &str)> =
            self.texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let given = Given {
            messages: &messages,
            add_generation_prompt: options.add_generation_prompt,
            texts: &texts,
            date: options.date,
        };
        let chars = jinja::render(&self.source, given).map_err(|fault| error(&fault))?;
        Ok(Prompt::new(&chars))
    }
}

/// That there is no template, or only named ones, of which somebody has to pick.
fn nameless<'a>(names: impl Iterator<Item = &'a str>) -> Result<Option<ChatTemplate>> {
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        return Ok(None);
    }
    let names = names.join(", ");
    let detail =
        format!("the model has chat templates called {}, and no default", Sentence(&names));
    Err(Error::new(ErrorKind::Template, detail)
        .hint("pick one of them by name: --chat-template NAME"))
}

/// The part of `tokenizer_config.json` that is read here.
#[derive(serde::Deserialize)]
struct TokenizerConfig {
    chat_template: Option<Templates>,
    unk_token: Option<Spelled>,
    pad_token: Option<Spelled>,
}

impl TokenizerConfig {
    fn read(bytes: &[u8]) -> Result<Self> {
        json::object(bytes, "tokenizer_config.json", Limits::TOKENIZER_CONFIG)
    }
}

/// What a token may be there.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Spelled {
    Text(String),
    Token { content: String },
    Other(serde::de::IgnoredAny),
}

/// What `chat_template` may be.
enum Templates {
    One(String),
    Named(Vec<Named>),
}

impl<'de> Deserialize<'de> for Templates {
    fn deserialize<D: Deserializer<'de>>(json: D) -> std::result::Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Templates;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a template, or a list of named ones")
            }

            fn visit_str<E>(self, source: &str) -> std::result::Result<Templates, E> {
                Ok(Templates::One(source.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> std::result::Result<Templates, A::Error> {
                let mut named = Vec::new();
                while let Some(next) = seq.next_element()? {
                    named.push(next);
                }
                Ok(Templates::Named(named))
            }
        }
        json.deserialize_any(Read)
    }
}

#[derive(serde::Deserialize)]
struct Named {
    name: String,
    template: String,
}

/// The way out of a template that asks for the date.
const DATE: &str = "give it a date: --date today";
/// The way out of a template that fails.
const ANOTHER: &str = "give another in its place: --chat-template FILE";

/// What went wrong in a template, for the world outside.
fn error(fault: &Fault) -> Error {
    let place = match fault.line() {
        Some(line) => format!("chat template, line {line}"),
        None => "chat template".to_owned(),
    };
    match fault.cause() {
        Cause::Refused(words) => {
            let words = Sentence(words);
            let detail = format!("the chat template refuses the conversation: {words}");
            Error::new(ErrorKind::Conversation, detail)
        }
        Cause::TooLong(what) => Error::new(ErrorKind::Conversation, what.as_str()),
        Cause::NoDate => {
            let detail = format!("{place}: \"strftime_now\" asks for the date, and none was given");
            Error::new(ErrorKind::Template, detail).hint(DATE)
        }
        Cause::Unsupported(what) => {
            let detail = format!("{place}: {} is not supported", Sentence(what));
            Error::new(ErrorKind::Template, detail).hint(ANOTHER)
        }
        Cause::Failed(what) | Cause::Exhausted(what) => {
            let detail = format!("{place}: {}", Sentence(what));
            Error::new(ErrorKind::Template, detail).hint(ANOTHER)
        }
    }
}
