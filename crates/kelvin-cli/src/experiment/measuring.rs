//! A sampler that keeps the numbers of its tokens.

use kelvin::{Measured, Sampler, TokenId};
use kelvin_lab::Sample;
use kelvin_lm::generate::Chooser;

/// Draws the tokens of a sample and notes their numbers.
#[derive(Debug)]
pub(super) struct Measuring {
    sampler: Sampler,
    sample: Sample,
}

impl Measuring {
    /// A sampler at the end of its prompt, and a sample without a token.
    pub(super) fn new(sampler: Sampler, sample: Sample) -> Self {
        Self { sampler, sample }
    }

    /// The sample, with everything but its text and its end.
    pub(super) fn into_sample(self) -> Sample {
        self.sample
    }
}

impl Chooser for Measuring {
    fn choose(&mut self, logits: &[f32]) -> kelvin_lm::Result<TokenId> {
        let Measured { token, raw_logprob, logprob, raw_entropy_nats, entropy_nats, kept } =
            self.sampler.sample_measured(logits)?;
        self.sampler.accept(token)?;
        let sample = &mut self.sample;
        sample.token_ids.push(token);
        sample.raw_logprobs.push(raw_logprob);
        sample.logprobs.push(logprob);
        sample.raw_entropies.push(raw_entropy_nats);
        sample.entropies.push(entropy_nats);
        #[expect(clippy::cast_possible_truncation, reason = "token ids are u32")]
        sample.kept.push(kept as u32);
        Ok(token)
    }
}
