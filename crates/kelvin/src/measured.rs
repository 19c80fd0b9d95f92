//! A choice in a few numbers: what statistics over many tokens need of each.

use crate::TokenId;
use crate::candidates::Candidates;
use crate::observer::Observer;
use crate::softmax::Softmax;
use crate::stage::Stage;

/// One token's numbers: those of its account ([`TraceStep`](crate::TraceStep)), bit for bit, without the
/// lists that make an account dear.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The token chosen.
    pub token: TokenId,
    /// Its logprob in the model's distribution, in nats.
    pub raw_logprob: f64,
    /// Its logprob in the final distribution, in nats; 0 when greedy.
    pub logprob: f64,
    /// Entropy of the model's distribution, in nats.
    pub raw_entropy_nats: f64,
    /// Entropy of the final distribution, in nats; 0 when greedy.
    pub entropy_nats: f64,
    /// Tokens that no stage removed; 1 when greedy.
    pub kept: usize,
}

/// Sees the row before any stage does.
#[derive(Debug, Default)]
pub(crate) struct RawRow(pub(crate) Softmax);

impl Observer for RawRow {
    fn start(&mut self, candidates: &mut Candidates<'_>) {
        self.0 = Softmax::of(candidates);
    }

    fn before(&mut self, _: &dyn Stage, _: &mut Candidates<'_>) {}

    fn after(&mut self, _: &dyn Stage, _: &mut Candidates<'_>) {}
}
