//! Intervals, exact tests and expectations, against scipy, enumeration and simulation.

use kelvin::rng::{Counter, Domain, Draw};
use kelvin::{Pipeline, Sampler, Seed, stats};
use kelvin_lab::Sample;
use kelvin_lab::compare::{
    Binomial, ChiSquare, Goodness, Law, Resamples, Verdict, chi_square_tail, clopper_pearson,
    difference, estimate, expected_distinct_over, expected_mode_share, incomplete_beta,
    incomplete_gamma, ln_gamma, n_for_standard_error, percentile,
};
use kelvin_lab::measure::{Group, find};
use serde_json::Value;

use crate::golden::{close, golden, number};
use crate::measure::sample;

fn rows(golden: &Value, name: &str) -> Vec<Value> {
    golden[name].as_array().expect("rows").clone()
}

fn whole(value: &Value) -> u64 {
    value.as_u64().expect("a whole number")
}

#[test]
fn the_gamma_and_beta_functions_are_those_of_scipy() {
    let golden = golden();
    for row in rows(&golden, "ln_gamma") {
        let found = ln_gamma(number(&row[0]));
        // near its zeros at 1 and 2 the absolute error counts
        assert!(
            (found - number(&row[1])).abs() <= 2e-15 * number(&row[1]).abs().max(8.0),
            "{row}: {found:e}"
        );
    }
    for row in rows(&golden, "incomplete_gamma") {
        let (p, q) = incomplete_gamma(number(&row[0]), number(&row[1]));
        close(&format!("P of {row}"), p, number(&row[2]), 2e-12);
        close(&format!("Q of {row}"), q, number(&row[3]), 2e-12);
    }
    for row in rows(&golden, "incomplete_beta") {
        let (below, above) = incomplete_beta(number(&row[0]), number(&row[1]), number(&row[2]));
        close(&format!("I of {row}"), below, number(&row[3]), 2e-11);
        close(&format!("1 − I of {row}"), above, number(&row[4]), 2e-11);
    }
    for (a, x) in [(0.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (f64::NAN, 1.0)] {
        assert!(
            incomplete_gamma(a, x).0.is_nan() && incomplete_beta(a, 1.0, 0.5).0.is_nan() || a > 0.0
        );
    }
}

#[test]
fn the_binomial_law_is_that_of_scipy() {
    for row in rows(&golden(), "binomial") {
        let (n, p, k) = (whole(&row["n"]), number(&row["p"]), whole(&row["k"]));
        let law = Binomial::new(n, p).expect("a probability");
        let what = format!("{k} of {n} at {p}");
        close(&what, law.pmf(k), number(&row["pmf"]), 1e-10);
        close(&what, law.cdf(k).0, number(&row["cdf"]), 1e-10);
        close(&what, law.cdf(k).1, number(&row["sf"]), 1e-10);
        close(&what, law.two_sided_p(k), number(&row["two_sided_p"]), 1e-9);
        let central = [whole(&row["central"][0]), whole(&row["central"][1])];
        assert_eq!([law.central(0.95).0, law.central(0.95).1], central, "{what}");
        let interval = clopper_pearson(k, n, 0.95);
        close(&what, interval.low, number(&row["clopper_pearson"][0]), 1e-9);
        close(&what, interval.high, number(&row["clopper_pearson"][1]), 1e-9);
    }
    assert_eq!(Binomial::new(5, 1.5), None);
    assert_eq!(Binomial::new(5, f64::NAN), None);
}

#[test]
fn two_sided_p_values_are_those_of_a_plain_sum() {
    for (n, p) in [(7, 0.5), (12, 0.3), (20, 0.9), (9, 0.01), (16, 0.25)] {
        let law = Binomial::new(n, p).expect("a probability");
        let all: Vec<f64> = (0..=n).map(|k| law.pmf(k)).collect();
        close("the law sums to 1", all.iter().sum(), 1.0, 1e-13);
        for (k, &own) in (0..=n).zip(&all) {
            let plain: f64 = all.iter().filter(|&&other| other <= own * (1.0 + 1e-7)).sum();
            close(&format!("{k} of {n} at {p}"), law.two_sided_p(k), plain.min(1.0), 1e-12);
        }
    }
}

#[test]
fn pearsons_test_is_that_of_scipy() {
    for row in rows(&golden(), "chi_square") {
        let counts: Vec<u64> = serde_json::from_value(row["counts"].clone()).expect("counts");
        let shares: Vec<f64> = serde_json::from_value(row["shares"].clone()).expect("shares");
        let Goodness::Tested(found) = Goodness::of(&counts, &shares) else { panic!("large cells") };
        close("statistic", found.statistic, number(&row["statistic"]), 1e-12);
        close("p", found.p_value, number(&row["p_value"]), 1e-11);
    }
    close("the 95% point of one degree", chi_square_tail(3.841_458_820_694_124, 1), 0.05, 1e-12);
    // 0.5 + 1.5 and 4 are put together: cells of 6 and 94
    let Goodness::Tested(pooled) = Goodness::of(&[1, 2, 6, 91], &[0.005, 0.015, 0.04, 0.94]) else {
        panic!("two cells")
    };
    assert_eq!(pooled.df, 1);
    close("pooled", pooled.statistic, 9.0 / 6.0 + 9.0 / 94.0, 1e-12);
    assert_eq!(Goodness::of(&[3], &[1.0]), Goodness::Untestable);
    assert_eq!(Goodness::of(&[1, 2], &[0.5, 0.5]), Goodness::Untestable, "too few");
    assert_eq!(Goodness::of(&[], &[]), Goodness::Untestable);
    assert_eq!(Goodness::of(&[10, 1], &[1.0, 0.0]), Goodness::Impossible);
}

#[test]
fn expected_mode_shares_are_those_of_enumeration() {
    for row in rows(&golden(), "mode_share") {
        let shares: Vec<f64> = serde_json::from_value(row["shares"].clone()).expect("shares");
        let n = u32::try_from(whole(&row["n"])).expect("few");
        let found = expected_mode_share(&shares, n).expect("small");
        close(&row.to_string(), found, number(&row["expected"]), 1e-12);
    }
    // a coin: E|heads − n/2| is known, and max = n/2 + |heads − n/2|
    for n in [60_u32, 300] {
        let heads = Binomial::new(u64::from(n), 0.5).expect("a probability");
        let max = |k: u64| k.max(u64::from(n) - k) as f64;
        let expected: f64 = (0..=u64::from(n)).map(|k| heads.pmf(k) * max(k)).sum();
        let found = expected_mode_share(&[0.5, 0.5], n).expect("two tokens");
        close(&format!("{n} tosses"), found, expected / f64::from(n), 1e-11);
        // rare tokens beside it change little, and all at once
        let mut beside = vec![0.4995, 0.4995];
        beside.extend([1e-6; 1000]);
        let near = expected_mode_share(&beside, n).expect("two tokens that matter");
        assert!((near - found).abs() < 2e-3 && near < found, "{near} beside {found}");
    }
    let certain = expected_mode_share(&[1.0], 10_000).expect("nothing to compute");
    close("certain", certain, 1.0, 1e-15);
    assert_eq!(expected_mode_share(&[0.5, 0.5], 0), None);
    assert_eq!(expected_mode_share(&[], 5), None);
    assert_eq!(
        expected_mode_share(&vec![1e-5; 100_000], 100_000),
        None,
        "too much work is refused"
    );
}

/// What a policy makes of a seed's set of logits; none where the vectors are not at hand.
fn vectors() -> Option<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/seeds/vectors.json");
    let found = std::fs::read_to_string(path).ok();
    if found.is_none() {
        use std::io::Write as _;
        let _ = std::io::stderr().write_all(format!("SKIPPED: no {path}\n").as_bytes());
    }
    found.map(|text| serde_json::from_str(&text).expect("vectors.json is JSON"))
}

fn logits(vectors: &Value, set: &str) -> Vec<f32> {
    let row = vectors["logit_sets"][set]["logits"].as_array().expect("logits").iter();
    row.map(|z| z.to_string().parse().expect("a number")).collect()
}

fn law(vectors: &Value, set: &str, pipeline: &str) -> Law {
    let pipeline: Pipeline = pipeline.parse().expect(pipeline);
    Law::of(&pipeline, &logits(vectors, set)).expect("a usable row")
}

#[test]
fn pizza_has_the_verdicts_of_the_vectors() {
    let Some(vectors) = vectors() else { return };
    let mut scores = Vec::new();
    for row in vectors["frequencies"].as_array().expect("rows") {
        let Some(t) = row["T"].as_f64() else {
            let joint = ChiSquare::of_scores(&scores);
            assert_eq!(joint.df, 4);
            close("joint", joint.statistic, number(&row["chi2_4df"]), 1e-5);
            close("joint", joint.p_value, number(&row["p_value"]), 1e-5);
            continue;
        };
        let what = row["id"].as_str().expect("a name");
        let p = law(&vectors, "S3.pizza", &format!("temperature({t})")).probabilities[0];
        close(what, p, number(&row["p_exact"]), 1e-6);
        let n = whole(&row["n"]);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of n")]
        let count = (number(&row["printed"]) * n as f64).round() as u64;
        let verdict = Verdict::new(p, count, n).expect("draws");
        close(what, verdict.deviation, number(&row["sd"]), 1e-6);
        close(what, verdict.z.expect("uncertain"), number(&row["z"]), 2e-5);
        close(what, verdict.p_value, number(&row["binomial_two_sided_p"]), 1e-5);
        let central = &row["central95_counts"];
        assert_eq!(verdict.central, (whole(&central[0]), whole(&central[1])), "{what}");
        assert_eq!(Value::Bool(verdict.is_plausible()), row["plausible_at_5pct"], "{what}");
        assert_eq!(n_for_standard_error(p, 0.01), row["n_for_se_0.01"].as_u64(), "{what}");
        // the vectors' p is that of f64 logits, whose sixth digit may move a count of 200 000 by one
        let many = n_for_standard_error(p, 0.001).expect("a probability");
        assert!(many.abs_diff(whole(&row["n_for_se_0.001"])) <= 1, "{what}: {many}");
        scores.push(verdict.z.expect("uncertain"));
    }
    assert_eq!(scores.len(), 4);
}

#[test]
fn diversity_and_mode_share_have_the_expectations_of_the_vectors() {
    let Some(vectors) = vectors() else { return };
    let mut n_checked = 0;
    for vector in vectors["vectors"].as_array().expect("vectors") {
        if vector["op"] != "diversity_coherence" {
            continue;
        }
        let id = vector["id"].as_str().expect("a name");
        let pipeline = match id.rsplit('-').next() {
            Some("Greedy") => "greedy",
            Some("Stochastic") => "neutral",
            Some("Nucleus") => "top-p(0.9)",
            _ => "top-p(0.9) | top-k(3)",
        };
        let (law, expected) = (law(&vectors, "S3.pizza", pipeline), &vector["expected"]);
        close(id, law.expected_unique(10) / 10.0, number(&expected["E_diversity_n10"]), 1e-6);
        let mode = expected_mode_share(&law.probabilities, 10).expect("small");
        close(id, mode, number(&expected["E_coherence_n10"]), 1e-6);
        // the samples that the seed printed have the metrics that it printed
        let printed: Vec<&str> = expected["printed_samples"]
            .as_array()
            .expect("words")
            .iter()
            .map(|word| word.as_str().expect("a word"))
            .collect();
        let diversity = kelvin_lab::measure::different(&printed) as f64 / printed.len() as f64;
        close(id, diversity, number(&expected["printed_diversity"]), 1e-12);
        let mode = kelvin_lab::measure::mode_share(printed).expect("words");
        close(id, mode, number(&expected["printed_coherence"]), 1e-12);
        n_checked += 1;
    }
    assert_eq!(n_checked, 4);
}

#[test]
fn twenty_steps_of_five_rows_have_the_expected_tokens_of_the_vectors() {
    let Some(vectors) = vectors() else { return };
    let all = vectors["vectors"].as_array().expect("vectors");
    let of_steps = all.iter().filter(|it| !it["expected"]["expected_unique_of_20_steps"].is_null());
    let mut n_checked = 0;
    for vector in of_steps {
        let pipeline = match vector["params"]["strategy"].as_str().expect("a name") {
            "Greedy" => "greedy",
            "Temp=0.5" => "temperature(0.5)",
            "Temp=1.0" => "neutral",
            _ => "temperature(0.8) | top-p(0.9)",
        };
        let laws: Vec<Law> =
            (0..5).map(|step| law(&vectors, &format!("S2.seq{step}"), pipeline)).collect();
        let steps = (0..20).map(|step| &laws[step % 5].probabilities[..]);
        let expected = number(&vector["expected"]["expected_unique_of_20_steps"]);
        close(pipeline, expected_distinct_over(steps), expected, 1e-5);
        n_checked += 1;
    }
    assert_eq!(n_checked, 4);
}

#[test]
fn what_the_seed_printed_has_the_probability_of_the_vectors() {
    let Some(vectors) = vectors() else { return };
    let words = vectors["logit_sets"]["S3.pizza"]["vocab"].as_array().expect("words").clone();
    for row in vectors["printed_checks"].as_array().expect("rows") {
        let stage = |name: &str, key: &str| {
            let value = &row["params"][key];
            (!value.is_null()).then(|| format!("{name}({value})"))
        };
        // that seed cuts by mass before it counts
        let stages = [stage("temperature", "T"), stage("top-p", "p"), stage("top-k", "k")];
        let pipeline = stages.into_iter().flatten().collect::<Vec<_>>().join(" | ");
        let law = law(&vectors, "S3.pizza", &pipeline);
        let samples = row["samples"].as_array().expect("words");
        let counts: Vec<u32> = words
            .iter()
            .map(|word| {
                u32::try_from(samples.iter().filter(|sample| *sample == word).count()).expect("few")
            })
            .collect();
        // n! Π pᶜ / c!
        let n: u32 = counts.iter().sum();
        let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
        let of_token = |(&c, &p): (&u32, &f64)| (0..c).map(|_| p).product::<f64>() / factorial(c);
        let p = factorial(n) * counts.iter().zip(&law.probabilities).map(of_token).product::<f64>();
        let found = kelvin::math::ln(p) / std::f64::consts::LN_10;
        assert!((found - number(&row["log10_prob_of_multiset"])).abs() < 1e-5, "{row}: {found}");
        assert_eq!(row["in_support"], Value::Bool(p > 0.0));
    }
}

fn of(samples: &[Sample]) -> Vec<Group<'_>> {
    vec![Group { prompt: "", samples: samples.iter().collect() }]
}

/// Samples of one token each, drawn from a row.
fn drawn(run: u32, n: u32, row: &[f32]) -> Vec<Sample> {
    let sampler = Sampler::new(Pipeline::neutral(), row.len()).expect("small");
    let seed = Seed::new(5).with_stream(u64::from(run));
    let draw = |choice| {
        let mut sampler = sampler.clone().with_seed(seed.with_choice(choice));
        sample(choice, &[sampler.sample(row).expect("a usable row")], "length")
    };
    (0..n).map(draw).collect()
}

/// The percentile interval of how many different tokens samples have, from resamples of them: what must
/// not be done.
fn bootstrapped(samples: &[Sample]) -> [f64; 2] {
    let mut places = vec![0; samples.len()];
    let mut counts: Vec<f64> = (0..200)
        .map(|resample| {
            Resamples.fill(resample, &mut places);
            kelvin_lab::measure::different(places.iter().map(|&at| samples[at].token_ids[0])) as f64
        })
        .collect();
    counts.sort_by(f64::total_cmp);
    [0.025, 0.975].map(|share| percentile(&counts, share).expect("many"))
}

#[test]
fn jackknife_intervals_hold_what_is_expected_and_those_of_a_bootstrap_would_not() {
    let row = [0.0_f32; 64];
    let (n, runs) = (20, 200);
    let expected = Law::of(&Pipeline::neutral(), &row).expect("a usable row").expected_unique(n);
    let metric = find("unique-tokens").expect("known");
    let (mut jackknife, mut bootstrap) = (0, 0);
    for run in 0..runs {
        let samples = drawn(run, n, &row);
        let found = estimate(metric, &of(&samples)).expect("samples");
        jackknife += u32::from(found.interval.expect("many samples").contains(expected));
        let [low, high] = bootstrapped(&samples);
        bootstrap += u32::from((low..=high).contains(&expected));
    }
    assert!(jackknife * 10 >= runs * 9, "{jackknife} of {runs}");
    assert!(bootstrap * 20 < runs, "{bootstrap} of {runs}");
}

#[test]
fn bootstrap_intervals_hold_the_mean() {
    let metric = find("nats-per-token").expect("known");
    let (runs, mut held) = (200_u32, 0);
    for run in 0..runs {
        let surprisal = |choice| {
            let counter = Counter::new(choice, Domain::Noise);
            Draw::below(1000, Seed::new(u64::from(run)), counter).u() * 2.0
        };
        let samples: Vec<Sample> = (0..40)
            .map(|at| Sample { raw_logprobs: vec![-surprisal(at)], ..sample(at, &[1], "length") })
            .collect();
        let found = estimate(metric, &of(&samples)).expect("samples");
        held += u32::from(found.interval.expect("many samples").contains(1.0));
    }
    assert!((180..=200).contains(&held), "{held} of {runs}"); // 190 expected, deviation 3
}

#[test]
fn a_bootstrap_of_two_is_that_of_enumeration() {
    // of two values a resample has the lower one twice in a quarter of the cases
    let metric = find("length").expect("known");
    let samples = [sample(0, &[1], "length"), sample(1, &[1, 2, 3], "length")];
    let found = estimate(metric, &of(&samples)).expect("samples");
    close("the mean", found.value, 2.0, 1e-15);
    let interval = found.interval.expect("two samples");
    assert_eq!((interval.low, interval.high), (1.0, 3.0));
    let one = estimate(metric, &of(&samples[..1])).expect("a sample");
    assert_eq!((one.value, one.interval), (1.0, None));
    let (mut counts, mut places) = ([0_u32; 3], [0; 2]);
    for resample in 0..10_000 {
        Resamples.fill(resample, &mut places);
        counts[places[0] + places[1]] += 1;
    }
    let fits = Goodness::of(&counts.map(u64::from), &[0.25, 0.5, 0.25]);
    assert!(matches!(fits, Goodness::Tested(test) if test.p_value > 1e-3), "{fits:?}");
}

#[test]
fn differences_pair_samples_and_metrics_of_nothing_have_none() {
    // the second policy is one token longer in every sample: no doubt is left
    let short: Vec<Sample> =
        (0..8).map(|at| sample(at, &vec![1; at as usize + 1], "length")).collect();
    let long: Vec<Sample> =
        (0..8).map(|at| sample(at, &vec![1; at as usize + 2], "length")).collect();
    let metric = find("length").expect("known");
    let found = difference(metric, &of(&short), &of(&long)).expect("they pair");
    let interval = found.interval.expect("many samples");
    assert_eq!((found.value, interval.low, interval.high), (1.0, 1.0, 1.0));
    let alone = estimate(metric, &of(&long)).expect("samples").interval.expect("many samples");
    assert!(alone.half_width() > 1.0);
    for metric in kelvin_lab::measure::ALL {
        let same = difference(metric, &of(&short), &of(&short));
        assert!(same.is_none_or(|it| it.value.to_bits() == 0), "{}", metric.name);
        assert_eq!(difference(metric, &of(&short[..4]), &of(&long[4..])), None, "no pair");
        assert_eq!(difference(metric, &of(&short), &[]), None, "other prompts");
        assert_eq!(estimate(metric, &[]), None);
    }
}

#[test]
fn samples_pair_by_their_numbers_where_some_have_failed() {
    let of_length = |at: u32, more: usize| sample(at, &vec![1; at as usize + more], "length");
    let short: Vec<Sample> = (0..8).filter(|&at| at != 2).map(|at| of_length(at, 1)).collect();
    let long: Vec<Sample> = (0..8).filter(|&at| at != 5).map(|at| of_length(at, 2)).collect();
    let metric = find("length").expect("known");
    let found = difference(metric, &of(&short), &of(&long)).expect("six pairs");
    let interval = found.interval.expect("six pairs");
    for number in [found.value, interval.low, interval.high] {
        close("one token more in every pair", number, 1.0, 1e-14);
    }
    // two prompts with the same samples vary as one does, also where one has lost the first sample
    let (base, groups) = ([of(&short), of(&long)].concat(), [of(&long), of(&long)].concat());
    let found = difference(metric, &base, &groups).expect("they pair");
    let interval = found.interval.expect("they pair");
    for number in [found.value, interval.low, interval.high] {
        close("in one of two prompts", number, 0.5, 1e-14);
    }
}

#[test]
fn a_prompt_that_loses_its_number_takes_the_interval() {
    let of_lengths = |lengths: [u32; 3]| -> Vec<Sample> {
        let tokens = |n: u32| (0..n).collect::<Vec<u32>>();
        (0..).zip(lengths).map(|(at, n)| sample(at, &tokens(n), "length")).collect()
    };
    // without its first sample the first prompt has no pair of tokens
    let (first, second) = (of_lengths([2, 1, 1]), of_lengths([2, 2, 2]));
    for prompts in [of(&first), [of(&first), of(&second)].concat()] {
        for name in ["distinct-2", "rep-2"] {
            let found = estimate(find(name).expect("known"), &prompts).expect("pairs");
            assert_eq!(found.interval, None, "{name}");
        }
        let length = estimate(find("length").expect("known"), &prompts).expect("samples");
        assert!(length.interval.is_some());
    }
    // a prompt that never had it is not part of the number
    let none = of_lengths([1, 1, 1]);
    let metric = find("distinct-2").expect("known");
    let beside = estimate(metric, &[of(&none), of(&second)].concat());
    assert_eq!(beside, estimate(metric, &of(&second)));
    assert!(beside.is_some_and(|it| it.interval.is_some()));
    // nor of a difference, on either side
    let (with, without) = ([of(&second), of(&second)].concat(), [of(&none), of(&second)].concat());
    let apart = difference(metric, &with, &without).expect("the second prompt");
    assert_eq!(apart.value.to_bits(), 0);
}

#[test]
fn laws_differ_by_their_distances() {
    let row = [1.0_f32, 0.0];
    let of =
        |pipeline: &str| Law::of(&pipeline.parse().expect(pipeline), &row).expect("a usable row");
    let (plain, greedy) = (of("neutral"), of("greedy"));
    let apart = greedy.distance(&plain).expect("the same tokens");
    close("KL", apart.kl_nats, stats::surprisal_nats(plain.probabilities[0]), 1e-14);
    close("TV", apart.total_variation, plain.probabilities[1], 1e-14);
    assert!(plain.distance(&greedy).expect("the same tokens").kl_nats.is_infinite());
    let other = Law::of(&Pipeline::neutral(), &[0.0; 3]).expect("a usable row");
    assert_eq!(plain.distance(&other), None);
}

#[test]
fn percentiles_lie_between_values() {
    assert_eq!(percentile(&[], 0.5), None);
    assert_eq!(percentile(&[3.0], 0.9), Some(3.0));
    assert_eq!(percentile(&[1.0, 2.0, 4.0], 0.5), Some(2.0));
    assert_eq!(percentile(&[1.0, f64::INFINITY, f64::INFINITY], 1.0), Some(f64::INFINITY));
    assert_eq!(n_for_standard_error(0.3, 0.0), None);
    assert_eq!(n_for_standard_error(1.3, 0.1), None);
    assert_eq!(n_for_standard_error(0.5, 0.01), Some(2500));
    assert_eq!(Verdict::new(0.5, 3, 2), None);
    assert_eq!(Verdict::new(0.5, 0, 0), None);
}
