//! The line of one token.

use kelvin::trace::HeadToken;
use kelvin::{TokenId, TraceStep, math};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Text;

/// One decision. What costs room (head, tail, names) is there in files, and not in what a run prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The place of its prompt among the prompts.
    pub prompt: usize,
    /// Its place among the samples of its prompt.
    pub sample: usize,
    /// Absolute position of the token, 0-based, the prompt counted.
    pub pos: u32,
    /// The token.
    pub id: TokenId,
    /// Its text; what is no whole character is U+FFFD.
    pub text: Value,
    /// Its bytes, where the text cannot say them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Vec<u8>>,
    /// Its logprob in the model's distribution, in nats.
    pub raw_logprob: f64,
    /// Its logprob in the distribution it was drawn from, in nats.
    pub logprob: f64,
    /// Its probability in the model's distribution.
    pub raw_p: f64,
    /// Its probability in the distribution it was drawn from.
    pub p: f64,
    /// Its place in the model's distribution, 1 the most probable.
    pub raw_rank: usize,
    /// Entropy of the model's distribution.
    pub raw_entropy_nats: f64,
    /// Entropy of the distribution drawn from.
    pub entropy_nats: f64,
    /// The draw in [0, 1) as people are shown it; null when greedy.
    pub u: Option<f64>,
    /// The draw as it was; nothing when greedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<Draw>,
    /// Tokens that no stage removed.
    pub kept: usize,
    /// Tokens with a weight above 0.
    pub support: usize,
    /// What each stage did, in order.
    pub stages: Vec<StageEffect>,
    /// The best of the final distribution, where it was asked for.
    #[serde(default, rename = "final", skip_serializing_if = "Option::is_none")]
    pub last: Option<Vec<Row>>,
    /// The best of the model's distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
    /// What the head leaves of it, in bins from the top down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<TailBin>,
    /// Texts of tokens that this file has not named before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<(TokenId, Text)>,
}

/// The integer draw: the token in whose weights, summed in id order, `r` of `total` falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    /// Uniform in [0, `total`).
    pub r: u64,
    /// The sum of the weights.
    pub total: u64,
    /// The 64 random bits behind it: `u` is `word` / 2^64.
    pub word: u64,
}

/// What one stage did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageEffect {
    /// Its name.
    pub stage: String,
    /// Tokens left after it.
    pub kept: usize,
    /// Tokens it removed.
    pub removed: usize,
    /// The share of its input's mass that it removed, in [0, 1].
    pub mass_removed: f64,
    /// The best token it removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_removed: Option<TokenId>,
    /// The temperature after it.
    #[serde(default = "one")]
    pub temperature: f64,
}

fn one() -> f64 {
    1.0
}

/// A row of the final distribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The token.
    pub id: TokenId,
    /// Its text.
    pub token: Value,
    /// Its logit as the model gave it.
    pub logit: f64,
    /// Its probability in the model's distribution.
    pub raw_p: f64,
    /// Its probability in the final one.
    pub p: f64,
}

/// The best tokens of the model's distribution, in its order; the lists are equally long.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The tokens.
    pub ids: Vec<TokenId>,
    /// Their logits as the model gave them.
    pub logits: Vec<f32>,
    /// The stage that removed each, by its place in the pipeline; null where none did.
    pub removed_by: Vec<Option<usize>>,
    /// Their integer weights in the draw, of its `total`; 0 for what cannot be drawn.
    pub weights: Vec<u64>,
    /// What a raw logprob is below its logit: ln Σ e^logit over the whole vocabulary.
    pub log_sum: f64,
}

/// Tokens below the head whose logits lie close together: how many, the mean and the variance of
/// their logits, rounded like logits, the largest for what is larger. Three numbers in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TailBin(pub usize, pub f32, pub f32);

impl Step {
    /// The line for an account; of sequence (`prompt`, `sample`), without head, tail and names.
    pub fn of(account: &TraceStep, prompt: usize, sample: usize) -> Self {
        Self {
            prompt,
            sample,
            pos: account.position,
            id: account.token,
            text: Value::Null,
            bytes: None,
            raw_logprob: account.raw_logprob,
            logprob: account.logprob,
            raw_p: math::exp(account.raw_logprob),
            p: math::exp(account.logprob),
            raw_rank: account.raw_rank,
            raw_entropy_nats: account.raw_entropy_nats,
            entropy_nats: account.entropy_nats,
            u: account.draw.map(|draw| draw.u()),
            draw: account.draw.map(|draw| Draw { r: draw.r, total: draw.total, word: draw.word }),
            kept: account.kept,
            support: account.support,
            stages: account.stages.iter().map(StageEffect::of).collect(),
            last: None,
            head: None,
            tail: Vec::new(),
            names: Vec::new(),
        }
    }

    /// The same line, with the head and the tail of the account.
    #[must_use]
    pub fn with_head(mut self, account: &TraceStep) -> Self {
        self.head = Some(Head::of(account));
        self.tail = account.tail.iter().map(TailBin::of).collect();
        self
    }
}

/// A token that the model thought of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The token.
    pub id: TokenId,
    /// Its probability in the model's distribution.
    pub raw_p: f64,
    /// Its probability in the distribution drawn from; 0 for what cannot be drawn.
    pub p: f64,
}

impl Step {
    /// The tokens of the head, the best first; none where the step has no head.
    pub fn candidates(&self) -> impl Iterator<Item = Candidate> {
        let total = self.draw.map_or(1, |draw| draw.total).max(1) as f64;
        self.head.iter().flat_map(move |head| {
            let rows = head.ids.iter().zip(&head.logits).zip(&head.weights);
            rows.map(move |((&id, &logit), &weight)| Candidate {
                id,
                raw_p: math::exp((f64::from(logit) - head.log_sum).min(0.0)),
                p: weight as f64 / total,
            })
        })
    }
}

impl Head {
    /// The head of an account.
    pub fn of(account: &TraceStep) -> Self {
        let log_sum = |best: &HeadToken| f64::from(best.logit) - math::ln(best.raw_p);
        Self {
            ids: account.head.iter().map(|token| token.token).collect(),
            logits: account.head.iter().map(|token| token.logit).collect(),
            removed_by: account.head.iter().map(|token| token.removed_by).collect(),
            weights: account.head.iter().map(|token| weight(account, token.token)).collect(),
            log_sum: account.head.first().map_or(0.0, log_sum),
        }
    }
}

/// The weight that a token's probability is of the total: whole, so that rounding finds it again.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^46")]
fn weight(account: &TraceStep, token: TokenId) -> u64 {
    let total = account.draw.map_or(1, |draw| draw.total);
    let listed = account.support_head.iter().find(|listed| listed.token == token);
    listed.map_or(0, |listed| (listed.p * total as f64).round() as u64)
}

impl TailBin {
    /// The entry for a bin.
    #[expect(clippy::cast_possible_truncation, reason = "the type says how precise it is")]
    pub fn of(bin: &kelvin::trace::TailBin) -> Self {
        Self(bin.count, bin.mean as f32, (bin.variance as f32).min(f32::MAX))
    }
}

impl StageEffect {
    /// The entry for what a stage did.
    pub fn of(effect: &kelvin::trace::StageEffect) -> Self {
        Self {
            stage: effect.name.to_owned(),
            kept: effect.kept,
            removed: effect.removed,
            mass_removed: effect.mass_removed,
            first_removed: effect.first_removed,
            temperature: effect.temperature,
        }
    }
}
