//! A row of logits with the names of its tokens, and what a policy makes of it.

use kelvin::{Pipeline, Result, Sampler, Seed, TokenId};

/// A named row of logits, and the tokens that were said before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    names: Vec<String>,
    logits: Vec<f32>,
    history: Vec<TokenId>,
}

/// A row under a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Law {
    /// The probability of each token.
    pub probabilities: Vec<f64>,
    /// Whether each token was left by every stage.
    pub kept: Vec<bool>,
    /// The tokens by probability, the first of equals as the model ordered them.
    pub order: Vec<usize>,
    /// The entropy of the probabilities.
    pub entropy_nats: f64,
}

/// One value of a parameter that a figure has a panel for.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The value, as titles show it.
    pub value: String,
    /// The whole policy with it.
    pub pipeline: Pipeline,
}

/// A policy with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Strategy {
    /// What titles and legends call it.
    pub name: String,
    /// What it does.
    pub pipeline: Pipeline,
}

/// How panels of the same row are laid out: three courses, three customs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrangement {
    /// The most probable token first, its name below; panels in one row.
    Ranked,
    /// In the order of the vocabulary, numbers below; panels in one row.
    Indexed,
    /// In the order of the vocabulary, names below, beside what was before; panels in two columns.
    Compared,
}

impl Row {
    /// A row whose tokens have these names; where there are fewer names than logits, the rest are called
    /// by their numbers.
    pub fn new(names: impl IntoIterator<Item = String>, logits: Vec<f32>) -> Self {
        let mut names: Vec<String> = names.into_iter().take(logits.len()).collect();
        names.extend((names.len()..logits.len()).map(|token| token.to_string()));
        Self { names, logits, history: Vec::new() }
    }

    /// The same row behind these tokens of output.
    #[must_use]
    pub fn with_history(self, history: Vec<TokenId>) -> Self {
        Self { history, ..self }
    }

    /// What its tokens are called.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The logits.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// The tokens of output before it.
    pub fn history(&self) -> &[TokenId] {
        &self.history
    }

    /// What the policy makes of it.
    ///
    /// # Errors
    ///
    /// Those of [`Sampler::sample`].
    pub fn law(&self, pipeline: &Pipeline) -> Result<Law> {
        let mut sampler = self.sampler(pipeline, Seed::default())?;
        let account = sampler.sample_traced(&self.logits, self.logits.len())?;
        let probabilities = sampler.probabilities(&self.logits)?;
        let mut kept = vec![false; self.logits.len()];
        let mut order = Vec::with_capacity(self.logits.len());
        for token in &account.head {
            let at = token.token as usize;
            kept[at] =
                token.removed_by.is_none() && (!pipeline.is_greedy() || probabilities[at] > 0.0);
            order.push(at);
        }
        let mut listed = vec![false; self.logits.len()];
        for &at in &order {
            listed[at] = true;
        }
        order.extend((0..self.logits.len()).filter(|&at| !listed[at])); // banned ones come last
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        Ok(Law { probabilities, kept, order, entropy_nats: account.entropy_nats })
    }

    /// How often each token comes in so many draws, in the order of the vocabulary.
    ///
    /// # Errors
    ///
    /// Those of [`Sampler::draws`].
    pub fn draws(&self, pipeline: &Pipeline, n: u32, seed: Seed) -> Result<Vec<u32>> {
        let mut counts = vec![0; self.logits.len()];
        for (token, count) in self.sampler(pipeline, seed)?.draws(&self.logits, n)? {
            counts[token as usize] = count;
        }
        Ok(counts)
    }

    fn sampler(&self, pipeline: &Pipeline, seed: Seed) -> Result<Sampler> {
        let mut sampler = Sampler::new(pipeline.clone(), self.logits.len())?.with_seed(seed);
        self.history.iter().try_for_each(|&token| sampler.accept(token))?;
        Ok(sampler)
    }

    /// The names of these tokens.
    pub(super) fn named(&self, tokens: &[usize]) -> Vec<String> {
        tokens.iter().map(|&token| self.names[token].clone()).collect()
    }
}

impl Law {
    /// Tokens that every stage left.
    pub fn n_kept(&self) -> usize {
        self.kept.iter().filter(|&&kept| kept).count()
    }

    /// The probabilities of these tokens.
    pub(super) fn of(&self, tokens: &[usize]) -> Vec<f64> {
        tokens.iter().map(|&token| self.probabilities[token]).collect()
    }

    /// Whether each of these tokens was removed.
    pub(super) fn removed(&self, tokens: &[usize]) -> Vec<bool> {
        tokens.iter().map(|&token| !self.kept[token]).collect()
    }
}

impl Arrangement {
    /// The tokens that a panel shows, in its order: the best `show` of the law.
    pub(super) fn tokens(self, law: &Law, show: usize) -> Vec<usize> {
        let mut tokens = law.order[..show.min(law.order.len())].to_vec();
        if self != Self::Ranked {
            tokens.sort_unstable();
        }
        tokens
    }

    /// What stands below the tokens.
    pub(super) fn labels(self, row: &Row, tokens: &[usize]) -> Vec<String> {
        match self {
            Self::Indexed => tokens.iter().map(ToString::to_string).collect(),
            Self::Ranked | Self::Compared => row.named(tokens),
        }
    }

    /// What the axis below measures.
    pub(super) fn axis(self) -> &'static str {
        match self {
            Self::Ranked => "",
            Self::Indexed => "Token index",
            Self::Compared => "Token",
        }
    }

    /// How many panels stand in a row of so many.
    pub(super) fn columns(self, n: usize) -> usize {
        match self {
            Self::Compared => n.min(2),
            Self::Ranked | Self::Indexed => n,
        }
    }
}
