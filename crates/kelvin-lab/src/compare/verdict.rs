//! Whether an observed share fits an exact probability, and how many draws would tell.

use kelvin::math::sqrt;

use super::binomial::{Binomial, clopper_pearson};
use super::estimate::{Interval, LEVEL};

/// Below this p-value draws do not fit.
const RARE: f64 = 0.05;

/// What n draws say about something of a known probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The exact probability.
    pub p: f64,
    /// Draws.
    pub n: u64,
    /// How often it came.
    pub count: u64,
    /// The standard deviation of the share, √(p(1 − p)/n).
    pub deviation: f64,
    /// (share − p) / deviation; `None` for something certain or impossible.
    pub z: Option<f64>,
    /// The exact two-sided binomial p-value ([`Binomial::two_sided_p`]).
    pub p_value: f64,
    /// The counts that 95 % of such experiments have ([`Binomial::central`]).
    pub central: (u64, u64),
    /// The Clopper–Pearson interval of the true share, from the draws alone.
    pub interval: Interval,
}

impl Verdict {
    /// The verdict on `count` of `n` draws; `None` for no draw, more than all, or no probability.
    ///
    /// ```
    /// use kelvin_lab::compare::Verdict;
    ///
    /// let verdict = Verdict::new(0.33248276, 24, 100).unwrap();
    /// assert!((verdict.p_value - 0.0556).abs() < 1e-4 && verdict.is_plausible());
    /// assert_eq!(verdict.central, (24, 43));
    /// ```
    pub fn new(p: f64, count: u64, n: u64) -> Option<Self> {
        let law = Binomial::new(n, p).filter(|_| n > 0 && count <= n)?;
        let deviation = law.share_deviation();
        let z = (deviation > 0.0).then(|| (count as f64 / n as f64 - p) / deviation);
        Some(Self {
            p,
            n,
            count,
            deviation,
            z,
            p_value: law.two_sided_p(count),
            central: law.central(LEVEL),
            interval: clopper_pearson(count, n, LEVEL),
        })
    }

    /// The observed share.
    pub fn share(&self) -> f64 {
        self.count as f64 / self.n as f64
    }

    /// Whether draws from the law come out so in one of twenty experiments or more often.
    pub fn is_plausible(&self) -> bool {
        self.p_value >= RARE
    }
}

/// How many draws give the share of something of probability `p` this standard error: p(1 − p)/se²,
/// rounded up. `None` for no probability or an error that is not above 0.
///
/// ```
/// assert_eq!(kelvin_lab::compare::n_for_standard_error(0.5, 0.01), Some(2500));
/// ```
pub fn n_for_standard_error(p: f64, se: f64) -> Option<u64> {
    let sound = (0.0..=1.0).contains(&p) && se > 0.0;
    let n = sqrt(p * (1.0 - p)) / se;
    let n = n * n;
    // a whole number that rounding has lifted by a few bits is still that number
    let n = if n - n.floor() < n * 1e-12 { n.floor() } else { n.ceil() };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not below 0; beyond 2^64 it saturates"
    )]
    sound.then_some(n as u64)
}
