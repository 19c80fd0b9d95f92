//! From logits to probabilities.

use kelvin::{Pipeline, Result};

use super::{Arrangement, Axis, Bars, Figure, Ink, Panel, Row};

/// Logits and the probabilities that softmax makes of them, the best `show` tokens from the top.
///
/// # Errors
///
/// Those of [`Row::law`].
pub fn logits(row: &Row, show: usize) -> Result<Figure> {
    let law = row.law(&Pipeline::neutral())?;
    let tokens = Arrangement::Ranked.tokens(&law, show);
    let panel = |title: &str, label: &str, values: Vec<f64>| {
        Panel::new(title)
            .with_axes(Axis::linear(label), Axis::categories("", row.named(&tokens)))
            .bars("", Ink::Blue, Bars::new(values))
    };
    let logits = tokens.iter().map(|&token| f64::from(row.logits()[token])).collect();
    let panels = vec![
        panel("Raw Logits (Model Output)", "Logit Value", logits),
        panel("After Softmax (Probabilities)", "Probability", law.of(&tokens)),
    ];
    Ok(Figure::new("Logits → Softmax → Probabilities", panels))
}

/// The distribution that a policy makes of a row, a bar for each of the best `show` tokens.
///
/// # Errors
///
/// Those of [`Row::law`].
pub fn distribution(
    row: &Row,
    pipeline: &Pipeline,
    arrangement: Arrangement,
    show: usize,
) -> Result<Figure> {
    let law = row.law(pipeline)?;
    let tokens = arrangement.tokens(&law, show);
    let x = Axis::categories("Token", arrangement.labels(row, &tokens));
    let bars = Bars::new(law.of(&tokens)).hollow(law.removed(&tokens));
    let panel = Panel::new("Token Probability Distribution")
        .with_axes(x, Axis::linear("Probability"))
        .bars("", Ink::Blue, bars);
    Ok(panel.into())
}
