//! What other settings would have made of a text, from its trace alone.
//!
//! A trace keeps the best tokens of each distribution (the head) and a summary of the rest (the tail).
//! Where a policy cuts inside the head, that is everything: the answer has the same bits as the model's
//! whole row would give. Where it does not, the answer is a bound, or that the model is needed.

mod plan;
mod tail;

use kelvin::{Pipeline, Sampler, TokenId, Verdict, math};

use self::plan::{FirstCut, Plan, Weighed};
use self::tail::Tail;
use crate::error::{Error, Result};
use crate::trace::{Head, Header, Step};

/// The widest bound that still counts as an answer, in nats.
const NARROW: f64 = 1e-3;

/// What a policy makes of a token of the text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    /// As the whole row would say it, to the bit.
    Exact(Verdict),
    /// It can come; its logprob is within `error` of this, in nats.
    Within {
        /// The middle of the bounds.
        logprob: f64,
        /// Half of what lies between them, at most 5e-4.
        error: f64,
    },
    /// What the trace keeps does not decide it.
    NeedsModel(Reason),
}

/// Why a head does not decide what a policy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The step has no head.
    NoHead,
    /// The policy keeps tokens below the head.
    BeyondHead,
    /// A stage looks at the whole distribution before anything is cut.
    WholeRow,
}

impl Reason {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoHead => "the trace keeps no candidates",
            Self::BeyondHead => "the policy keeps tokens below those that the trace lists",
            Self::WholeRow => "a stage looks at the whole distribution before anything is cut",
        }
    }
}

/// A policy that judges the tokens of one text, one after the other.
///
/// ```
/// use kelvin::{Sampler, Verdict};
/// use kelvin_lab::rescore::{Answer, Rescorer};
/// use kelvin_lab::trace::{Header, Step};
///
/// let row = [2.0, 1.0, 0.5, -1.0, -1.5];
/// let account = Sampler::new("temperature(1)".parse()?, 5)?.sample_traced(&row, 3)?;
/// let step = Step::of(&account, 0, 0).with_head(&account);
/// let step = Step { id: 2, ..step };
///
/// let header = Header::new(serde_json::json!({"vocab_size": 5}));
/// let mut rescorer = Rescorer::new("top-k(2)".parse()?, &header)?;
/// assert_eq!(rescorer.judge(&step)?, Answer::Exact(Verdict::Removed { stage: 0 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Rescorer {
    plan: Plan,
    sampler: Sampler,
    /// −∞ but for the tokens that a step lists.
    row: Vec<f32>,
}

impl Rescorer {
    /// A policy at the beginning of the text that follows this header.
    ///
    /// # Errors
    ///
    /// A header without `vocab_size`, or with tokens beyond it; a policy that names such tokens.
    pub fn new(pipeline: Pipeline, header: &Header) -> Result<Self> {
        let vocab_size = header.model["vocab_size"].as_u64().and_then(|n| usize::try_from(n).ok());
        let vocab_size = vocab_size.filter(|&n| n > 0 && n <= MOST_TOKENS);
        let vocab_size =
            vocab_size.ok_or_else(|| Error::new("the header says no vocab_size of the model"))?;
        let plan = Plan::of(&pipeline);
        let mut sampler = Sampler::new(pipeline, vocab_size)?.with_prompt(&header.prompt_ids)?;
        header.history.iter().try_for_each(|&token| sampler.accept(token))?;
        Ok(Self { plan, sampler, row: vec![f32::NEG_INFINITY; vocab_size] })
    }

    /// What the policy makes of the next token of the text.
    ///
    /// # Errors
    ///
    /// A step whose tokens are outside the vocabulary, or whose lists differ in length.
    pub fn judge(&mut self, step: &Step) -> Result<Answer> {
        let answer = match &step.head {
            None => Answer::NeedsModel(Reason::NoHead),
            Some(head) => {
                self.check(head, step)?;
                let chosen = chosen_logit(step, head);
                self.lay_out(head, step.id, chosen);
                let answer = self.answer(step, head);
                self.clear(head, step.id);
                answer?
            }
        };
        self.sampler.accept(step.id)?;
        Ok(answer)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a sampler takes no more than u32::MAX")]
    fn vocab_size(&self) -> TokenId {
        self.row.len() as TokenId
    }

    fn check(&self, head: &Head, step: &Step) -> Result<()> {
        if head.ids.is_empty() || head.ids.len() != head.logits.len() {
            return Err(Error::new("a step whose head lists differ in length"));
        }
        let n = self.row.len();
        if let Some(id) = head.ids.iter().chain([&step.id]).find(|&&id| id as usize >= n) {
            return Err(Error::new(format!("token {id} is outside the vocabulary of {n}")));
        }
        let in_tail = step.tail.iter().fold(0_usize, |sum, bin| sum.saturating_add(bin.0));
        if in_tail > n {
            return Err(Error::new(format!("a tail of {in_tail} tokens in a vocabulary of {n}")));
        }
        Ok(())
    }

    fn lay_out(&mut self, head: &Head, chosen: TokenId, logit: f32) {
        self.row[chosen as usize] = logit;
        for (&id, &logit) in head.ids.iter().zip(&head.logits) {
            self.row[id as usize] = logit;
        }
    }

    fn clear(&mut self, head: &Head, chosen: TokenId) {
        for &id in head.ids.iter().chain([&chosen]) {
            self.row[id as usize] = f32::NEG_INFINITY;
        }
    }

    fn answer(&mut self, step: &Step, head: &Head) -> Result<Answer> {
        let tail = Tail::of(step, head);
        match self.plan.first_cut {
            _ if tail.count == 0 => self.exactly(step),
            _ if self.plan.looks_at_all => Ok(Answer::NeedsModel(Reason::WholeRow)),
            FirstCut::Ranked | FirstCut::Greedy => self.answer_above(step, head),
            FirstCut::Nucleus(p) => self.answer_in_nucleus(step, p, (head, &tail)),
            FirstCut::None => self.answer_uncut(step, head, &tail),
        }
    }

    /// What the row says, where it holds all that matters.
    fn exactly(&mut self, step: &Step) -> Result<Answer> {
        Ok(Answer::Exact(self.sampler.judge(&self.row, step.id)?))
    }

    /// Where the first cut goes by rank or by distance from the best: what it does to a token as good as
    /// the tail's best, it does to the whole tail.
    fn answer_above(&mut self, step: &Step, head: &Head) -> Result<Answer> {
        let is_free = |id: &TokenId| self.row[*id as usize] == f32::NEG_INFINITY;
        let used = self.sampler.history().tokens();
        let mut ids = (0..self.vocab_size()).rev();
        let Some(sentinel) = ids.find(|id| is_free(id) && !used.contains(id)) else {
            return Ok(Answer::NeedsModel(Reason::BeyondHead));
        };
        self.row[sentinel as usize] = head.logits[head.logits.len() - 1];
        let of_tail = self.sampler.judge(&self.row, sentinel);
        self.row[sentinel as usize] = f32::NEG_INFINITY;
        match of_tail? {
            Verdict::Removed { stage } if Some(stage) == self.plan.place => self.exactly(step),
            Verdict::Outranked => self.exactly(step),
            _ => Ok(Answer::NeedsModel(Reason::BeyondHead)),
        }
    }

    /// Where the first cut is a nucleus: the tokens that it has for any mass the tail may have.
    fn answer_in_nucleus(
        &mut self,
        step: &Step,
        p: f64,
        (head, tail): (&Head, &Tail),
    ) -> Result<Answer> {
        let weighed = self.weigh(head)?;
        let Some(size) = self.plan.nucleus_size(p, &weighed, tail) else {
            return Ok(Answer::NeedsModel(Reason::BeyondHead));
        };
        let pipeline = self.plan.with_top_k(self.sampler.pipeline(), size);
        let mut sampler = self.like(pipeline)?;
        Ok(Answer::Exact(sampler.judge(&self.row, step.id)?))
    }

    /// Where nothing is cut: the share that the tail's mass leaves.
    fn answer_uncut(&mut self, step: &Step, head: &Head, tail: &Tail) -> Result<Answer> {
        let weights = self.sampler.weights(&self.row)?;
        let Ok(at) = weights.binary_search_by_key(&step.id, |&(token, _)| token) else {
            return self.exactly(step);
        };
        let weighed = self.weighed(head, &weights);
        let Some((low, high)) = self.plan.tail_mass(&weighed, tail) else {
            return Ok(Answer::NeedsModel(Reason::BeyondHead));
        };
        let logprob = |tail: f64| math::ln(weights[at].1 as f64 / (weighed.total() + tail));
        let (most, least) = (logprob(low), logprob(high));
        let error = 0.5 * (most - least);
        if error > 0.5 * NARROW {
            return Ok(Answer::NeedsModel(Reason::BeyondHead));
        }
        Ok(Answer::Within { logprob: (0.5 * (most + least)).min(0.0), error })
    }

    /// The head as the first cut finds it.
    fn weigh<'h>(&self, head: &'h Head) -> Result<Weighed<'h>> {
        let weights = self.like(self.plan.before.clone())?.weights(&self.row)?;
        Ok(self.weighed(head, &weights))
    }

    /// The head with these weights, which are in id order.
    fn weighed<'h>(&self, head: &'h Head, weights: &[(TokenId, u64)]) -> Weighed<'h> {
        let weight = |id: &TokenId| {
            let at = weights.binary_search_by_key(id, |&(token, _)| token);
            at.map_or(0.0, |at| weights[at].1 as f64)
        };
        let history = self.sampler.history();
        let (used, lowers) = (history.tokens(), self.plan.lowers);
        Weighed {
            head,
            weights: head.ids.iter().map(weight).collect(),
            is_as_given: head.ids.iter().map(|id| !lowers || !used.contains(id)).collect(),
            t: self.plan.temperature(history),
        }
    }

    /// Another policy at the same place of the text.
    fn like(&self, pipeline: Pipeline) -> Result<Sampler> {
        let history = self.sampler.history();
        let sampler = Sampler::new(pipeline, self.row.len())?;
        let mut sampler = sampler.with_prompt(history.prompt())?;
        history.output().iter().try_for_each(|&token| sampler.accept(token))?;
        Ok(sampler)
    }
}

/// The largest vocabulary that a row is laid out for: 64 MiB.
const MOST_TOKENS: usize = 1 << 24;

/// The logit of the token that was chosen, from the head or from its logprob.
fn chosen_logit(step: &Step, head: &Head) -> f32 {
    match head.ids.iter().position(|&id| id == step.id) {
        Some(at) => head.logits[at],
        #[expect(clippy::cast_possible_truncation, reason = "it was an f32")]
        None => (step.raw_logprob + head.log_sum) as f32,
    }
}
