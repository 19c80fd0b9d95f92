//! Bounds on the mass of what a head leaves out.

use kelvin::math;

use crate::trace::{Head, Step, TailBin};

/// The tokens below a head, in bins from the top down.
#[derive(Debug)]
pub(super) struct Tail {
    /// How many tokens.
    pub(super) count: usize,
    bins: Vec<Bin>,
}

/// Some neighbouring tokens: how many, where the mean of their logits lies, and where all of them do.
#[derive(Debug)]
struct Bin {
    count: f64,
    mean: Span,
    logits: Span,
}

/// What lies between two numbers, them included.
#[derive(Debug, Clone, Copy)]
struct Span {
    low: f64,
    high: f64,
}

impl Span {
    /// Where a number lies that this one was rounded from.
    fn around(rounded: f32) -> Self {
        let step = f64::from(rounded.abs() * f32::EPSILON + f32::MIN_POSITIVE);
        Self { low: f64::from(rounded) - step, high: f64::from(rounded) + step }
    }
}

impl Tail {
    /// The tail of a step. Bins lie apart, so each one's mean bounds its neighbours; and no value lies
    /// further from a mean of n than √(n − 1) standard deviations (Samuelson 1968).
    pub(super) fn of(step: &Step, head: &Head) -> Self {
        let means: Vec<Span> = step.tail.iter().map(|bin| Span::around(bin.1)).collect();
        let last = f64::from(head.logits[head.logits.len() - 1]);
        let bin = |(at, &TailBin(count, _, variance)): (usize, &TailBin)| {
            let mean = means[at];
            let reach = ((count as f64 - 1.0).max(0.0) * largest(variance)).sqrt();
            let above = if at == 0 { last } else { means[at - 1].high };
            let below = means.get(at + 1).map_or(f64::NEG_INFINITY, |below| below.low);
            let low = (mean.low - reach).max(below);
            let high = (mean.high + reach).min(above).max(mean.high);
            Bin { count: count as f64, mean, logits: Span { low, high } }
        };
        let bins: Vec<Bin> = step.tail.iter().enumerate().map(bin).collect();
        Self { count: step.tail.iter().map(|bin| bin.0).sum(), bins }
    }

    /// Bounds on Σ e^((z − `origin`) / `t`) over the tail: Jensen's from below, the chord's from above.
    pub(super) fn mass(&self, origin: f64, t: f64) -> (f64, f64) {
        let term = |z: f64| math::exp((z - origin) / t);
        let low = self.bins.iter().map(|bin| bin.count * term(bin.mean.low)).sum();
        let high = self.bins.iter().map(|Bin { count, mean, logits }| {
            let width = logits.high - logits.low;
            let share = (mean.high - logits.low) / width;
            let share = if share < 1.0 { share } else { 1.0 }; // no width, or no end below
            count * ((1.0 - share) * term(logits.low) + share * term(logits.high))
        });
        (low, high.sum::<f64>())
    }
}

/// What a variance was at most before it was rounded; one that reaches the largest may be any.
fn largest(variance: f32) -> f64 {
    if variance < f32::MAX { Span::around(variance).high.max(0.0) } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::{Bin, Span, Tail, largest};

    #[test]
    fn what_was_rounded_lies_in_its_span() {
        let numbers =
            [(0.1, 0.1), (-13.302_690_924_246_48, -13.302_691), (1e-44, 0.0), (3e38, 3e38)];
        for (number, rounded) in numbers {
            let Span { low, high } = Span::around(rounded);
            assert!(low < number && number < high, "{low} < {number} < {high}");
            assert!(high - low <= number.abs() * 3e-7 + 3e-38, "{number}");
        }
        assert!(largest(f32::MAX).is_infinite(), "a larger variance is written so");
        assert!(largest(2.0) > 2.0);
    }

    #[test]
    fn a_bin_without_an_end_below_weighs_as_much_as_its_best_at_most() {
        let logits = Span { low: f64::NEG_INFINITY, high: 0.0 };
        let bin = Bin { count: 3.0, mean: Span::around(-1.0), logits };
        let (low, high) = Tail { count: 3, bins: vec![bin] }.mass(0.0, 1.0);
        assert!((low - 3.0 * kelvin::math::exp(-1.0)).abs() < 1e-6, "{low}");
        assert!((high - 3.0).abs() < 1e-12, "{high}");
    }
}
