//! The draw, proved: every r in [0, W) is tried, and each token comes exactly as often as its weight.

use kelvin::pick::pick;
use kelvin::{Sampler, TokenId};

use crate::plain::{self, Rule};
use crate::rows::{self, KINDS, Random};
use crate::trace::random_rules;

#[test]
fn every_r_gives_each_place_exactly_its_weight() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let len = 1 + random.below(40);
        let limit = 1 + random.next() % 2000;
        let weight = |random: &mut Random| match random.below(3) {
            0 => 0,
            _ => random.next() % limit,
        };
        let weights: Vec<u64> = (0..len).map(|_| weight(&mut random)).collect();
        let total: u64 = weights.iter().sum();
        assert!(total <= 1 << 17);
        let mut counts = vec![0; len];
        for r in 0..total {
            counts[pick(&weights, r).expect("r < W")] += 1;
        }
        assert_eq!(counts, weights, "seed {seed}");
        assert_eq!(pick(&weights, total), None);
    }
}

/// The sampler's draw is `pick` on its weights: so at both ends of every token's share, and as no token
/// comes back once another has taken over, at every r there is.
#[test]
fn the_samplers_draw_is_pick_on_its_weights() {
    for seed in 0..300 {
        let mut random = Random(3_000_000 + seed);
        let kind = KINDS[random.below(KINDS.len())];
        let len = [1, 2, 5, 40, 255, 256, 257, 600][random.below(8)];
        check_shares(&random_rules(&mut random, len), &rows::row(kind, len, seed));
    }
}

/// Without a cut the candidates are dense, and the draw goes by blocks.
#[test]
fn the_draw_by_blocks_is_pick_on_its_weights() {
    for kind in KINDS {
        for len in [1, 255, 256, 257, 513, 1500] {
            let logits = rows::row(kind, len, 11);
            check_shares(&[], &logits);
            check_shares(&[Rule::Bias(vec![(0, 0.5)]), Rule::Temperature(2.0)], &logits);
        }
    }
}

fn check_shares(rules: &[Rule], logits: &[f32]) {
    let text = plain::text(rules);
    let pipeline = text.parse().expect("a valid pipeline");
    let mut sampler = Sampler::new(pipeline, logits.len()).expect("ids inside the vocabulary");
    let Ok(weights) = sampler.weights(logits) else { return };
    let mut at = |r: u64| sampler.token_at(logits, r).expect("a usable row");
    let mut mass = 0;
    for &(token, weight) in &weights {
        for r in [mass, mass + weight / 2, mass + weight - 1] {
            assert_eq!(at(r), Some(token), "{text}: r = {r}");
        }
        mass += weight;
    }
    assert_eq!((at(mass), at(u64::MAX)), (None, None), "{text}: from W on");
    let mut random = Random(mass);
    let mut rs: Vec<u64> = (0..40).map(|_| random.next() % mass).collect();
    rs.sort_unstable();
    let tokens: Vec<TokenId> = rs.iter().map(|&r| at(r).expect("r < W")).collect();
    assert!(tokens.is_sorted(), "{text}: tokens ascend with r");
    let shares: Vec<u64> = weights.iter().map(|&(_, weight)| weight).collect();
    for (&r, &token) in rs.iter().zip(&tokens) {
        assert_eq!(weights[pick(&shares, r).expect("r < W")].0, token, "{text}: r = {r}");
    }
}
