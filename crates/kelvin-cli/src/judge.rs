//! `--judge`: what a second model makes of texts.

use anyhow::Result;
use clap::ArgMatches;
use kelvin::TokenId;
use kelvin_lab::sample::Judged;
use kelvin_lm::eval::{Scoring, Text, Windows};
use kelvin_lm::tokenizer::SpecialTokens;

use crate::args::policy::text;
use crate::console::Console;
use crate::load::{self, Loaded};
use crate::memory;

/// A model that judges.
pub(crate) struct Judge {
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
    pub(crate) fn from_matches(
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

    /// The model.
    pub(crate) fn model(&self) -> &Loaded {
        &self.loaded
    }

    /// Whether control tokens that a prompt spells are such to it.
    pub(crate) fn parses_special(&self) -> bool {
        self.special == SpecialTokens::Parse
    }

    /// The surprisal of a text behind its prompt; nothing of an empty one. What is longer than the
    /// judge's context is read in windows.
    ///
    /// # Errors
    ///
    /// Those of the model, and of a text that its tokenizer cannot spell.
    pub(crate) fn of(&self, text: &str, prompt: &str) -> kelvin_lm::Result<Option<Judged>> {
        let (Loaded { model, tokenizer, .. }, special) = (&self.loaded, self.special);
        if text.is_empty() {
            return Ok(None);
        }
        let whole = Text::new(tokenizer, &format!("{prompt}{text}"), special)?;
        let before: Vec<TokenId> = match Text::new(tokenizer, prompt, special) {
            Ok(text) => text.ids().to_vec(),
            Err(_) => Vec::new(), // a prompt of nothing, or of one token
        };
        let n_before = before.iter().zip(whole.ids()).take_while(|(a, b)| a == b).count();
        let mut judged = Judged { nats: 0.0, tokens: 0, bytes: text.len() };
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
