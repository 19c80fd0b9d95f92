//! How often one token comes: exactly, in draws, and whether the two fit.

use anyhow::Result;
use kelvin_lab::compare::{ChiSquare, Verdict, n_for_standard_error};
use serde_json::{Value, json};

use super::single::{Drawn, FROM_LAWS, Single, heading};
use crate::console::Console;
use crate::exit::Failure;
use crate::suggest;
use crate::term::number::count;
use crate::term::paragraph;
use crate::term::table::{Align, Table};
use crate::term::text::cut;

/// The standard errors that a number of draws is given for.
const ERRORS: [f64; 2] = [0.01, 0.001];

/// One policy's answer.
struct Answer<'a> {
    drawn: &'a Drawn,
    verdict: Verdict,
}

/// Writes the answers for a token, from the draws or from counts `observed` elsewhere.
///
/// # Errors
///
/// Something typed: no such token, counts that do not go with policies and draws.
pub(super) fn run(
    single: &Single<'_>,
    target: &str,
    observed: Option<Vec<u64>>,
    (is_json, console): (bool, &mut Console<'_>),
) -> Result<()> {
    let token = token(single, target)?;
    let is_elsewhere = observed.is_some();
    let counts = match observed {
        Some(counts) => checked(counts, single)?,
        None => single.all.iter().map(|drawn| drawn.counts[token]).collect(),
    };
    let n = u64::from(single.plan.n);
    let answers: Vec<Answer<'_>> = single
        .all
        .iter()
        .zip(counts)
        .filter_map(|(drawn, count)| {
            let p = drawn.law.probabilities[token].clamp(0.0, 1.0);
            Some(Answer { drawn, verdict: Verdict::new(p, count, n)? })
        })
        .collect();
    // scores of rows that share their random numbers are no independent ones
    let is_independent = is_elsewhere || !single.plan.is_coupled;
    let joint = Joint::of(&answers, is_independent);
    if is_json {
        return Ok(console.json(&object(single, target, &answers, joint))?);
    }
    heading(
        single,
        if is_elsewhere { "elsewhere, their counts as given" } else { FROM_LAWS },
        console,
    )?;
    table(target, &answers).write(console.out)?;
    writeln!(console.out)?;
    notes(single, joint, console)
}

fn token(single: &Single<'_>, target: &str) -> Result<usize, Failure> {
    let known = || single.tokens.iter().map(String::as_str);
    known()
        .position(|token| token == target)
        .ok_or_else(|| suggest::unknown("token", target, known()))
}

/// Counts that there can be.
fn checked(counts: Vec<u64>, single: &Single<'_>) -> Result<Vec<u64>, Failure> {
    let (n_policies, n) = (single.all.len(), u64::from(single.plan.n));
    if counts.len() != n_policies {
        let found = counts.len();
        let what = format!("--observed has {found} counts for {n_policies} policies");
        return Err(Failure::typed(what).hint("one count for each -s, in their order"));
    }
    match counts.iter().find(|count| **count > n) {
        Some(count) => {
            Err(Failure::typed(format!("--observed {count} is more than the {n} draws"))
                .hint("-n says how many draws there were"))
        }
        None => Ok(counts),
    }
}

/// What all rows say together.
#[derive(Debug, Clone, Copy)]
enum Joint {
    /// A row has a count that its law rules out.
    Impossible,
    /// Of so many rows, at most one leaves anything to chance.
    TooFew { rows: usize },
    /// They share their random numbers.
    Coupled,
    /// The scores, and how many rows have none, because their counts are the only ones there can be.
    Tested(ChiSquare, usize),
}

impl Joint {
    fn of(answers: &[Answer<'_>], is_independent: bool) -> Self {
        let is_certain = |verdict: &Verdict| verdict.z.is_none();
        let mut verdicts = answers.iter().map(|answer| &answer.verdict);
        if verdicts.any(|verdict| is_certain(verdict) && !verdict.is_plausible()) {
            return Self::Impossible;
        }
        let scores: Vec<f64> = answers.iter().filter_map(|answer| answer.verdict.z).collect();
        let rows = answers.len();
        match scores.len() {
            0 | 1 => Self::TooFew { rows },
            _ if !is_independent => Self::Coupled,
            n => Self::Tested(ChiSquare::of_scores(&scores), rows - n),
        }
    }

    fn told(self) -> String {
        match self {
            Self::Impossible => "all rows together: p 0, a row has what its law rules out".to_owned(),
            Self::TooFew { rows: 1 } => "one row has nothing to be taken together with".to_owned(),
            Self::TooFew { .. } => {
                "fewer than two rows leave anything to chance, so none are taken together".to_owned()
            }
            Self::Coupled => {
                "rows share their random numbers, so they are not taken together; --independent does"
                    .to_owned()
            }
            Self::Tested(ChiSquare { statistic, df, p_value }, certain) => {
                let certain = match certain {
                    0 => String::new(),
                    1 => "; one row leaves nothing to chance".to_owned(),
                    n => format!("; {} rows leave nothing to chance", count(n)),
                };
                let test = format!("χ² {statistic:.2} with {df} df, p {p_value:.3}");
                format!("all rows together: {test}{certain}")
            }
        }
    }

    fn json(self) -> Value {
        let (chi_square, df, p_value) = match self {
            Self::Impossible => (None, None, 0.0),
            Self::TooFew { .. } | Self::Coupled => return Value::Null,
            Self::Tested(test, _) => (Some(test.statistic), Some(test.df), test.p_value),
        };
        json!({"chi_square": chi_square, "df": df, "p_value": p_value})
    }
}

fn table(target: &str, answers: &[Answer<'_>]) -> Table {
    let mut table = Table::of(vec![
        (String::new(), Align::Left),
        (format!("p({target})"), Align::Right),
        ("share".to_owned(), Align::Right),
        ("95% interval".to_owned(), Align::Left),
        ("z".to_owned(), Align::Right),
        ("p-value".to_owned(), Align::Right),
        (String::new(), Align::Left),
        (format!("n for ±{}", ERRORS[0]), Align::Right),
    ]);
    for (at, Answer { drawn, verdict }) in answers.iter().enumerate() {
        let interval = verdict.interval;
        table.push(vec![
            cut(&format!("{} {}", super::page::letter(at), drawn.policy), 22),
            format!("{:.4}", verdict.p),
            format!("{:.4}", verdict.share()),
            format!("{:.3} – {:.3}", interval.low, interval.high),
            verdict.z.map_or("–".to_owned(), |z| format!("{z:+.2}")),
            format!("{:.3}", verdict.p_value),
            if verdict.is_plausible() { "fits" } else { "does not fit" }.to_owned(),
            n_for_standard_error(verdict.p, ERRORS[0]).map_or("–".to_owned(), shown),
        ]);
    }
    table
}

fn shown(n: u64) -> String {
    usize::try_from(n).map_or_else(|_| n.to_string(), count)
}

fn notes(single: &Single<'_>, joint: Joint, console: &mut Console<'_>) -> Result<()> {
    for (label, told) in [
        ("p", "exact: no draw is needed for it".to_owned()),
        ("interval", "Clopper–Pearson, of the true share, from the draws alone".to_owned()),
        ("p-value", "exact two-sided binomial test; below 0.05 the draws do not fit p".to_owned()),
        ("n", format!("draws that give the share a standard error of {}", ERRORS[0])),
        ("joint", joint.told()),
    ] {
        paragraph::write(console.out, label, &[told], console.width)?;
    }
    Ok(super::page::again(&single.plan.again, console)?)
}

fn object(single: &Single<'_>, target: &str, answers: &[Answer<'_>], joint: Joint) -> Value {
    let of = |Answer { drawn, verdict }: &Answer<'_>| {
        json!({
            "policy": drawn.policy,
            "pipeline": drawn.pipeline,
            "p": verdict.p,
            "n": verdict.n,
            "count": verdict.count,
            "share": verdict.share(),
            "sd": verdict.deviation,
            "z": verdict.z,
            "binomial_two_sided_p": verdict.p_value,
            "central95_counts": [verdict.central.0, verdict.central.1],
            "clopper_pearson95": [verdict.interval.low, verdict.interval.high],
            "plausible_at_5pct": verdict.is_plausible(),
            "n_for_se_0.01": n_for_standard_error(verdict.p, ERRORS[0]),
            "n_for_se_0.001": n_for_standard_error(verdict.p, ERRORS[1]),
        })
    };
    json!({
        "kelvin": env!("CARGO_PKG_VERSION"),
        "example": single.name,
        "target": target,
        "n": single.plan.n,
        "seed": single.plan.randomness.seed,
        "coupled": single.plan.is_coupled,
        "rows": answers.iter().map(of).collect::<Value>(),
        "joint": joint.json(),
        "again": single.plan.again.to_string(),
    })
}
