//! One decision as people see it: bars, what was cut and by whom, the draw, and where settings come from.

mod table;
mod text;

pub(crate) use text::{Look, sentence, write};

use kelvin::{Pipeline, TokenId, TraceStep};

use crate::vocab::Names;

/// A decision and what is known around it.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    /// The facts of its header.
    pub(crate) facts: Vec<String>,
    /// The tokens' names.
    pub(crate) names: &'a Names,
    /// The policy.
    pub(crate) pipeline: &'a Pipeline,
    /// Its values' names, grouped by where they come from.
    pub(crate) origins: Vec<String>,
    /// What happened.
    pub(crate) step: &'a TraceStep,
    /// The share of the model's distribution that lies on the support, where it is known.
    pub(crate) raw_mass: Option<f64>,
    /// Probability of what the row does not list.
    pub(crate) other: f64,
    /// How many draws were asked for, and how often each token came, in id order.
    pub(crate) draws: Option<(u32, &'a [(TokenId, u32)])>,
}

impl Decision<'_> {
    /// A raw probability, where some of it is left to tokens that are not listed.
    fn raw_share(&self, raw_p: f64) -> f64 {
        raw_p * (1.0 - self.other)
    }

    /// How often the token was drawn.
    fn drawn(&self, token: TokenId) -> u32 {
        let draws = self.draws.map_or(&[][..], |(_, draws)| draws);
        draws.binary_search_by_key(&token, |&(id, _)| id).map_or(0, |at| draws[at].1)
    }
}
