//! Several sequences that grow together.

use std::collections::BTreeMap;
use std::ops::Range;
use std::{mem, vec};

use rayon::prelude::*;

use super::view::View;
use super::{Chooser, Context, Detok, Event, Finish, Session};
use crate::model::{Model, Row, Scratch, Wanted};
use crate::tokenizer::{ShowSpecial, Tokenizer};
use crate::{Error, ErrorKind, Result, TokenId};

/// Logits below which choosing on a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 1 << 15;

/// What to generate: one prompt, and as many sequences from it as there are choosers.
#[derive(Debug, Clone)]
pub struct Request<C> {
    /// At least one token; computed once, however many sequences follow.
    pub prompt: Vec<TokenId>,
    /// What chooses the tokens of each sequence.
    pub choosers: Vec<C>,
    /// The stop strings, in a machine that is copied for each sequence.
    pub detok: Detok,
    /// Tokens after which a sequence ends; earlier where the context ends.
    pub max_new_tokens: usize,
}

/// Sequences of one model that advance together, one token each per [`step`](Batch::step).
///
/// The weights are read once per step for all of them. Sequences join and leave between steps; each
/// one's tokens are those it would have alone, and a sequence that fails leaves the others untouched.
///
/// ```no_run
/// use kelvin::{Pipeline, Sampler, Seed};
/// use kelvin_lm::generate::{Batch, Detok, Event, Request};
/// use kelvin_lm::tokenizer::{SpecialTokens, Tokenizer};
/// use kelvin_lm::{EngineOptions, Model, format::gguf::Gguf};
///
/// # fn main() -> kelvin_lm::Result<()> {
/// let gguf = Gguf::read("smollm2.gguf".as_ref())?;
/// let (model, tokenizer) =
///     (Model::from_gguf(&gguf, EngineOptions::default())?, Tokenizer::from_gguf(&gguf)?);
/// let prompt = tokenizer.encode_prompt("Once upon a time", SpecialTokens::Text)?;
/// let pipeline: Pipeline = "temperature(0.8) | top-p(0.9)".parse()?;
/// let sampler = Sampler::new(pipeline, model.config().vocab_size)?.with_seed(Seed::new(1));
/// let choosers = vec![sampler.with_prompt(&prompt)?];
/// let mut batch = Batch::new(&model, &tokenizer);
/// let detok = Detok::new(Vec::new())?;
/// batch.join(Request { prompt, choosers, detok, max_new_tokens: 20 })?;
/// let mut text = String::new();
/// while batch.is_live() {
///     for event in batch.step()? {
///         if let Event::Text { text: more, .. } = event {
///             text += &more;
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Batch<'m, C> {
    model: &'m Model,
    tokenizer: &'m Tokenizer,
    show: ShowSpecial,
    /// What each sequence begins as: nothing, in the context of all.
    empty: View,
    scratch: Scratch,
    prompts: Vec<Prompt>,
    /// Those that are not let go of, by their numbers.
    sequences: BTreeMap<usize, Sequence<C>>,
    /// The number of the sequence that joins next.
    next: usize,
    events: Vec<Event>,
    keeps_sessions: bool,
}

/// A prompt that is not computed yet.
#[derive(Debug)]
struct Prompt {
    view: View,
    sequences: Range<usize>,
}

#[derive(Debug)]
struct Sequence<C> {
    chooser: C,
    detok: Detok,
    state: State,
    /// Position of the token chosen next.
    pos: usize,
    /// Tokens that may still be chosen.
    left: usize,
    /// Shifts that were told.
    shifts: usize,
}

#[derive(Debug)]
enum State {
    /// The prompt is still to be computed.
    Waiting,
    /// The last token is still to be fed.
    Live(View),
    /// What is computed, where it is kept.
    Over(Option<View>),
}

impl<'m, C: Chooser> Batch<'m, C> {
    /// No sequences yet. Special tokens stay hidden; sequences end where the model's context does.
    pub fn new(model: &'m Model, tokenizer: &'m Tokenizer) -> Self {
        Self {
            model,
            tokenizer,
            show: ShowSpecial::Hide,
            empty: View::new(model),
            scratch: Scratch::default(),
            prompts: Vec::new(),
            sequences: BTreeMap::new(),
            next: 0,
            events: Vec::new(),
            keeps_sessions: false,
        }
    }

    /// The same batch, in which sequences that end leave what is computed of them behind, for
    /// [`take_session`](Self::take_session). Else it is let go of.
    #[must_use]
    pub fn keep_sessions(mut self) -> Self {
        self.keeps_sessions = true;
        self
    }

    /// The same batch, with special tokens hidden or spelled out in its texts.
    #[must_use]
    pub fn show_special(mut self, show: ShowSpecial) -> Self {
        self.show = show;
        self
    }

    /// The same batch, whose sequences to come see so much of themselves.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] for a limit beyond the model's.
    pub fn with_context(mut self, context: Context) -> Result<Self> {
        self.empty = self.empty.with_context(self.model, context)?;
        Ok(self)
    }

    /// Adds a sequence for each of the request's choosers, from the next step on; their numbers.
    ///
    /// # Errors
    /// [`ErrorKind::Prompt`] for an empty prompt or a token outside the vocabulary,
    /// [`ErrorKind::Context`] for a prompt beyond a fixed context. Nothing was added.
    pub fn join(&mut self, request: Request<C>) -> Result<Range<usize>> {
        let empty = self.empty.clone();
        self.join_after(request, empty)
    }

    /// As [`join`](Self::join); what the prompt begins with in common with `session` is taken from
    /// there, and only the rest computed. Its tokens are those of [`join`](Self::join), bit for bit.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub fn join_from(
        &mut self,
        request: Request<C>,
        session: &Session<'_>,
    ) -> Result<Range<usize>> {
        let same = std::ptr::eq(session.model(), self.model);
        let begun = session.view_for(self.empty.context(), &request.prompt).filter(|_| same);
        self.join_after(request, begun.unwrap_or_else(|| self.empty.clone()))
    }

    /// Adds a request whose prompt begins with the tokens of `view`.
    fn join_after(&mut self, request: Request<C>, mut view: View) -> Result<Range<usize>> {
        let rest = &request.prompt[view.ids().len()..];
        view.check(self.model, rest)?;
        view.push(rest);
        let start = self.next;
        let pos = request.prompt.len();
        let left = request.max_new_tokens.min(view.context().room(pos));
        for chooser in request.choosers {
            let (detok, state) = (request.detok.clone(), State::Waiting);
            let sequence = Sequence { chooser, detok, state, pos, left, shifts: 0 };
            self.sequences.insert(self.next, sequence);
            self.next += 1;
        }
        let sequences = start..self.next;
        if left == 0 {
            sequences.clone().for_each(|sequence| self.finish(sequence, Finish::Length));
        } else {
            let sequences = sequences.clone();
            self.prompts.push(Prompt { view, sequences });
        }
        Ok(sequences)
    }

    /// The tokens of a sequence that ended, with what is computed of them, where sessions are
    /// [kept](Self::keep_sessions) and the prompt was computed. A second call finds nothing.
    pub fn take_session(&mut self, sequence: usize) -> Option<Session<'m>> {
        match &mut self.sequences.get_mut(&sequence)?.state {
            State::Over(view) => Some(Session::of(self.model, view.take()?)),
            State::Waiting | State::Live(_) => None,
        }
    }

    /// Whether a step would bring events.
    pub fn is_live(&self) -> bool {
        let over = |sequence: &Sequence<C>| matches!(sequence.state, State::Over(_));
        !self.events.is_empty() || !self.sequences.values().all(over)
    }

    /// How many sequences have not ended.
    pub fn n_going(&self) -> usize {
        let over = |sequence: &&Sequence<C>| matches!(sequence.state, State::Over(_));
        self.sequences.len() - self.sequences.values().filter(over).count()
    }

    /// The chooser of a sequence, with what it remembers; `None` for a number that is not given out, or
    /// was [let go of](Self::let_go).
    pub fn chooser(&self, sequence: usize) -> Option<&C> {
        self.sequences.get(&sequence).map(|sequence| &sequence.chooser)
    }

    /// The same, to take away what it remembers.
    pub fn chooser_mut(&mut self, sequence: usize) -> Option<&mut C> {
        self.sequences.get_mut(&sequence).map(|sequence| &mut sequence.chooser)
    }

    /// Lets go of a sequence that has ended, and gives its chooser back; `None` for any other. A batch
    /// that sequences keep joining stays small by it.
    pub fn let_go(&mut self, sequence: usize) -> Option<C> {
        match self.sequences.get(&sequence)?.state {
            State::Over(_) => self.sequences.remove(&sequence).map(|it| it.chooser),
            State::Waiting | State::Live(_) => None,
        }
    }

    /// Ends a sequence now, keeping what it has: its last events come with the next step.
    pub fn interrupt(&mut self, sequence: usize) {
        if self.sequences.get(&sequence).is_some_and(|it| !matches!(it.state, State::Over(_))) {
            self.finish(sequence, Finish::Interrupted);
        }
    }

    /// Ends every sequence now, keeping what they have: the last events come with the next step.
    pub fn interrupt_all(&mut self) {
        (0..self.next).for_each(|sequence| self.interrupt(sequence));
    }

    /// Computes waiting prompts, chooses one token for each sequence that goes on, and says what
    /// happened, in the order of sequences.
    ///
    /// # Errors
    /// None that a request which joined can cause; those of [`Model::forward`].
    pub fn step(&mut self) -> Result<vec::Drain<'_, Event>> {
        let mut scratch = mem::take(&mut self.scratch);
        let advanced = self.advance(&mut scratch);
        self.scratch = scratch;
        advanced?;
        Ok(self.events.drain(..))
    }

    /// Computes `n_tokens` tokens (at least one) of a waiting prompt that has more than that left;
    /// how many are left of it then, none where no prompt is so long.
    ///
    /// [`step`](Self::step) computes whatever is left. Prompts read in pieces before it leave their
    /// reader time to [`interrupt`](Self::interrupt); what follows has the same bits.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn read_ahead(&mut self, n_tokens: usize) -> Result<Option<usize>> {
        let n_tokens = n_tokens.max(1);
        let Self { model, scratch, prompts, sequences, .. } = self;
        for Prompt { view, sequences: readers } in prompts {
            let left = view.behind().saturating_sub(n_tokens);
            if left > 0 && any_waits(sequences, readers) {
                model.forward(&mut [view.row(left, Wanted::Nothing)], scratch)?;
                return Ok(Some(left));
            }
        }
        Ok(None)
    }

    fn advance(&mut self, scratch: &mut Scratch) -> Result<()> {
        let sequences = &self.sequences;
        self.prompts.retain(|prompt| any_waits(sequences, &prompt.sequences));
        let going = self.sequences.values_mut().filter_map(Sequence::row);
        let coming = self.prompts.iter_mut().map(|prompt| prompt.view.row(0, Wanted::Last));
        let mut rows: Vec<Row<'_>> = going.chain(coming).collect();
        let logits = self.model.forward(&mut rows, scratch)?;
        let mut logits = logits.chunks_exact(self.model.config().vocab_size);
        let mut turns = Vec::new();
        for (&sequence, it) in &self.sequences {
            if matches!(it.state, State::Live(_)) {
                turns.push((sequence, logits.next().expect("each row brings its logits")));
            }
        }
        for Prompt { view, sequences } in mem::take(&mut self.prompts) {
            let logits = logits.next().expect("each row brings its logits");
            for (&sequence, it) in self.sequences.range_mut(sequences) {
                if it.waits() {
                    it.state = State::Live(view.clone());
                    turns.push((sequence, logits));
                }
            }
        }
        for (sequence, chosen) in self.choose(turns) {
            self.settle(sequence, chosen);
        }
        Ok(())
    }

    /// What each sequence in turn chooses from its logits. They choose at the same time where that pays;
    /// no choice depends on another.
    fn choose(&mut self, turns: Vec<(usize, &[f32])>) -> Vec<(usize, Result<TokenId>)> {
        let n_logits = turns.len() * self.model.config().vocab_size;
        let worth_it = turns.len() > 1 && n_logits >= WORTH_A_THREAD;
        let mut turns = turns.into_iter().peekable(); // as the sequences, by their numbers
        let choosers = self.sequences.iter_mut().filter_map(|(&sequence, it)| {
            let (_, logits) = turns.next_if(|turn| turn.0 == sequence)?;
            Some((sequence, &mut it.chooser, logits))
        });
        let choose =
            |(sequence, chooser, logits): (_, &mut C, _)| (sequence, chooser.choose(logits));
        if worth_it {
            let choosers: Vec<_> = choosers.collect();
            self.model.engine().install(|| choosers.into_par_iter().map(choose).collect())
        } else {
            choosers.map(choose).collect()
        }
    }

    fn settle(&mut self, sequence: usize, chosen: Result<TokenId>) {
        let vocab_size = self.model.config().vocab_size;
        match chosen {
            Ok(id) if (id as usize) < vocab_size => self.accept(sequence, id),
            Ok(id) => {
                let detail = format!("chosen token {id} is outside 0 to {}", vocab_size - 1);
                self.fail(sequence, Error::new(ErrorKind::Parameter, detail));
            }
            Err(error) => self.fail(sequence, error),
        }
    }

    /// A sequence that events are still to come of.
    fn known(&mut self, sequence: usize) -> &mut Sequence<C> {
        self.sequences.get_mut(&sequence).expect("nobody let go of it before its end")
    }

    fn accept(&mut self, sequence: usize, id: TokenId) {
        self.tell_shift(sequence);
        let (tokenizer, show) = (self.tokenizer, self.show);
        let it = self.known(sequence);
        let pos = it.pos;
        it.pos += 1;
        it.left -= 1;
        if let State::Live(view) = &mut it.state {
            view.push(&[id]);
        }
        let (text, stopped) = it.write(id, tokenizer, show);
        let full = it.left == 0;
        self.events.push(Event::Token { sequence, pos, id });
        self.say(sequence, text);
        if stopped {
            self.finish(sequence, Finish::Stop);
        } else if self.tokenizer.is_end(id) {
            self.finish(sequence, Finish::Eos);
        } else if full {
            self.finish(sequence, Finish::Length);
        }
    }

    /// Says that the next token was chosen with fewer tokens in view.
    fn tell_shift(&mut self, sequence: usize) {
        let context = self.empty.context();
        let it = self.known(sequence);
        let shifts = context.shifts(it.pos);
        if shifts > it.shifts {
            it.shifts = shifts;
            let (pos, dropped) = (it.pos, context.dropped(shifts));
            self.events.push(Event::Shift { sequence, pos, dropped });
        }
    }

    fn say(&mut self, sequence: usize, text: String) {
        if !text.is_empty() {
            self.events.push(Event::Text { sequence, text });
        }
    }

    fn finish(&mut self, sequence: usize, finish: Finish) {
        self.close(sequence);
        self.events.push(Event::Done { sequence, finish });
    }

    fn fail(&mut self, sequence: usize, error: Error) {
        self.close(sequence);
        self.events.push(Event::Failed { sequence, error });
    }

    /// Brings out the text that waited, and lets go of the cache unless sessions are kept.
    fn close(&mut self, sequence: usize) {
        let keeps_sessions = self.keeps_sessions;
        let it = self.known(sequence);
        let state = mem::replace(&mut it.state, State::Over(None));
        if let (true, State::Live(view)) = (keeps_sessions, state) {
            it.state = State::Over(Some(view));
        }
        let text = it.detok.finish();
        self.say(sequence, text);
    }
}

/// Whether one of these sequences waits for its prompt.
fn any_waits<C>(sequences: &BTreeMap<usize, Sequence<C>>, readers: &Range<usize>) -> bool {
    sequences.range(readers.clone()).any(|(_, sequence)| sequence.waits())
}

impl<C> Sequence<C> {
    fn waits(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// The tokens to feed, if the sequence goes on.
    fn row(&mut self) -> Option<Row<'_>> {
        match &mut self.state {
            State::Live(view) => Some(view.row(0, Wanted::Last)),
            State::Waiting | State::Over(_) => None,
        }
    }

    /// The text that a token makes certain, and whether it met a stop string.
    fn write(&mut self, id: TokenId, tokenizer: &Tokenizer, show: ShowSpecial) -> (String, bool) {
        if tokenizer.is_special(id) || tokenizer.is_end(id) {
            let shown = match show {
                ShowSpecial::Show => tokenizer.piece(id).unwrap_or_default(),
                ShowSpecial::Hide => "",
            };
            return (self.detok.push_special(shown), false);
        }
        let progress = self.detok.push(tokenizer.bytes(id).unwrap_or_default());
        (progress.text, progress.stop.is_some())
    }
}
