//! Draws end to end against the exact distribution, with fixed seeds and derived critical values.

use kelvin::math::{exp, ln, sqrt};
use kelvin::rng::{Counter, Domain};
use kelvin::{Draw, Sampler, Seed, TokenId};

use crate::rows::{self, Kind, Random};

/// The value that a χ² of `freedom` degrees passes once in a million (Wilson and Hilferty 1931; 4.7534
/// is that quantile of the normal distribution).
fn critical(freedom: usize) -> f64 {
    let nu = freedom as f64;
    let spread = 2.0 / (9.0 * nu);
    let root = 1.0 - spread + 4.7534 * sqrt(spread);
    nu * root * root * root
}

/// G = 2 Σ O ln(O/E) over cells of at least 20 expected draws, the rest pooled, with its degrees.
fn g_statistic(shares: &[f64], counts: &[u64], draws: u64) -> (f64, usize) {
    let (mut g, mut cells) = (0.0, 0);
    let mut add = |seen: f64, expected: f64| {
        g += if seen > 0.0 { 2.0 * seen * ln(seen / expected) } else { 0.0 };
        cells += 1;
    };
    let (mut rest, mut rest_expected) = (0.0, 0.0);
    for (&share, &count) in shares.iter().zip(counts) {
        let expected = share * draws as f64;
        if expected >= 20.0 {
            add(count as f64, expected);
        } else {
            rest += count as f64;
            rest_expected += expected;
        }
    }
    if rest_expected >= 20.0 {
        add(rest, rest_expected);
    }
    (g, cells - 1)
}

#[test]
fn the_critical_value_is_the_tabled_one() {
    for (freedom, exact) in [(5, 35.888), (10, 46.863), (100, 182.127), (1000, 1227.152)] {
        let found = critical(freedom);
        // it errs upwards, to fewer false alarms
        assert!(found >= exact * 0.999 && found < exact * 1.05, "{freedom}: {found}");
    }
}

/// One draw a position, as a sequence draws them.
fn draws_along_positions(pipeline: &str, logits: &[f32], draws: u64) -> Vec<u64> {
    let pipeline = pipeline.parse().expect("valid");
    let mut sampler =
        Sampler::new(pipeline, logits.len()).expect("ids inside").with_seed(Seed::new(8));
    let mut counts = vec![0; logits.len()];
    for _ in 0..draws {
        let token = sampler.sample(logits).expect("usable");
        sampler.accept(token).expect("inside the vocabulary");
        counts[token as usize] += 1;
    }
    counts
}

#[test]
fn draws_follow_the_exact_distribution_and_nothing_removed_is_drawn() {
    let pipelines = [
        "neutral",
        "temperature(1.7)",
        "top-k(9)",
        "temperature(0.8) | top-p(0.9)",
        "temperature(2.5) | min-p(0.05)",
        "banned-tokens(0, 3, 5) | temperature(2) | typical-p(0.8)",
        "temperature(2) | top-n-sigma(1.8)",
    ];
    for (at, pipeline) in (0..).zip(pipelines) {
        let logits = rows::row(Kind::Flat, 40, 70 + at);
        let parsed = pipeline.parse().expect("valid");
        let mut sampler = Sampler::new(parsed, 40).expect("ids inside");
        let shares = sampler.probabilities(&logits).expect("usable");
        let draws = 60_000;
        let counts = draws_along_positions(pipeline, &logits, draws);
        let removed = shares.iter().zip(&counts).filter(|(share, _)| **share == 0.0);
        assert_eq!(removed.map(|(_, count)| count).sum::<u64>(), 0, "{pipeline}");
        let (g, freedom) = g_statistic(&shares, &counts, draws);
        assert!(freedom > 0 && g < critical(freedom), "{pipeline}: G = {g:.1}, {freedom} degrees");
    }
}

/// The test sees the faults that it is there to see: the same draws against a distribution that is
/// slightly another.
#[test]
fn the_statistic_tells_a_temperature_of_1_05_from_1() {
    let logits = rows::row(Kind::Flat, 40, 70);
    let mut wrong = Sampler::new("temperature(1.05)".parse().expect("valid"), 40).expect("no ids");
    let shares = wrong.probabilities(&logits).expect("usable");
    let counts = draws_along_positions("neutral", &logits, 60_000);
    let (g, freedom) = g_statistic(&shares, &counts, 60_000);
    assert!(g > critical(freedom), "G = {g:.1} with {freedom} degrees");
}

/// Where a draw stands: its seed, stream and choice, and its position; and two such, side by side.
type Place = (Seed, u32);
type Neighbours = fn(u32) -> [Place; 2];

/// Pairs of draws at neighbouring positions, choices, seeds and streams fill a square evenly.
#[test]
fn neighbouring_draws_are_independent() {
    let neighbours: [(&str, Neighbours); 4] = [
        ("positions", |n| [0, 1].map(|next| (Seed::new(u64::from(n) / 100), n % 100 + next))),
        ("choices", |n| {
            let seed = Seed::new(u64::from(n) / 100);
            [0, 1].map(|next| (seed.with_choice(n % 100 + next), 0))
        }),
        ("seeds", |n| [0, 1].map(|next| (Seed::new(u64::from(n) + next), 0))),
        ("streams", |n| [0, 1].map(|next| (Seed::new(5).with_stream(u64::from(n) + next), 0))),
    ];
    for (name, pair) in neighbours {
        let mut counts = [0; 144];
        for n in 0..10_000 {
            let [one, other] = pair(n).map(|(seed, position)| {
                Draw::below(12, seed, Counter::new(position, Domain::Pick)).r
            });
            counts[usize::try_from(one * 12 + other).expect("below 144")] += 1;
        }
        let (g, freedom) = g_statistic(&[1.0 / 144.0; 144], &counts, 10_000);
        assert!(g < critical(freedom), "{name}: G = {g:.1} with {freedom} degrees");
    }
}

/// The exact binomial tail: a token of probability 1e-4 is drawn neither too often nor too rarely.
#[test]
fn a_rare_token_comes_as_often_as_it_should() {
    let p: f64 = 1e-4;
    #[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
    let logits = [0.0, ln(p / (1.0 - p)) as f32];
    let mut sampler = Sampler::new(kelvin::Pipeline::neutral(), 2).expect("no ids");
    let n = 400_000;
    let counts = sampler.draws(&logits, n).expect("finite");
    let seen = counts.iter().find(|(token, _)| *token == 1).map_or(0, |&(_, count)| count);
    // as n is large and p small, the count is Poisson's; both tails are summed
    let mean = p * f64::from(n);
    let mut probability = exp(-mean);
    let mut below = 0.0;
    for k in 0..seen {
        below += probability;
        probability *= mean / f64::from(k + 1);
    }
    let (at_most, at_least) = (below + probability, 1.0 - below);
    assert!(at_most > 1e-6 && at_least > 1e-6, "{seen} seen, {mean} expected");
}

/// A whole vocabulary, drawn through every path: dense, by k, by mass.
#[test]
#[ignore = "a million draws over a whole vocabulary take half a minute"]
fn a_whole_vocabulary_is_drawn_exactly() {
    let logits = rows::row(Kind::Flat, 50_257, 5);
    let mut random = Random(1);
    for pipeline in ["neutral", "top-k(1000)", "top-p(0.95)"] {
        let parsed = pipeline.parse().expect("valid");
        let seed = Seed::new(random.next());
        let mut sampler = Sampler::new(parsed, logits.len()).expect("no ids").with_seed(seed);
        let shares = sampler.probabilities(&logits).expect("finite");
        let mut counts = vec![0; logits.len()];
        let drawn: Vec<(TokenId, u32)> = sampler.draws(&logits, 1_000_000).expect("finite");
        for (token, count) in drawn {
            counts[token as usize] = u64::from(count);
        }
        let (g, freedom) = g_statistic(&shares, &counts, 1_000_000);
        assert!(g < critical(freedom), "{pipeline}: G = {g:.1} with {freedom} degrees");
    }
}
