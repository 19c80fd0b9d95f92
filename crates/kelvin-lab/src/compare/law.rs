//! The exact law that a policy makes of one row of logits.

use kelvin::{Pipeline, Sampler, stats};

/// A distribution over the tokens of a row, exactly as it is drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Law {
    /// One probability for each token, in id order.
    pub probabilities: Vec<f64>,
    /// Its entropy, in nats.
    pub entropy_nats: f64,
    /// Tokens that no stage removed.
    pub kept: usize,
    /// Tokens that can be drawn.
    pub support: usize,
}

/// How two laws over the same tokens differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    /// Σ p ln(p/q) of this law p from the other q, in nats; ∞ where q rules out what p allows.
    pub kl_nats: f64,
    /// The largest difference in probability that any set of tokens has.
    pub total_variation: f64,
}

impl Law {
    /// The law of a pipeline on a row of logits, without a history.
    ///
    /// ```
    /// use kelvin_lab::compare::Law;
    ///
    /// let law = Law::of(&"top-k(2)".parse()?, &[0.0, 0.0, -1.0])?;
    /// assert_eq!(law.probabilities, [0.5, 0.5, 0.0]);
    /// assert_eq!((law.kept, law.support), (2, 2));
    /// # Ok::<(), kelvin::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Sampler::new`] and [`Sampler::sample`].
    pub fn of(pipeline: &Pipeline, logits: &[f32]) -> kelvin::Result<Self> {
        let mut sampler = Sampler::new(pipeline.clone(), logits.len())?;
        let probabilities = sampler.probabilities(logits)?;
        let step = sampler.sample_traced(logits, 1)?;
        let (entropy_nats, kept, support) = (step.entropy_nats, step.kept, step.support);
        Ok(Self { probabilities, entropy_nats, kept, support })
    }

    /// The expected number of different tokens in `n` draws.
    pub fn expected_unique(&self, n: u32) -> f64 {
        stats::expected_distinct(&self.probabilities, n)
    }

    /// How far this law is from another over the same tokens; `None` for other tokens.
    pub fn distance(&self, from: &Self) -> Option<Distance> {
        let (p, q) = (&self.probabilities, &from.probabilities);
        (p.len() == q.len()).then(|| Distance {
            kl_nats: stats::kl_nats(p, q),
            total_variation: stats::total_variation(p, q),
        })
    }
}
