//! A metric with its interval, and the difference of two policies with its own.

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
    /// prompts and as many samples of each. `None` where some prompt has a single sample.
    pub interval: Option<Interval>,
}

/// A metric over the samples of each prompt, and its interval. The prompts are taken as given;
/// samples are drawn again, those of one number for all prompts together.
///
/// Means and pooled numbers have the percentile interval of the bootstrap over whole samples
/// ([`N_RESAMPLES`]), numbers of a set the jackknife's normal interval; see the module `jackknife`
/// for the reason. `None` where the metric is not defined.
pub fn estimate(metric: &Metric, groups: &[Group<'_>]) -> Option<Estimate> {
    let value = metric.of_groups(groups)?;
    let interval = match metric.rule {
        Rule::Set(_) => jackknifed(&[groups], value, |sides| metric.of_groups(&sides[0])),
        Rule::Mean(_) | Rule::Pooled(..) => bootstrapped(metric, &[groups], |values| values[0]),
    };
    let interval = interval.map(|interval| interval.clamped(metric.range));
    Some(Estimate { value, interval })
}

/// By how much `groups` have more of a metric than `base`, and its interval. Both have samples of the
/// same numbers for the same prompts, and these are drawn again, or left out, together: with common
/// random numbers that makes the interval narrower. `None` where the two do not pair, and where the
/// metric is not defined.
pub fn difference(metric: &Metric, base: &[Group<'_>], groups: &[Group<'_>]) -> Option<Estimate> {
    let sizes = |groups: &[Group<'_>]| -> Vec<usize> {
        groups.iter().map(|group| group.samples.len()).collect()
    };
    if sizes(base) != sizes(groups) {
        return None;
    }
    let value = metric.of_groups(groups)? - metric.of_groups(base)?;
    let interval = match metric.rule {
        Rule::Set(_) => jackknifed(&[base, groups], value, |sides| {
            Some(metric.of_groups(&sides[1])? - metric.of_groups(&sides[0])?)
        }),
        Rule::Mean(_) | Rule::Pooled(..) => {
            bootstrapped(metric, &[base, groups], |values| values[1] - values[0])
        }
    };
    Some(Estimate { value, interval })
}

/// The percentile interval of what `compared` makes of the metric over each of `sides`, resampled
/// together.
fn bootstrapped(
    metric: &Metric,
    sides: &[&[Group<'_>]],
    compared: impl Fn(&[f64]) -> f64,
) -> Option<Interval> {
    let n_samples: Vec<usize> = sides[0].iter().map(|group| group.samples.len()).collect();
    if n_samples.iter().any(|&n| n < 2) {
        return None;
    }
    let parts: Vec<Vec<Vec<[f64; 2]>>> = sides
        .iter()
        .map(|groups| groups.iter().map(|group| parts(metric, group)).collect())
        .collect();
    let mut places: Vec<Vec<usize>> = n_samples.iter().map(|&n| vec![0; n]).collect();
    let mut values = Vec::new();
    for resample in 0..N_RESAMPLES {
        for places in &mut places {
            Resamples.fill(resample, places);
        }
        let of_side = |side: &Vec<Vec<[f64; 2]>>| {
            let groups = side.iter().zip(&places);
            mean(groups.filter_map(|(parts, places)| metric.of_parts(summed(parts, places))))
        };
        let of_sides: Option<Vec<f64>> = parts.iter().map(of_side).collect();
        values.extend(of_sides.map(|values| compared(&values)));
    }
    values.sort_by(f64::total_cmp);
    let at = |share| percentile(&values, share);
    Some(Interval { low: at((1.0 - LEVEL) / 2.0)?, high: at(f64::midpoint(1.0, LEVEL))? })
}

fn parts(metric: &Metric, group: &Group<'_>) -> Vec<[f64; 2]> {
    group.samples.iter().map(|sample| metric.parts(sample)).collect()
}

fn summed(parts: &[[f64; 2]], places: &[usize]) -> [f64; 2] {
    places.iter().fold([0.0; 2], |sum, &at| [sum[0] + parts[at][0], sum[1] + parts[at][1]])
}

/// The normal interval around `value`, which is what `compared` makes of the sides. Its standard
/// error is the jackknife's; samples of one number are left out together, for all prompts and on all sides.
fn jackknifed(
    sides: &[&[Group<'_>]],
    value: f64,
    compared: impl Fn(&[Vec<Group<'_>>]) -> Option<f64>,
) -> Option<Interval> {
    let most = sides[0].iter().map(|group| group.samples.len()).max().unwrap_or(0);
    let without = (0..n_blocks(most)).map(|out| {
        let left: Vec<Vec<Group<'_>>> =
            sides.iter().map(|side| without_block(side, out, most)).collect();
        compared(&left)
    });
    let reach = NORMAL * standard_error(&without.collect::<Option<Vec<f64>>>()?)?;
    Some(Interval { low: value - reach, high: value + reach })
}

/// The groups without the samples of one block.
fn without_block<'a>(groups: &[Group<'a>], out: usize, most: usize) -> Vec<Group<'a>> {
    groups.iter().map(|group| group.retain(|place| block(place, most) != out)).collect()
}
