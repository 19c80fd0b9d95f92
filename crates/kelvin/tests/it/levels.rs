//! Every instruction set gives the same bits.

use kelvin::simd::Level;
use kelvin::{Sampler, Seed, TokenId};

use crate::plain;
use crate::rows::{self, KINDS, Random};
use crate::trace::random_rules;

#[test]
fn weights_traces_and_tokens_are_bitwise_the_same_on_every_level() {
    let levels: Vec<Level> = Level::available().collect();
    assert_eq!(levels[0], Level::Scalar);
    for seed in 0..400 {
        let mut random = Random(4_000_000 + seed);
        let kind = KINDS[random.below(KINDS.len())];
        let len = [1, 7, 8, 9, 16, 31, 33, 255, 256, 257, 1000, 3001][random.below(12)];
        let logits = rows::row(kind, len, seed);
        let history: Vec<TokenId> = (0..20.min(len)).filter_map(|at| at.try_into().ok()).collect();
        let text = plain::text(&random_rules(&mut random, len));
        let of = |level: Level| {
            let pipeline = text.parse().expect("a valid pipeline");
            let sampler = Sampler::new(pipeline, len).expect("ids inside the vocabulary");
            let sampler = sampler.with_level(level).with_seed(Seed::new(seed));
            let mut sampler = sampler.with_prompt(&history).expect("inside the vocabulary");
            let trace = sampler.sample_traced(&logits, 9).map(|trace| format!("{trace:?}"));
            (sampler.weights(&logits), trace, sampler.sample(&logits))
        };
        let plain = of(Level::Scalar);
        for &level in &levels {
            assert_eq!(of(level), plain, "{level:?}: {text}, {kind:?}, {len} tokens");
        }
    }
}

/// Where nothing is cut, a row is weighed while its entropy is summed.
#[test]
fn uncut_rows_are_bitwise_the_same_on_every_level() {
    let lens = [1, 7, 8, 9, 63, 64, 65, 255, 256, 257, 1000, 3001];
    for (seed, (&kind, len)) in (0..).zip(KINDS.iter().flat_map(|kind| lens.map(|len| (kind, len))))
    {
        let logits = rows::row(kind, len, seed);
        for policy in ["neutral", "temperature(0.7)", "temperature(30)", "greedy"] {
            let of = |level: Level| {
                let pipeline = policy.parse().expect("a valid pipeline");
                let sampler = Sampler::new(pipeline, len).expect("no ids").with_level(level);
                let mut sampler = sampler.with_seed(Seed::new(seed));
                let trace = sampler.sample_traced(&logits, 5).map(|trace| format!("{trace:?}"));
                (trace, sampler.sample_measured(&logits), sampler.weights(&logits))
            };
            let plain = of(Level::Scalar);
            for level in Level::available() {
                assert_eq!(of(level), plain, "{level:?}: {policy}, {kind:?}, {len} tokens");
            }
        }
    }
}

#[test]
fn a_level_that_the_machine_lacks_runs_as_plain_code() {
    let logits = rows::row(rows::Kind::Flat, 999, 1);
    for level in [Level::Scalar, Level::Avx2, Level::Avx512] {
        let pipeline = "top-p(0.9)".parse().expect("valid");
        let mut sampler = Sampler::new(pipeline, 999).expect("no ids").with_level(level);
        assert!(sampler.sample(&logits).is_ok());
    }
}
