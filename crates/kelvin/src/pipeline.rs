//! A pipeline: an ordered, validated recipe of stages, immutable and shared.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::stage::{Effect, Stage};
use crate::{Error, Result, TokenId};

/// An ordered recipe of stages and the pick at its end. Cheap to clone.
///
/// Its text form parses and prints back. The order is the order of the text; the pick is a draw unless
/// the last word is `greedy` or a temperature is 0.
///
/// ```
/// use kelvin::Pipeline;
///
/// let pipeline: Pipeline = "repetition-penalty(1.1, last=64) | temperature(0.8) | top-p(0.9)".parse()?;
/// assert_eq!(
///     pipeline.to_string(),
///     "repetition-penalty(1.1, last=64, scope=all) | temperature(0.8) | top-p(0.9)"
/// );
/// let wrong = "top-p(1.5)".parse::<Pipeline>().unwrap_err();
/// assert_eq!(wrong.to_string(), "top-p: p = 1.5 is outside 0 < p ≤ 1 (use 1 to keep every token)");
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pipeline {
    stages: Arc<[Box<dyn Stage>]>,
    pick: Pick,
}

/// How the token is chosen from what the stages left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// In proportion to the weights.
    Draw,
    /// The first token of the total order. Truncations and temperature are skipped.
    Greedy,
}

impl Pipeline {
    /// No stage, and a draw: the model's distribution untouched.
    pub fn neutral() -> Self {
        Self::new(Vec::new(), Pick::Draw)
    }

    /// The first token of the total order.
    pub fn greedy() -> Self {
        Self::new(Vec::new(), Pick::Greedy)
    }

    /// These stages in this order.
    pub fn new(stages: Vec<Box<dyn Stage>>, pick: Pick) -> Self {
        Self { stages: stages.into(), pick }
    }

    /// A builder; the order of its calls is the order of the stages.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The stages, in order.
    pub fn stages(&self) -> &[Box<dyn Stage>] {
        &self.stages
    }

    /// Whether the pick is greedy: asked for, or by a temperature of 0.
    pub fn is_greedy(&self) -> bool {
        self.pick == Pick::Greedy || self.stages.iter().any(|stage| stage.is_greedy())
    }

    /// Whether a stage does nothing here: neutral, or skipped because the pick is greedy.
    pub fn skips(&self, stage: &dyn Stage) -> bool {
        stage.is_neutral() || (self.is_greedy() && is_greedy_blind(stage))
    }

    /// The stages that would narrow or reweigh a draw, but that greedy skips.
    pub fn ignored_by_greedy(&self) -> impl Iterator<Item = &dyn Stage> {
        let stages = self.stages.iter().map(AsRef::as_ref).filter(|_| self.is_greedy());
        stages.filter(|stage| is_greedy_blind(*stage) && !stage.is_neutral() && !stage.is_greedy())
    }

    /// Whether the distribution reaches the draw as the model gave it.
    pub fn is_neutral(&self) -> bool {
        !self.is_greedy() && self.stages.iter().all(|stage| stage.is_neutral())
    }

    /// The same stages in the default order (see [`crate::stage::ALL`]), kept in place where equal.
    #[must_use]
    pub fn in_default_order(stages: Vec<Box<dyn Stage>>, pick: Pick) -> Self {
        let mut stages = stages;
        stages.sort_by_key(|stage| {
            let name = stage.info().name;
            crate::stage::ALL.iter().position(|info| info.name == name)
        });
        Self::new(stages, pick)
    }

    /// Checks every token id among the parameters against a vocabulary.
    pub(crate) fn check_tokens(&self, vocab_size: usize) -> Result<()> {
        let largest = self.stages.iter().filter_map(|stage| stage.largest_token()).max();
        largest.map_or(Ok(()), |token| check_token(token, vocab_size))
    }
}

fn is_greedy_blind(stage: &dyn Stage) -> bool {
    matches!(stage.info().effect, Effect::Temperature | Effect::Truncation)
}

/// An error unless the token is in the vocabulary.
pub(crate) fn check_token(token: TokenId, vocab_size: usize) -> Result<()> {
    if (token as usize) < vocab_size {
        Ok(())
    } else {
        Err(Error::TokenOutOfRange { token, vocab_size })
    }
}

impl Default for Pipeline {
    fn default() -> Self {
        Self::neutral()
    }
}

impl PartialEq for Pipeline {
    /// Pipelines are equal when their text is.
    fn eq(&self, other: &Self) -> bool {
        use alloc::string::ToString;
        self.to_string() == other.to_string()
    }
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for stage in &*self.stages {
            write!(f, "{between}{}", Shown(stage.as_ref()))?;
            between = " | ";
        }
        match self.pick {
            Pick::Greedy => write!(f, "{between}greedy"),
            Pick::Draw if self.stages.is_empty() => f.write_str("neutral"),
            Pick::Draw => Ok(()),
        }
    }
}

/// A stage in its text form.
#[derive(Debug)]
pub struct Shown<'a>(pub &'a dyn Stage);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.0.info().name)?;
        self.0.write_arguments(f)?;
        f.write_str(")")
    }
}

/// Collects stages; the first error is kept until [`Builder::build`].
///
/// ```
/// use kelvin::Pipeline;
///
/// let pipeline = Pipeline::builder().temperature(0.8).top_p(0.9).min_p(0.02).build()?;
/// assert_eq!(pipeline.to_string(), "temperature(0.8) | top-p(0.9) | min-p(0.02)");
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Builder {
    stages: Vec<Box<dyn Stage>>,
    error: Option<Error>,
}

impl Builder {
    /// Adds a stage.
    #[must_use]
    pub fn stage(self, stage: impl Stage + 'static) -> Self {
        self.push(Ok(stage))
    }

    fn push(mut self, stage: Result<impl Stage + 'static>) -> Self {
        match stage {
            Ok(stage) => self.stages.push(Box::new(stage)),
            Err(error) => self.error = self.error.or(Some(error)),
        }
        self
    }

    /// Adds [`Temperature`](crate::stage::Temperature).
    #[must_use]
    pub fn temperature(self, t: f64) -> Self {
        self.push(crate::stage::Temperature::new(t))
    }

    /// Adds [`TopK`](crate::stage::TopK); 0 keeps every token.
    #[must_use]
    pub fn top_k(self, k: usize) -> Self {
        let off = crate::stage::TopK::off();
        self.stage(core::num::NonZeroUsize::new(k).map_or(off, crate::stage::TopK::new))
    }

    /// Adds [`TopP`](crate::stage::TopP).
    #[must_use]
    pub fn top_p(self, p: f64) -> Self {
        self.push(crate::stage::TopP::new(p))
    }

    /// Adds [`MinP`](crate::stage::MinP).
    #[must_use]
    pub fn min_p(self, m: f64) -> Self {
        self.push(crate::stage::MinP::new(m))
    }

    /// The pipeline, ending in a draw (or greedy, if a temperature is 0).
    ///
    /// # Errors
    ///
    /// The first error of the calls before.
    pub fn build(self) -> Result<Pipeline> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(Pipeline::new(self.stages, Pick::Draw)),
        }
    }
}
