//! A measured choice has the numbers of its account.

use kelvin::{Pipeline, Sampler, Seed, TokenId};

use crate::plain;
use crate::rows::{self, KINDS, Random};
use crate::trace::random_rules;

#[test]
fn measured_and_traced_are_bitwise_the_same() {
    for seed in 0..400 {
        let mut random = Random(7_000_000 + seed);
        let kind = KINDS[random.below(KINDS.len())];
        let len = [1, 7, 8, 33, 255, 257, 1000, 3001][random.below(8)];
        let logits = rows::row(kind, len, seed);
        let rules = plain::text(&random_rules(&mut random, len));
        let drawn: Pipeline = rules.parse().unwrap_or_else(|error| panic!("{rules}: {error}"));
        let greedy = match rules.as_str() {
            "neutral" => "greedy".parse(),
            rules => format!("{rules} | greedy").parse(),
        };
        check(drawn, &logits, seed);
        check(greedy.expect("a pipeline"), &logits, seed);
    }
}

fn check(pipeline: Pipeline, logits: &[f32], seed: u64) {
    let text = pipeline.to_string();
    let history: Vec<TokenId> =
        (0..20.min(logits.len())).filter_map(|at| at.try_into().ok()).collect();
    let sampler = Sampler::new(pipeline, logits.len()).expect("ids inside the vocabulary");
    let sampler = sampler.with_seed(Seed::new(seed)).with_prompt(&history);
    let mut sampler = sampler.expect("inside the vocabulary");
    let account = sampler.sample_traced(logits, 1).map(|step| {
        let numbers = [step.raw_logprob, step.logprob, step.raw_entropy_nats, step.entropy_nats];
        (step.token, numbers.map(f64::to_bits), step.kept)
    });
    let measured = sampler.sample_measured(logits).map(|it| {
        let numbers = [it.raw_logprob, it.logprob, it.raw_entropy_nats, it.entropy_nats];
        (it.token, numbers.map(f64::to_bits), it.kept)
    });
    assert_eq!(measured, account, "{text}");
}
