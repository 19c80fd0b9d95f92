//! The softmax of a row, beside a plain sum and beside a trace.

use kelvin::{Error, Sampler, Softmax, TokenId, math, softmax};

use crate::rows::{self, KINDS};

#[test]
fn probabilities_sum_to_one_and_give_the_entropy() {
    for (seed, kind) in (0..).zip(KINDS) {
        let logits = rows::row(kind, 777, seed);
        let softmax = Softmax::new(&logits).expect("a sound row");
        let logprobs: Vec<f64> = logits.iter().map(|&z| softmax.logprob(z)).collect();
        let sum: f64 = logprobs.iter().map(|&x| math::exp(x)).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{kind:?}: {sum}");
        let live = logprobs.iter().filter(|&&x| x > -700.0);
        let entropy: f64 = live.map(|&x| -x * math::exp(x)).sum();
        assert!((softmax.entropy_nats() - entropy).abs() < 1e-10, "{kind:?}: {entropy}");
    }
}

/// Ranks by sorting, log-probabilities from the trace of the token that each row's draw fell on.
#[test]
fn ranks_and_log_probabilities_are_those_of_a_trace() {
    for (seed, kind) in (0..).zip(KINDS.repeat(20)) {
        let logits = rows::row(kind, 301, seed);
        let mut ids: Vec<TokenId> = (0..301).collect();
        ids.sort_by(|&a, &b| {
            logits[b as usize].partial_cmp(&logits[a as usize]).expect("numbers").then(a.cmp(&b))
        });
        let mut sampler = Sampler::new(kelvin::Pipeline::neutral(), 301).expect("no ids in it");
        let trace = sampler.sample_traced(&logits, 1).expect("a sound row");
        let logit = logits[trace.token as usize];
        let own = Softmax::new(&logits).expect("a sound row");
        assert_eq!(
            (own.logprob(logit), own.entropy_nats()),
            (trace.raw_logprob, trace.raw_entropy_nats)
        );
        let place = ids.iter().position(|&id| id == trace.token).expect("it is there");
        assert_eq!((softmax::rank(&logits, trace.token), trace.raw_rank), (place + 1, place + 1));
    }
}

#[test]
fn a_certain_token_has_no_surprisal_and_a_bad_row_is_an_error() {
    let ban = f32::NEG_INFINITY;
    let certain = Softmax::new(&[ban, 3.5]).expect("one token is left");
    assert_eq!((certain.logprob(3.5), certain.entropy_nats()), (0.0, 0.0));
    assert_eq!(certain.logprob(ban), f64::NEG_INFINITY);
    assert_eq!(Softmax::new(&[1.0, f32::NAN]), Err(Error::NotANumber { token: 1, count: 1 }));
    assert_eq!(Softmax::new(&[ban]), Err(Error::NothingLeft { stage: "logits" }));
    assert_eq!(Softmax::new(&[]), Err(Error::NothingLeft { stage: "logits" }));
}
