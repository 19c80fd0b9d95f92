//! One sequence of a model: its tokens, its cache, and the logits that follow.

use crate::cache::KvCache;
use crate::model::{Model, Row, Scratch, Wanted};
use crate::{Result, TokenId};

/// Logit rows that [`Session::feed_all`] holds at once: enough to read the head's weights seldom,
/// few enough for a vocabulary of 262,144 (16 MiB).
const ROWS_AT_ONCE: usize = 16;

/// One sequence: feed tokens, read logits, go back, fork.
///
/// Logits depend on the tokens alone: fed at once or one by one, kept, forked or recomputed, they
/// have the same bits.
///
/// ```no_run
/// # fn main() -> kelvin_lm::Result<()> {
/// # let model = kelvin_lm::Model::load("smollm2.gguf", Default::default())?;
/// let mut session = kelvin_lm::Session::new(&model);
/// let after_prompt = session.feed(&[504, 2915, 314])?.to_vec();
/// session.feed(&[260])?;
/// session.rewind(2);
/// assert_eq!(session.feed(&[314])?, after_prompt);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Session<'m> {
    model: &'m Model,
    cache: KvCache,
    ids: Vec<TokenId>,
    scratch: Scratch,
}

impl<'m> Session<'m> {
    /// An empty sequence.
    pub fn new(model: &'m Model) -> Self {
        Self::with_scratch(model, Scratch::default())
    }

    /// An empty sequence that works in memory of the caller's making.
    pub fn with_scratch(model: &'m Model, scratch: Scratch) -> Self {
        Self { model, cache: model.new_cache(), ids: Vec::new(), scratch }
    }

    /// Appends tokens; the logits that follow the last one, `[vocab_size]`.
    ///
    /// # Errors
    /// Those of [`Model::forward`]; the session is then as it was.
    pub fn feed(&mut self, ids: &[TokenId]) -> Result<&[f32]> {
        let mut row = [Row { cache: &mut self.cache, tokens: ids, wanted: Wanted::Last }];
        let logits = self.model.forward(&mut row, &mut self.scratch)?;
        self.ids.extend_from_slice(ids);
        Ok(logits)
    }

    /// Appends tokens; calls `visit` with each one's position and the logits that follow it,
    /// `[vocab_size]`, in order.
    ///
    /// # Errors
    /// Those of [`Model::forward`]; the session is then as it was, and nothing was visited.
    pub fn feed_all(
        &mut self,
        ids: &[TokenId],
        mut visit: impl FnMut(usize, &[f32]),
    ) -> Result<()> {
        self.model.check(&self.cache, ids)?;
        for ids in ids.chunks(ROWS_AT_ONCE) {
            let mut row = [Row { cache: &mut self.cache, tokens: ids, wanted: Wanted::All }];
            let logits = self.model.forward(&mut row, &mut self.scratch)?;
            let rows = logits.chunks_exact(self.model.config().vocab_size);
            (self.ids.len()..).zip(rows).for_each(|(pos, logits)| visit(pos, logits));
            self.ids.extend_from_slice(ids);
        }
        Ok(())
    }

    /// The position of the next token: how many there are.
    pub fn pos(&self) -> usize {
        self.ids.len()
    }

    /// The tokens fed.
    pub fn ids(&self) -> &[TokenId] {
        &self.ids
    }

    /// The model.
    pub fn model(&self) -> &'m Model {
        self.model
    }

    /// Bytes of the cache's pages, those shared with forks included.
    pub fn cache_bytes(&self) -> usize {
        self.cache.bytes()
    }

    /// A second sequence with the same tokens, sharing their cache.
    #[must_use]
    pub fn fork(&self) -> Self {
        self.fork_at(self.pos())
    }

    /// A second sequence with the first `pos` tokens (all, where there are fewer), sharing their cache.
    #[must_use]
    pub fn fork_at(&self, pos: usize) -> Self {
        let cache = self.cache.fork_at(pos);
        let ids = self.ids[..cache.len()].to_vec();
        Self { model: self.model, cache, ids, scratch: Scratch::default() }
    }

    /// Forgets all but the first `pos` tokens; nothing, where there are no more.
    pub fn rewind(&mut self, pos: usize) {
        self.cache.truncate(pos);
        self.ids.truncate(pos);
    }
}
