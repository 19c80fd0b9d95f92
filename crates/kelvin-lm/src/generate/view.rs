//! A sequence's tokens, and the cache of those in view.

use super::Context;
use crate::cache::KvCache;
use crate::model::{Model, Row, Wanted};
use crate::{Error, ErrorKind, Result, TokenId};

/// A growing sequence: all its tokens, and a cache that holds the first of those in view.
///
/// Tokens are pushed, then fed by way of [`row`](Self::row): all that are in view and not in the
/// cache yet. Most of the time that is the tokens just pushed; after a shift it is everything in
/// view behind the kept ones.
#[derive(Debug, Clone)]
pub(super) struct View {
    context: Context,
    ids: Vec<TokenId>,
    cache: KvCache,
    /// Shifts that the cache knows of.
    shifts: usize,
    /// The tokens of the last row.
    fed: Vec<TokenId>,
}

impl View {
    /// An empty sequence in the whole context of a model; more tokens are an error.
    pub(super) fn new(model: &Model) -> Self {
        let (context, cache) = (Context::fixed(model.config().max_seq), model.new_cache());
        Self { context, ids: Vec::new(), cache, shifts: 0, fed: Vec::new() }
    }

    /// The same tokens in another context; nothing is kept of the cache.
    pub(super) fn with_context(mut self, model: &Model, context: Context) -> Result<Self> {
        let max_seq = model.config().max_seq;
        if context.limit() > max_seq {
            let given = context.limit();
            let detail = format!("a context of {given} tokens exceeds the model's of {max_seq}");
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        context.check(self.ids.len())?;
        self.cache.truncate(0);
        self.shifts = 0;
        self.context = context;
        Ok(self)
    }

    pub(super) fn context(&self) -> Context {
        self.context
    }

    pub(super) fn ids(&self) -> &[TokenId] {
        &self.ids
    }

    pub(super) fn cache(&self) -> &KvCache {
        &self.cache
    }

    /// Whether these tokens may follow.
    pub(super) fn check(&self, model: &Model, ids: &[TokenId]) -> Result<()> {
        model.check_tokens(ids)?;
        self.context.check(self.ids.len() + ids.len())
    }

    /// Appends tokens that [`check`](Self::check) found to be in order.
    pub(super) fn push(&mut self, ids: &[TokenId]) {
        self.ids.extend_from_slice(ids);
    }

    /// How many tokens are in view and not in the cache.
    pub(super) fn behind(&mut self) -> usize {
        self.follow_shifts();
        let [kept, rest] = self.context.in_view(self.ids.len());
        kept.len() + rest.len() - self.cache.len()
    }

    /// The tokens in view that are not in the cache, but for the last `later` of them.
    pub(super) fn row(&mut self, later: usize, wanted: Wanted) -> Row<'_> {
        self.follow_shifts();
        let [kept, rest] = self.context.in_view(self.ids.len());
        let held = self.cache.len();
        let in_view = self.ids[kept].iter().chain(&self.ids[rest]);
        self.fed.clear();
        self.fed.extend(in_view.skip(held));
        self.fed.truncate(self.fed.len().saturating_sub(later));
        Row { cache: &mut self.cache, tokens: &self.fed, wanted }
    }

    /// The next tokens of `ids` that can be fed together: no shift comes between them.
    pub(super) fn next_piece<'a>(&self, ids: &'a [TokenId], most: usize) -> &'a [TokenId] {
        let len = self.ids.len();
        let end = self.context.until_next_shift(len + 1);
        &ids[..ids.len().min(most).min(end - len)]
    }

    /// Forgets all but the first `len` tokens.
    pub(super) fn truncate(&mut self, len: usize) {
        self.ids.truncate(len);
        self.follow_shifts();
        let [kept, rest] = self.context.in_view(self.ids.len());
        self.cache.truncate(kept.len() + rest.len());
    }

    /// After a shift only the kept tokens stand where they stood.
    fn follow_shifts(&mut self) {
        let shifts = self.context.shifts(self.ids.len());
        if shifts != self.shifts {
            self.cache.truncate(self.context.keep());
            self.shifts = shifts;
        }
    }
}
