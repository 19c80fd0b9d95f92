//! Sequences as JSON Lines: a stable contract, to which keys may only be added.

use anyhow::Result;
use kelvin::{TokenId, TraceStep};
use kelvin_lm::Error;
use kelvin_lm::generate::Finish;
use kelvin_lm::tokenizer::Tokenizer;
use serde_json::{Value, json};

use super::{Listener, Opening};
use crate::console::Console;
use crate::json::{stage, support_token};
use crate::vocab;

/// Writes a header for each sequence, a line for each token, and one at the end.
pub(crate) struct JsonLines<'a, 'c> {
    console: &'a mut Console<'c>,
    tokenizer: &'a Tokenizer,
    /// Rows of the final distribution in each step.
    show: usize,
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

impl<'a, 'c> JsonLines<'a, 'c> {
    /// Begins to write: the headers.
    ///
    /// # Errors
    ///
    /// Those of the console.
    pub(crate) fn new(
        console: &'a mut Console<'c>,
        tokenizer: &'a Tokenizer,
        show: usize,
        openings: Vec<Opening>,
    ) -> Result<Self> {
        let mut sequences = Vec::new();
        for opening in openings {
            let Opening { prompt, sample, prompt_ids, echo, facts, .. } = opening;
            let mut header = json!({"type": "header", "prompt": prompt, "sample": sample});
            merge(&mut header, facts);
            header["prompt_ids"] = json!(prompt_ids);
            console.json(&header)?;
            let token_ids = Vec::new();
            sequences.push(Growing {
                prompt,
                sample,
                prompt_ids,
                text: echo,
                token_ids,
                shifts: 0,
            });
        }
        Ok(Self { console, tokenizer, show, sequences })
    }

    /// An object that begins with its type and the sequence's place.
    fn object(&self, kind: &str, sequence: usize) -> Value {
        let Growing { prompt, sample, .. } = self.sequences[sequence];
        json!({"type": kind, "prompt": prompt, "sample": sample})
    }
}

/// Adds the keys of `more` to an object.
fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

impl Listener for JsonLines<'_, '_> {
    fn reading(&mut self, _: usize) -> Result<()> {
        Ok(())
    }

    fn token(&mut self, sequence: usize, step: &TraceStep) -> Result<()> {
        let name = |token| vocab::json(self.tokenizer, token);
        let shown = &step.support_head[..self.show.min(step.support_head.len())];
        let mut line = self.object("step", sequence);
        merge(
            &mut line,
            json!({
                "pos": step.position,
                "id": step.token,
                "text": name(step.token),
                "raw_logprob": step.raw_logprob,
                "logprob": step.logprob,
                "raw_p": kelvin::math::exp(step.raw_logprob),
                "p": kelvin::math::exp(step.logprob),
                "raw_rank": step.raw_rank,
                "raw_entropy_nats": step.raw_entropy_nats,
                "entropy_nats": step.entropy_nats,
                "u": step.draw.map(|draw| draw.u()),
                "kept": step.kept,
                "support": step.support,
                "stages": step.stages.iter().map(stage).collect::<Value>(),
            }),
        );
        if self.show > 0 {
            line["final"] =
                shown.iter().map(|token| support_token(token, &name(token.token), 1.0)).collect();
        }
        self.sequences[sequence].token_ids.push(step.token);
        Ok(self.console.json(&line)?)
    }

    fn shift(&mut self, sequence: usize, pos: usize, dropped: usize) -> Result<()> {
        let mut line = self.object("context_shift", sequence);
        merge(&mut line, json!({"pos": pos, "dropped": dropped}));
        self.sequences[sequence].shifts += 1;
        Ok(self.console.json(&line)?)
    }

    fn text(&mut self, sequence: usize, text: &str) -> Result<()> {
        self.sequences[sequence].text.push_str(text);
        Ok(())
    }

    fn done(&mut self, sequence: usize, finish: Finish) -> Result<()> {
        let mut line = self.object("done", sequence);
        let Growing { text, token_ids, prompt_ids, shifts, .. } = &self.sequences[sequence];
        merge(
            &mut line,
            json!({
                "text": text,
                "token_ids": token_ids,
                "prompt_ids": prompt_ids,
                "finish_reason": finish.name(),
                "context_shifts": shifts,
            }),
        );
        Ok(self.console.json(&line)?)
    }

    fn failed(&mut self, sequence: usize, error: &Error) -> Result<()> {
        let mut line = self.object("error", sequence);
        let Growing { text, token_ids, .. } = &self.sequences[sequence];
        let message = error.to_string();
        merge(&mut line, json!({"message": message, "text": text, "token_ids": token_ids}));
        self.console.tell_error(&message)?;
        Ok(self.console.json(&line)?)
    }
}
