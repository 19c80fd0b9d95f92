//! The trace, held to an account written by the plain law; and with it every fast path of a pipeline.

use kelvin::math::ln;
use kelvin::rng::{Counter, Domain};
use kelvin::{Crossing, Draw, Error, Sampler, Seed, Ties, TokenId, TraceStep, Verdict};

use crate::plain::{self, Plain, Rule};
use crate::rows::{self, KINDS, Random};

/// How many tokens of the head a checked trace lists.
const DEPTH: usize = 7;

/// Runs the rules over a row both ways and compares everything that a trace says, and the weights, and
/// the token. `false` where a float decides that another order of summation could decide otherwise.
pub(crate) fn check(rules: &[Rule], logits: &[f32], history: &[TokenId]) -> bool {
    let text = plain::text(rules);
    let pipeline = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    let sampler = Sampler::new(pipeline, logits.len()).expect("ids inside the vocabulary");
    let seed = Seed::new(5).with_stream(9);
    let mut sampler = sampler.with_seed(seed).with_prompt(history).expect("as above");
    let traced = sampler.sample_traced(logits, DEPTH);
    let mut plain = Plain::new(logits, history);
    let trace = match traced {
        Ok(trace) => trace,
        Err(error) => return check_nothing_left(&mut plain, rules, &error),
    };
    let mut removed_by = vec![None; logits.len()];
    for (at, rule) in rules.iter().enumerate() {
        let before = plain.clone();
        if plain.apply(rule, trace.stages[at].temperature).is_err() {
            return false;
        }
        check_stage(&trace, at, &before, &plain);
        let gone = before.kept().into_iter().filter(|&id| !plain.is_kept(id));
        gone.for_each(|id| removed_by[id as usize] = Some(at));
    }
    check_outcome(&trace, &plain, &text);
    check_head(&trace, logits, &removed_by);
    let weights: Vec<(TokenId, u64)> =
        (0..).zip(plain.weights()).filter(|&(_, weight)| weight > 0).collect();
    check_verdicts(&mut sampler, logits, (&weights, &removed_by));
    assert_eq!(sampler.weights(logits), Ok(weights), "{text}: weights");
    assert_eq!(sampler.sample(logits), Ok(trace.token), "{text}: traced and untraced");
    let total = u64::try_from(plain.total()).expect("below 2^63");
    let position = Counter::new(trace.position, Domain::Pick);
    assert_eq!(trace.draw, Some(Draw::below(total, seed, position)), "{text}: the draw");
    true
}

/// What is said of a token by itself is what the whole account says of it; some tokens of a long row.
fn check_verdicts(
    sampler: &mut Sampler,
    logits: &[f32],
    (weights, removed_by): (&[(TokenId, u64)], &[Option<usize>]),
) {
    let total: u64 = weights.iter().map(|(_, weight)| weight).sum();
    let some = logits.len().div_ceil(24);
    for (token, &logit) in (0..).zip(logits).step_by(some) {
        let weight = weights.binary_search_by_key(&token, |&(id, _)| id).map(|at| weights[at].1);
        let expected = match (logit, removed_by[token as usize], weight) {
            (f32::NEG_INFINITY, ..) => Verdict::Banned,
            (_, Some(stage), _) => Verdict::Removed { stage },
            (_, None, Ok(weight)) => {
                Verdict::Possible { logprob: ln(weight as f64 / total as f64).min(0.0) }
            }
            (_, None, Err(_)) => Verdict::TooRare,
        };
        assert_eq!(sampler.judge(logits, token), Ok(expected), "token {token}");
    }
}

#[test]
fn under_greedy_one_token_is_possible() {
    let mut sampler = Sampler::new("top-k(2) | greedy".parse().expect("sound"), 3).expect("small");
    let verdicts = [0, 1, 2].map(|token| sampler.judge(&[1.0, 2.0, 2.0], token));
    let first = Verdict::Possible { logprob: 0.0 };
    assert_eq!(verdicts, [Verdict::Outranked, first, Verdict::Outranked].map(Ok));
    let outside = Error::TokenOutOfRange { token: 3, vocab_size: 3 };
    assert_eq!(sampler.judge(&[1.0, 2.0, 2.0], 3), Err(outside));
}

/// The stage that an error names leaves nothing; those before it do not.
fn check_nothing_left(plain: &mut Plain, rules: &[Rule], error: &Error) -> bool {
    for rule in rules {
        let t = plain.t;
        let decided = matches!(rule, Rule::Adaptive { .. } | Rule::Edt { .. });
        if decided || plain.apply(rule, t).is_err() {
            return false; // the error hides the temperature that the crate had
        }
        if plain.kept().is_empty() {
            let text = rule.text();
            let stage = text.split('(').next().expect("a name");
            assert!(matches!(error, Error::NothingLeft { stage: named } if *named == stage));
            return true;
        }
    }
    panic!("{error}, but plainly something is left");
}

fn check_stage(trace: &TraceStep, at: usize, before: &Plain, after: &Plain) {
    let effect = &trace.stages[at];
    let name = effect.name;
    let gone: Vec<TokenId> = before.ranked().into_iter().filter(|&id| !after.is_kept(id)).collect();
    assert_eq!(effect.kept, after.kept().len(), "{name}: kept");
    assert_eq!(effect.removed, gone.len(), "{name}: removed");
    assert_eq!(effect.first_removed, gone.first().copied(), "{name}: first removed");
    let weights = before.weights();
    let mass: u128 = gone.iter().map(|&id| u128::from(weights[id as usize])).sum();
    assert_eq!(effect.mass_removed, mass as f64 / before.total() as f64, "{name}: mass removed");
    assert_eq!(effect.temperature, after.t, "{name}: temperature");
}

fn check_outcome(trace: &TraceStep, plain: &Plain, text: &str) {
    let (weights, total) = (plain.weights(), plain.total());
    assert_eq!(trace.kept, plain.kept().len(), "{text}: kept");
    let support = weights.iter().filter(|&&weight| weight > 0).count();
    assert_eq!(trace.support, support, "{text}: support");
    assert_eq!(trace.greedy, plain.ranked()[0], "{text}: first of the total order");
    let draw = trace.draw.expect("a draw");
    assert_eq!(u128::from(draw.total), total, "{text}: W");
    let mut mass = 0;
    let drawn = (0..).zip(&weights).find(|&(_, &weight)| {
        mass += weight;
        mass > draw.r
    });
    assert_eq!(trace.token, drawn.expect("r < W").0, "{text}: token for r = {}", draw.r);
    let p = weights[trace.token as usize] as f64 / total as f64;
    near(trace.logprob, ln(p), "logprob");
    near(trace.entropy_nats, plain.entropy(plain.t), "entropy");
    let best = plain.ranked().into_iter().filter(|&id| weights[id as usize] > 0).take(DEPTH);
    let shown: Vec<TokenId> = trace.support_head.iter().map(|token| token.token).collect();
    assert_eq!(shown, best.collect::<Vec<_>>(), "{text}: head of the support");
    for token in &trace.support_head {
        assert_eq!(token.p, weights[token.token as usize] as f64 / total as f64, "{text}: p");
    }
}

fn check_head(trace: &TraceStep, logits: &[f32], removed_by: &[Option<usize>]) {
    let raw = Plain::new(logits, &[]);
    let ranked = raw.ranked();
    let shown: Vec<TokenId> = trace.head.iter().map(|token| token.token).collect();
    assert_eq!(shown, ranked[..ranked.len().min(DEPTH)], "head");
    let log_sum = ln(raw.kept().iter().map(|&id| raw_share(logits, id, &ranked)).sum());
    for token in &trace.head {
        let at = token.token as usize;
        assert_eq!(token.logit.to_bits(), logits[at].to_bits());
        assert_eq!(token.removed_by, removed_by[at], "token {at}");
        near(
            token.raw_p,
            raw_share(logits, token.token, &ranked) / kelvin::math::exp(log_sum),
            "p",
        );
    }
    let place = ranked.iter().position(|&id| id == trace.token).expect("drawn from these");
    assert_eq!(trace.raw_rank, place + 1);
    near(trace.raw_entropy_nats, raw.entropy(1.0), "raw entropy");
    let distance = f64::from(logits[trace.token as usize]) - f64::from(logits[ranked[0] as usize]);
    near(trace.raw_logprob, distance - log_sum, "raw logprob");
}

/// e^(z − max).
fn raw_share(logits: &[f32], id: TokenId, ranked: &[TokenId]) -> f64 {
    kelvin::math::exp(f64::from(logits[id as usize]) - f64::from(logits[ranked[0] as usize]))
}

fn near(found: f64, wanted: f64, what: &str) {
    let apart = (found - wanted).abs();
    assert!(apart <= 1e-9 * (1.0 + wanted.abs()), "{what}: found {found}, wanted {wanted}");
}

/// Up to five rules with parameters of all sizes.
pub(crate) fn random_rules(random: &mut Random, vocab_size: usize) -> Vec<Rule> {
    (0..random.below(6)).map(|_| random_rule(random, vocab_size)).collect()
}

fn random_rule(random: &mut Random, vocab_size: usize) -> Rule {
    let fraction = |random: &mut Random, digits: u64| plain::Fraction {
        digits: 1 + random.next() % digits,
        places: 3,
    };
    // down to where a weight is a few units
    let floor = |random: &mut Random, digits: u64| plain::Fraction {
        places: 3 + 2 * u32::try_from(random.below(6)).expect("small"),
        ..fraction(random, digits)
    };
    let id = |random: &mut Random| TokenId::try_from(random.below(vocab_size)).expect("an id");
    let n = 1 + random.below(vocab_size.min(300));
    let mut ids: Vec<TokenId> = (0..n).map(|_| id(random)).collect();
    ids.sort_unstable();
    ids.dedup();
    let ties = [Ties::First, Ties::First, Ties::Last, Ties::All][random.below(4)];
    let crossing = [Crossing::Keep, Crossing::Keep, Crossing::Drop][random.below(3)];
    match random.below(17) {
        0 => Rule::Bias(ids.iter().map(|&id| (id, 4.0 * random.normal())).collect()),
        1 => Rule::Bias(ids.iter().map(|&id| (id, f64::NEG_INFINITY)).collect()),
        2 => Rule::Allow(ids),
        3 => Rule::Ban(ids),
        4 => Rule::Repetition(0.5 + 2.0 * random.unit()),
        5 => Rule::Presence(4.0 * random.unit() - 2.0),
        6 => Rule::Frequency(4.0 * random.unit() - 2.0),
        7 => Rule::NoRepeat(1 + random.below(4)),
        8 => Rule::Temperature([0.01, 0.5, 0.8, 1.0, 1.7, 30.0][random.below(6)]),
        9 => Rule::Adaptive { base: 1.0, min: 0.3, max: 1.5 },
        10 => Rule::Edt { theta: 2.0 * random.unit(), base: 0.5 + random.unit() },
        11 => Rule::TopK(1 + random.below(vocab_size + 2), ties),
        12 => Rule::TopP(fraction(random, 999), crossing, ties),
        13 => Rule::MinP(floor(random, 1000)),
        14 => Rule::Epsilon(floor(random, 600), ties),
        15 => Rule::Eta(random.unit() * random.unit(), ties),
        _ if random.below(2) == 0 => Rule::Typical(fraction(random, 999), ties),
        _ => Rule::Sigma(0.05 + 4.0 * random.unit()),
    }
}

/// Checks a random pipeline on a random row for each seed, and that few are left undecided.
fn check_many(seeds: std::ops::Range<u64>, lengths: &[usize]) {
    let cases = seeds.end - seeds.start;
    let mut decided = 0;
    for seed in seeds {
        let mut random = Random(seed);
        let kind = KINDS[random.below(KINDS.len())];
        let len = lengths[random.below(lengths.len())];
        decided += u64::from(check_random(&mut random, kind, len));
    }
    assert!(decided * 10 > cases * 7, "{decided} of {cases} decided");
}

const SMALL: &[usize] = &[1, 2, 3, 7, 31, 64, 200];
const BLOCKS: &[usize] = &[255, 256, 257, 511, 512, 513, 1000, 4096];

#[test]
fn the_account_is_the_plain_one_on_small_rows() {
    check_many(0..20_000, SMALL);
}

#[test]
fn the_account_is_the_plain_one_at_the_edges_of_blocks() {
    check_many(1_000_000..1_002_000, BLOCKS);
}

#[test]
#[ignore = "a million rows take a minute"]
fn the_account_is_the_plain_one_a_million_times() {
    check_many(10_000_000..11_000_000, SMALL);
    check_many(20_000_000..20_060_000, BLOCKS);
}

#[test]
fn the_account_is_the_plain_one_on_a_whole_vocabulary() {
    for seed in 0..12 {
        let mut random = Random(2_000_000 + seed);
        let kind = KINDS[random.below(KINDS.len())];
        check_random(&mut random, kind, 50_257);
    }
}

fn check_random(random: &mut Random, kind: rows::Kind, len: usize) -> bool {
    let logits = rows::row(kind, len, random.next());
    let id = |random: &mut Random| TokenId::try_from(random.below(len.min(50))).expect("an id");
    let history: Vec<TokenId> = (0..random.below(40)).map(|_| id(random)).collect();
    let rules = random_rules(random, len);
    check(&rules, &logits, &history)
}

/// A trace's head and tail bins say what the best token's probability is at any temperature.
#[test]
fn head_and_tail_stand_for_the_whole_row() {
    for kind in [rows::Kind::Flat, rows::Kind::Peaked, rows::Kind::Holed] {
        let logits = rows::row(kind, 5000, 11);
        let mut sampler = Sampler::new(kelvin::Pipeline::neutral(), logits.len()).expect("small");
        let trace = sampler.sample_traced(&logits, 64).expect("a usable row");
        let counted: usize = trace.tail.iter().map(|bin| bin.count).sum();
        let live = logits.iter().filter(|z| z.is_finite()).count();
        assert_eq!(counted + 64, live, "{kind:?}: every token is in the head or in a bin");
        for t in [0.05, 0.2, 0.5, 1.0, 2.0, 5.0] {
            let top = f64::from(trace.head[0].logit);
            let e = |z: f64| kelvin::math::exp((z - top) / t);
            let head: f64 = trace.head.iter().map(|token| e(f64::from(token.logit))).sum();
            let spread = |bin: &kelvin::trace::TailBin| 1.0 + bin.variance / (2.0 * t * t);
            let tail: f64 =
                trace.tail.iter().map(|bin| bin.count as f64 * e(bin.mean) * spread(bin)).sum();
            let whole: f64 = logits.iter().map(|&z| e(f64::from(z))).sum();
            let (said, exact) = (1.0 / (head + tail), 1.0 / whole);
            assert!((said - exact).abs() < 1e-5, "{kind:?}, T = {t}: {said} for {exact}");
        }
    }
}

/// The bins of a row that needs none, and of one whose tail is all equal.
#[test]
fn tails_of_short_and_level_rows() {
    let tail = |logits: &[f32], depth| {
        let mut sampler = Sampler::new(kelvin::Pipeline::neutral(), logits.len()).expect("small");
        sampler.sample_traced(logits, depth).expect("a usable row").tail
    };
    assert_eq!(tail(&[1.0, 0.0, f32::NEG_INFINITY], 2), []);
    let level = kelvin::trace::TailBin { count: 2, mean: 0.0, variance: 0.0 };
    assert_eq!(tail(&[1.0, 0.0, 0.0], 1), [level]);
}
