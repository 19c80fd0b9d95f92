//! Other settings for a text: what its trace alone says of them is what the whole rows say.

use kelvin::rng::{Counter, Domain, block};
use kelvin::{Pipeline, Sampler, Seed, TokenId, Verdict};
use kelvin_lab::rescore::{Answer, Rescorer};
use kelvin_lab::trace::{Header, Step, TailBin};

const VOCAB: usize = 600;
const PROMPT: [TokenId; 3] = [5, 7, 5];

/// A row of a shape of its own: peaked, flat, or with ties.
fn row(at: u32) -> Vec<f32> {
    let uniform = |token: u32| {
        let word = block(Seed::new(3).with_choice(at), Counter::new(token, Domain::Noise))[0];
        f64::from(word) / f64::from(u32::MAX)
    };
    let shape = |token: u32| {
        let bell = (0..4).map(|part| uniform(token * 4 + part)).sum::<f64>() - 2.0;
        match at % 3 {
            0 => bell * 8.0,
            1 => bell * 2.0,
            _ => (bell * 8.0).round(),
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "a logit")]
    (0..VOCAB as u32).map(|token| shape(token) as f32).collect()
}

/// The trace of a text drawn from these rows.
fn text(rows: &[Vec<f32>], depth: usize) -> Vec<Step> {
    let policy: Pipeline = "temperature(1.3)".parse().expect("sound");
    let mut sampler =
        Sampler::new(policy, VOCAB).expect("small").with_prompt(&PROMPT).expect("in it");
    let mut step = |row: &Vec<f32>| {
        let account = sampler.sample_traced(row, depth).expect("a usable row");
        sampler.accept(account.token).expect("drawn");
        Step::of(&account, 0, 0).with_head(&account)
    };
    rows.iter().map(&mut step).collect()
}

fn header() -> Header {
    let header = Header::new(serde_json::json!({"vocab_size": VOCAB}));
    Header { prompt_ids: PROMPT.to_vec(), ..header }
}

/// Compares every answer with the whole rows; how many were answered, of all.
fn check(policy: &str, rows: &[Vec<f32>], depth: usize) -> (usize, usize) {
    let pipeline: Pipeline = policy.parse().unwrap_or_else(|error| panic!("{policy}: {error}"));
    let steps = text(rows, depth);
    let mut whole = Sampler::new(pipeline.clone(), VOCAB).expect("small");
    whole = whole.with_prompt(&PROMPT).expect("in it");
    let mut rescorer = Rescorer::new(pipeline, &header()).expect("a sound header");
    let mut n_open = 0;
    for (row, step) in rows.iter().zip(&steps) {
        let expected = whole.judge(row, step.id).expect("a usable row");
        let name = format!("{policy}, position {}", step.pos);
        match rescorer.judge(step).expect("a sound step") {
            Answer::Exact(verdict) => assert_eq!(verdict, expected, "{name}"),
            Answer::Within { logprob, error } => {
                let Verdict::Possible { logprob: exact } = expected else {
                    panic!("{name}: {expected:?} is no logprob within {error} of {logprob}")
                };
                assert!(
                    (exact - logprob).abs() <= error + 1e-12,
                    "{name}: {exact}, {logprob} ± {error}"
                );
            }
            Answer::NeedsModel(_) => n_open += 1,
        }

        whole.accept(step.id).expect("drawn");
    }
    (steps.len() - n_open, steps.len())
}

#[test]
fn an_answer_is_that_of_the_whole_row() {
    let mut answered = (0, 0);
    for policy in [
        "neutral",
        "greedy",
        "temperature(0.5)",
        "temperature(1.7)",
        "top-k(5)",
        "top-k(64)",
        "temperature(0.7) | top-k(20) | top-p(0.9)",
        "top-p(0.5)",
        "temperature(0.6) | top-p(0.9)",
        "temperature(2) | top-p(0.95) | min-p(0.02)",
        "min-p(0.1)",
        "min-p(0.000001)",
        "top-p(0.8) | top-k(3) | typical-p(0.9)",
        "repetition-penalty(1.3) | temperature(0.8) | top-p(0.9)",
        "repetition-penalty(1.3) | top-k(10)",
        "presence-penalty(2) | min-p(0.05)",
        "frequency-penalty(0.5) | temperature(0.7)",
        "repetition-penalty(0.5) | top-k(10)",
        "presence-penalty(-2) | greedy",
        "repetition-penalty(1.5) | greedy",
        "logit-bias(5:4.5) | top-k(4)",
        "banned-tokens(1, 2, 3) | top-p(0.7)",
        "allowed-tokens(1, 2, 3)",
        "no-repeat-ngram-size(1) | top-k(9)",
        "typical-p(0.9)",
        "top-n-sigma(1)",
        "temperature(0.5) | temperature(2) | top-k(5)",
        "edt(0.8, 0.1) | top-k(4)",
        "temperature-schedule(2, steps=40) | top-p(0.9)",
    ] {
        for depth in [16, 64, VOCAB] {
            let (n, of) = check(policy, &(0..60).map(row).collect::<Vec<_>>(), depth);
            answered = (answered.0 + n, answered.1 + of);
            if depth == VOCAB {
                assert_eq!(n, of, "{policy}: a whole row answers everything");
            }
        }
    }
    assert!(answered.0 * 2 > answered.1, "heads answered {answered:?}");
}

#[test]
fn what_a_head_decides_is_answered() {
    for (policy, share) in [
        ("neutral", 1.0),
        ("greedy", 1.0),
        ("top-k(40)", 1.0),
        ("temperature(0.7) | top-k(40) | top-p(0.9)", 1.0),
        ("min-p(0.1)", 0.6),
        ("temperature(0.5) | top-p(0.9)", 0.6),
        ("temperature-schedule(2, end=0.5, steps=40) | top-k(40)", 1.0),
        ("temperature-schedule(0.8, end=0.4, steps=40) | top-p(0.8)", 0.6),
    ] {
        let (n, of) = check(policy, &(0..90).map(row).collect::<Vec<_>>(), 64);
        assert!(n as f64 >= share * of as f64, "{policy}: {n} of {of}");
    }
}

#[test]
fn tokens_too_rare_to_weigh_anything_say_nothing_of_the_others() {
    // the two that matter have come before, as they do in a loop; all others weigh 1 at most
    let mut row = vec![-21.75; VOCAB];
    (row[5], row[7]) = (10.0, 7.802_775);
    let rows = vec![row; 12];
    for policy in [
        "temperature(1)",
        "temperature(0.9)",
        "top-p(0.55)",
        "temperature(1.1) | top-p(0.85)",
        "repetition-penalty(1.2) | temperature(1)",
        "presence-penalty(0.5) | top-p(0.55)",
        "frequency-penalty(0.1) | top-p(0.95)",
    ] {
        check(policy, &rows, 64);
    }
}

#[test]
fn a_header_or_a_step_that_cannot_be_is_refused() {
    let bare = Header::new(serde_json::json!({}));
    let error = Rescorer::new(Pipeline::neutral(), &bare).expect_err("no size");
    assert_eq!(error.to_string(), "the header says no vocab_size of the model");
    let small = Header::new(serde_json::json!({"vocab_size": 2}));
    let mut rescorer = Rescorer::new(Pipeline::neutral(), &small).expect("sound");
    let step = text(&[row(0)], 4).remove(0);
    let error = rescorer.judge(&step).expect_err("outside");
    assert!(error.to_string().ends_with("is outside the vocabulary of 2"), "{error}");
    let mut rescorer = Rescorer::new(Pipeline::neutral(), &header()).expect("sound");
    let endless = Step { tail: vec![TailBin(usize::MAX, 1.0, 1.0), TailBin(2, 0.0, 1.0)], ..step };
    let error = rescorer.judge(&endless).expect_err("more than there are");
    assert!(error.to_string().ends_with("in a vocabulary of 600"), "{error}");
}
