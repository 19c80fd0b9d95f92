//! Policies on one row of logits: their laws, exactly, and draws from them.

use anyhow::Result;
use clap::ArgMatches;
use kelvin::{Sampler, Seed};
use kelvin_lab::compare::{Goodness, Law, expected_mode_share};
use serde_json::{Value, json};

use super::{Plan, target};
use crate::args::policy::text;
use crate::console::Console;
use crate::examples;
use crate::exit::Code;
use crate::term::number::{count, counted};
use crate::term::paragraph;
use crate::term::table::{Align, Table};
use crate::term::text::cut;

/// A policy's law on a row, and how often each token was drawn from it.
#[derive(Debug)]
pub(super) struct Drawn {
    /// The policy, as it was typed.
    pub(super) policy: String,
    /// The policy in its text form.
    pub(super) pipeline: String,
    /// The law.
    pub(super) law: Law,
    /// A count for each token, in id order.
    pub(super) counts: Vec<u64>,
}

/// A row of logits and what was drawn from it.
#[derive(Debug)]
pub(super) struct Single<'a> {
    /// The example's name.
    pub(super) name: &'a str,
    /// What its tokens are called; their numbers where it names none.
    pub(super) tokens: Vec<String>,
    /// The policies.
    pub(super) all: Vec<Drawn>,
    /// What was asked for.
    pub(super) plan: &'a Plan,
}

/// Compares laws, or how often one token comes.
pub(super) fn run(matches: &ArgMatches, plan: &Plan, console: &mut Console<'_>) -> Result<Code> {
    let name = text(matches, "example").expect("only where there is an example");
    let row = examples::find(name)?.row();
    let n_tokens = row.logits.len();
    let tokens =
        row.tokens.clone().unwrap_or_else(|| (0..n_tokens).map(|id| id.to_string()).collect());
    let all = (0..plan.policies.len()).map(|at| drawn(&row.logits, plan, at));
    let single = Single { name, tokens, all: all.collect::<Result<_>>()?, plan };
    match text(matches, "target") {
        Some(target) => {
            let observed = matches.get_many("observed").map(|counts| counts.copied().collect());
            target::run(&single, target, observed, (matches.get_flag("json"), console))?;
        }
        None if matches.get_flag("json") => console.json(&object(&single))?,
        None => write(&single, console)?,
    }
    Ok(Code::Done)
}

fn drawn(logits: &[f32], plan: &Plan, at: usize) -> Result<Drawn> {
    let named = &plan.policies[at];
    let seed = Seed::new(plan.randomness.seed).with_stream(plan.stream(at));
    let mut sampler = Sampler::new(named.pipeline.clone(), logits.len())?.with_seed(seed);
    let mut counts = vec![0; logits.len()];
    for (token, count) in sampler.draws(logits, plan.n)? {
        counts[token as usize] = u64::from(count);
    }
    let law = Law::of(&named.pipeline, logits)?;
    Ok(Drawn { policy: named.label.clone(), pipeline: named.pipeline.to_string(), law, counts })
}

impl Drawn {
    /// How many different tokens were drawn.
    fn unique(&self) -> usize {
        self.counts.iter().filter(|count| **count > 0).count()
    }

    /// The share of the token drawn most.
    fn mode_share(&self, n: u32) -> f64 {
        self.counts.iter().max().map_or(0.0, |&most| most as f64 / f64::from(n))
    }
}

/// Where draws come from that are made here.
pub(super) const FROM_LAWS: &str = "from each law";

/// The first lines: what is drawn from, how often, with which numbers.
pub(super) fn heading(single: &Single<'_>, origin: &str, console: &mut Console<'_>) -> Result<()> {
    let plan = single.plan;
    let row = [format!("example {}", single.name), counted(single.tokens.len(), "token")];
    paragraph::write(console.out, "logits", &row, console.width)?;
    let shared = if plan.is_coupled { "the same in each row" } else { "others in each row" };
    let mut draws = vec![format!("{} {origin}", count(plan.n as usize))];
    if origin == FROM_LAWS {
        draws.push(format!("seed {}", plan.randomness.shown()));
        draws.push(format!("random numbers {shared}"));
    }
    paragraph::write(console.out, "draws", &draws, console.width)?;
    Ok(writeln!(console.out)?)
}

fn write(single: &Single<'_>, console: &mut Console<'_>) -> Result<()> {
    let n = single.plan.n;
    heading(single, FROM_LAWS, console)?;
    let mut table = Table::new(&[
        ("", Align::Left),
        ("entropy", Align::Right),
        ("kept", Align::Right),
        ("KL from A", Align::Right),
        ("TV", Align::Right),
        ("unique", Align::Right),
        ("drawn", Align::Right),
        ("mode share", Align::Right),
        ("drawn", Align::Right),
        ("fit p", Align::Right),
    ]);
    for (at, drawn) in single.all.iter().enumerate() {
        let apart = drawn.law.distance(&single.all[0].law);
        let shown = |x: Option<f64>| x.map_or("–".to_owned(), |x| format!("{x:.3}"));
        let fit = match Goodness::of(&drawn.counts, &drawn.law.probabilities) {
            Goodness::Tested(test) => format!("{:.3}", test.p_value),
            Goodness::Untestable => "–".to_owned(),
            Goodness::Impossible => "0".to_owned(),
        };
        table.row([
            cut(&format!("{} {}", super::page::letter(at), drawn.policy), 24),
            format!("{:.4}", drawn.law.entropy_nats),
            count(drawn.law.kept),
            shown(apart.map(|apart| apart.kl_nats)),
            shown(apart.map(|apart| apart.total_variation)),
            format!("{:.2}", drawn.law.expected_unique(n)),
            count(drawn.unique()),
            shown(expected_mode_share(&drawn.law.probabilities, n)),
            format!("{:.3}", drawn.mode_share(n)),
            fit,
        ]);
    }
    table.write(console.out)?;
    writeln!(console.out)?;
    for (label, told) in [
        (
            "exact",
            format!(
                "entropy and KL in nats; unique and mode share: expected in {} draws",
                count(n as usize)
            ),
        ),
        (
            "TV",
            "total variation, the largest difference in probability of any set of tokens"
                .to_owned(),
        ),
        ("fit p", "χ² test of the draws against the law; – where too few are expected".to_owned()),
    ] {
        paragraph::write(console.out, label, &[told], console.width)?;
    }
    Ok(super::page::again(&single.plan.again, console)?)
}

fn object(single: &Single<'_>) -> Value {
    let plan = single.plan;
    let of = |(at, drawn): (usize, &Drawn)| {
        let apart = drawn.law.distance(&single.all[0].law);
        let goodness = match Goodness::of(&drawn.counts, &drawn.law.probabilities) {
            Goodness::Tested(test) => {
                json!({"chi_square": test.statistic, "df": test.df, "p_value": test.p_value})
            }
            Goodness::Untestable => Value::Null,
            Goodness::Impossible => json!({"p_value": 0.0}),
        };
        let n = f64::from(plan.n);
        json!({
            "policy": drawn.policy,
            "pipeline": drawn.pipeline,
            "stream": plan.stream(at),
            "probabilities": drawn.law.probabilities,
            "entropy_nats": drawn.law.entropy_nats,
            "kept": drawn.law.kept,
            "support": drawn.law.support,
            "kl_nats": apart.map(|apart| apart.kl_nats),
            "total_variation": apart.map(|apart| apart.total_variation),
            "expected_unique": drawn.law.expected_unique(plan.n),
            "expected_diversity": drawn.law.expected_unique(plan.n) / n,
            "expected_mode_share": expected_mode_share(&drawn.law.probabilities, plan.n),
            "counts": drawn.counts,
            "unique": drawn.unique(),
            "diversity": drawn.unique() as f64 / n,
            "mode_share": drawn.mode_share(plan.n),
            "fit": goodness,
        })
    };
    json!({
        "kelvin": env!("CARGO_PKG_VERSION"),
        "example": single.name,
        "tokens": single.tokens,
        "n": plan.n,
        "seed": plan.randomness.seed,
        "coupled": plan.is_coupled,
        "again": plan.again.to_string(),
        "rows": single.all.iter().enumerate().map(of).collect::<Value>(),
    })
}
