//! Policies side by side on one row.

use kelvin::{Result, Seed};

use super::temperature::highest;
use super::{Arrangement, Axis, Bars, Corner, Figure, Ink, Panel, Row, Strategy, nats};

/// Probabilities below this count as none where tokens are counted as *active*: an old custom, from when
/// probabilities were floats.
const ACTIVE: f64 = 1e-8;

/// For each strategy, how often each of the best `show` tokens came in `n` draws, beside how often it
/// should.
///
/// # Errors
///
/// Those of [`Row::law`].
pub fn strategies(
    row: &Row,
    strategies: &[Strategy],
    (n, seed): (u32, Seed),
    show: usize,
) -> Result<Figure> {
    let panel = |Strategy { name, pipeline }: &Strategy| {
        let law = row.law(pipeline)?;
        let counts = row.draws(pipeline, n, seed)?;
        let tokens = Arrangement::Ranked.tokens(&law, show);
        let share = |token: &usize| f64::from(counts[*token]) / f64::from(n.max(1));
        let unique = counts.iter().filter(|&&count| count > 0).count();
        Ok(Panel::new(name)
            .with_axes(Axis::categories("", row.named(&tokens)), Axis::probability(""))
            .with_note(Corner::TopRight, format!("{unique} unique"))
            .bars("Sampled freq", Ink::Blue, Bars::new(tokens.iter().map(share)))
            .bars("Expected prob", Ink::Orange, Bars::new(law.of(&tokens)).narrow()))
    };
    let panels = strategies.iter().map(panel).collect::<Result<Vec<_>>>()?;
    let title = format!("Sampling Strategy Comparison ({} samples each)", thousands(n));
    Ok(Figure::new(title, panels).with_columns(4))
}

/// For each strategy, the best `show` tokens of a large vocabulary by rank, how many are active and the
/// entropy.
///
/// # Errors
///
/// Those of [`Row::law`].
pub fn scenarios(row: &Row, strategies: &[Strategy], show: usize) -> Result<Figure> {
    let panel = |(at, Strategy { name, pipeline }): (usize, &Strategy)| {
        let law = row.law(pipeline)?;
        let tokens = Arrangement::Ranked.tokens(&law, show);
        let active = law.probabilities.iter().filter(|&&p| p > ACTIVE).count();
        let values = law.of(&tokens);
        let hollow: Vec<bool> = values.iter().map(|&p| p <= ACTIVE).collect();
        let y = Axis::linear(if at % 3 == 0 { "Probability" } else { "" });
        let x = Axis::linear("Token rank").from_to(0.0, values.len() as f64 + 1.0);
        Ok(Panel::new(name)
            .with_axes(x, y.from_to(0.0, 1.1 * highest(&values)))
            .with_note(Corner::TopRight, format!("{active} active\n{}", nats(law.entropy_nats)))
            .bars("", Ink::Blue, Bars::new(values).hollow(hollow)))
    };
    let panels = strategies.iter().enumerate().map(panel).collect::<Result<Vec<_>>>()?;
    let (size, show) = (row.logits().len(), show.min(row.logits().len()));
    let title = format!("Sampling Strategies on a {size}-Token Vocabulary (showing top {show})");
    Ok(Figure::new(title, panels).with_columns(3))
}

/// `50,000`.
fn thousands(n: u32) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_have_commas() {
        let cases =
            [(0, "0"), (999, "999"), (1000, "1,000"), (50_000, "50,000"), (1_234_567, "1,234,567")];
        for (n, text) in cases {
            assert_eq!(super::thousands(n), text);
        }
    }
}
