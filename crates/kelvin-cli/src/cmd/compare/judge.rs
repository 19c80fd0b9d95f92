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
use crate::exit::Failure;
use crate::load::{self, Loaded};
use crate::{memory, playback};

/// A model that judges.
pub(super) struct Judge(Loaded);

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
        Ok(Some(Self(load::assemble(&checkpoint, card, options)?)))
    }

    /// Its facts.
    pub(super) fn json(&self) -> Value {
        self.0.json()
    }

    /// Judges the samples of a row, as far as nobody interrupts it.
    ///
    /// # Errors
    ///
    /// Something read: a text that its vocabulary cannot spell. One beyond its context is read in windows.
    pub(super) fn judge(&self, row: &mut Row, prompts: &[String]) -> Result<()> {
        for sample in &mut row.samples {
            if playback::is_interrupted() {
                break;
            }
            let judged = self.of(sample, &prompts[sample.prompt]).map_err(|error| {
                let name = &self.0.card.name;
                Failure::read(format!("{name} cannot judge a sample of {}", row.policy))
                    .caused_by(error)
            })?;
            sample.judged = judged;
        }
        Ok(())
    }

    /// The surprisal of a sample behind its prompt; nothing of an empty one.
    fn of(&self, sample: &Sample, prompt: &str) -> kelvin_lm::Result<Option<Judged>> {
        let Loaded { model, tokenizer, .. } = &self.0;
        if sample.text.is_empty() {
            return Ok(None);
        }
        let special = SpecialTokens::Text;
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
