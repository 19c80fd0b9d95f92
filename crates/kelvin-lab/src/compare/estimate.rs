//! A metric with its interval, and the difference of two policies with its own.

use std::collections::BTreeSet;

use super::bootstrap::{N_RESAMPLES, Resamples, percentile};
use super::jackknife::{block, n_blocks, standard_error};
use crate::measure::{Group, Metric, Rule, mean};

/// The share of intervals that hold the true number.
pub const LEVEL: f64 = 0.95;
/// Standard errors to each side of a normal variable's central 95 %.
const NORMAL: f64 = 1.959_963_984_540_054;

/// From here to there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Half its width: the number behind ±.
    pub fn half_width(self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Whether the number lies in it, ends included.
    pub fn contains(self, x: f64) -> bool {
        self.low <= x && x <= self.high
    }

    fn clamped(self, (low, high): (f64, f64)) -> Self {
        Self { low: self.low.max(low), high: self.high.min(high) }
    }
}

/// A number and how far it may be off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// 95 % of such intervals hold the number that infinitely many samples would average to, for the same
    /// prompts and as many samples of each. `None` where some prompt has a single sample, and where some
    /// prompt loses its number when samples are drawn again or left out.
    pub interval: Option<Interval>,
}

/// A metric over the samples of each prompt, and its interval. The prompts are taken as given, without
/// those that have no number; samples are drawn again, those of one number for all prompts together.
///
/// Means and pooled numbers have the percentile interval of the bootstrap over whole samples
/// ([`N_RESAMPLES`]), numbers of a set the jackknife's normal interval; see the module `jackknife`
/// for the reason. `None` where the metric is not defined.
pub fn estimate(metric: &Metric, groups: &[Group<'_>]) -> Option<Estimate> {
    let estimate = resampled(metric, &[groups], |values| values[0])?;
    let interval = estimate.interval.map(|interval| interval.clamped(metric.range));
    Some(Estimate { interval, ..estimate })
}

/// By how much `groups` have more of a metric than `base`, and its interval. Both have samples of the
/// same prompts, in the same order. Samples of one number make a pair and are drawn again, or left out,
/// together: with common random numbers that makes the interval narrower.
///
/// Only pairs count, and only prompts that have the number on both sides. `None` where nothing is left.
pub fn difference(metric: &Metric, base: &[Group<'_>], groups: &[Group<'_>]) -> Option<Estimate> {
    if base.len() != groups.len() {
        return None;
    }
    let pairs = base.iter().zip(groups).map(|(base, group)| pairs(base, group));
    let (base, groups): (Vec<_>, Vec<_>) = pairs.unzip();
    resampled(metric, &[&base, &groups], |values| values[1] - values[0])
}

/// Those samples of two groups whose numbers both have.
fn pairs<'a>(base: &Group<'a>, group: &Group<'a>) -> (Group<'a>, Group<'a>) {
    let [of_base, of_group] = [base, group].map(|it| numbers(std::slice::from_ref(it)));
    (base.retain(|it| of_group.contains(&it)), group.retain(|it| of_base.contains(&it)))
}

/// The numbers of samples that prompts have.
fn numbers(groups: &[Group<'_>]) -> BTreeSet<u32> {
    groups.iter().flat_map(|group| &group.samples).map(|sample| sample.sample).collect()
}

/// What `compared` makes of the metric over each of `sides`, which have the same prompts, and its
/// interval.
fn resampled(
    metric: &Metric,
    sides: &[&[Group<'_>]],
    compared: impl Fn(&[f64]) -> f64,
) -> Option<Estimate> {
    let defined = defined(metric, sides);
    let of_sides = |sides: &[Vec<Group<'_>>]| -> Option<f64> {
        let values: Option<Vec<f64>> =
            sides.iter().map(|groups| metric.of_all_groups(groups)).collect();
        Some(compared(&values?))
    };
    let value = of_sides(&defined)?;
    let is_alone = |group: &Group<'_>| group.samples.len() < 2;
    let interval = match metric.rule {
        _ if sides.iter().any(|groups| groups.iter().any(is_alone)) => None,
        Rule::Set(_) => jackknifed(&defined, value, of_sides),
        Rule::Mean(_) | Rule::Pooled(..) => bootstrapped(metric, &defined, compared),
    };
    Some(Estimate { value, interval })
}

/// The prompts that have a number on each side.
fn defined<'a>(metric: &Metric, sides: &[&[Group<'a>]]) -> Vec<Vec<Group<'a>>> {
    let mut defined = vec![Vec::new(); sides.len()];
    for prompt in 0..sides[0].len() {
        if sides.iter().all(|groups| metric.of_group(&groups[prompt]).is_some()) {
            for (defined, groups) in defined.iter_mut().zip(sides) {
                defined.push(groups[prompt].clone());
            }
        }
    }
    defined
}

/// The percentile interval of what `compared` makes of the metric over each of `sides`, resampled
/// together.
fn bootstrapped(
    metric: &Metric,
    sides: &[Vec<Group<'_>>],
    compared: impl Fn(&[f64]) -> f64,
) -> Option<Interval> {
    let numbers: Vec<u32> = numbers(&sides.concat()).into_iter().collect();
    let parts: Vec<Vec<Vec<[f64; 2]>>> = sides
        .iter()
        .map(|groups| groups.iter().map(|group| parts(metric, group, &numbers)).collect())
        .collect();
    let mut places = vec![0; numbers.len()];
    let mut values = Vec::new();
    for resample in 0..N_RESAMPLES {
        Resamples.fill(resample, &mut places);
        let of_side = |side: &Vec<Vec<[f64; 2]>>| -> Option<f64> {
            let numbers = side.iter().map(|parts| metric.of_parts(summed(parts, &places)));
            mean(numbers.collect::<Option<Vec<f64>>>()?)
        };
        let of_sides: Option<Vec<f64>> = parts.iter().map(of_side).collect();
        values.push(compared(&of_sides?));
    }
    values.sort_by(f64::total_cmp);
    let at = |share| percentile(&values, share);
    Some(Interval { low: at((1.0 - LEVEL) / 2.0)?, high: at(f64::midpoint(1.0, LEVEL))? })
}

/// What the samples of each number add to numerator and denominator; nothing where there is none.
fn parts(metric: &Metric, group: &Group<'_>, numbers: &[u32]) -> Vec<[f64; 2]> {
    let mut parts = vec![[0.0; 2]; numbers.len()];
    for sample in &group.samples {
        if let Ok(at) = numbers.binary_search(&sample.sample) {
            parts[at] = added(parts[at], metric.parts(sample));
        }
    }
    parts
}

fn summed(parts: &[[f64; 2]], places: &[usize]) -> [f64; 2] {
    places.iter().fold([0.0; 2], |sum, &at| added(sum, parts[at]))
}

fn added(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

/// The normal interval around `value`, which is what `of_sides` makes of the sides. Its standard
/// error is the jackknife's; samples of one number are left out together, for all prompts and on all sides.
fn jackknifed(
    sides: &[Vec<Group<'_>>],
    value: f64,
    of_sides: impl Fn(&[Vec<Group<'_>>]) -> Option<f64>,
) -> Option<Interval> {
    let numbers: Vec<u32> = numbers(&sides.concat()).into_iter().collect();
    let of_block = |number: u32| numbers.binary_search(&number).map(|at| block(at, numbers.len()));
    let without = (0..n_blocks(numbers.len())).map(|out| {
        let left =
            sides.iter().map(|groups| retained(groups, |number| of_block(number) != Ok(out)));
        of_sides(&left.collect::<Vec<_>>())
    });
    let reach = NORMAL * standard_error(&without.collect::<Option<Vec<f64>>>()?)?;
    Some(Interval { low: value - reach, high: value + reach })
}

/// The prompts with those of their samples for whose numbers `keep` holds.
fn retained<'a>(groups: &[Group<'a>], keep: impl Fn(u32) -> bool) -> Vec<Group<'a>> {
    groups.iter().map(|group| group.retain(&keep)).collect()
}
