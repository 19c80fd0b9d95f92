//! What a metric is: its name, what is known about it, and how it is computed.

use std::fmt;

use crate::Sample;

/// Continuations of one prompt under one policy.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// The prompt's text.
    pub prompt: &'a str,
    /// The continuations, in the order of their numbers.
    pub samples: Vec<&'a Sample>,
}

impl Group<'_> {
    /// The same prompt with those of its continuations for whose numbers `keep` holds.
    pub(crate) fn retain(&self, keep: impl Fn(u32) -> bool) -> Self {
        let kept = self.samples.iter().filter(|sample| keep(sample.sample));
        Self { prompt: self.prompt, samples: kept.copied().collect() }
    }
}

/// Everything there is to know about a metric.
pub struct Metric {
    /// Its name, as tables, JSON (with underscores) and flags have it.
    pub name: &'static str,
    /// One line: what the number is.
    pub summary: &'static str,
    /// What is counted: `share`, `tokens`, `nats`, ….
    pub unit: &'static str,
    /// The least and the most it can be.
    pub range: (f64, f64),
    /// What a larger number means for diversity.
    pub direction: Direction,
    /// Where the definition comes from.
    pub origin: &'static str,
    /// What it does not say, and when it misleads.
    pub pitfall: &'static str,
    /// How it is computed.
    pub rule: Rule,
}

/// What a larger number means for diversity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More diverse.
    Higher,
    /// Less diverse.
    Lower,
    /// Nothing by itself.
    Neither,
}

impl Direction {
    /// The sign behind a name in a table: ↓ where less is more diverse.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Lower => "↓",
            Self::Higher | Self::Neither => "",
        }
    }

    /// The word in JSON and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::Neither => "neither",
        }
    }
}

/// How a metric comes from samples.
#[derive(Clone, Copy)]
pub enum Rule {
    /// The mean over the samples that have it.
    Mean(fn(&Sample) -> Option<f64>),
    /// A sum over all samples divided by another, and then a function that never falls: long samples
    /// count for more.
    Pooled(fn(&Sample) -> [f64; 2], fn(f64) -> f64),
    /// A number of the samples of one prompt together; over several prompts, the mean of theirs.
    Set(fn(&Group<'_>) -> Option<f64>),
}

impl Rule {
    /// The word in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean(_) => "mean over samples",
            Self::Pooled(..) => "all samples pooled",
            Self::Set(_) => "of the samples of a prompt together",
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metric").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Metric {
    /// The name as JSON and Python spell it.
    pub fn json_name(&self) -> String {
        self.name.replace('-', "_")
    }

    /// The number of one sample; `None` where it has none, and for a metric of sets.
    pub fn of_sample(&self, sample: &Sample) -> Option<f64> {
        match self.rule {
            Rule::Mean(of) => of(sample),
            Rule::Pooled(parts, then) => ratio(parts(sample)).map(then),
            Rule::Set(_) => None,
        }
    }

    /// The number of the samples of one prompt; `None` where it is not defined for them.
    pub fn of_group(&self, group: &Group<'_>) -> Option<f64> {
        match self.rule {
            Rule::Set(of) => of(group),
            Rule::Mean(_) | Rule::Pooled(..) => {
                let parts = group.samples.iter().map(|sample| self.parts(sample));
                self.of_parts(
                    parts.fold([0.0; 2], |sum, part| [sum[0] + part[0], sum[1] + part[1]]),
                )
            }
        }
    }

    /// The number of several prompts: the mean over those that have one.
    pub fn of_groups(&self, groups: &[Group<'_>]) -> Option<f64> {
        super::mean(groups.iter().filter_map(|group| self.of_group(group)))
    }

    /// The mean over all of several prompts; `None` where one of them has no number.
    pub(crate) fn of_all_groups(&self, groups: &[Group<'_>]) -> Option<f64> {
        let numbers = groups.iter().map(|group| self.of_group(group));
        super::mean(numbers.collect::<Option<Vec<f64>>>()?)
    }

    /// What a sample adds to numerator and denominator; nothing for a metric of sets.
    pub(crate) fn parts(&self, sample: &Sample) -> [f64; 2] {
        match self.rule {
            Rule::Mean(of) => of(sample).map_or([0.0; 2], |value| [value, 1.0]),
            Rule::Pooled(parts, _) => parts(sample),
            Rule::Set(_) => [0.0; 2],
        }
    }

    /// The number that numerator and denominator make.
    pub(crate) fn of_parts(&self, parts: [f64; 2]) -> Option<f64> {
        match self.rule {
            Rule::Pooled(_, then) => ratio(parts).map(then),
            Rule::Mean(_) | Rule::Set(_) => ratio(parts),
        }
    }
}

fn ratio([above, below]: [f64; 2]) -> Option<f64> {
    (below > 0.0).then(|| above / below)
}
