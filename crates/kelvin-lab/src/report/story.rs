//! A text whose tokens say how likely they were.

use kelvin::{TokenId, math};

use crate::trace::{Names, Sequence, Step};

/// Alternatives that a token shows.
const ALTERNATIVES: usize = 6;

/// A text, token by token.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Story {
    /// What stands above it.
    pub label: String,
    /// What it continues.
    pub prompt: String,
    /// Its tokens.
    pub words: Vec<Word>,
}

/// A token of a story.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// Its text.
    pub text: String,
    /// Its probability in the model's distribution.
    pub raw_p: f64,
    /// Its probability in the distribution it was drawn from.
    pub p: f64,
    /// Entropy of the model's distribution, in nats.
    pub raw_entropy_nats: f64,
    /// Tokens left to draw from.
    pub kept: usize,
    /// What else could have come, the best first.
    pub alternatives: Vec<Alternative>,
}

/// A token that could have come.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// Its text.
    pub text: String,
    /// Its probability in the model's distribution.
    pub raw_p: f64,
    /// Its probability in the final distribution; `None` where it was removed.
    pub p: Option<f64>,
}

impl Story {
    /// The story of a recorded sequence.
    pub fn of(sequence: &Sequence, names: &Names, label: impl Into<String>) -> Self {
        let name = |id| names.get(id).map_or(format!("#{id}"), |text| text.to_lossy().into_owned());
        let words = sequence.steps.iter().map(|step| Word::of(step, name)).collect();
        Self { label: label.into(), prompt: sequence.header.text.clone(), words }
    }
}

impl Word {
    /// The word of a step, by the texts of its tokens; its alternatives are those that the step lists.
    pub fn of(step: &Step, name: impl Fn(TokenId) -> String) -> Self {
        let listed = step.candidates().take(ALTERNATIVES).map(|candidate| Alternative {
            text: name(candidate.id),
            raw_p: candidate.raw_p,
            p: (candidate.p > 0.0).then_some(candidate.p),
        });
        Self {
            text: name(step.id),
            raw_p: step.raw_p,
            p: step.p,
            raw_entropy_nats: step.raw_entropy_nats,
            kept: step.kept,
            alternatives: listed.collect(),
        }
    }

    /// How surprising the model finds it, in six classes: below 0.5, 1, 2, 4, 7 nats, and above.
    pub(super) fn surprise(&self) -> usize {
        let nats = -math::ln(self.raw_p.max(f64::MIN_POSITIVE));
        [0.5, 1.0, 2.0, 4.0, 7.0].iter().take_while(|&&edge| nats >= edge).count()
    }
}
