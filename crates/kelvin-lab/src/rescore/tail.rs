//! Bounds on the mass of what a head leaves out.

use kelvin::math;

use crate::trace::{Head, Step};

/// The tokens below a head, in bins from the top down.
#[derive(Debug)]
pub(super) struct Tail {
    /// How many tokens.
    pub(super) count: usize,
    bins: Vec<Bin>,
}

/// Some neighbouring tokens: how many, the mean of their logits, and what no logit of them passes.
#[derive(Debug)]
struct Bin {
    count: f64,
    mean: f64,
    low: f64,
    high: f64,
}

impl Tail {
    /// The tail of a step. Bins lie apart, so each one's mean bounds its neighbours; and no value lies
    /// further from a mean of n than √(n − 1) standard deviations (Samuelson 1968).
    pub(super) fn of(step: &Step, head: &Head) -> Self {
        let means: Vec<f64> = step.tail.iter().map(|bin| bin.1).collect();
        let last = f64::from(head.logits[head.logits.len() - 1]);
        let bin = |(at, bin): (usize, &crate::trace::TailBin)| {
            let &crate::trace::TailBin(count, mean, variance) = bin;
            let reach = ((count as f64 - 1.0).max(0.0) * variance.max(0.0)).sqrt();
            let above = if at == 0 { last } else { means[at - 1] };
            let below = means.get(at + 1).copied().unwrap_or(f64::NEG_INFINITY);
            Bin {
                count: count as f64,
                mean,
                low: (mean - reach).max(below),
                high: (mean + reach).min(above).max(mean),
            }
        };
        let bins: Vec<Bin> = step.tail.iter().enumerate().map(bin).collect();
        Self { count: step.tail.iter().map(|bin| bin.0).sum(), bins }
    }

    /// Bounds on Σ e^((z − `origin`) / `t`) over the tail: Jensen's from below, the chord's from above.
    pub(super) fn mass(&self, origin: f64, t: f64) -> (f64, f64) {
        let term = |z: f64| math::exp((z - origin) / t);
        let low = self.bins.iter().map(|bin| bin.count * term(bin.mean)).sum();
        let high = self.bins.iter().map(|bin| {
            let width = bin.high - bin.low;
            if width <= 0.0 {
                return bin.count * term(bin.high);
            }
            let share = (bin.mean - bin.low) / width;
            bin.count * ((1.0 - share) * term(bin.low) + share * term(bin.high))
        });
        (low, high.sum::<f64>())
    }
}
