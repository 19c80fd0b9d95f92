//! What draws from a known distribution come to on average, without drawing.

use super::gamma::poisson;

/// Where what is left of a sum no longer matters.
const NEGLIGIBLE: f64 = 1e-15;
/// Multiplications that an expectation may take.
const BUDGET: f64 = 2e9;

/// The expected number of different tokens over steps of distributions of their own, one draw each:
/// Σ over tokens of 1 − Π over steps of 1 − p. Each step has one probability for each token.
///
/// ```
/// use kelvin_lab::compare::expected_distinct_over;
///
/// let steps = [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]];
/// assert_eq!(expected_distinct_over(steps.iter().map(|step| &step[..])), 1.75);
/// ```
pub fn expected_distinct_over<'a>(steps: impl IntoIterator<Item = &'a [f64]>) -> f64 {
    let mut unseen: Vec<f64> = Vec::new();
    for step in steps {
        unseen.resize(unseen.len().max(step.len()), 1.0);
        unseen.iter_mut().zip(step).for_each(|(unseen, p)| *unseen *= 1.0 - p);
    }
    unseen.iter().map(|unseen| 1.0 - unseen).sum()
}

/// The expected share of the most common token among `n` independent draws, E\[max count\] / n, exactly.
/// `None` for no draw, and where it would take more than about a second (a large vocabulary or many
/// draws).
///
/// E\[max\] = Σ over m ≥ 0 of P(max > m). For a law of counts that sum to n, P(max ≤ m) is that of
/// independent Poisson counts of means n·p, none above m, given that they sum to n: a product of
/// polynomials, whose coefficient of degree n is wanted.
///
/// ```
/// use kelvin_lab::compare::expected_mode_share;
///
/// assert_eq!(expected_mode_share(&[1.0, 0.0], 7), Some(1.0));
/// // two draws from a fair coin: 2 alike in half the cases, else 1
/// assert!((expected_mode_share(&[0.5, 0.5], 2).unwrap() - 0.75).abs() < 1e-14);
/// ```
pub fn expected_mode_share(probabilities: &[f64], n: u32) -> Option<f64> {
    let live: Vec<f64> = probabilities.iter().copied().filter(|p| *p > 0.0).collect();
    if n == 0 || live.is_empty() {
        return None;
    }
    let most = live.iter().copied().fold(0.0, f64::max);
    let mut expected = 0.0;
    let mut work = 0.0;
    for m in 0..n {
        // the most probable token alone stays at or below m less often than this
        let bound = super::Binomial::new(u64::from(n), most.min(1.0))?.cdf(u64::from(m)).0;
        if bound < NEGLIGIBLE {
            expected += 1.0;
            continue;
        }
        work += live.len() as f64 * f64::from(n) * f64::from(m + 1);
        if work > BUDGET {
            return None;
        }
        let above = 1.0 - none_above(&live, n, m);
        expected += above.max(0.0);
        if above < NEGLIGIBLE {
            break;
        }
    }
    Some(expected / f64::from(n))
}

/// The probability that no token comes more than `m` times in `n` draws.
fn none_above(live: &[f64], n: u32, m: u32) -> f64 {
    let n_draws = n as usize;
    let mut sums = vec![0.0; n_draws + 1]; // of the counts so far
    sums[0] = 1.0;
    for p in live {
        let mean = f64::from(n) * p;
        let counts: Vec<f64> = (0..=m).map(|count| poisson(f64::from(count), mean)).collect();
        for total in (0..=n_draws).rev() {
            let reachable = counts.iter().take(total + 1).enumerate();
            sums[total] = reachable.map(|(count, p)| p * sums[total - count]).sum();
        }
    }
    sums[n_draws] / poisson(f64::from(n), f64::from(n))
}
