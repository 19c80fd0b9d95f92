//! Many samples: policies × prompts × draws, decoded in one batch that is kept full.
//!
//! A sample depends on its own policy, prompt, seed and place alone, not on what runs beside it. So the
//! n-th sample of a policy and prompt is the n-th of `kelvin generate` with that policy and seed, and
//! policies meet the same random numbers.

mod measuring;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::vec;

use anyhow::Result;
use kelvin::{Pipeline, Sampler, Seed, TokenId};
use kelvin_lab::{Key, Sample};
use kelvin_lm::generate::{Batch, Detok, Event, Request, Session};
use kelvin_lm::tokenizer::Tokenizer;
use kelvin_lm::{Error, Model};

use self::measuring::Measuring;
pub(crate) use self::rows::Rows;
use crate::playback;

/// Tokens of a prompt that are read before Ctrl-C is asked for.
const PIECE: usize = 256;

/// One of the policies.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// What people call it.
    pub(crate) label: String,
    /// What it does.
    pub(crate) pipeline: Pipeline,
}

/// One of the prompts.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    /// As it was given.
    pub(crate) text: String,
    /// Its tokens, at least one.
    pub(crate) ids: Vec<TokenId>,
    /// Seed and stream of its samples; a sample's place is its choice.
    pub(crate) seed: Seed,
}

impl Prompt {
    /// How many tokens it has.
    pub(crate) fn n_tokens(&self) -> usize {
        self.ids.len()
    }
}

/// What is decoded, and how long.
#[derive(Debug)]
pub(crate) struct Experiment<'a> {
    /// Tokens to logits.
    pub(crate) model: &'a Model,
    /// Tokens to text.
    pub(crate) tokenizer: &'a Tokenizer,
    /// The policies.
    pub(crate) cells: &'a [Cell],
    /// The prompts; each fits the context with its continuation.
    pub(crate) prompts: &'a [Prompt],
    /// The stop strings.
    pub(crate) detok: Detok,
    /// Tokens after which a sample ends.
    pub(crate) max_new_tokens: usize,
    /// Samples that grow at the same time; changes no bit of any.
    pub(crate) rows: Rows,
}

/// Who is told of what becomes of the samples, in the order in which they end.
pub(crate) trait Listener {
    /// So many tokens were drawn, over all samples.
    ///
    /// # Errors
    ///
    /// As [`Listener::sampled`].
    fn stepped(&mut self, n_tokens: usize) -> Result<()> {
        let _ = n_tokens;
        Ok(())
    }

    /// A sample is whole.
    ///
    /// # Errors
    ///
    /// Those of whatever it is written to; the run ends.
    fn sampled(&mut self, sample: Sample) -> Result<()>;

    /// A sample could not go on; the others do.
    ///
    /// # Errors
    ///
    /// As [`Listener::sampled`].
    fn failed(&mut self, key: Key, error: &Error) -> Result<()>;
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every sample was told of.
    Whole,
    /// Ctrl-C: those that were growing are left out.
    Interrupted,
}

/// All samples of a run, in the order of their keys.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    samples: BTreeMap<Key, Sample>,
    /// Those that could not go on, and why.
    pub(crate) failures: Vec<(Key, String)>,
}

impl Collected {
    /// The samples, in the order of their keys.
    pub(crate) fn into_samples(self) -> Vec<Sample> {
        self.samples.into_values().collect()
    }
}

impl Listener for Collected {
    fn sampled(&mut self, sample: Sample) -> Result<()> {
        self.samples.insert(sample.key(), sample);
        Ok(())
    }

    fn failed(&mut self, key: Key, error: &Error) -> Result<()> {
        self.failures.push((key, error.to_string()));
        Ok(())
    }
}

impl Experiment<'_> {
    /// The keys of `n` samples of each cell and prompt, in order.
    pub(crate) fn keys(&self, n: u32) -> impl Iterator<Item = Key> + use<> {
        let (cells, prompts) = (self.cells.len(), self.prompts.len());
        let of = move |cell, prompt| (0..n).map(move |sample| Key { cell, prompt, sample });
        (0..cells).flat_map(move |cell| (0..prompts).flat_map(move |prompt| of(cell, prompt)))
    }

    /// Decodes these samples and tells the listener of each. Prompts are read once, one after the other.
    ///
    /// # Errors
    ///
    /// Those of the model and of the listener.
    ///
    /// # Panics
    ///
    /// If a key names a cell or a prompt that is not there.
    pub(crate) fn run(
        &self,
        keys: impl IntoIterator<Item = Key>,
        listener: &mut impl Listener,
    ) -> Result<Ended> {
        let mut keys: Vec<Key> = keys.into_iter().collect();
        keys.sort_by_key(|key| (key.prompt, *key));
        Running {
            experiment: self,
            batch: Batch::new(self.model, self.tokenizer),
            queue: keys.into_iter().peekable(),
            begun: Session::new(self.model),
            texts: BTreeMap::new(),
        }
        .go(listener)
    }

    fn chooser(&self, key: Key) -> Result<Measuring> {
        let Prompt { ids, seed, .. } = &self.prompts[key.prompt];
        let pipeline = self.cells[key.cell].pipeline.clone();
        let sampler = Sampler::new(pipeline, self.model.config().vocab_size)?;
        let sampler = sampler.with_seed(seed.with_choice(key.sample)).with_prompt(ids)?;
        Ok(Measuring::new(sampler, Sample::new(key, seed.stream)))
    }
}

/// A run: what waits, what grows.
struct Running<'a> {
    experiment: &'a Experiment<'a>,
    batch: Batch<'a, Measuring>,
    queue: Peekable<vec::IntoIter<Key>>,
    /// The prompt whose samples joined last, but for its last token.
    begun: Session<'a>,
    /// The texts of the sequences that grow, by their numbers.
    texts: BTreeMap<usize, String>,
}

impl Running<'_> {
    fn go(mut self, listener: &mut impl Listener) -> Result<Ended> {
        loop {
            let joined = self.fill()?;
            if joined == Ended::Interrupted || playback::is_interrupted() {
                return Ok(Ended::Interrupted);
            }
            if !self.batch.is_live() {
                return Ok(Ended::Whole);
            }
            let events: Vec<Event> = self.batch.step()?.collect();
            let is_token = |event: &&Event| matches!(event, Event::Token { .. });
            let n_tokens = events.iter().filter(is_token).count();
            for event in events {
                self.tell(event, listener)?;
            }
            listener.stepped(n_tokens)?;
        }
    }

    /// Lets samples join, as many as there is room for.
    fn fill(&mut self) -> Result<Ended> {
        while let Some(free) = self.free()
            && let Some(&Key { prompt, .. }) = self.queue.peek()
        {
            if self.begin(prompt)? == Ended::Interrupted {
                return Ok(Ended::Interrupted);
            }
            let mut choosers = Vec::new();
            while choosers.len() < free
                && let Some(key) = self.queue.next_if(|key| key.prompt == prompt)
            {
                choosers.push(self.experiment.chooser(key)?);
            }
            let Experiment { prompts, detok, max_new_tokens, .. } = self.experiment;
            let (prompt, detok) = (prompts[prompt].ids.clone(), detok.clone());
            let max_new_tokens = *max_new_tokens;
            let request = Request { prompt, choosers, detok, max_new_tokens };
            let joined = self.batch.join_from(request, &self.begun)?;
            self.texts.extend(joined.map(|sequence| (sequence, String::new())));
        }
        Ok(Ended::Whole)
    }

    /// How many more may grow, at least one.
    fn free(&self) -> Option<usize> {
        let free = self.experiment.rows.n().saturating_sub(self.batch.n_going());
        (free > 0).then_some(free)
    }

    /// Reads a prompt, but for its last token, in pieces between which Ctrl-C is asked for.
    fn begin(&mut self, prompt: usize) -> Result<Ended> {
        let ids = &self.experiment.prompts[prompt].ids;
        let wanted = &ids[..ids.len() - 1];
        self.begun.rewind(self.begun.shared_with(wanted));
        for piece in wanted[self.begun.pos()..].chunks(PIECE) {
            if playback::is_interrupted() {
                return Ok(Ended::Interrupted);
            }
            self.begun.feed(piece)?;
        }
        Ok(Ended::Whole)
    }

    fn tell(&mut self, event: Event, listener: &mut impl Listener) -> Result<()> {
        match event {
            Event::Token { .. } | Event::Shift { .. } => Ok(()),
            Event::Text { sequence, text } => {
                self.texts.entry(sequence).or_default().push_str(&text);
                Ok(())
            }
            Event::Done { sequence, finish } => {
                let mut sample = self.end(sequence);
                finish.name().clone_into(&mut sample.finish);
                listener.sampled(sample)
            }
            Event::Failed { sequence, error } => {
                let sample = self.end(sequence);
                listener.failed(sample.key(), &error)
            }
        }
    }

    /// A sample that grows no more.
    fn end(&mut self, sequence: usize) -> Sample {
        let chooser = self.batch.let_go(sequence).expect("it has just ended");
        let text = self.texts.remove(&sequence).unwrap_or_default();
        Sample { text, ..chooser.into_sample() }
    }
}
