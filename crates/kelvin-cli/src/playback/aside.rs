//! A recording made beside the run: rows go to a thread that accounts for their tokens and writes.
//!
//! An account takes some passes over a row. The model's next step need not wait for it.

use std::panic;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use anyhow::{Result, anyhow};
use kelvin::Sampler;
use kelvin_lm::Error;
use kelvin_lm::generate::Finish;

use super::{Listener, Recording};

/// Steps of the whole batch that may wait for their accounts.
const AHEAD: usize = 4;

/// Sends what happens to the thread that records it.
pub(crate) struct Aside<'scope> {
    events: SyncSender<Event>,
    /// Rows that were accounted for, to be filled again.
    spare: Receiver<Vec<f32>>,
    /// The thread; none after its failure was told.
    recorder: Option<ScopedJoinHandle<'scope, Result<()>>>,
}

/// What happened to a sequence.
enum Event {
    /// It drew a token from this row.
    Row(usize, Vec<f32>),
    Shift {
        sequence: usize,
        pos: usize,
        dropped: usize,
    },
    Text(usize, String),
    Done(usize, Finish),
    Failed(usize, String),
}

impl<'scope> Aside<'scope> {
    /// Records sequences whose samplers are these, none of which has drawn so far; `depth` places of each
    /// distribution.
    pub(crate) fn new<'env: 'scope>(
        scope: &'scope Scope<'scope, 'env>,
        recording: Recording<'env>,
        samplers: Vec<Sampler>,
        depth: usize,
    ) -> Self {
        let (events, received) = sync_channel(AHEAD * samplers.len());
        let (done_with, spare) = channel();
        let recorder = scope
            .spawn(move || Recorder { recording, samplers, depth, done_with }.record(&received));
        Self { events, spare, recorder: Some(recorder) }
    }

    /// Waits until all is written.
    ///
    /// # Errors
    ///
    /// Those of the tapes that were asked for.
    pub(crate) fn finish(self) -> Result<()> {
        let Self { events, recorder, .. } = self;
        drop(events);
        recorder.map_or(Ok(()), ended)
    }

    fn send(&mut self, event: Event) -> Result<()> {
        match self.events.send(event) {
            Ok(()) => Ok(()),
            Err(_) => match self.recorder.take().map(ended) {
                Some(Err(why)) => Err(why),
                Some(Ok(())) | None => Err(anyhow!("the trace ended before its run")),
            },
        }
    }
}

/// How the thread ended.
fn ended(recorder: ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
    recorder.join().unwrap_or_else(|cause| panic::resume_unwind(cause))
}

impl Listener for Aside<'_> {
    fn row(&mut self, sequence: usize, row: &mut Vec<f32>) -> Result<()> {
        let spare = self.spare.try_recv().unwrap_or_default();
        self.send(Event::Row(sequence, std::mem::replace(row, spare)))
    }

    fn shift(&mut self, sequence: usize, pos: usize, dropped: usize) -> Result<()> {
        self.send(Event::Shift { sequence, pos, dropped })
    }

    fn text(&mut self, sequence: usize, text: &str) -> Result<()> {
        self.send(Event::Text(sequence, text.to_owned()))
    }

    fn done(&mut self, sequence: usize, finish: Finish) -> Result<()> {
        self.send(Event::Done(sequence, finish))
    }

    fn failed(&mut self, sequence: usize, error: &Error) -> Result<()> {
        self.send(Event::Failed(sequence, error.to_string()))
    }
}

/// The thread's own: what it writes to, and samplers that follow the run's.
struct Recorder<'a> {
    recording: Recording<'a>,
    samplers: Vec<Sampler>,
    depth: usize,
    done_with: Sender<Vec<f32>>,
}

impl Recorder<'_> {
    fn record(mut self, events: &Receiver<Event>) -> Result<()> {
        for event in events {
            self.hear(event)?;
        }
        Ok(())
    }

    fn hear(&mut self, event: Event) -> Result<()> {
        let recording = &mut self.recording;
        match event {
            Event::Row(sequence, row) => {
                let sampler = &mut self.samplers[sequence];
                let step = sampler.sample_traced(&row, self.depth)?;
                sampler.accept(step.token)?;
                self.done_with.send(row).ok(); // nobody fills it again once the run is over
                recording.token(sequence, &step)
            }
            Event::Shift { sequence, pos, dropped } => recording.shift(sequence, pos, dropped),
            Event::Text(sequence, text) => {
                recording.text(sequence, &text);
                Ok(())
            }
            Event::Done(sequence, finish) => recording.done(sequence, finish),
            Event::Failed(sequence, why) => recording.failed(sequence, &why),
        }
    }
}
