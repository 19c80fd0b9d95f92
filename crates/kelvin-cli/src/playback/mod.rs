//! Sequences that grow together, told as they grow: the loop under `generate` and `tour`.

mod aside;
mod in_order;
mod json_lines;
mod lines;
mod recording;

pub(crate) use aside::Aside;
pub(crate) use in_order::{InOrder, View};
pub(crate) use json_lines::JsonLines;
pub(crate) use recording::{Recording, Tape};

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use kelvin::{Sampler, TokenId, TraceStep};
use kelvin_lab::trace::Header;
use kelvin_lm::Error;
use kelvin_lm::generate::{Batch, Chooser, Event, Finish};

/// Whether Ctrl-C was pressed.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether something runs that Ctrl-C can end gently.
static RUNNING: AtomicBool = AtomicBool::new(true);

/// Whether only gentle ends will do: in a conversation, which a hard one would lose.
static CONVERSING: AtomicBool = AtomicBool::new(false);

/// Tokens of a prompt that are read before somebody may have pressed Ctrl-C again.
const PIECE: usize = 256;

/// Whether Ctrl-C is heard already.
static LISTENING: AtomicBool = AtomicBool::new(false);

/// Lets the first Ctrl-C end the run with what there is, and the second end it at once, unless it is
/// one of several. Once is enough; more does no harm.
///
/// # Errors
///
/// The operating system's, where it refuses a handler.
#[expect(clippy::exit, reason = "the second Ctrl-C means now")]
pub(crate) fn listen_for_interrupts() -> Result<()> {
    if LISTENING.load(Ordering::SeqCst) {
        return Ok(());
    }
    ctrlc::set_handler(|| {
        let again = INTERRUPTED.swap(true, Ordering::SeqCst);
        let [running, conversing] = [&RUNNING, &CONVERSING].map(|it| it.load(Ordering::SeqCst));
        if ends_at_once(again, running, conversing) {
            std::process::exit(130);
        }
    })?;
    LISTENING.store(true, Ordering::SeqCst);
    Ok(())
}

/// Whether a Ctrl-C ends the program: where nothing runs, or where it is not the first and nothing
/// else would be lost.
fn ends_at_once(again: bool, running: bool, conversing: bool) -> bool {
    !running || again && !conversing
}

/// Begins or ends a run among several: between them Ctrl-C ends the program, and none is remembered.
pub(crate) fn set_running(running: bool) {
    CONVERSING.store(true, Ordering::SeqCst);
    RUNNING.store(running, Ordering::SeqCst);
    INTERRUPTED.store(false, Ordering::SeqCst);
}

/// Whether the user wants the run to end.
pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// A sampler that remembers its last step: how probable its choice was, and what is wanted besides.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    sampler: Sampler,
    /// Places of each distribution that an account lists; none where no account is wanted.
    depth: Option<usize>,
    logprob: f64,
    account: Option<TraceStep>,
    /// The row that it chose from, where rows are wanted.
    row: Option<Vec<f32>>,
}

impl Watched {
    /// Watches a sampler. An account (`depth` places of each distribution) takes some passes over
    /// the logits; without one, watching costs nothing.
    pub(crate) fn new(sampler: Sampler, depth: Option<usize>) -> Self {
        Self { sampler, depth, logprob: 0.0, account: None, row: None }
    }

    /// Keeps the row of each choice too, for whoever accounts for it elsewhere.
    #[must_use]
    pub(crate) fn keeping_rows(self) -> Self {
        Self { row: Some(Vec::new()), ..self }
    }

    /// The sampler as it is now.
    pub(crate) fn sampler(&self) -> &Sampler {
        &self.sampler
    }
}

impl Chooser for Watched {
    fn choose(&mut self, logits: &[f32]) -> kelvin_lm::Result<TokenId> {
        let (token, logprob) = match self.depth {
            None => self.sampler.sample_with_logprob(logits)?,
            Some(depth) => {
                let step = self.sampler.sample_traced(logits, depth)?;
                let drawn = (step.token, step.logprob);
                self.account = Some(step);
                drawn
            }
        };
        self.sampler.accept(token)?;
        self.logprob = logprob;
        if let Some(row) = &mut self.row {
            row.clear();
            row.extend_from_slice(logits);
        }
        Ok(token)
    }
}

/// What is known of a sequence before it begins.
#[derive(Debug)]
pub(crate) struct Opening {
    /// The line above its text, where there are several.
    pub(crate) label: String,
    /// What its text begins with.
    pub(crate) echo: String,
    /// The first line of its trace.
    pub(crate) header: Header,
}

/// Who is told what happens; sequences have the numbers that the batch gave them.
pub(crate) trait Listener {
    /// A long prompt is being read, and `left` tokens of it are left.
    ///
    /// # Errors
    ///
    /// As [`Listener::token`].
    fn reading(&mut self, left: usize) -> Result<()> {
        let _ = left;
        Ok(())
    }

    /// A token was drawn, and this is the account of it. Not called where none is kept.
    ///
    /// # Errors
    ///
    /// Those of whatever it writes to; the run ends.
    fn token(&mut self, sequence: usize, step: &TraceStep) -> Result<()> {
        let _ = (sequence, step);
        Ok(())
    }

    /// A token was drawn from this row, which may be taken away for another buffer. Not called where rows
    /// are not kept.
    ///
    /// # Errors
    ///
    /// As [`Listener::token`].
    fn row(&mut self, sequence: usize, row: &mut Vec<f32>) -> Result<()> {
        let _ = (sequence, row);
        Ok(())
    }

    /// The context shifted: the token at `pos` and those behind it see `dropped` tokens fewer.
    ///
    /// # Errors
    ///
    /// As [`Listener::token`].
    fn shift(&mut self, sequence: usize, pos: usize, dropped: usize) -> Result<()>;

    /// Text has become certain.
    ///
    /// # Errors
    ///
    /// As [`Listener::token`].
    fn text(&mut self, sequence: usize, text: &str) -> Result<()>;

    /// A sequence ended well.
    ///
    /// # Errors
    ///
    /// As [`Listener::token`].
    fn done(&mut self, sequence: usize, finish: Finish) -> Result<()>;

    /// A sequence could not go on.
    ///
    /// # Errors
    ///
    /// As [`Listener::token`].
    fn failed(&mut self, sequence: usize, error: &Error) -> Result<()>;
}

/// Tells a second listener all that the first is told; rows only the second.
impl<A: Listener, B: Listener> Listener for (A, B) {
    fn reading(&mut self, left: usize) -> Result<()> {
        self.0.reading(left)?;
        self.1.reading(left)
    }

    fn token(&mut self, sequence: usize, step: &TraceStep) -> Result<()> {
        self.0.token(sequence, step)?;
        self.1.token(sequence, step)
    }

    fn row(&mut self, sequence: usize, row: &mut Vec<f32>) -> Result<()> {
        self.1.row(sequence, row)
    }

    fn shift(&mut self, sequence: usize, pos: usize, dropped: usize) -> Result<()> {
        self.0.shift(sequence, pos, dropped)?;
        self.1.shift(sequence, pos, dropped)
    }

    fn text(&mut self, sequence: usize, text: &str) -> Result<()> {
        self.0.text(sequence, text)?;
        self.1.text(sequence, text)
    }

    fn done(&mut self, sequence: usize, finish: Finish) -> Result<()> {
        self.0.done(sequence, finish)?;
        self.1.done(sequence, finish)
    }

    fn failed(&mut self, sequence: usize, error: &Error) -> Result<()> {
        self.0.failed(sequence, error)?;
        self.1.failed(sequence, error)
    }
}

/// Tells a listener that need not be there.
impl<L: Listener> Listener for Option<&mut L> {
    fn reading(&mut self, left: usize) -> Result<()> {
        self.as_mut().map_or(Ok(()), |it| it.reading(left))
    }

    fn token(&mut self, sequence: usize, step: &TraceStep) -> Result<()> {
        self.as_mut().map_or(Ok(()), |it| it.token(sequence, step))
    }

    fn row(&mut self, sequence: usize, row: &mut Vec<f32>) -> Result<()> {
        self.as_mut().map_or(Ok(()), |it| it.row(sequence, row))
    }

    fn shift(&mut self, sequence: usize, pos: usize, dropped: usize) -> Result<()> {
        self.as_mut().map_or(Ok(()), |it| it.shift(sequence, pos, dropped))
    }

    fn text(&mut self, sequence: usize, text: &str) -> Result<()> {
        self.as_mut().map_or(Ok(()), |it| it.text(sequence, text))
    }

    fn done(&mut self, sequence: usize, finish: Finish) -> Result<()> {
        self.as_mut().map_or(Ok(()), |it| it.done(sequence, finish))
    }

    fn failed(&mut self, sequence: usize, error: &Error) -> Result<()> {
        self.as_mut().map_or(Ok(()), |it| it.failed(sequence, error))
    }
}

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    /// Tokens drawn, over all sequences.
    pub(crate) n_tokens: usize,
    /// Their surprisal in the distributions they were drawn from.
    pub(crate) nats: f64,
    /// Until the first token was there: the prompts' computation.
    pub(crate) first_token: Duration,
    /// The whole run.
    pub(crate) elapsed: Duration,
    /// Tokens of the first step.
    n_first: usize,
    /// Why sequences ended, in the order of the first of each kind.
    pub(crate) finishes: Vec<(Finish, usize)>,
    /// Shifts of a context, over all sequences.
    pub(crate) n_shifts: usize,
    /// Sequences that could not go on.
    pub(crate) n_failed: usize,
}

impl Totals {
    /// Tokens per second after the first step; none for a run of one step.
    pub(crate) fn tokens_per_second(&self) -> Option<f64> {
        let rest = self.n_tokens - self.n_first;
        let time = self.elapsed.saturating_sub(self.first_token).as_secs_f64();
        (rest > 0 && time > 0.0).then(|| rest as f64 / time)
    }

    /// Whether the user ended the run.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.finishes.iter().any(|(finish, _)| *finish == Finish::Interrupted)
    }

    fn count(&mut self, finish: Finish) {
        match self.finishes.iter_mut().find(|(known, _)| *known == finish) {
            Some((_, n)) => *n += 1,
            None => self.finishes.push((finish, 1)),
        }
    }
}

/// Steps the batch until every sequence has ended, or Ctrl-C ends them.
///
/// # Errors
///
/// Those of the listener and of the model.
pub(crate) fn play(batch: &mut Batch<'_, Watched>, listener: &mut impl Listener) -> Result<Totals> {
    let start = Instant::now();
    let mut totals = Totals::default();
    while batch.is_live() {
        if is_interrupted() {
            batch.interrupt_all();
        } else if let Some(left) = batch.read_ahead(PIECE)? {
            listener.reading(left)?;
            continue;
        }
        let events: Vec<Event> = batch.step()?.collect();
        let first = totals.n_tokens == 0;
        if first {
            totals.first_token = start.elapsed();
        }
        for event in events {
            tell(event, batch, listener, &mut totals)?;
        }
        if first {
            totals.n_first = totals.n_tokens;
        }
    }
    totals.elapsed = start.elapsed();
    Ok(totals)
}

fn tell(
    event: Event,
    batch: &mut Batch<'_, Watched>,
    listener: &mut impl Listener,
    totals: &mut Totals,
) -> Result<()> {
    match event {
        Event::Token { sequence, .. } => {
            let watched = batch.chooser_mut(sequence).expect("the sequence has just chosen");
            totals.n_tokens += 1;
            totals.nats -= watched.logprob;
            watched.account.as_ref().map_or(Ok(()), |step| listener.token(sequence, step))?;
            watched.row.as_mut().map_or(Ok(()), |row| listener.row(sequence, row))
        }
        Event::Shift { sequence, pos, dropped } => {
            totals.n_shifts += 1;
            listener.shift(sequence, pos, dropped)
        }
        Event::Text { sequence, text } => listener.text(sequence, &text),
        Event::Done { sequence, finish } => {
            totals.count(finish);
            listener.done(sequence, finish)
        }
        Event::Failed { sequence, error } => {
            totals.n_failed += 1;
            listener.failed(sequence, &error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ends_at_once;

    #[test]
    fn a_second_interrupt_ends_a_run_but_no_conversation() {
        for (again, running, conversing, ends) in [
            (false, true, false, false),
            (true, true, false, true),
            (false, true, true, false),
            (true, true, true, false),
            (false, false, true, true),
        ] {
            let case = format!("again {again}, running {running}, conversing {conversing}");
            assert_eq!(ends_at_once(again, running, conversing), ends, "{case}");
        }
    }
}
