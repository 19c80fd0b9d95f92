//! Two parameters at once.

use kelvin::{Pipeline, Result};

use super::{Axis, Cells, Figure, Ink, Panel, Row};

/// A panel each for the best token's probability, for the entropy, and for the mass of the distribution
/// that is kept: a row for each temperature, a column for each k.
///
/// # Errors
///
/// Those of [`Row::law`], and of a temperature out of its range.
pub fn grid(row: &Row, temperatures: &[f64], ks: &[usize]) -> Result<Figure> {
    let (mut first, mut entropies, mut masses) = (Vec::new(), Vec::new(), Vec::new());
    for &t in temperatures {
        let all = row.law(&Pipeline::builder().temperature(t).build()?)?;
        let laws =
            ks.iter().map(|&k| row.law(&Pipeline::builder().temperature(t).top_k(k).build()?));
        let laws = laws.collect::<Result<Vec<_>>>()?;
        first.push(laws.iter().map(|law| law.probabilities[law.order[0]]).collect::<Vec<_>>());
        entropies.push(laws.iter().map(|law| law.entropy_nats).collect());
        let mass = |law: &super::Law| -> f64 {
            all.order.iter().filter(|&&it| law.kept[it]).map(|&it| all.probabilities[it]).sum()
        };
        masses.push(laws.iter().map(mass).collect());
    }
    let most = kelvin::math::ln(row.logits().len() as f64);
    let panel = |title: &str, ink, rows, high| {
        let x = Axis::categories("top-k", ks.iter().map(ToString::to_string));
        let y = Axis::categories("T", temperatures.iter().map(|&t| super::decimal(t)));
        Panel::new(title).with_axes(x, y).cells(ink, Cells { rows, range: (0.0, high) })
    };
    let panels = vec![
        panel("Probability of the best token", Ink::Blue, first, 1.0),
        panel("Entropy (nats)", Ink::Green, entropies, most),
        panel("Mass kept by top-k", Ink::Orange, masses, 1.0),
    ];
    Ok(Figure::new("Temperature and Top-k Together", panels))
}
