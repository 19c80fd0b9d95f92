//! The law of a count: how often something of probability p comes in n independent draws.

use kelvin::math::sqrt;

use super::beta::incomplete_beta;
use super::estimate::Interval;
use super::gamma;

/// Outcomes within this of the observed one's probability count as equally likely, as in R and scipy:
/// rounding must not decide.
const TIE: f64 = 1.0 + 1e-7;
/// Halvings after which an interval of doubles has no inside.
const HALVINGS: u32 = 64;

/// The binomial law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Binomial {
    n: u64,
    p: f64,
}

impl Binomial {
    /// The count in `n` draws of something of probability `p`; `None` for a p outside 0 to 1.
    pub fn new(n: u64, p: f64) -> Option<Self> {
        (0.0..=1.0).contains(&p).then_some(Self { n, p })
    }

    /// The expected count.
    pub fn mean(self) -> f64 {
        self.n as f64 * self.p
    }

    /// The standard deviation of the observed share, count / n.
    pub fn share_deviation(self) -> f64 {
        sqrt(self.p * (1.0 - self.p) / self.n as f64)
    }

    /// The probability of exactly `k`.
    pub fn pmf(self, k: u64) -> f64 {
        if k > self.n {
            return 0.0;
        }
        gamma::binomial(k as f64, (self.n - k) as f64, (self.p, 1.0 - self.p))
    }

    /// The probabilities of at most `k`, and of more.
    pub fn cdf(self, k: u64) -> (f64, f64) {
        if k >= self.n {
            return (1.0, 0.0);
        }
        let (above, below) = incomplete_beta(k as f64 + 1.0, (self.n - k) as f64, self.p);
        (below, above)
    }

    /// The least count that is not below this quantile.
    fn quantile(self, level: f64) -> u64 {
        let (mut low, mut high) = (0, self.n);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.cdf(middle).0 >= level { high = middle } else { low = middle + 1 }
        }
        low
    }

    /// The counts from the (1 − level)/2 quantile to the (1 + level)/2 quantile: of 100 experiments at
    /// least 100 · level lie here, both ends included.
    pub fn central(self, level: f64) -> (u64, u64) {
        (self.quantile((1.0 - level) / 2.0), self.quantile(f64::midpoint(1.0, level)))
    }

    /// The exact two-sided p-value: the probability of all counts that are no more likely than `k`. The
    /// method of R's `binom.test` and of scipy's `binomtest`.
    pub fn two_sided_p(self, k: u64) -> f64 {
        let bound = self.pmf(k) * TIE;
        let unlikely = |count: u64| self.pmf(count) <= bound;
        let mean = self.mean();
        let p = if (k as f64) < mean {
            // of the upper side, the counts from the first unlikely one on
            let first = first_where(floor(mean), self.n + 1, unlikely);
            self.cdf(k).0 + self.at_least(first)
        } else if (k as f64) > mean {
            // of the lower side, the counts up to the last unlikely one: those before the first likely
            let first_likely = first_where(0, floor(mean) + 1, |count| !unlikely(count));
            self.at_least(k) + first_likely.checked_sub(1).map_or(0.0, |last| self.cdf(last).0)
        } else {
            1.0
        };
        p.min(1.0)
    }

    fn at_least(self, k: u64) -> f64 {
        k.checked_sub(1).map_or(1.0, |below| self.cdf(below).1)
    }
}

/// The first of `low..high` for which `holds`, which holds for all behind it; `high` where none is.
fn first_where(low: u64, high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (low, high);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a mean lies between 0 and n"
)]
fn floor(mean: f64) -> u64 {
    mean as u64
}

/// The Clopper–Pearson interval of a share, from `k` of `n`: exact, so that at least `level` of such
/// intervals hold the true share. (0, 1) for no draws.
///
/// Source: Clopper and Pearson 1934.
///
/// ```
/// let interval = kelvin_lab::compare::clopper_pearson(0, 10, 0.95);
/// assert!(interval.low == 0.0 && (interval.high - 0.3085).abs() < 1e-4);
/// ```
pub fn clopper_pearson(k: u64, n: u64, level: f64) -> Interval {
    let tail = (1.0 - level) / 2.0;
    let (count, rest) = (k.min(n) as f64, n.saturating_sub(k) as f64);
    let low = if k == 0 { 0.0 } else { solve(|p| incomplete_beta(count, rest + 1.0, p).0 >= tail) };
    let high =
        if k >= n { 1.0 } else { solve(|p| incomplete_beta(count + 1.0, rest, p).1 <= tail) };
    Interval { low, high }
}

/// The least share between 0 and 1 for which `holds`, which holds for all above it.
fn solve(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if holds(middle) { high = middle } else { low = middle }
    }
    high
}
