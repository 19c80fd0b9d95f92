//! Which tokens a policy chooses, step after step.

use std::collections::BTreeSet;

use kelvin::{Result, Sampler, Seed, TokenId};

use super::{Axis, Figure, Ink, Panel, Row, Strategy};

/// For each strategy, the token chosen at each step of a sequence of rows, which is gone through `times`
/// times.
///
/// # Errors
///
/// Those of [`Sampler::sample`]; rows of different vocabularies are such an error.
pub fn paths(rows: &[Row], strategies: &[Strategy], times: usize, seed: Seed) -> Result<Figure> {
    let vocab_size = rows.first().map_or(0, |row| row.logits().len());
    let panel = |(at, Strategy { name, pipeline }): (usize, &Strategy)| {
        let mut sampler = Sampler::new(pipeline.clone(), vocab_size)?.with_seed(seed);
        let mut path: Vec<TokenId> = Vec::new();
        for row in (0..times).flat_map(|_| rows) {
            let token = sampler.sample(row.logits())?;
            sampler.accept(token)?;
            path.push(token);
        }
        let unique = path.iter().collect::<BTreeSet<_>>().len();
        let title = format!("{name}\n{unique} unique out of {}", path.len());
        let points: Vec<(f64, f64)> =
            path.iter().enumerate().map(|(step, &id)| (step as f64, f64::from(id))).collect();
        let y = Axis::linear(if at == 0 { "Token ID" } else { "" });
        Ok(Panel::new(title)
            .with_axes(Axis::linear("Step"), y.from_to(-0.5, vocab_size as f64 - 0.5))
            .line("", Ink::nth(at), points.clone())
            .dots("", Ink::nth(at), points))
    };
    let panels = strategies.iter().enumerate().map(panel).collect::<Result<Vec<_>>>()?;
    Ok(Figure::new("Greedy is Repetitive; Sampling Explores", panels))
}
