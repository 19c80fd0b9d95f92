//! Samples read again by their model, for pages that show what else could have come.

use anyhow::Result;
use kelvin::{Pipeline, Sampler, TokenId};
use kelvin_lab::Sample;
use kelvin_lab::report::{Story, Word};
use kelvin_lab::trace::Step;
use kelvin_lm::Session;

use crate::experiment::Prompt;
use crate::load::Loaded;
use crate::vocab;

/// Places of each distribution that a story looks at.
const DEPTH: usize = 16;

/// The story of a sample: every token with the best that could have come in its place.
///
/// # Errors
///
/// Those of the model.
pub(crate) fn story(
    label: String,
    loaded: &Loaded,
    pipeline: &Pipeline,
    (prompt, sample): (&Prompt, &Sample),
) -> Result<Story> {
    let name = |token: TokenId| {
        vocab::json(&loaded.tokenizer, token).as_str().unwrap_or_default().to_owned()
    };
    let sampler = Sampler::new(pipeline.clone(), loaded.model.config().vocab_size)?;
    let seed = prompt.seed.with_stream(sample.stream).with_choice(sample.sample);
    let mut sampler = sampler.with_seed(seed).with_prompt(&prompt.ids)?;
    let mut words = Vec::new();
    let mut tell = |token: TokenId, logits: &[f32]| -> Result<()> {
        let account = sampler.sample_traced(logits, DEPTH)?;
        words.push(Word::of(&Step::of(&account, 0, 0).with_head(&account), name));
        Ok(sampler.accept(token)?)
    };
    let Some((&first, rest)) = sample.token_ids.split_first() else {
        return Ok(Story { label, prompt: prompt.text.clone(), words });
    };
    let mut session = Session::new(&loaded.model);
    tell(first, session.feed(&prompt.ids)?)?;
    let mut outcome = Ok(());
    let fed = &sample.token_ids[..rest.len()];
    session.feed_all(fed, |pos, logits| {
        if outcome.is_ok() {
            outcome = tell(rest[pos - prompt.ids.len()], logits);
        }
    })?;
    outcome.map(|()| Story { label, prompt: prompt.text.clone(), words })
}
