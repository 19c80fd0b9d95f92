//! The learning rate as a function of the step.

use kelvin::math;

use super::settings::Settings;

impl Settings {
    /// The rate of a step, counted from 0: linear warm-up, half a cosine down to the least, and that
    /// from then on. As nanoGPT has it; the cosine is Loshchilov and Hutter's, arXiv 1608.03983.
    ///
    /// ```
    /// use kelvin_lm::train::{Settings, Size};
    ///
    /// let sizes = Size::from_name("char-small")?;
    /// let settings = Settings { warmup_steps: 10, decay_steps: 110, ..sizes.settings };
    /// let rates = [0, 9, 10, 60, 110, 5000].map(|step| settings.rate(step));
    /// for (rate, expected) in rates.into_iter().zip([1e-4, 1e-3, 1e-3, 5.5e-4, 1e-4, 1e-4]) {
    ///     assert!((rate - expected).abs() < 1e-15);
    /// }
    /// # Ok::<(), kelvin_lm::Error>(())
    /// ```
    pub fn rate(&self, step: u32) -> f64 {
        let Self { learning_rate, min_learning_rate, warmup_steps, decay_steps, .. } = *self;
        if step < warmup_steps {
            return learning_rate * (f64::from(step) + 1.0) / f64::from(warmup_steps);
        }
        if step >= decay_steps {
            return min_learning_rate;
        }
        let done = f64::from(step - warmup_steps) / f64::from(decay_steps - warmup_steps);
        let (_, cosine) = math::sin_cos(std::f64::consts::PI * done);
        min_learning_rate + 0.5 * (1.0 + cosine) * (learning_rate - min_learning_rate)
    }
}

/// 1 − beta^t: what a running mean that began at 0 has seen so far. Kingma and Ba, arXiv 1412.6980.
pub(super) fn seen(beta: f64, t: u32) -> f64 {
    if beta == 0.0 { 1.0 } else { 1.0 - math::exp(f64::from(t) * math::ln(beta)) }
}
