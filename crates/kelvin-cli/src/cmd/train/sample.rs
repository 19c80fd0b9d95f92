//! A text of the model as it is, drawn from one seed each time, so that one watches it learn.

use anyhow::Result;
use kelvin::{Pipeline, Sampler, Seed, TokenId};
use kelvin_lm::Model;
use kelvin_lm::generate::{Batch, Context, Detok, Event, Request};
use kelvin_lm::tokenizer::{SpecialTokens, Tokenizer};

use super::recipe::Recipe;
use crate::exit::Failure;

/// What is drawn: what `kelvin generate --context-shift --echo` gives for this prompt and seed.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    prompt: Vec<TokenId>,
    n_tokens: usize,
    seed: Seed,
}

impl Sample {
    /// Samples of so many tokens that begin with a text, or by themselves: with a line end, else with the
    /// first character of the data.
    ///
    /// # Errors
    ///
    /// Something typed: a prompt without a token, or one that the vocabulary cannot spell.
    pub(super) fn new(tokenizer: &Tokenizer, recipe: &Recipe, data: &str) -> Result<Self, Failure> {
        let encode = |text: &str| tokenizer.encode_prompt(text, SpecialTokens::Text);
        let first = data.chars().next().map(String::from).unwrap_or_default();
        let ids = match &recipe.sample_prompt {
            Some(text) => encode(text).map_err(|error| error.to_string()),
            None => encode("\n").or_else(|_| encode(&first)).map_err(|error| error.to_string()),
        };
        let prompt = ids.map_err(|error| Failure::typed(format!("--sample-prompt: {error}")))?;
        if prompt.is_empty() {
            let failure = Failure::typed("--sample-prompt is empty, and no token comes before it");
            return Err(failure.hint("give at least one character"));
        }
        let seed = Seed::new(recipe.settings.seed).with_stream(kelvin::stream_of(&prompt));
        Ok(Self { prompt, n_tokens: recipe.sample_tokens, seed })
    }

    /// Draws it; nothing where no token is wanted.
    ///
    /// # Errors
    ///
    /// Those of the model, whose logits may be no numbers.
    pub(super) fn draw(&self, model: &Model, tokenizer: &Tokenizer) -> Result<String> {
        let config = model.config();
        let sampler = Sampler::new(Pipeline::neutral(), config.vocab_size)?;
        let sampler = sampler.with_seed(self.seed).with_prompt(&self.prompt)?;
        let keep = usize::from(tokenizer.add_bos() && tokenizer.bos().is_some());
        let mut batch = Batch::new(model, tokenizer)
            .with_context(Context::shifting(config.max_seq, keep.min(config.max_seq - 1))?)?;
        batch.join(Request {
            prompt: self.prompt.clone(),
            choosers: vec![sampler],
            detok: Detok::new(Vec::new())?,
            max_new_tokens: self.n_tokens,
        })?;
        let mut text = String::new();
        while batch.is_live() {
            for event in batch.step()? {
                match event {
                    Event::Text { text: more, .. } => text += &more,
                    Event::Failed { error, .. } => return Err(error.into()),
                    _ => (),
                }
            }
        }
        Ok(text)
    }

    /// Whether there is anything to draw.
    pub(super) fn is_wanted(&self) -> bool {
        self.n_tokens > 0
    }
}
