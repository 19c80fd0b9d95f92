//! Whether counts fit a distribution.

use super::gamma::incomplete_gamma;

/// Cells that expect fewer than this are put together (Cochran 1954): the χ² law is no good for them.
const FEW: f64 = 5.0;

/// A χ² statistic with its degrees of freedom and its p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquare {
    /// The statistic.
    pub statistic: f64,
    /// Degrees of freedom.
    pub df: u32,
    /// The probability of a statistic at least as large.
    pub p_value: f64,
}

impl ChiSquare {
    /// The p-value of a statistic.
    pub fn new(statistic: f64, df: u32) -> Self {
        Self { statistic, df, p_value: chi_square_tail(statistic, df) }
    }

    /// Independent standard scores taken together: the sum of their squares.
    pub fn of_scores(scores: &[f64]) -> Self {
        let statistic = scores.iter().map(|z| z * z).sum();
        Self::new(statistic, u32::try_from(scores.len()).unwrap_or(u32::MAX))
    }
}

/// The probability that a χ² variable of `df` degrees of freedom is at least `x`; 1 for no degree.
pub fn chi_square_tail(x: f64, df: u32) -> f64 {
    if df == 0 {
        return 1.0;
    }
    incomplete_gamma(f64::from(df) / 2.0, x / 2.0).1
}

/// How well counts fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goodness {
    /// Something came that cannot come.
    Impossible,
    /// Too few draws, or a single cell: nothing can be said.
    Untestable,
    /// Pearson's test.
    Tested(ChiSquare),
}

impl Goodness {
    /// Pearson's χ² test of counts against probabilities, one of each for each cell. Cells that expect
    /// fewer than 5 are one cell.
    ///
    /// ```
    /// use kelvin_lab::compare::Goodness;
    ///
    /// let Goodness::Tested(test) = Goodness::of(&[44, 56], &[0.5, 0.5]) else { panic!() };
    /// assert_eq!((test.statistic, test.df), (1.44, 1));
    /// assert_eq!(Goodness::of(&[1, 1], &[1.0, 0.0]), Goodness::Impossible);
    /// ```
    pub fn of(counts: &[u64], probabilities: &[f64]) -> Self {
        let impossible = |(count, p): (&u64, &f64)| *count > 0 && *p <= 0.0;
        if counts.iter().zip(probabilities).any(impossible) {
            return Self::Impossible;
        }
        let n = counts.iter().sum::<u64>() as f64;
        let cells = counts.iter().zip(probabilities).map(|(&count, p)| (n * p, count as f64));
        let cells = pooled(cells.filter(|(expected, _)| *expected > 0.0).collect());
        let Some(df) = u32::try_from(cells.len()).ok().and_then(|n| n.checked_sub(1)) else {
            return Self::Untestable;
        };
        if df == 0 || cells[0].0 < FEW {
            return Self::Untestable;
        }
        let parts = cells.iter().map(|(expected, count)| square(count - expected) / expected);
        Self::Tested(ChiSquare::new(parts.sum(), df))
    }
}

/// The cells, of expectation and count, those of the least expectation put together until each expects
/// enough.
fn pooled(mut cells: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    cells.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut pool = (0.0, 0.0);
    let mut few = 0;
    let is_short = |pool: f64, next: f64| pool < FEW && (pool > 0.0 || next < FEW);
    while few < cells.len() && is_short(pool.0, cells[few].0) {
        pool = (pool.0 + cells[few].0, pool.1 + cells[few].1);
        few += 1;
    }
    let pool = (few > 0).then_some(pool);
    pool.into_iter().chain(cells.split_off(few)).collect()
}

fn square(x: f64) -> f64 {
    x * x
}
