//! A conversation: what was said, what is set, and what is computed of it.

use anyhow::Result;
use kelvin_lm::Session;
use kelvin_lm::chat::{Message, Role};

use super::heard::Heard;
use super::settings::Settings;
use crate::args::context;
use crate::args::randomness::Randomness;
use crate::chat::Chat;
use crate::cmd::generate::{Job, Prompt, footer};
use crate::console::Console;
use crate::exit::Failure;
use crate::load::Loaded;
use crate::playback::{self, InOrder, JsonLines, Totals, play};
use crate::term::number::count;

/// The way out of a full context, in a conversation.
const ROOM: &str = "/undo takes back the last exchange, /clear begins anew";

/// Another.
const SHIFT: &str = "/set context-shift on goes on beyond it";

/// A conversation with a model.
pub(super) struct Conversation<'m> {
    loaded: &'m Loaded,
    chat: Chat,
    pub(super) settings: Settings,
    pub(super) randomness: Randomness,
    /// What was said: a system message perhaps, then users and answers in turn.
    pub(super) messages: Vec<Message>,
    /// Which sample of the last answer there is.
    choice: u32,
    /// What is computed of the last prompt and its answer.
    session: Session<'m>,
    /// Answers so far, those taken back included.
    turns: usize,
    /// The last prompt that was answered, as the template wrote it, and the answer.
    sent: Option<String>,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Well, and it is part of the conversation.
    Answered,
    /// By Ctrl-C; what there was is part of the conversation.
    Interrupted,
    /// By Ctrl-C before its first token; the conversation is as it was.
    Unbegun,
    /// By something wrong with the model; the conversation is as it was.
    Failed,
}

impl<'m> Conversation<'m> {
    /// Nothing is said yet, but for the system message.
    pub(super) fn new(
        loaded: &'m Loaded,
        chat: Chat,
        settings: Settings,
        randomness: Randomness,
    ) -> Self {
        let messages = chat.system.as_deref().map(Message::system).into_iter().collect();
        let session = Session::new(&loaded.model);
        Self {
            loaded,
            chat,
            settings,
            randomness,
            messages,
            choice: 0,
            session,
            turns: 0,
            sent: None,
        }
    }

    /// Says something and has it answered; what cannot be answered is not said.
    ///
    /// # Errors
    ///
    /// Something typed or read, such as a conversation that the template refuses or the context cannot
    /// hold: the conversation is then as it was.
    pub(super) fn say(&mut self, text: &str, console: &mut Console<'_>) -> Result<Ended> {
        let before = (self.messages.clone(), self.choice);
        self.choice = 0;
        self.messages.push(Message::user(text));
        self.answer_or(before, console)
    }

    /// Has the last message answered in another way: by the next sample of the same distribution.
    ///
    /// # Errors
    ///
    /// As [`say`](Self::say); something typed where there is no answer.
    pub(super) fn retry(&mut self, console: &mut Console<'_>) -> Result<Ended> {
        let before = (self.messages.clone(), self.choice);
        self.last_exchange("retry")?;
        if let Some(way_out) = self.settings.way_out_of_greedy() {
            console.hint(&format!("greedy has one answer; {way_out} draws"))?;
        }
        self.messages.pop();
        self.choice += 1;
        self.answer_or(before, console)
    }

    /// Changes the last message and has it answered.
    ///
    /// # Errors
    ///
    /// As [`retry`](Self::retry).
    pub(super) fn edit(&mut self, text: &str, console: &mut Console<'_>) -> Result<Ended> {
        let before = (self.messages.clone(), self.choice);
        self.last_exchange("edit")?;
        self.messages.truncate(self.messages.len() - 2);
        self.messages.push(Message::user(text));
        self.choice = 0;
        self.answer_or(before, console)
    }

    /// Takes back the last message and its answer; the message.
    ///
    /// # Errors
    ///
    /// Something typed: there is none.
    pub(super) fn undo(&mut self) -> Result<String, Failure> {
        let text = self.last_exchange("undo")?.to_owned();
        self.messages.truncate(self.messages.len() - 2);
        self.choice = 0;
        Ok(text)
    }

    /// The last message that was answered.
    ///
    /// # Errors
    ///
    /// Something typed: there is none to do `what` with.
    pub(super) fn last_exchange(&self, what: &str) -> Result<&str, Failure> {
        match &self.messages[..] {
            [.., user, answer] if user.role == Role::User && answer.role == Role::Assistant => {
                Ok(&user.content)
            }
            _ => Err(Failure::typed(format!("/{what}: nothing has been answered yet"))),
        }
    }

    /// Forgets all but the system message.
    pub(super) fn clear(&mut self) {
        self.messages.retain(|message| message.role == Role::System);
        self.choice = 0;
        self.sent = None;
    }

    /// Changes the system message, or takes it away.
    pub(super) fn set_system(&mut self, text: Option<&str>) {
        self.messages.retain(|message| message.role != Role::System);
        self.messages.splice(0..0, text.map(Message::system));
    }

    /// The system message.
    pub(super) fn system(&self) -> Option<&str> {
        let first = self.messages.first().filter(|message| message.role == Role::System);
        first.map(|message| message.content.as_str())
    }

    /// Changes a setting.
    ///
    /// # Errors
    ///
    /// Those of [`Settings::set`].
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<()> {
        self.settings.set(name, value, &self.loaded.defaults)?;
        self.randomness = self.randomness.changed(&self.settings.matches);
        Ok(())
    }

    /// The last prompt that was answered, as the template wrote it, and the answer.
    ///
    /// # Errors
    ///
    /// Something typed: there is none.
    pub(super) fn raw(&self) -> Result<&str, Failure> {
        let nothing = || Failure::typed("/raw: nothing has been said yet");
        self.sent.as_deref().ok_or_else(nothing)
    }

    /// What the header says of the template.
    pub(super) fn facts(&self) -> Vec<String> {
        let mut facts = self.loaded.facts();
        facts.push(format!("dialect {}", self.settings.policy.dialect.name));
        let matches = &self.settings.matches;
        let context = context::read(matches, self.loaded).ok();
        facts.extend(context.and_then(|context| context::shown(context, self.loaded)));
        facts.extend(self.chat.facts());
        facts.push(format!("seed {}", self.randomness.shown()));
        facts
    }

    fn answer_or(
        &mut self,
        before: (Vec<Message>, u32),
        console: &mut Console<'_>,
    ) -> Result<Ended> {
        let ended = self.answer(console);
        if !matches!(ended, Ok(Ended::Answered | Ended::Interrupted)) {
            (self.messages, self.choice) = before;
        }
        ended
    }

    /// Has the conversation answered, tells it, and keeps the answer.
    fn answer(&mut self, console: &mut Console<'_>) -> Result<Ended> {
        let Self { loaded, settings, .. } = self;
        let (matches, policy) = (&settings.matches, &settings.policy);
        let prompt = Prompt::conversation(&self.messages, loaded, &self.chat, self.randomness)?;
        let context = context::read(matches, loaded)?;
        let n_prompt = prompt.n_tokens();
        if !context.is_shifting() && n_prompt >= context.limit() {
            return Err(full(n_prompt, context.limit()).into());
        }
        let rendered = prompt.rendered().to_owned();
        let mut job = Job::from_matches(matches, vec![prompt], loaded, policy)?;
        job.first_choice = self.choice;
        let mut batch = job.batch_from(loaded, policy, &self.session)?;
        let mut openings = job.openings(loaded, policy);
        openings[0].header.prompt = self.turns;
        playback::set_running(true);
        let played = if matches.get_flag("json") {
            let lines = JsonLines::new(console, &loaded.tokenizer, job.show, &openings)?;
            listened(&mut batch, Heard::by(lines))
        } else {
            let view = InOrder::new(console, &loaded.tokenizer, job.view(), &openings)?;
            listened(&mut batch, Heard::by(view))
        };
        playback::set_running(false);
        let (totals, text) = played?;
        if let Some(session) = batch.take_session(0) {
            self.session = session;
        }
        self.turns += 1;
        let in_view = context.in_view(n_prompt + totals.n_tokens);
        let in_view = in_view.iter().map(ExactSizeIterator::len).sum();
        let in_context = format!("context {} of {}", count(in_view), count(context.limit()));
        console.talk(&format!("{} · {in_context}", footer(&totals)))?;
        self.sent = Some(rendered + &text);
        Ok(self.keep(text, &totals))
    }

    fn keep(&mut self, text: String, totals: &Totals) -> Ended {
        if totals.n_failed > 0 {
            return Ended::Failed;
        }
        if totals.is_interrupted() && totals.n_tokens == 0 {
            return Ended::Unbegun;
        }
        self.messages.push(Message::assistant(text));
        if totals.is_interrupted() { Ended::Interrupted } else { Ended::Answered }
    }
}

fn listened<L: playback::Listener>(
    batch: &mut kelvin_lm::generate::Batch<'_, playback::Watched>,
    mut heard: Heard<L>,
) -> Result<(Totals, String)> {
    let totals = play(batch, &mut heard)?;
    Ok((totals, heard.text))
}

fn full(n_prompt: usize, limit: usize) -> Failure {
    let (n_prompt, limit) = (count(n_prompt), count(limit));
    Failure::typed(format!(
        "the conversation has {n_prompt} tokens and leaves no room in the context of {limit}"
    ))
    .hint(ROOM)
    .or(SHIFT)
}
