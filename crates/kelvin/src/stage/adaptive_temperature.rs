//! Adaptive temperature: the flatter the distribution, the higher the temperature.

use alloc::boxed::Box;
use core::fmt;

use super::{Effect, Kind, Param, Stage, StageInfo, Step};
use crate::candidates::Candidates;
use crate::{Result, math};

pub(super) static INFO: StageInfo = StageInfo {
    name: "adaptive-temperature",
    aliases: &[],
    summary: "a temperature from min through base to max as the entropy rises",
    params: &[
        Param {
            name: "base",
            aliases: &["base-temp"],
            kind: Kind::Number,
            range: RANGE,
            default: Some("1"),
            neutral: "off",
        },
        Param {
            name: "min",
            aliases: &["min-temp"],
            kind: Kind::Number,
            range: RANGE,
            default: Some("0.3"),
            neutral: "",
        },
        Param {
            name: "max",
            aliases: &["max-temp"],
            kind: Kind::Number,
            range: RANGE,
            default: Some("1.5"),
            neutral: "",
        },
    ],
    effect: Effect::Temperature,
    keeps_argmax: true,
    origin: "a course exercise; its piecewise-linear map",
    build: |arguments| {
        if arguments.is_off() {
            return Ok(Box::new(AdaptiveTemperature { range: None }));
        }
        let base = arguments.number(0, is_valid)?;
        let min = arguments.number(1, |min| is_valid(min) && min <= base)?;
        let max = arguments.number(2, |max| is_valid(max) && base <= max)?;
        Ok(Box::new(AdaptiveTemperature { range: Some(Range { base, min, max }) }))
    },
};

const RANGE: &str = "0 < min ≤ base ≤ max < ∞ (off leaves the temperature alone)";

fn is_valid(t: f64) -> bool {
    t.is_finite() && t > 0.0
}

/// Chooses the temperature from how flat the distribution is.
///
/// *Formula*: h = H / ln(number of tokens alive), H their entropy at temperature 1 (h = 0 when one is
/// left). For h ≤ ½: T = min + (base − min)·2h; above: T = base + (max − base)·(2h − 1).
///
/// *Parameters*: 0 < `min` (0.3) ≤ `base` (1) ≤ `max` (1.5); `off` is neutral.
/// *Properties*: keeps the argmax; draws no coins. *Cost*: two passes over the row.
/// *Edge cases*: a uniform row gives `max`, a certain one `min`.
/// *Origin*: a course exercise that left the role of `base` open; here T passes through it at h = ½.
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "adaptive-temperature(1, min=0.5, max=2)".parse()?;
/// let shares = Sampler::new(pipeline, 2)?.probabilities(&[100.0, 99.0])?; // certain enough: H/ln 2 = 0.84
/// assert!(shares[0] < 1.0 / (1.0 + (-1.0_f64).exp())); // flatter than at T = 1
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptiveTemperature {
    range: Option<Range>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    base: f64,
    min: f64,
    max: f64,
}

impl Range {
    fn temperature(self, h: f64) -> f64 {
        let Self { base, min, max } = self;
        if h <= 0.5 {
            min + (base - min) * (2.0 * h)
        } else {
            base + (max - base) * (2.0 * h - 1.0)
        }
    }
}

impl AdaptiveTemperature {
    /// From `min` through `base` to `max`.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] unless 0 < min ≤ base ≤ max < ∞.
    pub fn new(base: f64, min: f64, max: f64) -> Result<Self> {
        if is_valid(min) && min <= base && base <= max && max.is_finite() {
            return Ok(Self { range: Some(Range { base, min, max }) });
        }
        Err(INFO.refuse(0, format_args!("{base}, min = {min}, max = {max}")))
    }

    /// The temperature for a row of this entropy (nats) over this many tokens.
    pub fn temperature_for(&self, entropy_nats: f64, live: usize) -> Option<f64> {
        let h = if live > 1 { (entropy_nats / math::ln(live as f64)).min(1.0) } else { 0.0 };
        self.range.map(|range| range.temperature(h))
    }
}

impl Stage for AdaptiveTemperature {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        let (entropy, live) = (candidates.entropy_nats(1.0), candidates.kept());
        if let Some(t) = self.temperature_for(entropy, live) {
            candidates.set_temperature(t);
        }
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        match self.range {
            Some(Range { base, min, max }) => write!(out, "{base}, min={min}, max={max}"),
            None => out.write_str("off"),
        }
    }

    fn is_neutral(&self) -> bool {
        self.range.is_none()
    }
}
