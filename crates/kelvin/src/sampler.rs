//! A pipeline in motion: the history, key and buffers of one sequence.

use alloc::vec::Vec;

use crate::candidates::{Candidates, Workspace};
use crate::measured::{Measured, RawRow};
use crate::observer::Observer;
use crate::pipeline::check_token;
use crate::rng::Coin;
use crate::simd::Level;
use crate::stage::{Effect, Step};
use crate::trace::{TraceStep, Tracer};
use crate::verdict::{Verdict, Watch};
use crate::{Error, History, Pipeline, Result, Seed, TokenId, math};

/// Draws the tokens of one sequence.
///
/// Choosing a token and being told what was chosen are two calls: forced tokens and replays
/// enter the history by the same door, [`Sampler::accept`]; what came before the output, by
/// [`Sampler::with_prompt`]. A draw advances nothing, so the same call
/// twice gives the same token. After warm-up neither call allocates.
///
/// ```
/// use kelvin::{Pipeline, Sampler, Seed};
///
/// let pipeline: Pipeline = "temperature(0.8) | top-p(0.9)".parse()?;
/// let mut sampler = Sampler::new(pipeline, 4)?.with_seed(Seed::new(1));
/// let token = sampler.sample(&[2.0, 1.0, 0.5, -1.0])?;
/// sampler.accept(token)?;
/// assert_eq!(sampler.history().output(), [token]);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sampler {
    pipeline: Pipeline,
    vocab_size: usize,
    seed: Seed,
    history: History,
    workspace: Workspace,
    /// For the head of a trace.
    head_workspace: Workspace,
    level: Level,
}

impl Sampler {
    /// A sampler of seed 0 with an empty history.
    ///
    /// # Errors
    ///
    /// [`Error::TokenOutOfRange`] when a parameter names a token outside the vocabulary;
    /// [`Error::VocabMismatch`] when there are more tokens than ids.
    pub fn new(pipeline: Pipeline, vocab_size: usize) -> Result<Self> {
        if u32::try_from(vocab_size).is_err() {
            return Err(Error::VocabMismatch { expected: u32::MAX as usize, found: vocab_size });
        }
        pipeline.check_tokens(vocab_size)?;
        let history = History::new(pipeline.stages().iter().filter_map(|stage| stage.scope()));
        Ok(Self {
            pipeline,
            vocab_size,
            seed: Seed::default(),
            history,
            workspace: Workspace::default(),
            head_workspace: Workspace::default(),
            level: Level::detect(),
        })
    }

    /// The same sampler with another seed.
    #[must_use]
    pub fn with_seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// The same sampler at the end of this prompt, its output forgotten.
    ///
    /// # Errors
    ///
    /// [`Error::TokenOutOfRange`] when the prompt leaves the vocabulary.
    pub fn with_prompt(mut self, prompt: &[TokenId]) -> Result<Self> {
        prompt.iter().try_for_each(|&token| check_token(token, self.vocab_size))?;
        self.history.start(prompt);
        Ok(self)
    }

    /// The same sampler on this instruction set; the results are the same on each.
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// A copy that goes its own way, as another sample of the same request.
    #[must_use]
    pub fn fork(&self, choice: u32) -> Self {
        self.clone().with_seed(self.seed.with_choice(choice))
    }

    /// Makes room for this many more tokens, so that neither [`Sampler::accept`] nor what the stages keep
    /// about the tokens seen need allocate.
    pub fn reserve(&mut self, tokens: usize) {
        self.history.reserve(tokens);
        self.workspace.reserve(tokens + self.history.tokens().len());
    }

    /// The pipeline.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// The seed, with its stream and choice.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The tokens so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How many tokens the vocabulary has.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The absolute position of the token drawn next: how many tokens there are so far.
    #[expect(clippy::cast_possible_truncation, reason = "a sequence of 2^32 tokens fits no memory")]
    pub fn position(&self) -> u32 {
        self.history.tokens().len() as u32
    }

    /// Chooses the next token from its logits, one for each token of the vocabulary; −∞ bans.
    ///
    /// # Errors
    ///
    /// [`Error::VocabMismatch`] for a row of another length, [`Error::NotANumber`] for NaN or +∞ in it,
    /// [`Error::NothingLeft`] when every token is banned. The sampler is as it was.
    pub fn sample(&mut self, logits: &[f32]) -> Result<TokenId> {
        Ok(self.sample_with_logprob(logits)?.0)
    }

    /// Chooses the next token like [`Sampler::sample`], and says how probable the choice was: its
    /// logprob in the distribution it was drawn from, in nats; 0 when greedy.
    ///
    /// ```
    /// # use kelvin::{Pipeline, Sampler};
    /// let mut sampler = Sampler::new("top-k(2)".parse::<Pipeline>()?, 3)?;
    /// let (token, logprob) = sampler.sample_with_logprob(&[2.0, 1.0, 0.5])?;
    /// let account = sampler.sample_traced(&[2.0, 1.0, 0.5], 1)?;
    /// assert_eq!((account.token, account.logprob), (token, logprob));
    /// # Ok::<(), kelvin::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Sampler::sample`].
    pub fn sample_with_logprob(&mut self, logits: &[f32]) -> Result<(TokenId, f64)> {
        let coin = Coin { seed: self.seed, position: self.position() };
        let greedy = self.pipeline.is_greedy();
        let mut candidates = self.run(logits, &mut ())?;
        Ok(if greedy { (candidates.first().token(), 0.0) } else { draw(&mut candidates, coin) })
    }

    /// Chooses the next token like [`Sampler::sample`], and measures the choice: logprobs, entropies and
    /// the number of tokens left, before and after the stages.
    ///
    /// ```
    /// # use kelvin::{Pipeline, Sampler};
    /// let mut sampler = Sampler::new("top-k(2)".parse::<Pipeline>()?, 3)?;
    /// let measured = sampler.sample_measured(&[2.0, 1.0, 0.5])?;
    /// let account = sampler.sample_traced(&[2.0, 1.0, 0.5], 1)?;
    /// assert_eq!((measured.kept, measured.raw_logprob), (2, account.raw_logprob));
    /// # Ok::<(), kelvin::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Sampler::sample`].
    pub fn sample_measured(&mut self, logits: &[f32]) -> Result<Measured> {
        let coin = Coin { seed: self.seed, position: self.position() };
        let greedy = self.pipeline.is_greedy();
        let mut raw = RawRow::default();
        let mut candidates = self.run(logits, &mut raw)?;
        let (mut entropy_nats, mut kept) = (0.0, 1);
        let (token, logprob) = if greedy {
            (candidates.first().token(), 0.0)
        } else {
            entropy_nats = raw.0.entropy_after(&mut candidates);
            kept = candidates.kept();
            draw(&mut candidates, coin)
        };
        let RawRow(raw) = raw;
        Ok(Measured {
            token,
            raw_logprob: raw.logprob(logits[token as usize]),
            logprob,
            raw_entropy_nats: raw.entropy_nats(),
            entropy_nats,
            kept,
        })
    }

    /// Chooses the next token like [`Sampler::sample`], and accounts for it: the `depth` best tokens
    /// before and after, and what each stage removed.
    ///
    /// # Errors
    ///
    /// As [`Sampler::sample`].
    pub fn sample_traced(&mut self, logits: &[f32], depth: usize) -> Result<TraceStep> {
        let coin = Coin { seed: self.seed, position: self.position() };
        let greedy = self.pipeline.is_greedy();
        let mut workspace = core::mem::take(&mut self.head_workspace);
        let mut tracer = Tracer::new(depth, self.level, &mut workspace);
        let step = self.run(logits, &mut tracer).map(|it| tracer.finish(it, coin, greedy));
        self.head_workspace = workspace;
        step
    }

    /// What the policy makes of a token that somebody else chose: whether it could have come here, and
    /// with which probability, or what rules it out.
    ///
    /// ```
    /// use kelvin::{Pipeline, Sampler, Verdict};
    ///
    /// let mut sampler = Sampler::new("temperature(0.7) | top-k(2)".parse::<Pipeline>()?, 3)?;
    /// let row = [2.0, 1.0, 0.5];
    /// assert_eq!(sampler.judge(&row, 2)?, Verdict::Removed { stage: 1 });
    /// let likely = sampler.judge(&row, 0)?.surprisal_nats();
    /// assert!(likely < 0.3, "e^-{likely}");
    /// # Ok::<(), kelvin::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Sampler::sample`], and [`Error::TokenOutOfRange`] for a token outside the vocabulary.
    pub fn judge(&mut self, logits: &[f32], token: TokenId) -> Result<Verdict> {
        check_token(token, self.vocab_size)?;
        let greedy = self.pipeline.is_greedy();
        let mut watch = Watch::new(token);
        let candidates = self.run(logits, &mut watch)?;
        Ok(watch.verdict(candidates, greedy))
    }

    /// The token that falls to `r`: the first, in id order, whose cumulative weight exceeds it. `None`
    /// from W, the sum of the weights, on. With it the coin is an argument: a test tries every side.
    ///
    /// ```
    /// use kelvin::{Pipeline, Sampler};
    ///
    /// let mut sampler = Sampler::new(Pipeline::neutral(), 2)?;
    /// let (logits, half) = ([0.0, 0.0], 1 << 45); // two weights of 2^45
    /// assert_eq!(sampler.token_at(&logits, half - 1)?, Some(0));
    /// assert_eq!(sampler.token_at(&logits, half)?, Some(1));
    /// assert_eq!(sampler.token_at(&logits, 2 * half)?, None);
    /// # Ok::<(), kelvin::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Sampler::sample`].
    pub fn token_at(&mut self, logits: &[f32], r: u64) -> Result<Option<TokenId>> {
        let greedy = self.pipeline.is_greedy();
        let mut candidates = self.run(logits, &mut ())?;
        if greedy {
            return Ok((r == 0).then(|| candidates.first().token()));
        }
        Ok((r < candidates.total()).then(|| candidates.pick(r)))
    }

    /// Notes a token as chosen.
    ///
    /// # Errors
    ///
    /// [`Error::TokenOutOfRange`] when it is not in the vocabulary; the history is as it was.
    pub fn accept(&mut self, token: TokenId) -> Result<()> {
        check_token(token, self.vocab_size)?;
        self.history.push(token);
        Ok(())
    }

    /// How often each token comes when choices 0 … n − 1 draw from the same row, in id order.
    ///
    /// # Errors
    ///
    /// As [`Sampler::sample`].
    pub fn draws(&mut self, logits: &[f32], n: u32) -> Result<Vec<(TokenId, u32)>> {
        let (seed, position) = (self.seed, self.position());
        let mut shares = self.weights(logits)?;
        let mut total = 0;
        for (_, weight) in &mut shares {
            total += *weight;
            *weight = total;
        }
        let mut counts: Vec<(TokenId, u32)> = shares.iter().map(|&(token, _)| (token, 0)).collect();
        for choice in 0..n {
            let coin = Coin { seed: seed.with_choice(choice), position };
            let r = coin.draw(total).r;
            counts[shares.partition_point(|&(_, mass)| mass <= r)].1 += 1;
        }
        counts.retain(|&(_, count)| count > 0);
        Ok(counts)
    }

    /// The integer weights of the support, in id order: a token's probability is its weight over their
    /// sum, exactly. Under greedy the one token has weight 1.
    ///
    /// # Errors
    ///
    /// As [`Sampler::sample`].
    pub fn weights(&mut self, logits: &[f32]) -> Result<Vec<(TokenId, u64)>> {
        let greedy = self.pipeline.is_greedy();
        let mut candidates = self.run(logits, &mut ())?;
        if greedy {
            return Ok(alloc::vec![(candidates.first().token(), 1)]);
        }
        let mut weights = Vec::new();
        candidates.visit(|token, _, weight| {
            if weight > 0 {
                weights.push((token, weight));
            }
        });
        Ok(weights)
    }

    /// The probability of each token of the vocabulary, as it will be drawn.
    ///
    /// # Errors
    ///
    /// As [`Sampler::sample`].
    pub fn probabilities(&mut self, logits: &[f32]) -> Result<Vec<f64>> {
        let weights = self.weights(logits)?;
        let total: u64 = weights.iter().map(|&(_, weight)| weight).sum();
        let mut probabilities = alloc::vec![0.0; self.vocab_size];
        for (token, weight) in weights {
            probabilities[token as usize] = weight as f64 / total as f64;
        }
        Ok(probabilities)
    }

    /// Runs the stages over a row.
    fn run<'a>(
        &'a mut self,
        logits: &'a [f32],
        observer: &mut impl Observer,
    ) -> Result<Candidates<'a>> {
        let Self { pipeline, vocab_size, history, workspace, level, .. } = self;
        if logits.len() != *vocab_size {
            return Err(Error::VocabMismatch { expected: *vocab_size, found: logits.len() });
        }
        let candidates = Candidates::new(logits, workspace, *level);
        let mut candidates = candidates.map_err(|fault| fault.explain(logits))?;
        observer.start(&mut candidates);
        let step = Step { history };
        for stage in pipeline.stages() {
            let stage = stage.as_ref();
            observer.before(stage, &mut candidates);
            if !pipeline.skips(stage) {
                stage.apply(&mut candidates, &step);
                let may_empty = matches!(stage.info().effect, Effect::Logits | Effect::Mask);
                if may_empty && candidates.is_empty() {
                    return Err(Error::NothingLeft { stage: stage.info().name });
                }
            }
            observer.after(stage, &mut candidates);
        }
        Ok(candidates)
    }
}

/// Draws a token, and its logprob in nats.
fn draw(candidates: &mut Candidates<'_>, coin: Coin) -> (TokenId, f64) {
    let draw = coin.draw(candidates.total());
    let token = candidates.pick(draw.r);
    let p = candidates.weight(token) as f64 / draw.total as f64;
    (token, math::ln(p).min(0.0))
}
