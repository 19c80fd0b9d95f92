//! Everything there is to say about one decision, before anybody chooses how to say it.

use anyhow::Result;
use kelvin::simd::Level;
use kelvin::{Error, Pipeline, Sampler, Seed, TokenId, TraceStep};

use crate::args::randomness::Randomness;
use crate::decision::Decision;
use crate::exit::Failure;
use crate::input::Row;
use crate::load::Loaded;
use crate::settings::{self, Policy};
use crate::term::number::counted;
use crate::vocab::Names;

/// Places of a model's distribution that a trace looks at, so that it finds what was removed.
const DEPTH: usize = 4096;

/// Rows of a model's distribution in JSON.
const ROWS: usize = 64;

/// A row of logits, and where it comes from.
#[derive(Debug)]
pub(crate) struct Subject {
    /// What the row is called: a file, an example, a model.
    pub(crate) name: String,
    /// Further facts for the header.
    pub(crate) facts: Vec<String>,
    /// One logit for each token.
    pub(crate) logits: Vec<f32>,
    /// The tokens' names.
    pub(crate) names: Names,
    /// Probability of what the row does not list.
    pub(crate) other: f64,
    /// The prompt's tokens; none for bare logits.
    pub(crate) prompt: Vec<TokenId>,
    /// Tokens that count as output so far.
    pub(crate) history: Vec<TokenId>,
    /// Places to trace.
    pub(crate) depth: usize,
    /// Rows of JSON where nobody says how many.
    pub(crate) rows: usize,
}

impl Subject {
    /// A row that no model made.
    pub(crate) fn bare(name: String, row: Row, history: Vec<TokenId>) -> Self {
        let Row { tokens, logits, other } = row;
        let facts = vec![counted(logits.len(), "token")];
        let names = tokens.map_or(Names::Numbers, Names::Listed);
        let depth = logits.len();
        let (prompt, rows) = (Vec::new(), depth);
        Self { name, facts, logits, names, other, prompt, history, depth, rows }
    }

    /// A row that a model made.
    pub(crate) fn of_model(
        loaded: Loaded,
        logits: Vec<f32>,
        prompt: Vec<TokenId>,
        history: Vec<TokenId>,
    ) -> Self {
        let mut facts = loaded.facts();
        let name = facts.remove(0);
        facts.push(counted(prompt.len(), "prompt token"));
        let names = Names::Model(Box::new(loaded.tokenizer));
        let (other, depth, rows) = (0.0, DEPTH.min(logits.len()), ROWS);
        Self { name, facts, logits, names, other, prompt, history, depth, rows }
    }

    /// A sampler at this point of the sequence.
    ///
    /// # Errors
    ///
    /// Something typed: ids outside the vocabulary.
    pub(crate) fn sampler(
        &self,
        pipeline: &Pipeline,
        seed: Seed,
        level: Level,
    ) -> kelvin::Result<Sampler> {
        let sampler = Sampler::new(pipeline.clone(), self.logits.len())?.with_seed(seed);
        let mut sampler = sampler.with_level(level).with_prompt(&self.prompt)?;
        self.history.iter().try_for_each(|&token| sampler.accept(token))?;
        Ok(sampler)
    }

    /// What the sampler does with the row.
    ///
    /// # Errors
    ///
    /// Something typed: a policy that bans everything. Something read: a row with nothing in it that can
    /// be drawn.
    pub(crate) fn trace(&self, sampler: &mut Sampler) -> Result<TraceStep> {
        sampler.sample_traced(&self.logits, self.depth).map_err(|error| match error {
            Error::NothingLeft { stage: "logits" } | Error::NotANumber { .. } => {
                Failure::read(format!("{}: {error}", self.name)).into()
            }
            error => anyhow::Error::new(error),
        })
    }

    /// The share of the model's distribution that lies on the tokens that can be drawn.
    ///
    /// # Errors
    ///
    /// Those of [`Subject::trace`].
    pub(crate) fn raw_mass(&self, sampler: &mut Sampler, step: &TraceStep) -> Result<f64> {
        let best = step.head[0];
        let raw_p = |token: TokenId| {
            let distance = f64::from(self.logits[token as usize]) - f64::from(best.logit);
            best.raw_p * kelvin::math::exp(distance)
        };
        let support = sampler.weights(&self.logits)?;
        let held: f64 = support.iter().map(|&(token, _)| raw_p(token)).sum();
        let all = support.len() == live(&self.logits);
        Ok(if all { 1.0 } else { held } * (1.0 - self.other))
    }
}

/// The decision, its setting and its outcome.
#[derive(Debug)]
pub(crate) struct Account {
    /// What was decided on.
    pub(crate) subject: Subject,
    /// How.
    pub(crate) policy: Policy,
    /// Seed and stream.
    pub(crate) seed: Seed,
    /// The seed for people.
    pub(crate) seed_shown: String,
    /// What happened.
    pub(crate) step: TraceStep,
    /// The share of the model's distribution that lies on the support.
    pub(crate) raw_mass: f64,
    /// How many draws were asked for.
    pub(crate) n_draws: u32,
    /// How often each token came, in id order.
    pub(crate) draws: Vec<(TokenId, u32)>,
}

impl Account {
    /// Runs the policy over the row.
    ///
    /// # Errors
    ///
    /// Something typed: ids outside the vocabulary, a policy that bans everything. Something read: a
    /// row with nothing in it that can be drawn.
    pub(crate) fn take(
        subject: Subject,
        policy: Policy,
        randomness: Randomness,
        (n_draws, level): (u32, Level),
    ) -> Result<Self> {
        let seed = randomness.for_prompt(&subject.prompt);
        let mut sampler = subject.sampler(&policy.pipeline, seed, level)?;
        let step = subject.trace(&mut sampler)?;
        let raw_mass = subject.raw_mass(&mut sampler, &step)?;
        let draws = if n_draws > 0 { sampler.draws(&subject.logits, n_draws)? } else { Vec::new() };
        let seed_shown = randomness.shown();
        Ok(Self { subject, policy, seed, seed_shown, step, raw_mass, n_draws, draws })
    }

    /// What people are shown of it.
    pub(crate) fn decision(&self) -> Decision<'_> {
        let Self { subject, policy, draws, .. } = self;
        let mut facts = vec![subject.name.clone()];
        facts.extend(subject.facts.iter().cloned());
        facts.push(format!("dialect {}", policy.dialect.name));
        facts.push(format!("seed {}", self.seed_shown));
        Decision {
            facts,
            names: &subject.names,
            pipeline: &policy.pipeline,
            origins: settings::origins(&policy.settings, |setting| setting.name),
            step: &self.step,
            raw_mass: Some(self.raw_mass),
            other: subject.other,
            draws: (self.n_draws > 0).then_some((self.n_draws, draws)),
        }
    }
}

/// How many tokens the row does not ban.
fn live(logits: &[f32]) -> usize {
    logits.iter().filter(|&&logit| logit > f32::NEG_INFINITY).count()
}
