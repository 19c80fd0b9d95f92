//! How different the texts of a policy are, and what that costs.

use super::{Axis, Bars, Figure, Ink, Panel, Point};

/// What was measured of one policy's samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Diversity {
    /// What the policy is called.
    pub name: String,
    /// Different texts among its samples.
    pub unique_sequences: f64,
    /// Different tokens in a sample, on average.
    pub unique_tokens: f64,
}

/// A number with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The lowest that it may be.
    pub low: f64,
    /// What was measured.
    pub value: f64,
    /// The highest that it may be.
    pub high: f64,
}

/// Different texts and different tokens of each policy, of so many runs of so many tokens.
pub fn diversity(of: &[Diversity], n_runs: usize, n_tokens: usize) -> Figure {
    let panel = |title: &str, label: String, ink, values: Vec<f64>, text: fn(f64) -> String| {
        let texts = values.iter().map(|&value| text(value)).collect::<Vec<_>>();
        let most = values.iter().copied().fold(1.0, f64::max);
        Panel::new(title)
            .with_axes(
                Axis::linear(label).from_to(0.0, 1.12 * most),
                Axis::categories("", of.iter().map(|it| it.name.clone())),
            )
            .bars("", ink, Bars::new(values).with_texts(texts))
    };
    let sequences = of.iter().map(|it| it.unique_sequences).collect();
    let tokens = of.iter().map(|it| it.unique_tokens).collect();
    let panels = vec![
        panel(
            "Sequence Diversity",
            format!("Unique Sequences (out of {n_runs} runs)"),
            Ink::Blue,
            sequences,
            |value| format!("{value}"),
        ),
        panel(
            "Token Diversity",
            format!("Avg Unique Tokens per Sequence (out of {n_tokens})"),
            Ink::Orange,
            tokens,
            |value| format!("{value:.1}"),
        ),
    ];
    Figure::new("Sampling Strategy Comparison", panels)
}

/// The share of different texts at each temperature: (temperature, ratio).
pub fn diversity_by_temperature(ratios: &[(f64, f64)]) -> Figure {
    Panel::new("Diversity vs Temperature")
        .with_axes(Axis::linear("Temperature"), Axis::probability("Uniqueness Ratio"))
        .line("", Ink::Blue, ratios.iter().copied())
        .dots("", Ink::Blue, ratios.iter().copied())
        .across("Perfect diversity", Ink::Green, 1.0)
        .into()
}

/// What each policy's diversity costs: a named dot with its intervals for each.
pub fn pareto(
    (x, y): (&str, &str),
    policies: impl IntoIterator<Item = (String, Estimate, Estimate)>,
) -> Figure {
    let triple = |it: Estimate| (it.low, it.value, it.high);
    let point = |(name, x, y)| Point { name, x: triple(x), y: triple(y) };
    Panel::new("Diversity against surprisal")
        .with_axes(Axis::linear(x), Axis::linear(y))
        .points(Ink::Blue, policies.into_iter().map(point).collect())
        .into()
}
