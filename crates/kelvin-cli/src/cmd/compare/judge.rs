//! `--judge`: what another model makes of the texts.

use anyhow::Result;
use clap::ArgMatches;
use kelvin::TokenId;
use kelvin_lab::Sample;
use kelvin_lab::sample::Judged;
use kelvin_lm::eval::{Scoring, Text, Windows};
use kelvin_lm::tokenizer::SpecialTokens;
use serde_json::Value;

use super::row::Row;
use crate::args::policy::text;
use crate::console::Console;
use crate::load::{self, Loaded};
use crate::term::number::count;
use crate::{memory, playback};

/// A model that judges.
pub(super) struct Judge {
    loaded: Loaded,
    /// What control tokens that a prompt spells are to it.
    special: SpecialTokens,
}

impl Judge {
    /// The model that `--judge` names; none where nobody asks for one.
    ///
    /// # Errors
    ///
    /// Those of loading it.
    pub(super) fn from_matches(
        matches: &ArgMatches,
        console: &mut Console<'_>,
    ) -> Result<Option<Self>> {
        let Some(name) = text(matches, "judge") else { return Ok(None) };
        let (checkpoint, card) = load::open_named(Some(name), console)?;
        let options = load::model_options(matches)?;
        memory::check(&checkpoint, &card, options.dtype, console)?;
        let loaded = load::assemble(&checkpoint, card, options)?;
        Ok(Some(Self { loaded, special: load::special_tokens(matches) }))
    }

    /// Its facts.
    pub(super) fn json(&self) -> Value {
        self.loaded.json()
    }

    /// Judges the samples of a row, as far as nobody interrupts it. A text beyond the judge's context is
    /// read in windows; those that it cannot spell stay without a judgement, which is a failure of the row.
    pub(super) fn judge(&self, row: &mut Row, prompts: &[String]) {
        let mut unread = Vec::new();
        for sample in &mut row.samples {
            if playback::is_interrupted() {
                break;
            }
            match self.of(sample, &prompts[sample.prompt]) {
                Ok(judged) => sample.judged = judged,
                Err(error) => unread.push((sample.prompt + 1, sample.sample + 1, error)),
            }
        }
        if let Some((prompt, sample, error)) = unread.first() {
            let (judge, n_unread) = (&self.loaded.card.name, count(unread.len()));
            let of = format!("{n_unread} of {} samples", count(row.samples.len()));
            let first = format!("the first, prompt {prompt}, sample {sample}: {error}");
            row.failures.push(format!("{}: {judge} cannot judge {of}; {first}", row.policy));
        }
    }

    /// The surprisal of a sample behind its prompt; nothing of an empty one.
    fn of(&self, sample: &Sample, prompt: &str) -> kelvin_lm::Result<Option<Judged>> {
        let (Loaded { model, tokenizer, .. }, special) = (&self.loaded, self.special);
        if sample.text.is_empty() {
            return Ok(None);
        }
        let whole = Text::new(tokenizer, &format!("{prompt}{}", sample.text), special)?;
        let before: Vec<TokenId> = match Text::new(tokenizer, prompt, special) {
            Ok(text) => text.ids().to_vec(),
            Err(_) => Vec::new(), // a prompt of nothing, or of one token
        };
        let n_before = before.iter().zip(whole.ids()).take_while(|(a, b)| a == b).count();
        let mut judged = Judged { nats: 0.0, tokens: 0, bytes: sample.text.len() };
        for score in Scoring::new(model, &whole, Windows::of(model)?)? {
            let score = score?;
            if score.pos >= n_before {
                judged.nats += score.surprisal_nats;
                judged.tokens += 1;
            }
        }
        Ok(Some(judged))
    }
}
