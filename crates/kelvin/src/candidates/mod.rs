//! What is still possible: the row of logits, the edits on it, and after the first cut its survivors.
//!
//! The row stays where it is, borrowed and dense. Stages that change logits write a sparse list of
//! edits; temperature sets a scale; the first cut gathers the survivors into a compact list in id
//! order. Integer weights and the total order are computed when a stage asks for them.

mod compact;
mod mass;
mod order;
mod row;
mod ties;

use alloc::vec::Vec;

use crate::simd::{
    AtLeast, BLOCK, BlockMaxima, Gather, Law, Level, Mass, MassAndMoments, Moments, Spread, Weigh,
};
use crate::{Decimal, Ties, TokenId, math};

use compact::Compact;
pub(crate) use order::Rank;
use order::reach;
pub(crate) use row::Edit;
use row::{Row, RowBuffers, RowFault};

/// Buffers that a sampler keeps from token to token, so that a token allocates nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workspace {
    row: RowBuffers,
    compact: Compact,
    block_masses: Vec<u64>,
    ranks: Vec<(Rank, u64)>,
    scores: Vec<((u64, Rank), u64)>,
    allowed: Vec<TokenId>,
    banned: Vec<TokenId>,
}

impl Workspace {
    /// Makes room for stages that look at a history of this many tokens.
    pub(crate) fn reserve(&mut self, tokens: usize) {
        self.row.reserve(tokens);
        self.banned.reserve(tokens);
    }
}

/// The tokens that a pipeline's stages may still narrow or reweigh.
#[derive(Debug)]
pub struct Candidates<'a> {
    row: Row<'a>,
    compact: &'a mut Compact,
    block_masses: &'a mut Vec<u64>,
    ranks: &'a mut Vec<(Rank, u64)>,
    scores: &'a mut Vec<((u64, Rank), u64)>,
    allowed: &'a mut Vec<TokenId>,
    banned: &'a mut Vec<TokenId>,
    level: Level,
    temperature: f64,
    /// Survivors stand in `compact`; otherwise every token of the row with a finite logit is one.
    is_compact: bool,
    /// `allowed` names the only tokens that masks left in the row.
    is_masked: bool,
    /// The sum of the weights, while they are valid.
    total: Option<u64>,
}

impl<'a> Candidates<'a> {
    pub(crate) fn new(
        logits: &'a [f32],
        workspace: &'a mut Workspace,
        level: Level,
    ) -> Result<Self, RowFault> {
        workspace.row.read(logits, level)?;
        Ok(Self::of_read(logits, workspace, level))
    }

    /// The same candidates in another workspace, while no stage has touched them.
    pub(crate) fn twin<'w>(&self, workspace: &'w mut Workspace) -> Candidates<'w>
    where
        'a: 'w,
    {
        self.row.read_into(&mut workspace.row);
        Candidates::of_read(self.row.raw(), workspace, self.level)
    }

    fn of_read(logits: &'a [f32], workspace: &'a mut Workspace, level: Level) -> Self {
        let Workspace { row, compact, block_masses, ranks, scores, allowed, banned } = workspace;
        Self {
            row: Row::new(logits, row, level),
            compact,
            block_masses,
            ranks,
            scores,
            allowed,
            banned,
            level,
            temperature: 1.0,
            is_compact: false,
            is_masked: false,
            total: None,
        }
    }

    /// How many tokens the vocabulary has.
    pub fn vocab_size(&self) -> usize {
        self.row.len()
    }

    /// The temperature that weights are computed with.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// How many tokens are left. One pass over the row before the first cut.
    pub fn kept(&mut self) -> usize {
        if self.is_compact {
            return self.compact.ids.len();
        }
        self.count_from(f32::MIN)
    }

    /// How many tokens of the row have at least this logit.
    fn count_from(&mut self, least: f32) -> usize {
        let (mut count, level) = (0, self.level);
        self.row.visit_blocks(least, |_, logits| count += level.run(AtLeast { least, logits }));
        count
    }

    /// How many of the tokens left have a weight above 0.
    pub(crate) fn support(&mut self) -> usize {
        if !self.is_compact {
            let law = self.law();
            // nearer than this a weight is at least 1, and beyond `depth` it is 0
            let depth = depth_of_weight(law, 1);
            let least = depth_to_logit(law, depth - 2.0 * SLACK).next_up().next_up();
            let count = self.count_from(least.max(f32::MIN));
            if count == self.count_from(depth_to_logit(law, depth).max(f32::MIN)) {
                return count;
            }
        }
        let mut count = 0;
        self.visit(|_, _, weight| count += usize::from(weight > 0));
        count
    }

    /// Whether all tokens are left with the logits that the model gave them.
    pub(crate) fn is_untouched(&self) -> bool {
        !self.is_compact && self.row.edits().is_empty()
    }

    /// Whether a token is left.
    pub fn is_kept(&self, token: TokenId) -> bool {
        if self.is_compact {
            self.compact.ids.binary_search(&token).is_ok()
        } else {
            self.row.logit(token) > f32::NEG_INFINITY
        }
    }

    /// A token's logit as the stages so far have left it, temperature not applied.
    pub fn logit(&self, token: TokenId) -> f32 {
        self.row.logit(token)
    }

    /// The largest logit left, temperature not applied.
    pub fn best_logit(&mut self) -> f64 {
        f64::from(self.max())
    }

    /// The weight of the first token of the total order: 2^s.
    pub fn best_weight(&self) -> u64 {
        1 << weight_bits(self.vocab_size())
    }

    pub(crate) fn is_empty(&mut self) -> bool {
        self.max() == f32::NEG_INFINITY
    }

    /// The largest logit left.
    pub(crate) fn max(&mut self) -> f32 {
        let logits = if self.is_compact { &self.compact.logits[..] } else { self.row.maxima() };
        logits.iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }

    // ---- changing logits ----

    /// Changes the logits of some tokens, given in id order without repeats. The rule sees and returns
    /// z/T; a result that f32 cannot hold is cut to its range, −∞ bans the token.
    pub fn revise<A>(
        &mut self,
        tokens: impl Iterator<Item = (TokenId, A)>,
        rule: impl Fn(f64, A) -> f64,
    ) {
        let t = self.temperature;
        self.row.revise(tokens, |logit, argument| {
            let revised = rule(f64::from(logit) / t, argument) * t;
            if revised == f64::NEG_INFINITY {
                return f32::NEG_INFINITY;
            }
            // cut before rounding: a merely very negative logit must not round to a ban
            #[expect(
                clippy::cast_possible_truncation,
                reason = "logits are f32; rounding is meant"
            )]
            let revised = revised.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32;
            revised
        });
        self.total = None;
        if self.is_compact {
            self.refresh_compact();
        }
    }

    /// Copies the row's edits to the survivors and drops those that were banned.
    fn refresh_compact(&mut self) {
        self.compact.weights.clear();
        let mut edits = self.row.edits().iter().peekable();
        for (id, logit) in self.compact.ids.iter().zip(&mut self.compact.logits) {
            while edits.next_if(|edit| edit.token < *id).is_some() {}
            if let Some(edit) = edits.next_if(|edit| edit.token == *id) {
                *logit = edit.logit;
            }
        }
        self.compact.retain(|_, logit, _| logit > f32::NEG_INFINITY);
    }

    /// Bans some tokens.
    pub fn ban(&mut self, tokens: impl Iterator<Item = TokenId>) {
        let mut banned = core::mem::take(self.banned);
        banned.clear();
        banned.extend(tokens);
        banned.sort_unstable();
        banned.dedup();
        self.revise(banned.iter().map(|&token| (token, ())), |_, ()| f64::NEG_INFINITY);
        *self.banned = banned;
    }

    /// Bans every token but these, given in id order without repeats.
    pub fn allow_only(&mut self, tokens: &[TokenId]) {
        if self.is_compact {
            self.compact.retain(|id, _, _| tokens.binary_search(&id).is_ok());
            self.compact.weights.clear(); // the maximum may have gone
            self.total = None;
        } else {
            self.compact.clear();
            for &token in tokens {
                let logit = self.row.logit(token);
                if logit > f32::NEG_INFINITY {
                    self.compact.ids.push(token);
                    self.compact.logits.push(logit);
                }
            }
            self.became_compact();
        }
        // a cut before this mask has no say in what the row holds, only another mask has
        if self.is_masked {
            self.allowed.retain(|id| tokens.binary_search(id).is_ok());
        } else {
            self.allowed.clear();
            self.allowed.extend_from_slice(tokens);
        }
        self.is_masked = true;
    }

    /// Divides the logits by `temperature` (> 0, finite) from here on. The product of all of them stays
    /// within 1e-100 and 1e100: beyond, no two f32 logits can tell the difference, but z/T leaves f64.
    pub fn set_temperature(&mut self, temperature: f64) {
        self.temperature = (self.temperature * temperature).clamp(1e-100, 1e100);
        self.compact.weights.clear();
        self.total = None;
    }

    // ---- measuring ----

    /// The law that turns the logits left into weights.
    pub(crate) fn law(&mut self) -> Law {
        self.law_at(self.temperature)
    }

    fn law_at(&mut self, temperature: f64) -> Law {
        Law {
            max: f64::from(self.max()),
            inverse_t: 1.0 / temperature,
            bits: weight_bits(self.vocab_size()),
        }
    }

    /// W, the sum of the integer weights of the tokens left.
    pub fn total(&mut self) -> u64 {
        if let Some(total) = self.total {
            return total;
        }
        let law = self.law();
        let total = if self.is_compact { self.weigh_compact(law) } else { self.weigh_blocks(law) };
        self.total = Some(total);
        total
    }

    fn weigh_compact(&mut self, law: Law) -> u64 {
        let Compact { logits, weights, .. } = &mut *self.compact;
        weights.resize(logits.len(), 0);
        self.level.run(Weigh { law, logits, weights });
        weights.iter().sum()
    }

    fn weigh_blocks(&mut self, law: Law) -> u64 {
        self.visit_masses(|level, logits| level.run(Mass { law, logits }))
    }

    /// Notes the mass of each block of the row; gives their sum.
    fn visit_masses(&mut self, mut weigh: impl FnMut(Level, &[f32]) -> u64) -> u64 {
        let Self { row, block_masses, level, .. } = self;
        block_masses.clear();
        row.visit_blocks(f32::MIN, |block, logits| {
            block_masses.resize(block, 0); // what was skipped is banned
            block_masses.push(weigh(*level, logits));
        });
        block_masses.resize(row.len().div_ceil(BLOCK), 0);
        block_masses.iter().sum()
    }

    /// The sum of the weights that the tokens left have under another moment's law.
    pub(crate) fn mass_under(&mut self, law: Law) -> u64 {
        let level = self.level;
        if self.is_compact {
            return level.run(Mass { law, logits: &self.compact.logits });
        }
        let mut mass = 0;
        self.row.visit_blocks(f32::MIN, |_, logits| mass += level.run(Mass { law, logits }));
        mass
    }

    /// Entropy, in nats, of the tokens left at temperature `t`, and ln Σ e^((z − max)/t).
    pub(crate) fn entropy_and_log_sum(&mut self, t: f64) -> (f64, f64) {
        let law = self.law_at(t);
        entropy_and_log_sum(self.moments(law))
    }

    /// Entropy, in nats, of the tokens left; a row is weighed on the way, if it is not yet.
    pub(crate) fn entropy_of_weights(&mut self) -> f64 {
        let law = self.law();
        let is_weighed = self.is_compact || self.total.is_some();
        let moments = if is_weighed { self.moments(law) } else { self.weigh_with_moments(law) };
        entropy_and_log_sum(moments).0
    }

    /// Σ 2^y and Σ y · 2^y over the tokens left, y as in [`Law`].
    fn moments(&mut self, law: Law) -> (f64, f64) {
        let level = self.level;
        let mut sums = (0.0, 0.0);
        let mut add = |logits: &[f32]| add_pair(&mut sums, level.run(Moments { law, logits }));
        if self.is_compact {
            self.compact.logits.chunks(BLOCK).for_each(add);
        } else {
            self.row.visit_blocks(f32::MIN, |_, logits| add(logits));
        }
        sums
    }

    /// The same of a row, which is weighed on the way.
    fn weigh_with_moments(&mut self, law: Law) -> (f64, f64) {
        let mut sums = (0.0, 0.0);
        let total = self.visit_masses(|level, logits| {
            let (mass, moments) = level.run(MassAndMoments { law, logits });
            add_pair(&mut sums, moments);
            mass
        });
        self.total = Some(total);
        sums
    }

    /// Shannon entropy, in nats, of the tokens left at temperature `t`; 0 when one is left.
    pub fn entropy_nats(&mut self, t: f64) -> f64 {
        self.entropy_and_log_sum(t).0
    }

    /// The population standard deviation of the finite logits of the row after masks and penalties,
    /// whatever was cut since.
    pub fn row_deviation(&mut self) -> f64 {
        // twice: the second time around the mean, so that no digits cancel
        let (count, sum, _) = self.row_spread(0.0);
        let (_, sum, squares) = self.row_spread(sum / count);
        let variance = squares / count - (sum / count) * (sum / count);
        math::sqrt(variance.max(0.0))
    }

    fn row_spread(&mut self, origin: f64) -> (f64, f64, f64) {
        let Self { row, level, allowed, .. } = self;
        let mut all = (0.0, 0.0, 0.0);
        let mut add = |logits: &[f32]| {
            let (count, sum, squares) = level.run(Spread { origin, logits });
            all = (all.0 + count, all.1 + sum, all.2 + squares);
        };
        if self.is_masked {
            let mut space = [0.0; BLOCK];
            for tokens in allowed.chunks(BLOCK) {
                for (logit, &token) in space.iter_mut().zip(tokens) {
                    *logit = row.logit(token);
                }
                add(&space[..tokens.len()]);
            }
        } else {
            row.visit_blocks(f32::MIN, |_, logits| add(logits));
        }
        all
    }

    // ---- cutting ----

    /// Keeps the first `k` (≥ 1) of the total order.
    pub fn keep_first(&mut self, k: usize) {
        if let Some(last) = self.kth(k.max(1)) {
            self.keep_through(last);
        }
    }

    /// The k-th token (k ≥ 1) of the total order, gathered together with all that tie with it; `None`
    /// where no more than `k` are left.
    fn kth(&mut self, k: usize) -> Option<Rank> {
        if k >= self.vocab_size() {
            return None;
        }
        if !self.is_compact {
            let least = self.kth_maximum(k);
            self.gather(least);
        }
        if self.compact.ids.len() <= k {
            return None;
        }
        self.rank_compact();
        let (_, &mut (last, _), _) = self.ranks.select_nth_unstable(k - 1);
        Some(last)
    }

    /// A logit that at least `k` tokens reach: the k-th largest maximum of a block.
    fn kth_maximum(&mut self, k: usize) -> f32 {
        let Self { row, ranks, .. } = self;
        let maxima = row.maxima();
        if k > maxima.len() {
            return f32::NEG_INFINITY;
        }
        ranks.clear();
        ranks.extend((0..).zip(maxima).map(|(block, &maximum)| (Rank::new(maximum, block), 0)));
        let (_, &mut (kth, _), _) = ranks.select_nth_unstable(k - 1);
        maxima[kth.token() as usize]
    }

    /// Keeps the prefix of the total order whose weights are all at least `least`; the first token stays.
    pub fn keep_weights(&mut self, least: u64) {
        if least == 0 {
            return;
        }
        let law = self.law();
        if !self.is_compact {
            self.gather(depth_to_logit(law, depth_of_weight(law, least)));
        }
        if self.total.is_none() || self.compact.weights.len() != self.compact.ids.len() {
            self.total = Some(self.weigh_compact(law));
        }
        let Compact { ids, logits, weights } = &*self.compact;
        let tokens = ids.iter().zip(logits).zip(weights);
        let failing = tokens
            .filter(|&(_, &weight)| weight < least)
            .map(|((&id, &logit), _)| Rank::new(logit, id))
            .min();
        if let Some(failing) = failing {
            let first = self.first();
            self.compact.retain(|id, logit, _| {
                let rank = Rank::new(logit, id);
                rank < failing || rank == first
            });
            self.total = Some(self.compact.weights.iter().sum());
        }
    }

    /// Keeps the prefix of the total order whose logits (before temperature) are all at least `least`.
    pub fn keep_logits(&mut self, least: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a step down makes up for the rounding"
        )]
        let near = (least.max(f64::from(f32::MIN)) as f32).next_down();
        if !self.is_compact {
            self.gather(near);
        }
        let first = self.first();
        self.compact
            .retain(|id, logit, _| f64::from(logit) >= least || Rank::new(logit, id) == first);
        self.compact.weights.clear();
        self.total = None;
    }

    /// Keeps the smallest set whose mass is at least `p` of what is left, taking tokens by ascending
    /// `score` of their logprob (in nats, at the current temperature), then by the total order; `ties` says
    /// which stay of those whose score ties with the last's.
    pub fn keep_by_score(&mut self, p: Decimal, ties: Ties, score: impl Fn(f64) -> f64) {
        if p == Decimal::ONE {
            return;
        }
        let (_, log_sum) = self.entropy_and_log_sum(self.temperature);
        let law = self.law();
        if !self.is_compact {
            self.gather(f32::MIN);
        }
        let needed = p.ceil_of(self.weigh_compact(law)).max(1);
        let keyed = |id: TokenId, logit: f32| {
            let logprob = (f64::from(logit) - law.max) * law.inverse_t - log_sum;
            let score = score(logprob).clamp(0.0, f64::MAX); // ≥ 0, so its bits are in its order
            (score.to_bits(), Rank::new(logit, id))
        };
        let Compact { ids, logits, weights } = &*self.compact;
        self.scores.clear();
        let tokens = ids.iter().zip(logits).zip(weights);
        self.scores.extend(tokens.map(|((&id, &logit), &weight)| (keyed(id, logit), weight)));
        let last = reach(self.scores, needed);
        let end = if ties == Ties::First { last } else { (last.0, Rank::LAST) };
        self.compact.retain(|id, logit, _| keyed(id, logit) <= end);
        if ties == Ties::Last {
            self.drop_first_of_tied(last);
        }
        self.compact.weights.clear(); // the maximum may have gone
        self.total = None;
    }

    /// The first token of the total order.
    pub(crate) fn first(&mut self) -> Rank {
        let least = self.max();
        let mut first = None;
        let mut see = |id: TokenId, logit: f32| {
            if logit >= least && first.is_none() {
                first = Some(Rank::new(logit, id));
            }
        };
        if self.is_compact {
            self.compact.ids.iter().zip(&self.compact.logits).for_each(|(&id, &z)| see(id, z));
        } else {
            self.row.visit_blocks(least, |block, logits| {
                (first_id(block)..).zip(logits).for_each(|(id, &logit)| see(id, logit));
            });
        }
        first.expect("a pipeline never empties its candidates")
    }

    /// Gathers the tokens whose logit is at least `least`: from here on the candidates are compact.
    fn gather(&mut self, least: f32) {
        let Self { row, compact, level, .. } = self;
        let least = least.max(f32::MIN);
        let mut found = compact.refill();
        row.visit_blocks(least, |block, logits| {
            level.run(Gather { first_id: first_id(block), logits, least, found: &mut found });
        });
        found.finish();
        self.became_compact();
    }

    fn became_compact(&mut self) {
        self.is_compact = true;
        self.total = None;
    }

    /// Fills `ranks` with the survivors' ranks and weights (0 where not computed).
    fn rank_compact(&mut self) {
        let Compact { ids, logits, weights } = &*self.compact;
        let weights = weights.iter().copied().chain(core::iter::repeat(0));
        self.ranks.clear();
        let tokens = ids.iter().zip(logits).zip(weights);
        self.ranks.extend(tokens.map(|((&id, &logit), weight)| (Rank::new(logit, id), weight)));
    }

    /// Keeps the survivors up to and including this place of the total order.
    fn keep_through(&mut self, last: Rank) {
        self.compact.retain(|id, logit, _| Rank::new(logit, id) <= last);
        self.sum_compact();
    }

    /// Sums the survivors' weights, where they are computed.
    fn sum_compact(&mut self) {
        let weighed = self.compact.weights.len() == self.compact.ids.len();
        self.total = weighed.then(|| self.compact.weights.iter().sum());
    }

    // ---- drawing and reading out ----

    /// The token in whose share of the mass `r` (in [0, W)) falls, in id order.
    pub(crate) fn pick(&mut self, r: u64) -> TokenId {
        self.total();
        if self.is_compact {
            let at = crate::pick::pick(&self.compact.weights, r);
            return self.compact.ids[at.expect("r < W, so some running sum exceeds it")];
        }
        let block = crate::pick::pick(self.block_masses, r);
        let block = block.expect("r < W, so some running sum exceeds it");
        let before: u64 = self.block_masses[..block].iter().sum();
        let law = self.law();
        let mut token = None;
        let level = self.level;
        let mut weights = [0; BLOCK];
        self.row.visit_blocks(f32::NEG_INFINITY, |at, logits| {
            if at == block {
                level.run(Weigh { law, logits, weights: &mut weights });
                let offset = crate::pick::pick(&weights[..logits.len()], r - before);
                token = (first_id(block)..).nth(offset.unwrap_or(BLOCK));
            }
        });
        token.expect("a block's mass is the sum of its weights")
    }

    /// The weight of a token that is left.
    pub(crate) fn weight(&mut self, token: TokenId) -> u64 {
        let (law, logit) = (self.law(), self.logit(token));
        self.level.run(Mass { law, logits: &[logit] })
    }

    /// The weights of tokens that are left.
    pub(crate) fn weights(&mut self, tokens: &[TokenId]) -> Vec<u64> {
        let logits: Vec<f32> = tokens.iter().map(|&token| self.logit(token)).collect();
        let mut weights = alloc::vec![0; logits.len()];
        self.level.run(Weigh { law: self.law(), logits: &logits, weights: &mut weights });
        weights
    }

    /// Calls `visit` for every token left, with id, logit and weight, in id order.
    pub(crate) fn visit(&mut self, mut visit: impl FnMut(TokenId, f32, u64)) {
        self.total();
        if self.is_compact {
            let Compact { ids, logits, weights } = &*self.compact;
            for ((&id, &logit), &weight) in ids.iter().zip(logits).zip(weights) {
                visit(id, logit, weight);
            }
            return;
        }
        let law = self.law();
        let level = self.level;
        let mut weights = [0; BLOCK];
        self.row.visit_blocks(f32::MIN, |block, logits| {
            level.run(Weigh { law, logits, weights: &mut weights });
            for ((id, &logit), &weight) in (first_id(block)..).zip(logits).zip(&weights) {
                if logit > f32::NEG_INFINITY {
                    visit(id, logit, weight);
                }
            }
        });
    }

    /// The survivors with their logits, in id order; `None` before the first cut.
    pub(crate) fn survivors(&self) -> Option<impl Iterator<Item = (TokenId, f32)>> {
        let Compact { ids, logits, .. } = &*self.compact;
        self.is_compact.then(|| ids.iter().copied().zip(logits.iter().copied()))
    }

    /// The best token of the row that is not among the survivors.
    pub(crate) fn best_outside(&mut self) -> Option<Rank> {
        let Self { row, compact, level, .. } = self;
        let mut kept = compact.ids.iter().copied().peekable();
        let (mut best, mut top) = (None, f32::NEG_INFINITY);
        row.visit_blocks(f32::MIN, |block, logits| {
            let start = first_id(block);
            let mut others = [f32::NEG_INFINITY; BLOCK];
            others[..logits.len()].copy_from_slice(logits);
            while let Some(id) = kept.next_if(|&id| id as usize / BLOCK <= block) {
                if id >= start {
                    others[(id - start) as usize] = f32::NEG_INFINITY;
                }
            }
            let mut maximum = [f32::NEG_INFINITY];
            level.run(BlockMaxima { logits: &others, maxima: &mut maximum });
            if maximum[0] > top {
                top = maximum[0];
                let place = (start..).zip(others).find(|(_, logit)| *logit >= top);
                best = place.map(|(id, logit)| Rank::new(logit, id));
            }
        });
        best
    }

    /// The logits as the model gave them.
    pub(crate) fn raw(&self) -> &'a [f32] {
        self.row.raw()
    }

    /// The changed logits, in id order.
    pub(crate) fn edits(&self) -> &[Edit] {
        self.row.edits()
    }
}

/// Entropy in nats and ln Σ 2^y, from Σ 2^y and Σ y · 2^y.
fn entropy_and_log_sum((sum, first): (f64, f64)) -> (f64, f64) {
    let log_sum = math::ln(sum);
    let mean_log = first / sum * core::f64::consts::LN_2;
    ((log_sum - mean_log).max(0.0), log_sum)
}

fn add_pair(sums: &mut (f64, f64), (sum, first): (f64, f64)) {
    sums.0 += sum;
    sums.1 += first;
}

/// s: the weight of the most probable token is 2^s, and the sum of V weights fits a u64.
pub(crate) fn weight_bits(vocab_size: usize) -> u32 {
    let log2_ceiling = usize::BITS - vocab_size.saturating_sub(1).leading_zeros();
    45.min(63 - log2_ceiling)
}

#[expect(clippy::cast_possible_truncation, reason = "ids fit u32: the sampler checked the length")]
fn first_id(block: usize) -> TokenId {
    (block * BLOCK) as TokenId
}

/// The logit that lies `depth` nats below the maximum, rounded down.
fn depth_to_logit(law: Law, depth: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "a step down makes up for the rounding")]
    let logit = (law.max - depth / law.inverse_t) as f32;
    logit.next_down()
}

/// Nats that cover the error of exp many times over.
const SLACK: f64 = 1e-6;

/// A number of nats below the maximum beyond which every weight is below `least` (≥ 1).
fn depth_of_weight(law: Law, least: u64) -> f64 {
    // w ≥ least needs 2^bits · e^x ≥ least − 1/2; the slack covers the error of exp many times over
    let bound = (least as f64 - 0.5).max(0.5);
    let depth = f64::from(law.bits) * core::f64::consts::LN_2 - math::ln(bound) + SLACK;
    depth.max(0.0) // a floor above every weight leaves the first token, which lies at 0
}
