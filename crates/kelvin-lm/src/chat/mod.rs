//! Conversations: messages to the prompt that a chat model was trained on.
//!
//! A model file carries a *chat template*, a small program in Jinja that writes a conversation out with
//! the model's control tokens between the turns. [`ChatTemplate::render`] runs it, as transformers
//! would, byte for byte; [`Prompt::encode`] makes tokens of the text.
//!
//! ```text
//! messages ── ChatTemplate ──► Prompt: text, and which of it comes from messages ── Tokenizer ──► tokens
//! ```
//!
//! Three promises:
//!
//! * *A message never becomes a control token*, whatever it spells and wherever the template puts it,
//!   unless [`SpecialTokens::Parse`](crate::tokenizer::SpecialTokens::Parse) is asked for. Each character
//!   of the text knows whether a message said it, and a control token is cut out of the text only
//!   where no character of it was said by a message.
//! * *BOS once*: it is added only where the tokenizer wants it and the template did not write it.
//! * *A template cannot do harm*: it computes text from text, within a budget of steps and memory that
//!   depends on the conversation alone. No clock, no files, no Python.

#![forbid(unsafe_code)]

mod date;
mod jinja;
mod message;
mod prompt;
mod template;

pub use date::Date;
pub use message::{Message, Role};
pub use prompt::Prompt;
pub use template::{ChatTemplate, RenderOptions};
