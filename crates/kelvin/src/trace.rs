//! The account of one decision: what the model said, what each stage did to it, how the draw fell.

mod tail;

use alloc::vec::Vec;

pub use tail::TailBin;

use crate::candidates::{Candidates, Edit, Rank, Workspace};
use crate::observer::Observer;
use crate::rng::{Coin, Draw};
use crate::simd::{Law, Level};
use crate::softmax::{self, Softmax};
use crate::stage::{Effect, Stage};
use crate::{TokenId, math};

/// One token's account.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceStep {
    /// Absolute position of the token.
    pub position: u32,
    /// The token chosen.
    pub token: TokenId,
    /// Its logprob in the model's distribution, in nats.
    pub raw_logprob: f64,
    /// Its place in the model's distribution, 1 the most probable.
    pub raw_rank: usize,
    /// Its logprob in the final distribution, in nats.
    pub logprob: f64,
    /// Entropy of the model's distribution.
    pub raw_entropy_nats: f64,
    /// Entropy of the final distribution.
    pub entropy_nats: f64,
    /// The draw; `None` when greedy.
    pub draw: Option<Draw>,
    /// What each stage of the pipeline did, in order.
    pub stages: Vec<StageEffect>,
    /// The best tokens of the model's distribution, in its order.
    pub head: Vec<HeadToken>,
    /// The rest of the model's distribution, in at most 64 bins from the top down.
    pub tail: Vec<TailBin>,
    /// The best tokens of the final distribution's support, in the total order.
    pub support_head: Vec<SupportToken>,
    /// Tokens that no stage removed.
    pub kept: usize,
    /// Tokens with a weight above 0 in the end.
    pub support: usize,
    /// The first token of the total order in the end: what greedy would choose.
    pub greedy: TokenId,
}

/// What one stage did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageEffect {
    /// Its name.
    pub name: &'static str,
    /// Tokens left after it.
    pub kept: usize,
    /// Tokens it removed.
    pub removed: usize,
    /// The share of its input's mass that it removed, in [0, 1].
    pub mass_removed: f64,
    /// The best token it removed.
    pub first_removed: Option<TokenId>,
    /// The temperature after it.
    pub temperature: f64,
}

/// A token near the top of the model's distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadToken {
    /// The token.
    pub token: TokenId,
    /// Its logit as the model gave it.
    pub logit: f32,
    /// Its probability in the model's distribution.
    pub raw_p: f64,
    /// The stage that removed it, by its place in the pipeline.
    pub removed_by: Option<usize>,
}

/// A token that may be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SupportToken {
    /// The token.
    pub token: TokenId,
    /// Its logit as the model gave it.
    pub logit: f32,
    /// Its probability in the model's distribution.
    pub raw_p: f64,
    /// Its probability in the final distribution.
    pub p: f64,
}

/// Watches a pipeline run and writes the account.
pub(crate) struct Tracer<'w> {
    /// Buffers for the head.
    workspace: &'w mut Workspace,
    depth: usize,
    level: Level,
    raw: Softmax,
    head: Vec<HeadToken>,
    tail: Vec<TailBin>,
    stages: Vec<StageEffect>,
    /// Tokens left so far.
    kept: usize,
    input: Option<Input>,
}

/// What a stage was given.
struct Input {
    mass: u64,
    law: Law,
    edits: Vec<Edit>,
    /// The survivors in id order, where an earlier stage has already cut.
    survivors: Option<Vec<(TokenId, f32)>>,
}

impl<'w> Tracer<'w> {
    pub(crate) fn new(depth: usize, level: Level, workspace: &'w mut Workspace) -> Self {
        let (head, tail, stages) = (Vec::new(), Vec::new(), Vec::new());
        let raw = Softmax::default();
        Self { workspace, depth, level, raw, head, tail, stages, kept: 0, input: None }
    }

    /// What a stage that removed nothing did.
    fn idle(&self, name: &'static str) -> StageEffect {
        let (kept, removed, mass_removed) = (self.kept, 0, 0.0);
        StageEffect { name, kept, removed, mass_removed, first_removed: None, temperature: 1.0 }
    }

    /// The best of the tokens that a cut removed: where logits are as the model gave them, and the head
    /// lost some, the first of those.
    fn best_removed(&self, input: &Input, candidates: &mut Candidates<'_>) -> Option<Rank> {
        if input.edits.is_empty() {
            let mut alive = self.head.iter().filter(|head| head.removed_by.is_none());
            if let Some(best) = alive.find(|head| !candidates.is_kept(head.token)) {
                return Some(Rank::new(best.logit, best.token));
            }
        }
        input.best_removed(candidates)
    }

    /// Draws (or takes the first) and closes the account.
    pub(crate) fn finish(
        self,
        mut candidates: Candidates<'_>,
        coin: Coin,
        greedy: bool,
    ) -> TraceStep {
        let first = candidates.first().token();
        let (mut draw, mut token, mut entropy_nats, mut logprob) = (None, first, 0.0, 0.0);
        let (mut kept, mut support) = (1, 1);
        let logits = candidates.raw();
        let mut support_head = alloc::vec![self.support_token(logits, first, 1.0)];
        if !greedy {
            entropy_nats = self.raw.entropy_after(&mut candidates); // first: it weighs on the way
            let drawn = coin.draw(candidates.total());
            token = candidates.pick(drawn.r);
            let share = candidates.weight(token) as f64 / drawn.total as f64;
            logprob = math::ln(share).min(0.0);
            draw = Some(drawn);
            kept = self.kept;
            support = candidates.support();
            support_head = self.support_head(&mut candidates);
        }
        TraceStep {
            position: coin.position,
            token,
            raw_logprob: self.raw.logprob(logits[token as usize]),
            raw_rank: self.raw_rank(logits, token),
            logprob,
            raw_entropy_nats: self.raw.entropy_nats(),
            entropy_nats,
            draw,
            stages: self.stages,
            head: self.head,
            tail: self.tail,
            support_head,
            kept,
            support,
            greedy: first,
        }
    }

    /// The token's place in the model's distribution: that in the head, where it is there.
    fn raw_rank(&self, logits: &[f32], token: TokenId) -> usize {
        let in_head = self.head.iter().position(|head| head.token == token);
        in_head.map_or_else(|| softmax::rank(logits, token), |at| at + 1)
    }

    /// The best of the tokens that may be drawn: those of the row, where nothing was changed.
    fn support_head(&self, candidates: &mut Candidates<'_>) -> Vec<SupportToken> {
        let (logits, total) = (candidates.raw(), candidates.total() as f64);
        let shown = |token, weight: u64| self.support_token(logits, token, weight as f64 / total);
        if candidates.is_untouched() {
            let tokens: Vec<TokenId> = self.head.iter().map(|it| it.token).collect();
            let weighed = tokens.iter().zip(candidates.weights(&tokens));
            let drawn = weighed.filter(|(_, weight)| *weight > 0);
            return drawn.map(|(&token, weight)| shown(token, weight)).collect();
        }
        candidates.keep_first(self.depth);
        let mut ranked = Vec::new();
        candidates.visit(|token, logit, weight| {
            if weight > 0 {
                ranked.push((Rank::new(logit, token), weight));
            }
        });
        ranked.sort_unstable();
        ranked.truncate(self.depth);
        ranked.iter().map(|&(rank, weight)| shown(rank.token(), weight)).collect()
    }

    fn support_token(&self, logits: &[f32], token: TokenId, p: f64) -> SupportToken {
        let logit = logits[token as usize];
        SupportToken { token, logit, raw_p: math::exp(self.raw.logprob(logit)), p }
    }
}

impl Observer for Tracer<'_> {
    fn start(&mut self, candidates: &mut Candidates<'_>) {
        let logits = candidates.raw();
        let best = candidates.twin(self.workspace);
        let Best { ranked, tail } = Best::of(best, self.depth, self.level);
        self.raw = Softmax::of(candidates);
        self.kept = ranked.len() + tail.iter().map(|bin| bin.count).sum::<usize>();
        self.tail = tail;
        self.head.extend(ranked.iter().map(|rank| {
            let token = rank.token();
            let logit = logits[token as usize];
            let raw_p = math::exp(self.raw.logprob(logit));
            HeadToken { token, logit, raw_p, removed_by: None }
        }));
    }

    fn before(&mut self, stage: &dyn Stage, candidates: &mut Candidates<'_>) {
        if stage.info().effect == Effect::Temperature {
            return; // it removes nothing
        }
        self.input = Some(Input {
            mass: candidates.total(),
            law: candidates.law(),
            edits: candidates.edits().to_vec(),
            survivors: candidates.survivors().map(Iterator::collect),
        });
    }

    fn after(&mut self, stage: &dyn Stage, candidates: &mut Candidates<'_>) {
        let info = stage.info();
        let temperature = candidates.temperature();
        let Some(input) = self.input.take() else {
            self.stages.push(StageEffect { temperature, ..self.idle(info.name) });
            return;
        };
        let kept = candidates.kept();
        let removed = self.kept - kept;
        let (mass, first_removed) = match info.effect {
            _ if removed == 0 => (0, None),
            Effect::Temperature => (0, None),
            Effect::Logits => input.newly_banned(candidates, self.level),
            Effect::Mask | Effect::Truncation => {
                let mass = input.mass - candidates.mass_under(input.law);
                (mass, self.best_removed(&input, candidates))
            }
        };
        let at = self.stages.len();
        for head in self.head.iter_mut().filter(|head| head.removed_by.is_none()) {
            if removed > 0 && !candidates.is_kept(head.token) && head.logit > f32::NEG_INFINITY {
                head.removed_by = Some(at);
            }
        }
        self.kept = kept;
        self.stages.push(StageEffect {
            removed,
            mass_removed: mass as f64 / input.mass as f64,
            first_removed: first_removed.map(Rank::token),
            temperature,
            ..self.idle(info.name)
        });
    }
}

/// The best tokens of a row, and what they leave of it.
struct Best {
    ranked: Vec<Rank>,
    tail: Vec<TailBin>,
}

impl Best {
    fn of(mut best: Candidates<'_>, depth: usize, level: Level) -> Self {
        let logits = best.raw();
        best.keep_first(depth);
        let mut ranked = Vec::new();
        best.visit(|token, logit, _| ranked.push(Rank::new(logit, token)));
        ranked.sort_unstable();
        ranked.truncate(depth);
        let limit = ranked.last().map(|last| logits[last.token() as usize]);
        let is_tie = |rank: &&Rank| Some(logits[rank.token() as usize]) == limit;
        let n_ties = ranked.iter().filter(is_tie).count();
        let limit = limit.unwrap_or_else(|| best.max());
        let tail = tail::summarise(logits, limit, n_ties, level);
        Self { ranked, tail }
    }
}

impl Input {
    /// The mass and the best of the tokens that a stage banned by −∞.
    fn newly_banned(&self, candidates: &Candidates<'_>, level: Level) -> (u64, Option<Rank>) {
        let (mut mass, mut best) = (0, None);
        for edit in candidates.edits().iter().filter(|edit| edit.logit == f32::NEG_INFINITY) {
            let logit = self.logit_before(edit.token, candidates);
            if let Some(logit) = logit.filter(|&logit| logit > f32::NEG_INFINITY) {
                mass += level.run(crate::simd::Mass { law: self.law, logits: &[logit] });
                let rank = Rank::new(logit, edit.token);
                best = Some(best.map_or(rank, |best: Rank| best.min(rank)));
            }
        }
        (mass, best)
    }

    /// A token's logit in the input; `None` when it was no longer there.
    fn logit_before(&self, token: TokenId, candidates: &Candidates<'_>) -> Option<f32> {
        if let Some(survivors) = &self.survivors {
            let at = survivors.binary_search_by_key(&token, |&(id, _)| id).ok()?;
            return Some(survivors[at].1);
        }
        let edit = self.edits.binary_search_by_key(&token, |edit| edit.token).ok();
        Some(edit.map_or(candidates.raw()[token as usize], |at| self.edits[at].logit))
    }

    /// The best of the tokens that a cut removed.
    fn best_removed(&self, candidates: &mut Candidates<'_>) -> Option<Rank> {
        match &self.survivors {
            None => candidates.best_outside(),
            Some(before) => {
                let gone = before.iter().filter(|(id, _)| !candidates.is_kept(*id));
                gone.map(|&(id, logit)| Rank::new(logit, id)).min()
            }
        }
    }
}
