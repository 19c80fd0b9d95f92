//! The known failures of other samplers, S01 to S49, each a named test of what must happen.
//!
//! Those that a sampling library cannot have, and where they are met:
//!
//! | case | why not here |
//! |---|---|
//! | S10, S42, S44 | rows of a batch: a sampler sees one row; the engine's tests cover the batch |
//! | S11 | strides: a row is a slice, which has none |
//! | S14 | beam search: there is none |
//! | S33–S37 | speculation: later; S37's separation of domains is tested all the same |
//! | S40 | a batch's random numbers: the part about `n` is tested as independent choices |
//! | S43, S46 | a server's parameters and seed: the server's tests |
//! | S48 | other distributions: there are none; the range of parameters is tested under S23 |

use kelvin::pick::{greedy, pick};
use kelvin::rng::{Counter, Domain, block};
use kelvin::{Decimal, Draw, Error, Pipeline, Sampler, Seed, TokenId};

use crate::probe::look;
use crate::rows::{self, Kind, Random};

const BAN: f32 = f32::NEG_INFINITY;

fn sampler(pipeline: &str, vocab_size: usize) -> Sampler {
    let pipeline: Pipeline = pipeline.parse().expect("a valid pipeline");
    Sampler::new(pipeline, vocab_size).expect("ids inside the vocabulary")
}

fn kept(pipeline: &str, logits: &[f32]) -> Vec<TokenId> {
    look(pipeline, &[], logits).expect("a usable row").ids()
}

fn refusal(pipeline: &str) -> Error {
    pipeline.parse::<Pipeline>().expect_err("must be refused")
}

/// Logits whose probabilities are these, as near as f32 allows.
#[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
fn ln(probs: &[f64]) -> Vec<f32> {
    probs.iter().map(|&p| kelvin::math::ln(p) as f32).collect()
}

#[test]
fn s01_top_p_keeps_the_smallest_set_that_reaches_p() {
    assert_eq!(kept("top-p(0.6)", &ln(&[0.5, 0.3, 0.2])), [0, 1]);
}

#[test]
fn s02_top_p_keeps_the_token_that_crosses() {
    assert_eq!(kept("top-p(0.9)", &ln(&[0.5, 0.41, 0.09])), [0, 1]);
}

/// Five equal weights: 0.8 of them is four, exactly. The binary number next to 0.8 would keep a fifth.
#[test]
fn s03_top_p_keeps_no_extra_token_at_equality() {
    assert_eq!(kept("top-p(0.8)", &[0.0; 5]), [0, 1, 2, 3]);
    assert_eq!(kept("top-p(0.800000000000001)", &[0.0; 5]), [0, 1, 2, 3, 4]);
    for tenth in 1..=9 {
        let count = kept(&format!("top-p(0.{tenth})"), &[1.0; 10]).len();
        assert_eq!(count, tenth, "a tenth of ten equal tokens is one token");
    }
    // the case's own weights: 8 of 10 is reached by 5 + 3
    let needed = "0.8".parse::<Decimal>().expect("a decimal").ceil_of(3 + 1 + 1 + 5);
    assert_eq!(needed, 5 + 3);
}

#[test]
fn s04_top_p_of_1_changes_no_bit() {
    for kind in rows::KINDS {
        let logits = rows::row(kind, 700, 3);
        let plain = sampler("temperature(0.9)", 700).weights(&logits);
        assert_eq!(sampler("temperature(0.9) | top-p(1)", 700).weights(&logits), plain);
    }
}

#[test]
fn s05_top_p_just_below_1_on_a_flat_row_finds_its_crossing() {
    let v = 151_936;
    let logits = vec![0.0; v];
    let p = 1.0 - 1.0 / f64::from(1 << 24);
    assert_eq!(kept(&format!("top-p({p})"), &logits).len(), v);
}

/// A tenth of the million requests of the case, over more kinds of rows.
#[test]
fn s06_every_token_is_inside_the_vocabulary_and_has_weight() {
    let mut random = Random(6);
    for request in 0..100_000 {
        let len = 1 + random.below(40);
        let logits = rows::row(rows::KINDS[random.below(9)], len, request);
        let p = 1 + random.below(999);
        let pipeline = format!("top-k({}) | top-p({p}e-3)", 1 + random.below(50));
        let mut sampler = sampler(&pipeline, len).with_seed(Seed::new(request));
        let token = sampler.sample(&logits).expect("a usable row");
        assert!((token as usize) < len && logits[token as usize] > BAN);
    }
}

#[test]
fn s07_a_one_hot_row_gives_the_hot_id_whatever_k() {
    let mut logits = vec![BAN; 1000];
    logits[777] = 1.0;
    let mut sampler = sampler("top-k(1073741824) | top-p(1)", 1000);
    assert_eq!(sampler.sample(&logits), Ok(777));
}

#[test]
fn s08_top_k_keeps_exactly_k_and_ties_go_to_the_smaller_id() {
    assert_eq!(kept("top-k(2)", &ln(&[0.4, 0.3, 0.3, 1e-9])), [0, 1]);
    for k in 1..=600 {
        let wanted: Vec<TokenId> = (0..600).take(k).collect();
        assert_eq!(kept(&format!("top-k({k})"), &[0.5; 600]), wanted);
    }
}

#[test]
fn s09_a_row_of_nan_is_an_error_that_counts_them() {
    let found = sampler("neutral", 300).sample(&[f32::NAN; 300]);
    assert_eq!(found, Err(Error::NotANumber { token: 0, count: 300 }));
}

#[test]
fn s12_a_tiny_temperature_is_the_argmax_limit() {
    let rows = [[1e38_f32, -1e38, 3e37, 0.0], [-1e38, -1.0, -3.0, -1e38], [1.0, 2.0, 1.5, -9.0]];
    for logits in rows {
        let best = u32::try_from(greedy(&logits).expect("finite")).expect("an id");
        for t in ["0", "1e-45", "1e-38", "1e-5", "1e-300", "5e-324"] {
            for shape in ["", " | top-p(0.9)", " | typical-p(0.9)", " | presence-penalty(1)"] {
                let mut sampler = sampler(&format!("temperature({t}){shape}"), 4);
                assert_eq!(sampler.weights(&logits).map(|w| w.len()), Ok(1), "T = {t}{shape}");
                assert_eq!(sampler.sample(&logits), Ok(best), "T = {t}{shape}");
                let trace = sampler.sample_traced(&logits, 4).expect("finite");
                assert!(trace.logprob == 0.0 && trace.entropy_nats < 1e-15);
            }
        }
    }
    let hairbreadth = [1.0, 1.0 + f32::EPSILON];
    assert_eq!(
        sampler("temperature(1e-5)", 2).probabilities(&hairbreadth).map(|p| p[1] > 0.5),
        Ok(true)
    );
}

#[test]
fn s12_temperatures_that_multiply_past_the_ends_of_f64_stay_usable() {
    let logits = [5.0, -3.0, 0.0];
    for t in ["1e-300", "1e300"] {
        let twice = format!("temperature({t}) | temperature({t})");
        for change in
            ["presence-penalty(1, scope=all)", "repetition-penalty(1.3)", "logit-bias(0=2)"]
        {
            let seen = look(&format!("{twice} | {change}"), &[0, 1, 2], &logits);
            let kept = seen.expect("still three tokens").kept;
            assert!(kept.len() == 3 && kept.iter().all(|(_, z)| z.is_finite()), "{t}: {change}");
        }
    }
}

#[test]
fn s13_a_ban_holds_at_any_temperature() {
    for t in ["3e-4", "1e-30", "1", "1e6", "1e300"] {
        for order in [
            format!("banned-tokens(1) | temperature({t})"),
            format!("temperature({t}) | logit-bias(1=-inf)"),
        ] {
            let shares =
                sampler(&order, 3).probabilities(&[0.0, 5.0, -1.0]).expect("two tokens left");
            assert_eq!(shares[1], 0.0, "{order}");
        }
    }
}

#[test]
fn s15_a_weight_of_zero_is_never_picked() {
    let weights = [330, 340, 0, 330];
    let mut counts = [0; 4];
    (0..1000).for_each(|r| counts[pick(&weights, r).expect("r < 1000")] += 1);
    assert_eq!(counts, weights);
    assert_eq!(pick(&weights, 1000), None);
}

#[test]
fn s16_r_of_zero_gives_the_first_token_with_weight() {
    assert_eq!(pick(&[0, 0, 3, 1], 0), Some(2));
    let logits = [BAN, -200.0, 1.0, 1.0];
    assert_eq!(sampler("neutral", 4).token_at(&logits, 0), Ok(Some(2)));
}

#[test]
fn s17_the_largest_r_gives_the_last_token_with_weight() {
    let logits = [1.0, 1.0, -200.0, BAN];
    let mut sampler = sampler("neutral", 4);
    let total = sampler.weights(&logits).expect("finite").iter().map(|(_, w)| w).sum::<u64>();
    assert_eq!(sampler.token_at(&logits, total - 1), Ok(Some(1)));
    assert_eq!(sampler.token_at(&logits, total), Ok(None));
    let last = Draw { r: 0, total: 1, word: u64::MAX };
    assert!(last.u() < 1.0);
}

#[test]
fn s18_the_mass_of_a_nearly_flat_tail_is_exact() {
    let v = 131_072;
    let logits: Vec<f32> = (0..v).map(|at| if at % 2 == 0 { 0.0 } else { -1e-3 }).collect();
    let weights = sampler("neutral", v).weights(&logits).expect("finite");
    let total: u128 = weights.iter().map(|&(_, weight)| u128::from(weight)).sum();
    let half = |w: u64| u128::from(w) * 65_536;
    assert_eq!((weights.len(), total), (v, half(weights[0].1) + half(weights[1].1)));
    let tail: f64 =
        sampler("neutral", v).probabilities(&logits).expect("finite")[v - 1000..].iter().sum();
    assert!((tail - 1000.0 / v as f64).abs() < 1e-5, "{tail}");
}

/// One token 18 nats above 129,279 others: the tail holds 0.00196 of the mass. A million draws must
/// give it within 4 deviations.
#[test]
fn s19_a_tail_18_nats_down_is_drawn_as_often_as_it_should() {
    let v = 129_280;
    let mut logits = vec![0.0; v];
    logits[4711] = 18.0;
    let counts = sampler("neutral", v).with_seed(Seed::new(19)).draws(&logits, 1_000_000);
    let counts = counts.expect("finite");
    let top = counts.iter().find(|(token, _)| *token == 4711).expect("the top token").1;
    let share = kelvin::math::exp(-18.0) * 129_279.0;
    let tail = share / (1.0 + share);
    let deviation = kelvin::math::sqrt(1e6 * tail * (1.0 - tail));
    let z = (f64::from(1_000_000 - top) - 1e6 * tail) / deviation;
    assert!(z.abs() < 4.0, "z = {z}");
}

#[test]
fn s20_top_k_then_top_p_renormalises() {
    assert_eq!(kept("top-k(1) | top-p(0.8)", &ln(&[0.3, 0.3, 0.4])), [2]);
    assert_eq!(kept("top-k(2) | top-p(0.6)", &ln(&[0.25, 0.25, 0.3, 0.2])), [0, 2]);
}

#[test]
fn s21_top_p_sums_probabilities_and_not_their_logarithms() {
    // cumulative log-probabilities would never reach ln 0.5 from below
    assert_eq!(kept("top-p(0.5)", &ln(&[0.2, 0.2, 0.2, 0.2, 0.2])), [0, 1, 2]);
}

#[test]
fn s22_top_k_of_0_and_minus_1_are_off_and_other_negatives_are_errors() {
    for off in ["0", "-1", "off"] {
        assert_eq!(kept(&format!("top-k({off})"), &[1.0, 2.0, 3.0]), [0, 1, 2]);
    }
    assert_eq!(
        refusal("top-k(-2)").to_string(),
        "top-k: k = -2 is outside k ≥ 1 (off, 0 or -1 keeps every token)"
    );
}

#[test]
fn s23_no_truncation_leaves_nothing() {
    assert!(matches!(refusal("min-p(1.05)"), Error::Parameter { stage: "min-p", .. }));
    let extremes = [
        "min-p(1)",
        "top-p(1e-300)",
        "typical-p(1e-300)",
        "epsilon-cutoff(0.999999)",
        "eta-cutoff(0.999999)",
        "top-n-sigma(1e-300)",
        "top-k(1)",
    ];
    for pipeline in extremes {
        for kind in rows::KINDS {
            for len in [1, 2, 5, 257, 5000] {
                let logits = rows::row(kind, len, 23);
                for t in ["", "temperature(0.01) | ", "temperature(100) | "] {
                    let seen = look(&format!("{t}{pipeline}"), &[], &logits).expect("usable");
                    assert!(!seen.kept.is_empty() && seen.total > 0, "{t}{pipeline} {kind:?}");
                }
            }
        }
    }
}

#[test]
fn s24_typical_takes_no_logarithm_of_a_banned_token() {
    let trace =
        sampler("banned-tokens(0) | typical-p(0.5)", 4).sample_traced(&[9.0, 1.0, 0.5, BAN], 4);
    let trace = trace.expect("two tokens are left");
    assert!(trace.entropy_nats.is_finite() && trace.logprob.is_finite());
}

#[test]
fn s25_temperature_before_or_after_a_truncation_is_the_order_of_the_text() {
    let logits = [3.0, 2.0, 1.0];
    assert_eq!(kept("top-p(0.8) | temperature(0.5)", &logits), [0, 1]);
    assert_eq!(kept("temperature(0.5) | top-p(0.8)", &logits), [0]);
    let pipeline: Pipeline = "top-p(0.8) | temperature(0.5)".parse().expect("valid");
    assert_eq!(pipeline.to_string(), "top-p(0.8) | temperature(0.5)");
}

#[test]
fn s26_the_repetition_penalty_multiplies_negative_logits() {
    let seen = look("repetition-penalty(1.5)", &[0, 1], &[-2.0, 3.0, 1.0]).expect("finite");
    assert_eq!(seen.kept, [(0, -3.0), (1, 2.0), (2, 1.0)]);
}

#[test]
fn s27_the_repetition_penalty_counts_a_token_once() {
    let seen = look("repetition-penalty(2)", &[0; 5], &[8.0, 1.0]).expect("finite");
    assert_eq!(seen.kept[0].1, 4.0);
}

/// The window holds exactly the last tokens of its part of the sequence.
#[test]
fn s27_the_window_of_a_penalty_ends_where_it_says() {
    for (scope, penalised) in [
        ("last=1", vec![3]),
        ("last=2", vec![2, 3]),
        ("last=0", vec![]),
        ("last=2, scope=prompt", vec![2, 3]),
        ("scope=output", vec![]),
    ] {
        let pipeline = format!("repetition-penalty(2, {scope})");
        let seen = look(&pipeline, &[0, 1, 2, 3], &[8.0; 5]).expect("finite");
        let found = seen.kept.iter().filter(|(_, z)| *z == 4.0).map(|&(id, _)| id);
        assert_eq!(found.collect::<Vec<TokenId>>(), penalised, "{scope}");
    }
}

#[test]
fn s28_a_row_with_everything_banned_is_an_error_that_names_the_stage() {
    let row = [1.0, 2.0];
    for (pipeline, stage) in [
        ("banned-tokens(0, 1)", "banned-tokens"),
        ("logit-bias(0=-inf, 1=-inf)", "logit-bias"),
        ("banned-tokens(1) | allowed-tokens(1)", "allowed-tokens"),
        ("top-k(1) | banned-tokens(1)", "banned-tokens"),
    ] {
        assert_eq!(sampler(pipeline, 2).sample(&row), Err(Error::NothingLeft { stage }));
        let greedy = sampler(&format!("{pipeline} | greedy"), 2).sample(&row);
        let cut_first = pipeline.starts_with("top-k"); // greedy skips the cut: token 0 is left
        assert_eq!(greedy.is_ok(), cut_first, "{pipeline}");
    }
    let found = sampler("neutral", 2).sample(&[BAN; 2]);
    assert_eq!(found, Err(Error::NothingLeft { stage: "logits" }));
}

#[test]
fn s29_one_nan_anywhere_is_an_error_that_says_where() {
    for at in [0_u32, 1, 255, 256, 300, 511, 512, 599] {
        for level in kelvin::simd::Level::available() {
            let mut logits = vec![1.0; 600];
            logits[at as usize] = f32::NAN;
            let found = sampler("top-p(0.9)", 600).with_level(level).sample(&logits);
            assert_eq!(found, Err(Error::NotANumber { token: at, count: 1 }));
        }
    }
}

#[test]
fn s30_infinities_and_overflows_are_errors_or_exact_and_change_no_state() {
    let mut sampler = sampler("temperature(0.7) | top-p(0.9)", 2).with_seed(Seed::new(3));
    let before = sampler.sample(&[1.0, 0.5]);
    let found = sampler.sample(&[f32::INFINITY, 0.0]);
    assert_eq!(found, Err(Error::NotANumber { token: 0, count: 1 }));
    assert!(sampler.sample(&[f32::MAX, f32::MAX]).is_ok());
    assert_eq!(sampler.sample(&[f32::MAX, f32::MIN]), Ok(0));
    assert_eq!((sampler.sample(&[1.0, 0.5]), sampler.position()), (before, 0));
}

#[test]
fn s31_a_row_or_an_id_that_does_not_fit_the_vocabulary_is_an_error() {
    let mut neutral = sampler("neutral", 4);
    let wanted = Error::VocabMismatch { expected: 4, found: 3 };
    assert_eq!(neutral.sample(&[0.0; 3]), Err(wanted));
    for pipeline in ["allowed-tokens(1, 4)", "banned-tokens(4)", "logit-bias(0=1, 4=1)"] {
        let parsed: Pipeline = pipeline.parse().expect("ids are checked against a vocabulary");
        let outside = Error::TokenOutOfRange { token: 4, vocab_size: 4 };
        assert_eq!(Sampler::new(parsed, 4).err(), Some(outside), "{pipeline}");
    }
}

/// A missing special token cannot be an index: ids are unsigned, and one outside the vocabulary is
/// refused at the door.
#[test]
fn s32_there_is_no_token_minus_1() {
    assert!(matches!(refusal("banned-tokens(-1)"), Error::Parameter { .. }));
    let outside = Error::TokenOutOfRange { token: u32::MAX, vocab_size: 9 };
    assert_eq!(sampler("neutral", 9).accept(u32::MAX), Err(outside));
}

/// The words of one domain appear in no other, at any position or block near by.
#[test]
fn s37_domains_never_meet() {
    let domains = [Domain::Pick, Domain::Stage, Domain::Noise, Domain::Draft, Domain::Accept];
    let mut seen = std::collections::BTreeSet::new();
    for domain in domains {
        for position in 0..50 {
            for of in 0..20 {
                let counter = Counter { block: of, ..Counter::new(position, domain) };
                assert!(seen.insert(block(Seed::new(37), counter)), "{domain:?} {position} {of}");
            }
        }
    }
}

#[test]
fn s38_an_unseeded_neighbour_changes_nothing() {
    let logits = rows::row(Kind::Flat, 500, 38);
    let mut alone = sampler("neutral", 500).with_seed(Seed::new(42));
    let wanted = alone.sample(&logits);
    let mut neighbour = sampler("neutral", 500).with_seed(Seed::new(9999));
    neighbour.sample(&logits).expect("finite");
    assert_eq!(alone.sample(&logits), wanted);
}

#[test]
fn s39_one_seed_gives_two_prompts_independent_draws() {
    let logits = vec![0.0; 1000];
    let draws = |prompt: &[TokenId]| {
        let seed = Seed::new(42).with_prompt(prompt);
        let draw = |at| sampler("neutral", 1000).with_seed(seed.with_choice(at)).sample(&logits);
        (0..200).map(draw).collect::<Vec<_>>()
    };
    let (one, other) = (draws(&[1, 2, 3]), draws(&[1, 2, 4]));
    let equal = one.iter().zip(&other).filter(|(a, b)| a == b).count();
    assert!(equal <= 4, "{equal} of 200 equal; 0.2 are expected");
    assert_eq!(draws(&[1, 2, 3]), one);
}

#[test]
fn s40_choices_are_independent_and_a_request_repeats() {
    let logits = vec![0.0; 1000];
    let base = sampler("neutral", 1000).with_seed(Seed::new(40));
    let rows = || (0..8).map(|choice| base.fork(choice).sample(&logits).expect("finite"));
    let first: Vec<TokenId> = rows().collect();
    let distinct: std::collections::BTreeSet<_> = first.iter().collect();
    assert!(distinct.len() >= 6, "{first:?}");
    assert_eq!(rows().collect::<Vec<_>>(), first);
}

#[test]
fn s41_seed_0_is_a_seed() {
    let logits = rows::row(Kind::Uniform, 1000, 0);
    let token = |seed| sampler("neutral", 1000).with_seed(Seed::new(seed)).sample(&logits);
    assert_eq!(token(0), token(0));
    let others = (1..20).filter(|&seed| token(seed) == token(0)).count();
    assert!(others <= 1);
}

#[test]
fn s45_top_k_keeps_the_best_of_nearly_tied_tokens() {
    let mut logits = vec![1.0_f32; 3000];
    let best = [3_usize, 700, 1500, 2999];
    for (above, &at) in best.iter().enumerate() {
        logits[at] = f32::from_bits(1.0_f32.to_bits() + 1 + u32::try_from(above).expect("few"));
    }
    assert_eq!(kept("top-k(4)", &logits), [3, 700, 1500, 2999]);
    assert_eq!(kept("top-k(1)", &logits), [2999]);
    assert_eq!(sampler("greedy", 3000).sample(&logits), Ok(2999));
}

/// Each option changes what it says and nothing besides.
#[test]
fn s47_no_option_disables_another() {
    let logits = rows::row(Kind::Peaked, 900, 47);
    let stages = [
        "repetition-penalty(1.8)",
        "temperature(0.6)",
        "top-k(30)",
        "top-p(0.7)",
        "min-p(0.02)",
        "top-n-sigma(1.5)",
    ];
    let weights = |pipeline: &str| {
        let first = kept("top-k(1)", &logits);
        let sampler = sampler(pipeline, 900).with_prompt(&first).expect("inside");
        sampler.clone().weights(&logits).expect("finite")
    };
    let all = weights(&stages.join(" | "));
    let alone: Vec<_> = stages.iter().map(|stage| weights(stage)).collect();
    let neutral = weights("neutral");
    assert!(alone.iter().all(|weights| *weights != neutral));
    assert!(alone.iter().all(|weights| *weights != all));
}

#[test]
fn s49_top_p_after_top_k_is_relative_to_what_top_k_left() {
    // 0.6 of what is left is 0.48 of everything: the un-renormalised rule would keep a second token
    let logits = ln(&[0.5, 0.3, 0.2]);
    assert_eq!(kept("top-k(2) | top-p(0.6)", &logits), [0]);
    assert_eq!(kept("top-p(0.6) | top-k(2)", &logits), [0, 1]);
}
