//! How the loss fell while a model was trained.

use super::{Axis, Figure, Ink, Panel};

/// Means drawn of the training loss, at most: more than that is noise on a page.
const MOST: usize = 240;
/// The factor between highest and lowest from which a logarithmic axis tells more.
const WIDE: f64 = 16.0;

/// The losses of a run by step, in nats per token.
///
/// ```
/// use kelvin_lab::figure::LossCurves;
///
/// let mut losses = LossCurves::default();
/// for step in 1..=100 {
///     losses.train(step, 4.0 / f64::from(step).sqrt());
/// }
/// losses.validate(100, 0.5);
/// assert_eq!(losses.lowest(), Some((100, 0.5)));
/// assert!(losses.figure("a run").to_svg(kelvin_lab::figure::Theme::Light).contains("at step 100"));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LossCurves {
    training: Vec<(u32, f64)>,
    validation: Vec<(u32, f64)>,
}

impl LossCurves {
    /// Adds the loss of a training step; steps come in their order.
    pub fn train(&mut self, step: u32, loss: f64) {
        self.training.push((step, loss));
    }

    /// Adds a loss on what is not trained on, after so many steps.
    pub fn validate(&mut self, step: u32, loss: f64) {
        self.validation.push((step, loss));
    }

    /// The lowest validation loss and its step, the first of equals.
    pub fn lowest(&self) -> Option<(u32, f64)> {
        let finite = self.validation.iter().copied().filter(|(_, loss)| loss.is_finite());
        finite.reduce(|best, next| if next.1 < best.1 { next } else { best })
    }

    /// Both curves. Of many training steps it shows the mean of neighbours, and from the lowest of them
    /// to the highest as a band. The axis of the loss is logarithmic where the curves fall by more than
    /// a factor of 16.
    pub fn figure(&self, title: impl Into<String>) -> Figure {
        let bins = self.bins();
        let label = "loss (nats per token)";
        let y = if self.is_wide(&bins) { Axis::log(label) } else { Axis::linear(label) };
        let panel = Panel::new(title).with_axes(Axis::linear("step"), y);
        let panel = self.with_training(panel, &bins);
        let validation = self.validation.iter().map(|&(step, loss)| (f64::from(step), loss));
        let panel = panel.line("validation", Ink::Orange, validation.clone()).dots(
            "",
            Ink::Orange,
            validation,
        );
        match self.lowest() {
            Some((step, loss)) => {
                let name = format!("lowest validation: {loss:.4} at step {step}");
                panel.dots(name, Ink::Green, [(f64::from(step), loss)]).into()
            }
            None => panel.into(),
        }
    }

    fn with_training(&self, panel: Panel, bins: &[Bin]) -> Panel {
        let means = bins.iter().map(|bin| (bin.step, bin.mean));
        match self.width() {
            1 => panel.line("training", Ink::Blue, means),
            width => panel
                .band("", Ink::Blue, bins.iter().map(|bin| (bin.step, bin.lowest, bin.highest)))
                .line(format!("training, mean of {width} steps"), Ink::Blue, means),
        }
    }

    /// Steps that one mean is of.
    fn width(&self) -> usize {
        self.training.len().div_ceil(MOST).max(1)
    }

    fn bins(&self) -> Vec<Bin> {
        self.training.chunks(self.width()).map(Bin::of).collect()
    }

    fn is_wide(&self, bins: &[Bin]) -> bool {
        let all = bins.iter().map(|bin| bin.mean);
        let all = all.chain(self.validation.iter().map(|(_, loss)| *loss));
        let all = all.filter(|loss| loss.is_finite());
        let (lowest, highest) =
            all.fold((f64::INFINITY, 0.0_f64), |(low, high), loss| (low.min(loss), high.max(loss)));
        lowest > 0.0 && highest > WIDE * lowest
    }
}

/// Neighbouring steps as one.
#[derive(Debug, PartialEq)]
struct Bin {
    /// The middle of its steps.
    step: f64,
    mean: f64,
    lowest: f64,
    highest: f64,
}

impl Bin {
    /// Of at least one step.
    fn of(steps: &[(u32, f64)]) -> Self {
        let losses = || steps.iter().map(|(_, loss)| *loss);
        let middle = f64::midpoint(f64::from(steps[0].0), f64::from(steps[steps.len() - 1].0));
        Self {
            step: middle,
            mean: losses().sum::<f64>() / steps.len() as f64,
            lowest: losses().fold(f64::INFINITY, f64::min),
            highest: losses().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(n_steps: u32, loss: impl Fn(f64) -> f64) -> LossCurves {
        let mut losses = LossCurves::default();
        (1..=n_steps).for_each(|step| losses.train(step, loss(f64::from(step))));
        losses
    }

    #[test]
    fn few_steps_stand_for_themselves_and_many_for_their_neighbours() {
        let bin = |step, loss| Bin { step, mean: loss, lowest: loss, highest: loss };
        assert_eq!(run(3, |step| step).bins(), [bin(1.0, 1.0), bin(2.0, 2.0), bin(3.0, 3.0)]);
        let bins = run(481, |step| step).bins();
        assert_eq!(bins.len(), 161);
        assert_eq!(bins[0], Bin { step: 2.0, mean: 2.0, lowest: 1.0, highest: 3.0 });
        assert_eq!(bins[160], bin(481.0, 481.0), "the last one has what is left");
        assert_eq!(LossCurves::default().bins(), []);
    }

    #[test]
    fn a_wide_fall_asks_for_a_logarithmic_axis() {
        let wide = |losses: &LossCurves| losses.is_wide(&losses.bins());
        assert!(wide(&run(100, |step| 4.0 / step)));
        assert!(!wide(&run(100, |step| 4.0 - step / 100.0)));
        assert!(!wide(&run(100, |step| 1.0 - step / 50.0)), "below 0 there is no logarithm");
        assert!(!wide(&LossCurves::default()));
    }

    #[test]
    fn the_lowest_is_the_first_of_equals_and_a_number() {
        let mut losses = LossCurves::default();
        assert_eq!(losses.lowest(), None);
        for (step, loss) in [(1, f64::NAN), (2, 2.0), (3, 1.0), (4, 1.0)] {
            losses.validate(step, loss);
        }
        assert_eq!(losses.lowest(), Some((3, 1.0)));
    }
}
