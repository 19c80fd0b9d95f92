//! What a penalty does to tokens that were said before.

use kelvin::{Pipeline, Result};

use super::{Arrangement, Axis, Bars, Figure, Ink, Panel, Row};

/// Probabilities before and after a penalty, and the change of each token's log-odds against the best
/// token that was not said: these fall for every token that was, even where its probability rises.
///
/// # Errors
///
/// Those of [`Row::law`].
pub fn repetition(row: &Row, base: &Pipeline, penalised: &Pipeline, show: usize) -> Result<Figure> {
    let (before, after) = (row.law(base)?, row.law(penalised)?);
    let tokens = Arrangement::Compared.tokens(&before, show);
    let was_said = |token: usize| row.history().iter().any(|&said| said as usize == token);
    let name = |&token: &usize| {
        let name = &row.names()[token];
        if was_said(token) { format!("{name} (said)") } else { name.clone() }
    };
    let names: Vec<String> = tokens.iter().map(name).collect();
    let text = |&token: &usize| format!("{:.3}", after.probabilities[token]);
    let left = Panel::new("Probability before and after")
        .with_axes(Axis::categories("", names.clone()), Axis::linear("Probability"))
        .bars(
            "After",
            Ink::Blue,
            Bars::new(after.of(&tokens)).narrow().with_texts(tokens.iter().map(text)),
        )
        .bars("Before", Ink::Grey, Bars::new(before.of(&tokens)).all_hollow());
    let reference =
        before.order.iter().copied().find(|&token| !was_said(token)).unwrap_or(before.order[0]);
    let odds = |law: &super::Law, token: usize| {
        kelvin::math::ln(law.probabilities[token] / law.probabilities[reference])
    };
    let change: Vec<f64> =
        tokens.iter().map(|&token| odds(&after, token) - odds(&before, token)).collect();
    let text = |&change: &f64| {
        if change.abs() < 0.005 { "0.00".to_owned() } else { format!("{change:+.2}") }
    };
    let texts = change.iter().map(text).collect::<Vec<_>>();
    let (low, high) = change.iter().fold((0.0_f64, 0.0_f64), |(a, b), &x| (a.min(x), b.max(x)));
    let room = (0.15 * (high - low)).max(0.1);
    let label = format!("Change of ln odds against {}", row.names()[reference]);
    let right = Panel::new("Odds against a token not said")
        .with_axes(
            Axis::categories("", names),
            Axis::linear(label).from_to(low - room, high + room),
        )
        .bars("", Ink::Orange, Bars::new(change).with_texts(texts));
    Ok(Figure::new("Repetition Penalty: Before and After", vec![left, right]))
}
