//! What happens to sequences, as the lines of a trace.

use kelvin::{TokenId, TraceStep};
use kelvin_lab::trace::{ContextShift, Done, Failed, Line, Step};
use kelvin_lm::generate::Finish;
use kelvin_lm::tokenizer::Tokenizer;

use super::Opening;
use crate::vocab;

/// Sequences that grow, and the line for whatever happens to one.
pub(super) struct Lines<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    sequences: Vec<Growing>,
}

/// A sequence and what it has so far.
struct Growing {
    prompt: usize,
    sample: usize,
    prompt_ids: Vec<TokenId>,
    text: String,
    token_ids: Vec<TokenId>,
    shifts: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer, openings: &[Opening]) -> Self {
        let growing = |opening: &Opening| Growing {
            prompt: opening.header.prompt,
            sample: opening.header.sample,
            prompt_ids: opening.header.prompt_ids.clone(),
            text: opening.echo.clone(),
            token_ids: Vec::new(),
            shifts: 0,
        };
        Self { tokenizer, sequences: openings.iter().map(growing).collect() }
    }

    /// A token's line, without head and tail.
    pub(super) fn step(&mut self, sequence: usize, account: &TraceStep) -> Step {
        let sequence = &mut self.sequences[sequence];
        sequence.token_ids.push(account.token);
        let mut step = Step::of(account, sequence.prompt, sequence.sample);
        step.text = vocab::json(self.tokenizer, account.token);
        let bytes = self.tokenizer.bytes(account.token);
        step.bytes = bytes.filter(|bytes| std::str::from_utf8(bytes).is_err()).map(<[u8]>::to_vec);
        step
    }

    pub(super) fn shift(&mut self, sequence: usize, pos: usize, dropped: usize) -> Line {
        let Growing { prompt, sample, shifts, .. } = &mut self.sequences[sequence];
        *shifts += 1;
        Line::ContextShift(ContextShift { prompt: *prompt, sample: *sample, pos, dropped })
    }

    pub(super) fn text(&mut self, sequence: usize, text: &str) {
        self.sequences[sequence].text.push_str(text);
    }

    pub(super) fn done(&self, sequence: usize, finish: Finish) -> Line {
        let Growing { prompt, sample, prompt_ids, text, token_ids, shifts } =
            &self.sequences[sequence];
        Line::Done(Done {
            prompt: *prompt,
            sample: *sample,
            text: text.clone(),
            token_ids: token_ids.clone(),
            prompt_ids: prompt_ids.clone(),
            finish_reason: finish.name().to_owned(),
            context_shifts: *shifts,
        })
    }

    pub(super) fn failed(&self, sequence: usize, why: &str) -> Line {
        let Growing { prompt, sample, text, token_ids, .. } = &self.sequences[sequence];
        Line::Error(Failed {
            prompt: *prompt,
            sample: *sample,
            message: why.to_owned(),
            text: text.clone(),
            token_ids: token_ids.clone(),
        })
    }
}
