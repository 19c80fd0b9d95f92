//! The surprisal of each token of a text.

use std::collections::VecDeque;

use kelvin::{Softmax, math, softmax};

use super::{Text, Windows};
use crate::generate::Session;
use crate::{Error, ErrorKind, Model, Result, TokenId};

/// Tokens scored between two looks at whether anybody wants more.
const AT_ONCE: usize = 64;

/// How surprising a token was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenScore {
    /// Its position, BOS counted.
    pub pos: usize,
    /// The token.
    pub id: TokenId,
    /// −ln p, in nats: 0 for a certain token, ∞ for one that the model rules out.
    pub surprisal_nats: f64,
    /// Its place in the total order (larger logit first, then smaller id), 1 for the likeliest.
    pub rank: usize,
    /// Entropy of the distribution it came from: the surprisal that was to be expected.
    pub entropy_nats: f64,
}

/// Scores a text token by token, as far as it is asked to.
///
/// ```no_run
/// use kelvin_lm::eval::{Scoring, Text, Totals, Windows};
/// use kelvin_lm::tokenizer::{SpecialTokens, Tokenizer};
/// use kelvin_lm::{EngineOptions, Model, format::gguf::Gguf};
///
/// # fn main() -> kelvin_lm::Result<()> {
/// let gguf = Gguf::read("smollm2.gguf".as_ref())?;
/// let (model, tokenizer) =
///     (Model::from_gguf(&gguf, EngineOptions::default())?, Tokenizer::from_gguf(&gguf)?);
/// let text = Text::new(&tokenizer, "Tea was served at five.", SpecialTokens::Text)?;
/// let scores = Scoring::new(&model, &text, Windows::of(&model)?)?;
/// let totals: Totals = scores.collect::<kelvin_lm::Result<_>>()?;
/// println!("{:.3} bits per byte", totals.bits_per_byte(text.n_bytes()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Scoring<'m> {
    session: Session<'m>,
    /// The tokens that are not fed yet, the next one first. The last one never is.
    text: &'m [TokenId],
    ready: VecDeque<Result<TokenScore>>,
}

impl<'m> Scoring<'m> {
    /// Begins with the first token that can be scored; nothing is computed yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] for windows beyond the model's context, [`ErrorKind::Prompt`] for a
    /// token outside its vocabulary.
    pub fn new(model: &'m Model, text: &'m Text, windows: Windows) -> Result<Self> {
        let (size, max_seq) = (windows.size(), model.config().max_seq);
        if size > max_seq {
            let detail =
                format!("windows of {size} tokens exceed the model's context of {max_seq}");
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        model.check_tokens(text.ids())?;
        let context = windows.context(usize::from(text.has_bos()))?;
        let session = Session::new(model).with_context(context)?;
        Ok(Self { session, text: text.ids(), ready: VecDeque::new() })
    }

    /// Feeds some more tokens; scores those that follow them.
    fn advance(&mut self) -> Result<()> {
        let Self { session, text, ready } = self;
        let start = session.pos();
        let end = (start + AT_ONCE).min(text.len() - 1);
        session.feed_all(&text[start..end], |pos, logits| {
            ready.push_back(score(pos + 1, text[pos + 1], logits));
        })
    }
}

impl Iterator for Scoring<'_> {
    type Item = Result<TokenScore>;

    /// The next token's score. An error of the model (logits that are not numbers) is the last item.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() && self.session.pos() + 1 < self.text.len() {
            let advanced = self.advance();
            self.ready.extend(advanced.err().map(Err));
        }
        let score = self.ready.pop_front()?;
        if score.is_err() {
            self.text = &[];
            self.ready.clear();
        }
        Some(score)
    }
}

fn score(pos: usize, id: TokenId, logits: &[f32]) -> Result<TokenScore> {
    let softmax = Softmax::new(logits)?;
    let surprisal_nats = 0.0 - softmax.logprob(logits[id as usize]);
    let (rank, entropy_nats) = (softmax::rank(logits, id), softmax.entropy_nats());
    Ok(TokenScore { pos, id, surprisal_nats, rank, entropy_nats })
}

/// The figures of some scored tokens.
///
/// ```
/// use kelvin_lm::eval::{TokenScore, Totals};
///
/// let coin = |pos| TokenScore {
///     pos,
///     id: 0,
///     surprisal_nats: std::f64::consts::LN_2,
///     rank: 1,
///     entropy_nats: std::f64::consts::LN_2,
/// };
/// let totals: Totals = (1..=8).map(coin).collect();
/// assert!((totals.perplexity() - 2.0).abs() < 1e-14);
/// assert!((totals.bits_per_byte(4) - 2.0).abs() < 1e-14); // eight tosses in four bytes
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// How many tokens were scored.
    pub n_tokens: usize,
    /// The sum of their surprisals, added in their order.
    pub nats: f64,
}

impl Totals {
    /// Counts one more token.
    pub fn add(&mut self, score: &TokenScore) {
        self.n_tokens += 1;
        self.nats += score.surprisal_nats;
    }

    /// Mean surprisal; NaN where nothing was scored.
    pub fn nats_per_token(self) -> f64 {
        self.nats / self.n_tokens as f64
    }

    /// e^(nats per token): 1 at best, ∞ where a token was ruled out; NaN where nothing was scored.
    pub fn perplexity(self) -> f64 {
        math::exp(self.nats_per_token())
    }

    /// The sum in bits, over the bytes that the tokens stand for.
    pub fn bits_per_byte(self, n_bytes: usize) -> f64 {
        kelvin::stats::bits(self.nats) / n_bytes as f64
    }
}

impl FromIterator<TokenScore> for Totals {
    fn from_iter<I: IntoIterator<Item = TokenScore>>(scores: I) -> Self {
        let mut totals = Self::default();
        scores.into_iter().for_each(|score| totals.add(&score));
        totals
    }
}
