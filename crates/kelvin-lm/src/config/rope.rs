//! Rotary positions: how far each pair of a head turns per position.

use std::f64::consts::TAU;

use super::shape;
use crate::Result;

/// Rotary positions. Su et al., arXiv 2104.09864.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// Pair `i` turns by base^(−2 i / `head_dim`) per position; at least 1.
    pub base: f32,
    /// What is done to these frequencies for contexts longer than those trained on at first.
    pub scaling: RopeScaling,
}

/// What stretches rotary positions.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    /// Nothing.
    None,
    /// All frequencies are divided by this; at least 1. Chen et al., arXiv 2306.15595.
    Linear(f32),
    /// Slow frequencies are divided, fast ones kept, those between mixed.
    Llama3(Llama3Scaling),
    /// Frequency `i` is divided by number `i`, `[head_dim / 2]`: how GGUF files have Llama 3's.
    Factors(Vec<f32>),
}

/// The scaling of Llama 3.1 and later. Grattafiori et al., arXiv 2407.21783.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Llama3Scaling {
    /// What slow frequencies are divided by; at least 1.
    pub factor: f32,
    /// Those that turn less often than this within `original_max_seq` positions are slow.
    pub low_freq_factor: f32,
    /// Those that turn more often than this are fast; above `low_freq_factor`.
    pub high_freq_factor: f32,
    /// Positions of the longest sequence trained on at first.
    pub original_max_seq: usize,
}

impl Rope {
    /// Plain rotary positions of this base.
    pub const fn new(base: f32) -> Self {
        Self { base, scaling: RopeScaling::None }
    }

    /// How far each pair of a head turns per position, in radians, `[head_dim / 2]`.
    ///
    /// ```
    /// use kelvin_lm::{Rope, RopeScaling};
    ///
    /// let plain = Rope::new(10_000.0);
    /// let turns = plain.frequencies(4);
    /// assert!(turns[0] == 1.0 && (turns[1] - 0.01).abs() < 1e-15);
    /// let stretched = Rope { scaling: RopeScaling::Linear(8.0), ..plain };
    /// assert_eq!(stretched.frequencies(4)[0], 0.125);
    /// ```
    pub fn frequencies(&self, head_dim: usize) -> Vec<f64> {
        let step = -2.0 * kelvin::math::ln(f64::from(self.base)) / head_dim as f64;
        let plain = (0..head_dim / 2).map(|i| kelvin::math::exp(step * i as f64));
        match &self.scaling {
            RopeScaling::None => plain.collect(),
            RopeScaling::Linear(factor) => plain.map(|it| it / f64::from(*factor)).collect(),
            RopeScaling::Llama3(scaling) => plain.map(|it| scaling.stretched(it)).collect(),
            RopeScaling::Factors(factors) => {
                plain.zip(factors).map(|(it, factor)| it / f64::from(*factor)).collect()
            }
        }
    }

    /// Holds the numbers to their ranges.
    ///
    /// # Errors
    /// [`ErrorKind::Shape`](crate::ErrorKind::Shape), with the value and the rule.
    pub(super) fn check(&self, head_dim: usize) -> Result<()> {
        let base = self.base;
        if !(base.is_finite() && base >= 1.0) {
            return Err(shape(format!("rope base {base} is not finite and at least 1")));
        }
        match &self.scaling {
            RopeScaling::None => Ok(()),
            RopeScaling::Linear(factor) => check_factor(*factor),
            RopeScaling::Llama3(scaling) => scaling.check(),
            RopeScaling::Factors(factors) if factors.len() != head_dim / 2 => {
                let (given, pairs) = (factors.len(), head_dim / 2);
                Err(shape(format!("{given} rope factors for the {pairs} pairs of a head")))
            }
            RopeScaling::Factors(factors) => factors.iter().copied().try_for_each(check_factor),
        }
    }
}

impl Llama3Scaling {
    fn stretched(&self, frequency: f64) -> f64 {
        let turns = self.original_max_seq as f64 * frequency / TAU;
        let (low, high) = (f64::from(self.low_freq_factor), f64::from(self.high_freq_factor));
        let slow = frequency / f64::from(self.factor);
        if turns < low {
            slow
        } else if turns > high {
            frequency
        } else {
            let kept = (turns - low) / (high - low);
            (1.0 - kept) * slow + kept * frequency
        }
    }

    fn check(&self) -> Result<()> {
        let Self { low_freq_factor: low, high_freq_factor: high, .. } = *self;
        check_factor(self.factor)?;
        if !(low > 0.0 && high > low && high.is_finite()) {
            return Err(shape(format!(
                "rope scaling between {low} and {high} turns, expected the second above the first \
                 and both above 0"
            )));
        }
        if !(1..=1 << 20).contains(&self.original_max_seq) {
            let given = self.original_max_seq;
            return Err(shape(format!("rope scaling from {given} positions, outside 1 to 2^20")));
        }
        Ok(())
    }
}

/// Factors are at least 1, so that angles stay within what sines are exact for; a converter's
/// rounding may lie a little below.
fn check_factor(factor: f32) -> Result<()> {
    if factor.is_finite() && factor >= 0.999 {
        return Ok(());
    }
    Err(shape(format!("rope factor {factor} is not finite and at least 1")))
}

#[cfg(test)]
mod tests {
    use super::{Llama3Scaling, Rope, RopeScaling};

    #[test]
    fn llama_3_divides_slow_frequencies_and_keeps_fast_ones() {
        let scaling = Llama3Scaling {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_seq: 8192,
        };
        let plain = Rope::new(500_000.0).frequencies(128);
        let rope = Rope { base: 500_000.0, scaling: RopeScaling::Llama3(scaling) };
        let stretched = rope.frequencies(128);
        let divided: Vec<f64> = plain.iter().zip(&stretched).map(|(a, b)| a / b).collect();
        // as transformers computes them for Llama 3.1 8B
        let mixed = [1.207_483_9, 1.553_414_6, 2.026_313, 2.694_530_2, 3.684_253_5, 5.257_327];
        let expected = [[1.0; 29].as_slice(), &mixed, &[8.0; 29]].concat();
        for (divided, expected) in divided.iter().zip(expected) {
            assert!((divided / expected - 1.0).abs() < 1e-5, "{divided} is not {expected}");
        }
    }
}
