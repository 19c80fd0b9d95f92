//! What a policy needs to know of the tokens below a head.

use kelvin::pipeline::Shown;
use kelvin::stage::Stage;
use kelvin::{History, Pipeline, math};

use super::tail::Tail;
use crate::trace::Head;

/// The first stage that removes tokens of the tail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FirstCut {
    /// By rank, or by distance from the best.
    Ranked,
    /// By mass: the nucleus of this probability.
    Nucleus(f64),
    /// None: all can be drawn.
    None,
    /// The pick itself.
    Greedy,
}

/// A policy, as far as it matters to the tail.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) first_cut: FirstCut,
    /// The place of the first cut in the pipeline.
    pub(super) place: Option<usize>,
    /// The stages before it, and a draw.
    pub(super) before: Pipeline,
    /// Whether logits, of the tail too, may be lower than the model gave them.
    pub(super) lowers: bool,
    /// Whether a stage before it may raise tokens of the tail, or asks for the whole distribution.
    pub(super) looks_at_all: bool,
}

/// What a stage before the first cut is to the tail.
enum Part {
    /// It scales it.
    Scale,
    /// It may lower some of it, or ban it.
    Lowers,
    /// It may raise some of it, or looks at all of it.
    LooksAtAll,
    /// It cuts.
    Cut(FirstCut),
}

impl Plan {
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let mut plan = Self {
            first_cut: if pipeline.is_greedy() { FirstCut::Greedy } else { FirstCut::None },
            place: None,
            before: Pipeline::neutral(),
            lowers: false,
            looks_at_all: false,
        };
        let mut before = Vec::new();
        for (place, stage) in pipeline.stages().iter().enumerate() {
            if pipeline.skips(stage.as_ref()) {
                continue;
            }
            match part(stage.as_ref()) {
                Part::Scale => {}
                Part::Lowers => plan.lowers = true,
                Part::LooksAtAll => plan.looks_at_all = true,
                Part::Cut(cut) => {
                    (plan.first_cut, plan.place) = (cut, Some(place));
                    break;
                }
            }
            before.push(Shown(stage.as_ref()).to_string());
        }
        if !before.is_empty() {
            plan.before = before.join(" | ").parse().expect("stages print as they parse");
        }
        plan
    }

    /// The temperature that the first cut sees at this place of the text.
    pub(super) fn temperature(&self, history: &History) -> f64 {
        self.before.stages().iter().filter_map(|stage| stage.temperature(history)).product()
    }

    /// The same policy, its first cut replaced by that of the `k` best.
    pub(super) fn with_top_k(&self, pipeline: &Pipeline, k: usize) -> Pipeline {
        let mut stages: Vec<String> =
            pipeline.stages().iter().map(|stage| Shown(stage.as_ref()).to_string()).collect();
        if let Some(place) = self.place {
            stages[place] = format!("top-k({k})");
        }
        stages.join(" | ").parse().expect("stages print as they parse")
    }

    /// Bounds on the tail's mass, in units of the weights that the head has at the first cut. `None`
    /// where no token shows what a weight is worth.
    pub(super) fn tail_mass(&self, head: &Weighed<'_>, tail: &Tail) -> Option<(f64, f64)> {
        let unit = head.unit()?;
        let (low, high) = if head.t.total_cmp(&1.0).is_eq() && !self.lowers {
            let all = math::exp(head.head.log_sum - unit.origin);
            (unit.low * all - head.total(), unit.high * all - head.total())
        } else {
            let (low, high) = tail.mass(unit.origin, head.t);
            (if self.lowers { 0.0 } else { unit.low * low }, unit.high * high)
        };
        let rounded = HALF * (head.weights.len() + tail.count) as f64;
        Some(((low - rounded).max(0.0), high.max(0.0) + rounded))
    }

    /// How many tokens the nucleus has, where the head decides it.
    pub(super) fn nucleus_size(&self, p: f64, head: &Weighed<'_>, tail: &Tail) -> Option<usize> {
        let (low, high) = self.tail_mass(head, tail)?;
        let last = f64::from(*head.head.logits.last()?);
        let unit = head.unit()?;
        // an edited token outranks the tail only where it weighs more than the tail's best could
        let of_best = unit.high * math::exp((last - unit.origin) / head.t) + HALF;
        let lightest = if self.lowers { of_best } else { -1.0 };
        let mut weights: Vec<f64> =
            head.weights.iter().copied().filter(|&w| w > lightest).collect();
        weights.sort_by(|a, b| b.total_cmp(a));
        let size = |all: f64| {
            let mut mass = 0.0;
            let reaches = |weight: &f64| {
                mass += weight;
                mass >= p * all
            };
            weights.iter().position(reaches).map(|at| at + 1)
        };
        let slack = SLACK * (head.total() + high);
        let (fewest, most) =
            (size(head.total() + low - slack)?, size(head.total() + high + slack)?);
        (fewest == most).then_some(most)
    }
}

/// How far a sum in floats may be off, as a share of it.
const SLACK: f64 = 1e-9;
/// How far a weight is from what it would be without rounding, at most.
const HALF: f64 = 0.5;

fn part(stage: &dyn Stage) -> Part {
    if stage.temperature(&History::default()).is_some() {
        return Part::Scale;
    }
    let first = first_argument(stage);
    match (stage.info().name, first) {
        ("top-k" | "min-p", ..) => Part::Cut(FirstCut::Ranked),
        ("top-p", Some(p)) if n_arguments(stage) == 1 => Part::Cut(FirstCut::Nucleus(p)),
        ("repetition-penalty", Some(penalty)) if penalty >= 1.0 => Part::Lowers,
        ("presence-penalty" | "frequency-penalty", Some(penalty)) if penalty >= 0.0 => Part::Lowers,
        ("no-repeat-ngram-size" | "banned-tokens", ..) => Part::Lowers,
        _ => Part::LooksAtAll,
    }
}

fn arguments(stage: &dyn Stage) -> String {
    let mut text = String::new();
    stage.write_arguments(&mut text).expect("a string takes all");
    text
}

fn n_arguments(stage: &dyn Stage) -> usize {
    arguments(stage).split(',').count()
}

fn first_argument(stage: &dyn Stage) -> Option<f64> {
    arguments(stage).split(',').next()?.trim().parse().ok()
}

/// A head with the weight of each of its tokens at the first cut.
#[derive(Debug)]
pub(super) struct Weighed<'a> {
    pub(super) head: &'a Head,
    /// In the head's order; 0 for what was banned.
    pub(super) weights: Vec<f64>,
    /// Whether no stage before the first cut may have changed the token's logit.
    pub(super) is_as_given: Vec<bool>,
    /// The temperature that it was weighed at.
    pub(super) t: f64,
}

impl Weighed<'_> {
    pub(super) fn total(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// What a weight is worth, by the heaviest token whose logit is the model's.
    fn unit(&self) -> Option<Unit> {
        let tokens = self.weights.iter().zip(&self.head.logits).zip(&self.is_as_given);
        let as_given = tokens.filter(|((weight, _), is_as_given)| **is_as_given && **weight > 0.0);
        let best = as_given.max_by(|((a, _), _), ((b, _), _)| a.total_cmp(b));
        best.map(|((&weight, &logit), _)| Unit {
            origin: f64::from(logit),
            low: weight - HALF,
            high: weight + HALF,
        })
    }
}

/// Bounds on the weight, before it was rounded, of a logit of the model.
#[derive(Debug, Clone, Copy)]
struct Unit {
    origin: f64,
    low: f64,
    high: f64,
}
