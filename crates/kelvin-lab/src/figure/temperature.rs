//! What temperature does: to a distribution, to its entropy, to its tail.

use kelvin::stage::Temperature;
use kelvin::{Pipeline, Result, math};

use super::{Arrangement, Axis, Bars, Corner, Figure, Ink, Panel, Row, Variant, decimal, nats};

/// Where curves over the temperature begin and end, and in how many points.
const CURVE: (f64, f64, u32) = (0.01, 5.0, 200);

/// A panel for each temperature: the best `show` tokens, and how uncertain the choice is.
///
/// # Errors
///
/// Those of [`Row::law`].
pub fn temperature(
    row: &Row,
    variants: &[Variant],
    arrangement: Arrangement,
    show: usize,
) -> Result<Figure> {
    let panel = |(at, variant): (usize, &Variant)| {
        let law = row.law(&variant.pipeline)?;
        let tokens = arrangement.tokens(&law, show);
        let values = law.of(&tokens);
        let x = Axis::categories(arrangement.axis(), arrangement.labels(row, &tokens));
        let text = |(at, p): (usize, &f64)| match (arrangement, at) {
            (Arrangement::Ranked, 0) => format!("{p:.2}"),
            _ => String::new(),
        };
        let texts: Vec<String> = values.iter().enumerate().map(text).collect();
        let is_first = at == 0 || arrangement == Arrangement::Compared;
        let y = if is_first { "Probability" } else { "" };
        let (title, y, note) = match arrangement {
            Arrangement::Compared => (
                format!("Temperature = {}", variant.value),
                Axis::linear(y).from_to(0.0, 1.15 * highest(&values)),
                (Corner::TopRight, format!("Entropy: {:.3}", law.entropy_nats)),
            ),
            Arrangement::Ranked | Arrangement::Indexed => (
                format!("T = {}", variant.value),
                Axis::probability(y),
                (Corner::TopRight, nats(law.entropy_nats)),
            ),
        };
        let bars = Bars::new(values).hollow(law.removed(&tokens)).with_texts(texts);
        let panel = Panel::new(title).with_axes(x, y).with_note(note.0, note.1);
        Ok(panel.bars("", Ink::nth(at), bars))
    };
    let panels = variants.iter().enumerate().map(panel).collect::<Result<Vec<_>>>()?;
    let title = match arrangement {
        Arrangement::Ranked => "Effect of Temperature on Token Probability Distribution",
        Arrangement::Indexed => "Temperature Scaling: From Greedy (low T) to Uniform (high T)",
        Arrangement::Compared => "",
    };
    let columns = arrangement.columns(panels.len());
    Ok(Figure::new(title, panels).with_columns(columns))
}

/// Entropy, and the mass of the best one and the best three tokens, at 200 temperatures from 0.01 to 5.
///
/// # Errors
///
/// Those of [`Row::law`].
pub fn entropy(row: &Row) -> Result<Figure> {
    let (mut entropies, mut first, mut three) = (Vec::new(), Vec::new(), Vec::new());
    for t in curve() {
        let law = row.law(&at(t)?)?;
        let mass = |n: usize| law.order.iter().take(n).map(|&token| law.probabilities[token]).sum();
        entropies.push((t, law.entropy_nats));
        first.push((t, mass(1)));
        three.push((t, mass(3)));
    }
    let n_live = row.logits().iter().filter(|&&z| z > f32::NEG_INFINITY).count();
    let most = math::ln(n_live as f64);
    let left = Panel::new("Entropy vs Temperature")
        .with_axes(Axis::linear("Temperature"), Axis::linear("Shannon Entropy"))
        .line("", Ink::Blue, entropies)
        .across(format!("Max entropy (uniform) = {most:.2}"), Ink::Purple, most)
        .upright("T=1.0 (default)", Ink::Grey, 1.0);
    let right = Panel::new("Probability Concentration vs Temperature")
        .with_axes(Axis::linear("Temperature"), Axis::probability("Cumulative Probability"))
        .line("Top-1 token", Ink::Orange, first)
        .dashes("Top-3 tokens", Ink::Green, three)
        .upright("T=1.0 (default)", Ink::Grey, 1.0);
    Ok(Figure::new("", vec![left, right]))
}

/// The mass outside the nucleus that the row has at T = 1, at each temperature: what a high one gives to
/// tokens that the model thinks little of, and a low one takes from all but the best.
///
/// # Errors
///
/// Those of [`Row::law`].
pub fn tail(row: &Row, p: f64) -> Result<Figure> {
    let nucleus = row.law(&Pipeline::builder().top_p(p).build()?)?;
    let best = nucleus.order[0];
    let (mut outside, mut others) = (Vec::new(), Vec::new());
    for t in curve() {
        let law = row.law(&at(t)?)?;
        let tail: f64 = (0..law.kept.len())
            .filter(|&token| !nucleus.kept[token])
            .map(|token| law.probabilities[token])
            .sum();
        outside.push((t, tail));
        others.push((t, 1.0 - law.probabilities[best] - tail));
    }
    let n_kept = nucleus.n_kept();
    let name = format!("outside the top-p {} nucleus of T = 1 ({n_kept} kept)", decimal(p));
    let panel = Panel::new("Tail Mass vs Temperature")
        .with_axes(Axis::linear("Temperature"), Axis::probability("Probability"))
        .line(name, Ink::Orange, outside)
        .dashes("inside it, but for the best token", Ink::Blue, others)
        .upright("T=1.0 (default)", Ink::Grey, 1.0);
    Ok(panel.into())
}

/// The highest of some probabilities.
pub(super) fn highest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// The temperatures of a curve, as far apart from each other.
fn curve() -> impl Iterator<Item = f64> {
    let (first, last, n) = CURVE;
    (0..n).map(move |at| first + (last - first) * f64::from(at) / f64::from(n - 1))
}

fn at(t: f64) -> Result<Pipeline> {
    Pipeline::builder().stage(Temperature::new(t)?).build()
}
