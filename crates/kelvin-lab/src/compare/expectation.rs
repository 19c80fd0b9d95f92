//! What draws from a known distribution come to on average, without drawing.

use super::binomial::Binomial;
use super::gamma::{incomplete_gamma, poisson};

/// Where what is left of a sum no longer matters.
const NEGLIGIBLE: f64 = 1e-15;
/// What a condition of probability 10⁻⁴ or more, such as that counts sum to n, makes of it at most.
const RARE: f64 = 1e-4;
/// Multiplications that an expectation may take.
const BUDGET: f64 = 1e9;
/// Most draws whose probabilities are put into a table.
const MOST_DRAWS: u32 = 10_000;

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

/// The expected share of the most common token among `n` independent draws, E\[max count\] / n, exactly
/// but for probabilities below 10⁻¹⁵. `None` for no draw, and where it would take more than about a second (many
/// draws from many tokens that are nearly equal).
///
/// E\[max\] = Σ over m ≥ 0 of P(max > m). For a law of counts that sum to n, P(max ≤ m) is that of
/// independent Poisson counts of means n·p, none above m, given that they sum to n: a product of
/// polynomials, whose coefficient of degree n is wanted. Tokens too rare to exceed m are one Poisson count.
///
/// ```
/// use kelvin_lab::compare::expected_mode_share;
///
/// assert_eq!(expected_mode_share(&[1.0, 0.0], 7), Some(1.0));
/// // two draws from a fair coin: 2 alike in half the cases, else 1
/// assert!((expected_mode_share(&[0.5, 0.5], 2).unwrap() - 0.75).abs() < 1e-14);
/// ```
pub fn expected_mode_share(probabilities: &[f64], n: u32) -> Option<f64> {
    let most = probabilities.iter().copied().fold(0.0, f64::max).min(1.0);
    if n == 0 || n > MOST_DRAWS || most <= 0.0 {
        return None;
    }
    let top = Binomial::new(u64::from(n), most)?;
    // the most probable token alone exceeds every m before this one
    let first = (0..n).find(|&m| top.cdf(u64::from(m)).0 >= NEGLIGIBLE).unwrap_or(n);
    let counts = Counts::of(probabilities, n, first);
    let last = (first..n).find(|&m| counts.exceed(m) < NEGLIGIBLE).unwrap_or(n);
    if f64::from(last - first) * counts.work(last) > BUDGET {
        return None;
    }
    let above: f64 = (first..last).map(|m| (1.0 - counts.none_above(m)).max(0.0)).sum();
    Some((f64::from(first) + above) / f64::from(n))
}

/// Poisson counts of tokens, as many as are drawn on average.
struct Counts {
    n: u32,
    /// The means of those that may be the most common one.
    means: Vec<f64>,
    /// Their probabilities of 0 to n.
    often: Vec<Vec<f64>>,
    /// Those of all others together.
    rest: Vec<f64>,
}

impl Counts {
    /// The counts in `n` draws, where only tokens that may come more than `first` times matter by
    /// themselves.
    fn of(probabilities: &[f64], n: u32, first: u32) -> Self {
        let means = probabilities.iter().map(|p| p * f64::from(n)).filter(|mean| *mean > 0.0);
        let (means, rare): (Vec<f64>, Vec<f64>) =
            means.partition(|&mean| exceeds(mean, first) >= NEGLIGIBLE * RARE);
        let law = |mean: f64| (0..=n).map(|count| poisson(f64::from(count), mean)).collect();
        let rest = law(rare.iter().sum());
        Self { n, often: means.iter().map(|&mean| law(mean)).collect(), means, rest }
    }

    /// At least the probability that any exceeds `m`, were they independent.
    fn exceed(&self, m: u32) -> f64 {
        self.means.iter().map(|&mean| exceeds(mean, m)).sum::<f64>() / RARE
    }

    /// Multiplications of one [`none_above`](Self::none_above).
    fn work(&self, m: u32) -> f64 {
        self.means.len() as f64 * f64::from(self.n) * f64::from(m + 1)
    }

    /// The probability that none comes more than `m` times, given that they sum to n.
    fn none_above(&self, m: u32) -> f64 {
        let (n, allowed) = (self.n as usize, m as usize + 1);
        let Some((last, others)) = self.often.split_last() else { return 1.0 };
        let mut sums = self.rest.clone();
        for counts in others {
            for total in (0..=n).rev() {
                let reachable = counts.iter().take(allowed.min(total + 1)).enumerate();
                sums[total] = reachable.map(|(count, p)| p * sums[total - count]).sum();
            }
        }
        let whole: f64 =
            last.iter().take(allowed).enumerate().map(|(at, p)| p * sums[n - at]).sum();
        whole / poisson(f64::from(self.n), f64::from(self.n))
    }
}

/// The probability that a Poisson count of this mean is more than `m`.
fn exceeds(mean: f64, m: u32) -> f64 {
    incomplete_gamma(f64::from(m) + 1.0, mean).0
}
