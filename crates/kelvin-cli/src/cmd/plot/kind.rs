//! The figures by name: what each reads, shows, and how it is made.

use anyhow::Result;
use clap::ArgMatches;
use kelvin::nearest;
use kelvin_lab::figure::{self, Figure, Row};

use super::flags::{self, Sweep};
use super::rows::{self, Subject};
use super::{Picture, runs};
use crate::args::randomness::Randomness;
use crate::console::Console;
use crate::exit::Failure;

/// A figure that can be asked for.
pub(super) struct Kind {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is made of.
    pub(super) reads: &'static str,
    /// What it shows.
    pub(super) summary: &'static str,
    /// Reads and makes it.
    pub(super) draw: fn(&ArgMatches, &mut Console<'_>) -> Result<Picture>,
}

/// Every figure.
pub(super) static ALL: &[Kind] = &[
    Kind {
        name: "logits",
        reads: "logits",
        summary: "logits, and the probabilities that softmax makes of them",
        draw: logits,
    },
    Kind {
        name: "softmax",
        reads: "logits",
        summary: "the distribution that is drawn from",
        draw: softmax,
    },
    Kind {
        name: "temperature",
        reads: "logits",
        summary: "a panel for each temperature (--temperature LIST)",
        draw: temperature,
    },
    Kind {
        name: "entropy",
        reads: "logits",
        summary: "entropy and concentration against the temperature",
        draw: entropy,
    },
    Kind {
        name: "tail",
        reads: "logits",
        summary: "mass outside the nucleus of T = 1, against the temperature",
        draw: tail,
    },
    Kind {
        name: "top-k",
        reads: "logits",
        summary: "a panel for each k (--top-k LIST)",
        draw: top_k,
    },
    Kind {
        name: "top-p",
        reads: "logits",
        summary: "a panel for each p (--top-p LIST): nucleus and cumulative mass",
        draw: top_p,
    },
    Kind {
        name: "limitation",
        reads: "nothing",
        summary: "why a fixed k fits no two distributions",
        draw: limitation,
    },
    Kind {
        name: "confident-uncertain",
        reads: "two logits",
        summary: "top-k and top-p on a confident and an uncertain model",
        draw: confident_uncertain,
    },
    Kind {
        name: "strategies",
        reads: "logits",
        summary: "sampled over expected frequencies, a panel for each strategy (-s)",
        draw: strategies,
    },
    Kind {
        name: "scenarios",
        reads: "logits",
        summary: "the best tokens of a large vocabulary under each strategy (-s)",
        draw: scenarios,
    },
    Kind {
        name: "repetition",
        reads: "logits",
        summary: "before and after a repetition penalty (--history IDS)",
        draw: repetition,
    },
    Kind {
        name: "paths",
        reads: "logits in order",
        summary: "the token of each step, a panel for each strategy (-s)",
        draw: paths,
    },
    Kind {
        name: "grid",
        reads: "logits",
        summary: "temperature and top-k together (--temperature LIST --top-k LIST)",
        draw: grid,
    },
    Kind {
        name: "trace",
        reads: "a generation",
        summary: "probability, entropy and nucleus size of each token",
        draw: runs::trace,
    },
    Kind {
        name: "animation",
        reads: "a generation",
        summary: "distribution, pick and text, step by step",
        draw: runs::animation,
    },
    Kind {
        name: "diversity",
        reads: "traces or a sweep",
        summary: "different texts and tokens of each policy's samples",
        draw: runs::diversity,
    },
    Kind {
        name: "uniqueness",
        reads: "a sweep",
        summary: "the share of different texts against the temperature",
        draw: runs::uniqueness,
    },
    Kind {
        name: "pareto",
        reads: "a sweep",
        summary: "diversity (distinct-2) against surprisal, a dot for each policy",
        draw: runs::pareto,
    },
    Kind { name: "loss", reads: "a run", summary: "how the loss fell", draw: runs::loss },
];

/// The figure of this name.
///
/// # Errors
///
/// Something typed, which the nearest name or all of them answer.
pub(super) fn find(name: &str) -> Result<&'static Kind, Failure> {
    let known = || ALL.iter().map(|kind| kind.name);
    let unknown = || {
        let all = known().collect::<Vec<_>>().join(", ");
        let near = nearest(name, known()).map(|near| format!("did you mean {near}? "));
        let hint = format!("{}the figures are {all}", near.unwrap_or_default());
        Failure::typed(format!("no figure {name:?}")).hint(hint)
    };
    ALL.iter().find(|kind| kind.name == name).ok_or_else(unknown)
}

/// The same figure, with what it was made of below it.
pub(super) fn still(figure: Figure, facts: &[String]) -> Picture {
    Picture::Still(figure.with_caption(facts.join(" · ")))
}

fn logits(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Picture> {
    let subject = rows::one(matches, console, "paris")?;
    Ok(still(figure::logits(&subject.row, flags::show(matches, 12))?, &subject.facts))
}

fn softmax(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Picture> {
    let Subject { row, facts, name } = rows::one(matches, console, "cat8")?;
    let pipeline = flags::pipeline(matches, None)?;
    let arrangement = flags::arrangement(matches, &name, &row);
    let figure = figure::distribution(&row, &pipeline, arrangement, flags::show(matches, 12))?;
    Ok(still(figure, &[facts, vec![pipeline.to_string()]].concat()))
}

/// The temperatures of each arrangement's own course.
fn temperatures(arrangement: figure::Arrangement) -> &'static [&'static str] {
    match arrangement {
        figure::Arrangement::Ranked => &["0.1", "0.5", "1.0", "1.5", "3.0"],
        figure::Arrangement::Indexed => &["0.3", "0.5", "1.0", "2.0", "5.0"],
        figure::Arrangement::Compared => &["0.1", "0.5", "1.0", "2.0"],
    }
}

fn temperature(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Picture> {
    let Subject { row, facts, name } = rows::one(matches, console, "paris")?;
    let arrangement = flags::arrangement(matches, &name, &row);
    let sweep = Sweep::read(matches, "temperature", temperatures(arrangement))?;
    let show = flags::show(matches, 12);
    let figure = figure::temperature(&row, &sweep.variants, arrangement, show)?;
    Ok(still(figure, &[facts, sweep.facts()].concat()))
}

fn entropy(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Picture> {
    let subject = rows::one(matches, console, "paris")?;
    Ok(still(figure::entropy(&subject.row)?, &subject.facts))
}

fn tail(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Picture> {
    let subject = rows::one(matches, console, "cat8")?;
    let p = flags::numbers(matches, "top-p", &["0.9"])?[0];
    Ok(still(figure::tail(&subject.row, p)?, &subject.facts))
}

fn top_k(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Picture> {
    let Subject { row, facts, name } = rows::one(matches, console, "paris")?;
    let arrangement = flags::arrangement(matches, &name, &row);
    let defaults: &[&str] = match arrangement {
        figure::Arrangement::Compared => &["1", "2", "4", "8"],
        _ => &["1", "3", "5", "10"],
    };
    let sweep = Sweep::read(matches, "top-k", defaults)?;
    let show = flags::show(matches, 12);
    let figure = figure::top_k(&row, &sweep.base, &sweep.variants, arrangement, show)?;
    Ok(still(figure, &[facts, sweep.facts()].concat()))
}

fn top_p(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Picture> {
    let Subject { row, facts, name } = rows::one(matches, console, "paris")?;
    let arrangement = flags::arrangement(matches, &name, &row);
    let defaults: &[&str] = match arrangement {
        figure::Arrangement::Compared => &["0.5", "0.7", "0.9", "0.95"],
        _ => &["0.5", "0.8", "0.9", "0.95", "0.99", "1.0"],
    };
    let sweep = Sweep::read(matches, "top-p", defaults)?;
    let ps = flags::numbers(matches, "top-p", defaults)?;
    let variants: Vec<_> = ps.into_iter().zip(sweep.variants.iter().cloned()).collect();
    let show = flags::show(matches, 12);
    let figure = figure::top_p(&row, &sweep.base, &variants, arrangement, show)?;
    Ok(still(figure, &[facts, sweep.facts()].concat()))
}

fn limitation(matches: &ArgMatches, _: &mut Console<'_>) -> Result<Picture> {
    let k = flags::counts(matches, "top-k", &["10"])?[0];
    Ok(still(figure::limitation(k)?, &["fifty tokens".to_owned()]))
}

fn confident_uncertain(matches: &ArgMatches, _: &mut Console<'_>) -> Result<Picture> {
    let subjects = rows::examples(matches, &["confident", "uncertain"])?;
    let [first, second] = &subjects[..] else {
        let what = format!("{} examples, and this figure compares two", subjects.len());
        let failure = Failure::typed(what);
        return Err(failure.hint("--example confident,uncertain").into());
    };
    let k = flags::counts(matches, "top-k", &["3"])?[0];
    let p = flags::numbers(matches, "top-p", &["0.9"])?[0];
    let names = [capital(&first.name), capital(&second.name)];
    let rows = [(names[0].as_str(), &first.row), (names[1].as_str(), &second.row)];
    let facts = vec![format!("examples {}, {}", first.name, second.name)];
    Ok(still(figure::confident_uncertain(rows, k, p)?, &facts))
}

fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn strategies(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Picture> {
    let Subject { row, facts, .. } = rows::one(matches, console, "paris")?;
    let strategies = flags::strategies(
        matches,
        &[
            ("Greedy", "greedy"),
            ("T=0.5", "temperature(0.5)"),
            ("T=1.0", "neutral"),
            ("T=1.5", "temperature(1.5)"),
            ("Top-k=3", "top-k(3)"),
            ("Top-p=0.9", "top-p(0.9)"),
            ("T=0.7 + Top-p=0.9", "temperature(0.7) | top-p(0.9)"),
        ],
    )?;
    let n = matches.get_one("draws").copied().unwrap_or(50_000);
    let randomness = Randomness::from_matches(matches);
    let seed = randomness.for_prompt(&[]);
    let figure = figure::strategies(&row, &strategies, (n, seed), flags::show(matches, 12))?;
    Ok(still(figure, &[facts, vec![format!("seed {}", randomness.shown())]].concat()))
}

fn scenarios(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Picture> {
    let Subject { row, facts, .. } = rows::one(matches, console, "large1000")?;
    let strategies = flags::strategies(
        matches,
        &[
            ("Greedy (T→0)", "greedy"),
            ("T=0.7", "temperature(0.7)"),
            ("T=1.0", "neutral"),
            ("T=0.7, top-k=10", "temperature(0.7) | top-k(10)"),
            ("T=0.7, top-p=0.9", "temperature(0.7) | top-p(0.9)"),
            ("T=0.7, k=50, p=0.9", "temperature(0.7) | top-k(50) | top-p(0.9)"),
        ],
    )?;
    Ok(still(figure::scenarios(&row, &strategies, flags::show(matches, 30))?, &facts))
}

fn repetition(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Picture> {
    let Subject { row, facts, name } = rows::one(matches, console, "reppen")?;
    let history = match crate::args::policy::history(matches) {
        history if history.is_empty() && name == "reppen" => vec![0, 1],
        history => history,
    };
    if history.is_empty() {
        let failure = Failure::typed("no token was said before, so there is nothing to penalise");
        return Err(failure.hint("--history 3,7,7").into());
    }
    let sweep = Sweep::read(matches, "repetition-penalty", &["1.5"])?;
    let row: Row = row.with_history(history);
    let after = &sweep.variants[0].pipeline;
    let figure = figure::repetition(&row, &sweep.base, after, flags::show(matches, 12))?;
    Ok(still(figure, &[facts, vec![after.to_string()]].concat()))
}

fn paths(matches: &ArgMatches, _: &mut Console<'_>) -> Result<Picture> {
    let subjects = rows::examples(matches, &["seq0", "seq1", "seq2", "seq3", "seq4"])?;
    let strategies = flags::strategies(
        matches,
        &[
            ("Greedy", "greedy"),
            ("Temp=0.5", "temperature(0.5)"),
            ("Temp=1.0", "neutral"),
            ("Top-p=0.9", "temperature(0.8) | top-p(0.9)"),
        ],
    )?;
    let randomness = Randomness::from_matches(matches);
    let rows: Vec<Row> = subjects.iter().map(|subject| subject.row.clone()).collect();
    let times = 20_usize.div_ceil(rows.len().max(1));
    let figure = figure::paths(&rows, &strategies, times, randomness.for_prompt(&[]))?;
    let names: Vec<&str> = subjects.iter().map(|subject| subject.name.as_str()).collect();
    let facts = vec![
        format!("examples {}, {times} times", names.join(", ")),
        format!("seed {}", randomness.shown()),
    ];
    Ok(still(figure, &facts))
}

fn grid(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Picture> {
    let subject = rows::one(matches, console, "pizza")?;
    let temperatures = flags::numbers(matches, "temperature", &["0.5", "1.0", "1.5"])?;
    let ks = flags::counts(matches, "top-k", &["2", "3", "5"])?;
    Ok(still(figure::grid(&subject.row, &temperatures, &ks)?, &subject.facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_a_slip_is_understood() {
        for (at, kind) in ALL.iter().enumerate() {
            assert!(ALL[..at].iter().all(|other| other.name != kind.name), "{}", kind.name);
            assert!(kind.summary.len() <= 79, "{}", kind.name);
        }
        let error = find("temprature").map(|kind| kind.name).expect_err("no such name");
        assert_eq!(error.to_string(), "no figure \"temprature\"");
    }
}
