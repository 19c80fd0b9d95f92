//! What top-k and top-p keep.

use kelvin::{Pipeline, Result, math};

use super::temperature::highest;
use super::{Arrangement, Axis, Bars, Corner, Figure, Ink, Law, Panel, Row, Variant, decimal};

/// A panel for each k: what is left of the distribution, the most probable token first or beside what was
/// before.
///
/// # Errors
///
/// Those of [`Row::law`].
pub fn top_k(
    row: &Row,
    base: &Pipeline,
    variants: &[Variant],
    arrangement: Arrangement,
    show: usize,
) -> Result<Figure> {
    let before = row.law(base)?;
    let panel = |(at, variant): (usize, &Variant)| {
        let law = row.law(&variant.pipeline)?;
        let title = format!("Top-k = {}", variant.value);
        if arrangement == Arrangement::Compared {
            return Ok(compared(row, (&before, &law), ("Top-k", title), show));
        }
        let tokens = arrangement.tokens(&law, show);
        let x = Axis::categories(arrangement.axis(), arrangement.labels(row, &tokens));
        let y = Axis::probability(if at == 0 { "Probability" } else { "" });
        let bars = Bars::new(law.of(&tokens)).hollow(law.removed(&tokens));
        Ok(Panel::new(title).with_axes(x, y).bars("", Ink::nth(at), bars))
    };
    let panels = variants.iter().enumerate().map(panel).collect::<Result<Vec<_>>>()?;
    let title = match arrangement {
        Arrangement::Compared => "",
        _ => "Top-k Sampling: Keeping Only the k Most Likely Tokens",
    };
    let columns = arrangement.columns(panels.len());
    Ok(Figure::new(title, panels).with_columns(columns))
}

/// A panel for each p: the distribution with its nucleus, and the cumulative mass that decides it; or what
/// is left beside what was before.
///
/// # Errors
///
/// Those of [`Row::law`].
pub fn top_p(
    row: &Row,
    base: &Pipeline,
    variants: &[(f64, Variant)],
    arrangement: Arrangement,
    show: usize,
) -> Result<Figure> {
    let before = row.law(base)?;
    let panel = |(p, variant): &(f64, Variant)| {
        let law = row.law(&variant.pipeline)?;
        let (value, n_kept) = (&variant.value, law.n_kept());
        if arrangement == Arrangement::Compared {
            let title = format!("Top-p = {value} (nucleus size: {n_kept})");
            return Ok(compared(row, (&before, &law), ("Top-p", title), show));
        }
        let title = format!("p={value} ({n_kept} tokens)");
        Ok(cumulative(row, (&before, &law), (*p, title), (arrangement, show)))
    };
    let panels = variants.iter().map(panel).collect::<Result<Vec<_>>>()?;
    let (title, columns) = match arrangement {
        Arrangement::Compared => ("", panels.len().min(2)),
        _ => ("Top-p (Nucleus) Sampling: Adaptive Token Selection", panels.len().min(3)),
    };
    Ok(Figure::new(title, panels).with_columns(columns))
}

/// The distribution, hollow outside the nucleus, and its running sum on the right.
fn cumulative(
    row: &Row,
    (before, law): (&Law, &Law),
    (p, title): (f64, String),
    (arrangement, show): (Arrangement, usize),
) -> Panel {
    let tokens = Arrangement::Ranked.tokens(before, show); // a running sum goes from the top
    let values = before.of(&tokens);
    let mut sum = 0.0;
    let sums: Vec<(f64, f64)> = values
        .iter()
        .enumerate()
        .map(|(at, p)| {
            sum += p;
            (at as f64 + 1.0, sum)
        })
        .collect();
    let bars = Bars::new(values).hollow(law.removed(&tokens));
    Panel::new(title)
        .with_axes(Axis::categories("", arrangement.labels(row, &tokens)), Axis::probability(""))
        .with_right(Axis::probability("Cumulative Prob"))
        .bars("in the nucleus (hollow: removed)", Ink::Green, bars)
        .dashes("cumulative", Ink::Orange, sums)
        .at_right()
        .across("p", Ink::Purple, p)
        .at_right()
}

/// What is left, inside what was before.
fn compared(
    row: &Row,
    (before, law): (&Law, &Law),
    (name, title): (&str, String),
    show: usize,
) -> Panel {
    let arrangement = Arrangement::Compared;
    let tokens = arrangement.tokens(before, show);
    let x = Axis::categories(arrangement.axis(), arrangement.labels(row, &tokens));
    Panel::new(title)
        .with_axes(x, Axis::linear("Probability"))
        .bars(name, Ink::Blue, Bars::new(law.of(&tokens)).narrow())
        .bars("Original", Ink::Grey, Bars::new(before.of(&tokens)).all_hollow())
}

/// Two rows, one confident and one not, as they are, under top-k and under top-p: one keeps the same
/// number of both, the other as many as it takes.
///
/// # Errors
///
/// Those of [`Row::law`], a k of 0 tokens included.
pub fn confident_uncertain(rows: [(&str, &Row); 2], k: usize, p: f64) -> Result<Figure> {
    let mut panels = Vec::new();
    for (name, row) in rows {
        let law = row.law(&Pipeline::neutral())?;
        panels.push(part(format!("{name}: Original Distribution"), Ink::Blue, &law));
        let law = row.law(&Pipeline::builder().top_k(k).build()?)?;
        let title = format!("{name}: Top-k (k={k}) -- {} tokens", law.n_kept());
        panels.push(part(title, Ink::Orange, &law));
        let law = row.law(&Pipeline::builder().top_p(p).build()?)?;
        let title = format!("{name}: Top-p (p={}) -- {} tokens", decimal(p), law.n_kept());
        panels.push(part(title, Ink::Green, &law));
    }
    let title = "Top-k uses fixed count; Top-p adapts to model confidence";
    Ok(Figure::new(title, panels).with_columns(3))
}

fn part(title: String, ink: Ink, law: &Law) -> Panel {
    let tokens: Vec<usize> = (0..law.kept.len()).collect();
    let values = law.of(&tokens);
    let highest = 1.2 * highest(&values);
    let x = Axis::categories("Token index", tokens.iter().map(ToString::to_string));
    Panel::new(title).with_axes(x, Axis::linear("Probability").from_to(0.0, highest)).bars(
        "",
        ink,
        Bars::new(values).hollow(law.removed(&tokens)),
    )
}

/// Why a fixed k fits no two distributions: one token of 95 % among fifty, and fifty equal ones.
///
/// # Errors
///
/// Those of [`Row::law`].
pub fn limitation(k: usize) -> Result<Figure> {
    let n = 50;
    let rest = 0.05 / (n - 1) as f64;
    #[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
    let ln = |p: f64| math::ln(p) as f32;
    let sure = (0..n).map(|at| ln(if at == 0 { 0.95 } else { rest })).collect();
    let flat = vec![0.0; n];
    let cases = [("The model is sure", sure), ("The model is not", flat)];
    let top_k = Pipeline::builder().top_k(k).build()?;
    let top_p = Pipeline::builder().top_p(0.9).build()?;
    let mut panels = Vec::new();
    for (title, logits) in cases {
        let row = Row::new([], logits);
        let all = row.law(&Pipeline::neutral())?;
        for (name, pipeline) in [(format!("top-k {k}"), &top_k), ("top-p 0.9".to_owned(), &top_p)] {
            let law = row.law(pipeline)?;
            let mass: f64 =
                all.order.iter().filter(|&&it| law.kept[it]).map(|&it| all.probabilities[it]).sum();
            let note = format!("keeps {} of {n}\n{:.1}% of the mass", law.n_kept(), 100.0 * mass);
            let bars = Bars::new(all.of(&all.order)).hollow(law.removed(&all.order));
            let y = Axis::linear("Probability").from_to(0.0, 1.3 * highest(&all.probabilities));
            panels.push(
                Panel::new(format!("{title}: {name}"))
                    .with_axes(Axis::linear("Token rank").from_to(0.0, n as f64 + 1.0), y)
                    .with_note(Corner::TopRight, note)
                    .bars("kept (hollow: removed)", Ink::Blue, bars),
            );
        }
    }
    Ok(Figure::new("The Limitation of Top-k", panels).with_columns(2))
}
