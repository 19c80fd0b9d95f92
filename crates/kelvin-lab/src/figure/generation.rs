//! One text, token by token.

use serde_json::Value;

use super::{Axis, Bars, Figure, Ink, Panel};
use crate::trace::{Sequence, Step};

/// Tokens that one figure has room for.
const MOST: usize = 64;

/// How probable each token drawn was, how uncertain the choice, and below how many tokens there were to
/// draw from. Of a long text it shows the first 64 tokens.
///
/// The bars are probabilities in the distribution drawn from; entropies are in nats, of the model's own
/// distribution and of the one drawn from.
pub fn generation(sequence: &Sequence) -> Figure {
    let steps = &sequence.steps[..sequence.steps.len().min(MOST)];
    let names = || steps.iter().map(shown);
    let curve = |entropy: fn(&Step) -> f64| -> Vec<(f64, f64)> {
        steps.iter().enumerate().map(|(at, step)| (at as f64 + 1.0, entropy(step))).collect()
    };
    let raw = curve(|step| step.raw_entropy_nats);
    let top = Panel::new("Token Probability and Entropy at Each Generation Step")
        .with_axes(Axis::categories("", names()), Axis::probability("Probability"))
        .with_right(Axis::linear("Entropy (nats)"))
        .bars("Chosen token prob", Ink::Blue, Bars::new(steps.iter().map(|step| step.p)))
        .line("Entropy of the model", Ink::Orange, raw.clone())
        .at_right()
        .dots("", Ink::Orange, raw)
        .at_right()
        .dashes("Entropy drawn from", Ink::Purple, curve(|step| step.entropy_nats))
        .at_right();
    let kept: Vec<f64> = steps.iter().map(|step| step.kept as f64).collect();
    let bottom = Panel::new("Number of Tokens in Nucleus at Each Step")
        .with_axes(Axis::categories("Token", names()), Axis::linear("Tokens kept"))
        .bars("", Ink::Green, Bars::new(kept));
    Figure::new("", vec![top, bottom]).with_columns(1)
}

/// A token's text, or its number where it has none.
pub(super) fn shown(step: &Step) -> String {
    match &step.text {
        Value::String(text) if !text.is_empty() => text.clone(),
        _ => format!("#{}", step.id),
    }
}
