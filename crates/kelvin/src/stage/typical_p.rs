//! Keep the tokens of the most typical surprisal that reach the mass.

use alloc::boxed::Box;
use core::fmt;

use super::{Effect, Kind, Param, Stage, StageInfo, Step, TIES};
use crate::candidates::Candidates;
use crate::{Decimal, Result, Ties};

pub(super) static INFO: StageInfo = StageInfo {
    name: "typical-p",
    aliases: &["typical", "typ-p"],
    summary: "keep the tokens of the most typical surprisal that reach the mass",
    params: &[
        Param {
            name: "mass",
            aliases: &[],
            kind: Kind::Number,
            range: "0 < mass ≤ 1 (use 1 to keep every token)",
            default: None,
            neutral: "1",
        },
        TIES,
    ],
    effect: Effect::Truncation,
    keeps_argmax: false,
    origin: "Meister et al. 2022, arXiv 2202.00666",
    build: |arguments| {
        let ties = arguments.choice(1)?;
        if arguments.is_off() {
            return Ok(Box::new(TypicalP::off()));
        }
        Ok(Box::new(TypicalP { mass: arguments.decimal(0, is_valid)?, ties }))
    },
};

fn is_valid(mass: f64) -> bool {
    mass > 0.0 && mass <= 1.0
}

/// Keeps the tokens whose surprisal is nearest the entropy, until they reach the mass.
///
/// *Formula*: the smallest set, taken by ascending |−ln p − H|, ties by the total order, whose weights
/// sum to at least ⌈mass·W⌉; H and p of the tokens alive at the current temperature.
///
/// *Parameters*: `mass` in (0, 1]; 1 is neutral. `ties`: which stay of the tokens whose distance to the
/// entropy is the last's, `first` (default), `last` or `all`.
/// *Properties*: may remove the argmax; masks only; draws no coins.
/// *Cost*: two passes over the row and a selection among all the tokens alive.
/// *Edge cases*: banned tokens take no part in H, so nothing becomes NaN.
/// *Origin*: arXiv 2202.00666. *Differs*: Hugging Face keeps every token that ties with the last
/// (`ties=all`).
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "typical-p(0.2)".parse()?;
/// let logits = [0.6_f32, 0.3, 0.1].map(f32::ln);
/// // H = 0.90 nats; the second token's surprisal of 1.20 is the nearest
/// assert_eq!(Sampler::new(pipeline, 3)?.probabilities(&logits)?, [0.0, 1.0, 0.0]);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TypicalP {
    mass: Decimal,
    ties: Ties,
}

impl TypicalP {
    /// The stage with this parameter, read as the shortest decimal that prints it.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] when it is outside its range.
    pub fn new(mass: f64) -> Result<Self> {
        let decimal = Decimal::nearest(mass).filter(|_| is_valid(mass));
        Ok(Self { mass: decimal.ok_or_else(|| INFO.refuse(0, mass))?, ..Self::off() })
    }

    /// Every token is kept.
    pub const fn off() -> Self {
        Self { mass: Decimal::ONE, ties: Ties::First }
    }

    /// The same stage with another rule for tokens whose score ties with the last's.
    #[must_use]
    pub const fn with_ties(self, ties: Ties) -> Self {
        Self { ties, ..self }
    }
}

impl Stage for TypicalP {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        let entropy = candidates.entropy_nats(candidates.temperature());
        candidates.keep_by_score(self.mass, self.ties, |logprob| {
            let distance = -logprob - entropy;
            if distance < 0.0 { -distance } else { distance }
        });
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.mass)?;
        if self.is_neutral() { Ok(()) } else { super::write_ties(out, self.ties) }
    }

    fn is_neutral(&self) -> bool {
        self.mass == Decimal::ONE
    }
}
