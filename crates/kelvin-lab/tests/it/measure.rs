//! Metrics against definitions, brute force and NLTK.

use kelvin::TokenId;
use kelvin::rng::{Counter, Domain, Draw};
use kelvin_lab::measure::{
    ALL, ByteBigrams, Direction, Group, Loop, distinct, find, frontier, longest_repeat,
    loop_at_end, mode_share, rep, self_bleu, unique_characters,
};
use kelvin_lab::sample::Judged;
use kelvin_lab::{Key, Sample};

use crate::golden::{close, golden, number};

/// A sample of these tokens, each of probability e⁻¹ under the model and ½ under the policy.
pub(crate) fn sample(number: u32, tokens: &[TokenId], finish: &str) -> Sample {
    let n = tokens.len();
    let text = tokens.iter().map(|&id| char::from_u32(97 + id % 26).unwrap_or('?')).collect();
    Sample {
        text,
        token_ids: tokens.to_vec(),
        finish: finish.to_owned(),
        raw_logprobs: vec![-1.0; n],
        logprobs: vec![-std::f64::consts::LN_2; n],
        raw_entropies: vec![2.0; n],
        entropies: vec![0.5; n],
        kept: vec![4; n],
        ..Sample::new(Key { cell: 0, prompt: 0, sample: number }, 0)
    }
}

/// A sequence of up to `longest` tokens out of `kinds`.
fn sequence(at: u32, longest: u64, kinds: u64) -> Vec<TokenId> {
    let draw = |position, block, total| {
        let counter = Counter { block, ..Counter::new(position, Domain::Noise) };
        Draw::below(total, kelvin::Seed::new(11), counter).r
    };
    let length = u32::try_from(draw(at, 0, longest + 1)).expect("short");
    (1..=length).map(|block| TokenId::try_from(draw(at, block, kinds)).expect("few")).collect()
}

fn group(samples: &[Sample]) -> Group<'_> {
    Group { prompt: "ab", samples: samples.iter().collect() }
}

fn value(name: &str, samples: &[Sample]) -> Option<f64> {
    find(name).expect(name).of_group(&group(samples))
}

#[test]
fn every_metric_of_a_set_that_can_be_counted_by_hand() {
    let mut samples = [
        sample(0, &[1, 2, 1, 2], "length"),
        sample(1, &[1, 2, 1, 2, 9], "eos"), // its last token ended it
        sample(2, &[3, 3], "length"),
        sample(3, &[5], "length"),
    ];
    samples[0].judged = Some(Judged { nats: 3.0, tokens: 2, bytes: 5 });
    samples[2].judged = Some(Judged { nats: 1.0, tokens: 2, bytes: 3 });
    let expected = [
        ("distinct-1", 4.0 / 11.0),
        ("distinct-2", 3.0 / 7.0),
        ("distinct-3", 2.0 / 4.0),
        ("unique-sequences", 3.0),
        ("unique-ratio", 1.0), // the texts differ: the second one shows its end
        ("mode-share", 0.5),
        ("unique-tokens", 4.0),
        ("mean-unique-tokens", 6.0 / 4.0),
        ("unique-characters", 5.0),
        ("unique-characters-with-prompt", 6.0),
        ("rep-2", (1.0 / 3.0 + 1.0 / 3.0 + 0.0) / 3.0),
        ("rep-4", 0.0),
        ("longest-repeat", (2.0 + 2.0 + 1.0 + 0.0) / 4.0),
        ("loops", 0.0),
        ("nats-per-token", 1.0),
        ("bits-per-token", std::f64::consts::LOG2_E),
        ("perplexity", std::f64::consts::E),
        ("judge-perplexity", std::f64::consts::E),
        ("judge-bits-per-byte", 0.5 * std::f64::consts::LOG2_E),
        ("policy-nats-per-token", std::f64::consts::LN_2),
        ("entropy", 2.0),
        ("policy-entropy", 0.5),
        ("kept", 4.0),
        ("length", 12.0 / 4.0),
    ];
    for (name, expected) in expected {
        close(name, value(name, &samples).expect(name), expected, 1e-14);
    }
    let known = expected.len() + 1; // self-BLEU has its golden
    assert_eq!(known, ALL.len(), "every metric is looked at");
}

#[test]
fn nothing_has_no_number_and_one_sample_has_no_others() {
    let empty = [sample(0, &[], "length")];
    for metric in ALL {
        assert_eq!(metric.of_group(&group(&[])), None, "{}", metric.name);
        let found = metric.of_group(&group(&empty));
        assert!(found.is_none_or(f64::is_finite), "{}: {found:?}", metric.name);
    }
    assert_eq!(value("self-bleu", &[sample(0, &[1, 2, 3], "length")]), None);
    assert_eq!(value("distinct-2", &[sample(0, &[1], "length")]), None);
    assert_eq!(value("perplexity", &empty), None);
}

#[test]
fn numbers_lie_in_the_range_that_the_registry_names() {
    for at in 0..60 {
        let samples: Vec<Sample> = (0..5)
            .map(|n| sample(n, &sequence(at * 5 + n, 30, 1 + u64::from(at) % 7), "eos"))
            .collect();
        for metric in ALL {
            let Some(found) = metric.of_group(&group(&samples)) else { continue };
            let (low, high) = metric.range;
            assert!((low..=high).contains(&found), "{} = {found}", metric.name);
        }
    }
}

#[test]
fn the_registry_is_complete_and_its_names_are_unique() {
    let mut names: Vec<&str> = ALL.iter().map(|metric| metric.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
    for metric in ALL {
        let spelled = metric.name.bytes().all(|b| b.is_ascii_lowercase() || b"-1234".contains(&b));
        assert!(spelled, "{}", metric.name);
        assert_eq!(find(&metric.json_name()).map(|it| it.name), Some(metric.name));
        for text in [metric.summary, metric.unit, metric.origin, metric.pitfall] {
            assert!(!text.is_empty() && !text.ends_with('.'), "{}: {text:?}", metric.name);
        }
    }
}

#[test]
fn a_direction_holds_between_copies_and_texts_with_nothing_in_common() {
    let copies: Vec<Sample> = (0..4).map(|n| sample(n, &[1, 1, 1, 1, 1, 1], "length")).collect();
    let others: Vec<Sample> = (0..4)
        .map(|n| {
            sample(n, &[6 * n, 6 * n + 1, 6 * n + 2, 6 * n + 3, 6 * n + 4, 6 * n + 5], "length")
        })
        .collect();
    for metric in ALL {
        let (of_copies, of_others) =
            (metric.of_group(&group(&copies)), metric.of_group(&group(&others)));
        let (Some(of_copies), Some(of_others)) = (of_copies, of_others) else { continue };
        match metric.direction {
            Direction::Higher => assert!(of_others >= of_copies, "{}", metric.name),
            Direction::Lower => assert!(of_others < of_copies, "{}", metric.name),
            Direction::Neither => (),
        }
    }
}

#[test]
fn self_bleu_is_that_of_nltk() {
    let golden = golden();
    for row in golden["self_bleu"].as_array().expect("rows") {
        let texts: Vec<Vec<TokenId>> = serde_json::from_value(row["texts"].clone()).expect("ids");
        let texts: Vec<&[TokenId]> = texts.iter().map(Vec::as_slice).collect();
        let found = self_bleu(&texts).expect("two texts or more");
        close(&row["texts"].to_string(), found, number(&row["self_bleu"]), 1e-12);
    }
}

#[test]
fn the_longest_repeat_is_that_of_brute_force() {
    for at in 0..400 {
        let tokens = sequence(at, 24, 2 + u64::from(at) % 3);
        let repeats = |length: usize| {
            let spans: Vec<&[TokenId]> = tokens.windows(length).collect();
            spans.iter().enumerate().any(|(at, span)| spans[..at].contains(span))
        };
        let expected = (1..=tokens.len()).rev().find(|&length| repeats(length)).unwrap_or(0);
        assert_eq!(longest_repeat(&tokens), expected, "{tokens:?}");
    }
}

#[test]
fn a_loop_is_the_smallest_period_with_three_rounds() {
    for at in 0..2000 {
        let tokens = sequence(at, 20, 2);
        let run = |period: usize| {
            let same =
                (period..tokens.len()).rev().take_while(|&at| tokens[at] == tokens[at - period]);
            period + same.count()
        };
        let expected = (1..=tokens.len() / 3)
            .map(|period| Loop { period, tokens: run(period) })
            .find(|it| it.tokens >= 3 * it.period.max(2));
        assert_eq!(loop_at_end(&tokens), expected, "{tokens:?}");
    }
    assert_eq!(loop_at_end(&[4; 5]), None, "five times one token is no phrase of two three times");
    assert_eq!(loop_at_end(&[4; 6]), Some(Loop { period: 1, tokens: 6 }));
}

#[test]
fn a_long_text_of_one_token_takes_linear_time() {
    let tokens = vec![3; 200_000];
    assert_eq!(longest_repeat(&tokens), 199_999);
    assert_eq!(loop_at_end(&tokens), Some(Loop { period: 1, tokens: 200_000 }));
}

#[test]
fn no_ngram_spans_two_continuations() {
    assert_eq!(distinct([&[1, 2][..], &[3, 4]], 2), Some(1.0));
    assert_eq!(distinct([&[1][..], &[2]], 2), None);
    assert_eq!(rep(&[1, 1, 1], 1), Some(1.0 - 1.0 / 3.0));
    assert_eq!(mode_share([1, 1, 2]), Some(2.0 / 3.0));
    assert_eq!(unique_characters(["größe", "grö"]), 5);
}

#[test]
fn the_frontier_is_1_for_equal_shares_and_1_in_252_for_nothing_in_common() {
    let text = "the cat sat on the mat and the dog sat on the log";
    let (once, twice) = (ByteBigrams::of([text]), ByteBigrams::of([text, text]));
    close("equal shares", frontier(&once, &twice).expect("bytes"), 1.0, 1e-12);
    let other = ByteBigrams::of(["QWZXYV"]);
    close("disjoint", frontier(&once, &other).expect("bytes"), 1.0 / 252.0, 2e-3); // trapezoids
    assert_eq!(frontier(&once, &ByteBigrams::of(["a"])), None);
    let turned = ByteBigrams::of(["the dog sat on the mat and the cat sat on the log"]);
    assert_eq!(frontier(&once, &turned), frontier(&once, &once), "the order of words is not seen");
    let near = ByteBigrams::of(["the rat sat in the hat and the frog sat on the log"]);
    let far = ByteBigrams::of(["colourless green ideas sleep furiously"]);
    let [near, far] = [near, far].map(|it| frontier(&once, &it).expect("bytes"));
    assert!(1.0 > near && near > far && far > 1.0 / 252.0, "{near} {far}");
    let [there, back] = [frontier(&once, &other), frontier(&other, &once)];
    close("symmetric", there.expect("bytes"), back.expect("bytes"), 1e-15);
}
