//! Temperature as a function of how far the text has come.

use alloc::boxed::Box;
use alloc::string::String;
use core::f64::consts::PI;
use core::fmt;
use core::str::FromStr;

use super::{Effect, Kind, Param, Stage, StageInfo, Step};
use crate::candidates::Candidates;
use crate::{History, Result, math};

pub(super) static INFO: StageInfo = StageInfo {
    name: "temperature-schedule",
    aliases: &[],
    summary: "a temperature that moves from start to end over the first tokens",
    params: &[
        Param {
            name: "start",
            aliases: &[],
            kind: Kind::Number,
            range: "0 < start < ∞ (off leaves the temperature alone)",
            default: None,
            neutral: "off",
        },
        Param {
            name: "end",
            aliases: &[],
            kind: Kind::Number,
            range: "0 < end < ∞",
            default: Some("0.5"),
            neutral: "",
        },
        Param {
            name: "steps",
            aliases: &[],
            kind: Kind::Integer,
            range: "whole numbers ≥ 1 (tokens until end is reached)",
            default: Some("100"),
            neutral: "",
        },
        Param {
            name: "shape",
            aliases: &[],
            kind: Kind::Choice(Shape::NAMES),
            range: "the words linear, exponential and cosine",
            default: Some("linear"),
            neutral: "",
        },
    ],
    effect: Effect::Temperature,
    keeps_argmax: true,
    origin: "a course exercise; cosine: Loshchilov and Hutter 2017, arXiv 1608.03983",
    build: |arguments| {
        if arguments.is_off() {
            return Ok(Box::new(TemperatureSchedule { path: None }));
        }
        let (start, end) = (arguments.number(0, is_valid)?, arguments.number(1, is_valid)?);
        let steps = arguments.integer(2)?;
        if steps == 0 {
            return Err(arguments.refuse(2));
        }
        let path = Path { start, end, steps, shape: arguments.choice(3)? };
        Ok(Box::new(TemperatureSchedule { path: Some(path) }))
    },
};

fn is_valid(t: f64) -> bool {
    t.is_finite() && t > 0.0
}

/// The way from the first temperature to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Equal differences.
    Linear,
    /// Equal ratios.
    Exponential,
    /// Half a cosine: slow, fast, slow.
    Cosine,
}

impl Shape {
    /// The names that the text form knows.
    pub const NAMES: &'static [&'static str] = &["linear", "exponential", "cosine"];
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> core::result::Result<Self, String> {
        match text {
            "linear" => Ok(Self::Linear),
            "exponential" => Ok(Self::Exponential),
            "cosine" => Ok(Self::Cosine),
            _ => Err(text.into()),
        }
    }
}

/// Moves the temperature from `start` to `end` over the first tokens of the output.
///
/// *Formula*: with i tokens of output and q = min(i / steps, 1), linear: T = start · (1 − q) + end · q;
/// exponential: T = start^(1 − q) · end^q; cosine: linear with (1 − cos πq) / 2 for q.
///
/// *Parameters*: `start` > 0; `end` > 0 (0.5); `steps` ≥ 1 (100); `shape` linear, exponential or
/// cosine (linear). `off` is neutral, and so is start = end = 1.
/// *Properties*: keeps the argmax; draws no coins. *Cost*: constant.
/// *Edge cases*: the first token has `start` exactly, the one after `steps` others and all later ones
/// `end`. What [`Sampler::with_prompt`](crate::Sampler::with_prompt) was given does not count. It multiplies
/// any other temperature, as temperatures do.
/// *Origin*: a course exercise (2.0 → 0.5); the cosine is that of learning rates, arXiv 1608.03983.
///
/// ```
/// use kelvin::stage::{Shape, TemperatureSchedule};
///
/// let schedule = TemperatureSchedule::new(2.0, 0.5, 10, Shape::Exponential)?;
/// let temperatures = [0, 5, 10, 99].map(|i| schedule.temperature_at(i).unwrap());
/// assert_eq!(temperatures.map(|t| (1000.0 * t).round()), [2000.0, 1000.0, 500.0, 500.0]);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemperatureSchedule {
    path: Option<Path>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Path {
    start: f64,
    end: f64,
    steps: usize,
    shape: Shape,
}

impl Path {
    fn temperature(self, i: usize) -> f64 {
        let Self { start, end, steps, shape } = self;
        if i == 0 {
            return start;
        }
        if i >= steps {
            return end;
        }
        let q = i as f64 / steps as f64;
        match shape {
            Shape::Linear => start * (1.0 - q) + end * q,
            Shape::Exponential => math::exp(math::ln(start) * (1.0 - q) + math::ln(end) * q),
            Shape::Cosine => {
                let (_, cosine) = math::sin_cos(PI * q);
                start * (0.5 * (1.0 + cosine)) + end * (0.5 * (1.0 - cosine))
            }
        }
    }
}

impl TemperatureSchedule {
    /// From `start` to `end` over `steps` tokens.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] when one of them is outside its range.
    pub fn new(start: f64, end: f64, steps: usize, shape: Shape) -> Result<Self> {
        if !is_valid(start) {
            return Err(INFO.refuse(0, start));
        }
        if !is_valid(end) {
            return Err(INFO.refuse(1, end));
        }
        if steps == 0 {
            return Err(INFO.refuse(2, steps));
        }
        Ok(Self { path: Some(Path { start, end, steps, shape }) })
    }

    /// The temperature after `i` tokens of output; `None` where it is left alone.
    pub fn temperature_at(&self, i: usize) -> Option<f64> {
        self.path.map(|path| path.temperature(i))
    }
}

impl Stage for TemperatureSchedule {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, step: &Step<'_>) {
        if let Some(t) = self.temperature(step.history) {
            candidates.set_temperature(t);
        }
    }

    fn temperature(&self, history: &History) -> Option<f64> {
        self.temperature_at(history.output().len())
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        match self.path {
            Some(Path { start, end, steps, shape }) => {
                write!(out, "{start}, end={end}, steps={steps}, shape={shape}")
            }
            None => out.write_str("off"),
        }
    }

    #[expect(clippy::float_cmp, reason = "exactly these change nothing")]
    fn is_neutral(&self) -> bool {
        self.path.is_none_or(|path| path.start == 1.0 && path.end == 1.0)
    }
}
