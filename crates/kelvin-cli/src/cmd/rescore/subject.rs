//! The text that is rescored, and what the policy makes of each of its tokens.

use anyhow::Result;
use clap::ArgMatches;
use kelvin::{Pipeline, Sampler, Softmax, TokenId, Verdict};
use kelvin_lab::rescore::{Answer, Rescorer};
use kelvin_lab::trace::Sequence;
use kelvin_lm::Session;

use super::super::explain::{chosen, facts, read};
use crate::args::explain::chosen_sequence;
use crate::args::policy;
use crate::console::Console;
use crate::exit::Failure;
use crate::load::{self, Loaded};
use crate::memory;
use crate::rerun;
use crate::term::number::{count, counted};
use crate::vocab::Names;

/// A text, token by token.
pub(super) struct Subject {
    /// The facts of its header.
    pub(super) facts: Vec<String>,
    /// The policy that it came under; none for a text that nobody generated here.
    pub(super) recorded: Option<String>,
    /// What its tokens are called.
    pub(super) names: Names,
    /// Its tokens.
    pub(super) tokens: Vec<Judged>,
    /// Tokens that the model was asked about.
    pub(super) n_asked: usize,
}

/// One token.
pub(super) struct Judged {
    pub(super) id: TokenId,
    /// Its logprob in the model's distribution.
    pub(super) raw_logprob: f64,
    /// Its logprob in the distribution that it was drawn from.
    pub(super) logprob: Option<f64>,
    /// What the policy makes of it.
    pub(super) answer: Answer,
}

impl Judged {
    /// Its surprisal now, where it can come.
    fn nats(&self) -> Option<f64> {
        match self.answer {
            Answer::Exact(Verdict::Possible { logprob }) | Answer::Within { logprob, .. } => {
                Some(0.0 - logprob)
            }
            Answer::Exact(_) | Answer::NeedsModel(_) => None,
        }
    }
}

impl Subject {
    /// A recorded text; its model is asked only where the trace does not decide.
    pub(super) fn of_trace(
        pipeline: &Pipeline,
        matches: &ArgMatches,
        console: &mut Console<'_>,
    ) -> Result<Self> {
        let name = policy::text(matches, "trace").expect("it has a default");
        let trace = read(name, console)?;
        let sequence = chosen(&trace, chosen_sequence(matches))?;
        let mut tokens = from_trace(sequence, pipeline)?;
        let open = |token: &Judged| matches!(token.answer, Answer::NeedsModel(_));
        let n_asked = tokens.iter().filter(|token| open(token)).count();
        if n_asked > 0 {
            let n = counted(tokens.len(), "token");
            let decided = count(tokens.len() - n_asked);
            console.talk(&format!(
                "the trace decides {decided} of {n}; the model is asked for the rest"
            ))?;
            match rerun::load(&sequence.header, matches, console) {
                Ok(loaded) => ask(&loaded, sequence, pipeline, &mut tokens)?,
                Err(error) => console.warn_all(&[format!("it cannot be asked: {error:#}")])?,
            }
        }
        Ok(Self {
            facts: facts(sequence),
            recorded: Some(sequence.header.pipeline.clone()),
            names: Names::Recorded(trace.names.clone()),
            tokens,
            n_asked,
        })
    }

    /// A text that the model reads.
    pub(super) fn of_text(
        text: &str,
        pipeline: &Pipeline,
        matches: &ArgMatches,
        console: &mut Console<'_>,
    ) -> Result<Self> {
        let (checkpoint, card) = load::open(matches, console)?;
        let options = load::model_options(matches)?;
        memory::check(&checkpoint, &card, options.dtype, console)?;
        let loaded = load::assemble(&checkpoint, card, options)?;
        let before = policy::text(matches, "after").unwrap_or_default();
        let special = load::special_tokens(matches);
        let ids = loaded.encode(&format!("{before}{text}"), special)?;
        let n_before = n_before(before, &ids, &loaded, matches)?;
        let mut facts = loaded.facts();
        facts.push(counted(ids.len() - n_before, "token"));
        let tokens = from_model(&loaded, &ids, n_before, pipeline)?;
        let n_asked = tokens.len();
        Ok(Self { facts, recorded: None, names: super::names(loaded), tokens, n_asked })
    }

    /// What the tokens that can come cost now.
    pub(super) fn nats(&self) -> f64 {
        self.tokens.iter().filter_map(Judged::nats).fold(0.0, |sum, nats| sum + nats) // never −0
    }

    /// What all tokens cost then.
    pub(super) fn nats_then(&self) -> Option<f64> {
        self.tokens.iter().map(|token| token.logprob.map(|logprob| 0.0 - logprob)).sum()
    }
}

/// What the trace alone says.
fn from_trace(sequence: &Sequence, pipeline: &Pipeline) -> Result<Vec<Judged>, Failure> {
    let read = |error: kelvin_lab::Error| Failure::read(format!("the trace: {error}"));
    let mut rescorer = Rescorer::new(pipeline.clone(), &sequence.header).map_err(read)?;
    let judged = |step: &kelvin_lab::trace::Step| {
        Ok(Judged {
            id: step.id,
            raw_logprob: step.raw_logprob,
            logprob: Some(step.logprob),
            answer: rescorer.judge(step).map_err(read)?,
        })
    };
    sequence.steps.iter().map(judged).collect()
}

/// Has the model decide what the trace left open.
fn ask(
    loaded: &Loaded,
    sequence: &Sequence,
    pipeline: &Pipeline,
    tokens: &mut [Judged],
) -> Result<()> {
    let vocab_size = loaded.model.config().vocab_size;
    let mut sampler = rerun::sampler(&sequence.header, pipeline.clone(), vocab_size)?;
    rerun::each_row(loaded, sequence, |at, logits| {
        let token = &mut tokens[at];
        if matches!(token.answer, Answer::NeedsModel(_)) {
            token.answer = Answer::Exact(sampler.judge(logits, token.id)?);
        }
        Ok(sampler.accept(token.id)?)
    })
}

/// How many of a text's tokens belong to what stands before it: those that it begins with in common
/// with the tokens of that alone, and at least one.
fn n_before(before: &str, ids: &[TokenId], loaded: &Loaded, matches: &ArgMatches) -> Result<usize> {
    let alone = if before.is_empty() {
        Vec::new()
    } else {
        loaded.encode(before, load::special_tokens(matches))?
    };
    let shared = alone.iter().zip(ids).take_while(|(a, b)| a == b).count();
    if ids.len() < 2 || shared >= ids.len() {
        return Err(Failure::typed("the text is too short: its first token has nothing before it")
            .hint("--after gives what stands before it")
            .into());
    }
    Ok(shared.max(1))
}

fn from_model(
    loaded: &Loaded,
    ids: &[TokenId],
    n_before: usize,
    pipeline: &Pipeline,
) -> Result<Vec<Judged>> {
    let sampler = Sampler::new(pipeline.clone(), loaded.model.config().vocab_size)?;
    let mut sampler = sampler.with_prompt(&ids[..n_before])?;
    let mut session = Session::new(&loaded.model);
    let mut tokens = Vec::new();
    let mut judge = |id: TokenId, logits: &[f32]| -> Result<Judged> {
        let answer = Answer::Exact(sampler.judge(logits, id)?);
        sampler.accept(id)?;
        let raw_logprob = Softmax::new(logits)?.logprob(logits[id as usize]);
        Ok(Judged { id, raw_logprob, logprob: None, answer })
    };
    tokens.push(judge(ids[n_before], session.feed(&ids[..n_before])?)?);
    let mut outcome = Ok(());
    session.feed_all(&ids[n_before..ids.len() - 1], |pos, logits| {
        if outcome.is_ok() {
            outcome = judge(ids[pos + 1], logits).map(|token| tokens.push(token));
        }
    })?;
    outcome.map(|()| tokens)
}
