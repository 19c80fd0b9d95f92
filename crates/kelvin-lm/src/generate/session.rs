//! One sequence of a model: its tokens, its cache, and the logits that follow.

use std::slice::ChunksExact;

use super::Context;
use super::view::View;
use crate::model::{Model, Scratch, Wanted};
use crate::{Result, TokenId};

/// Logit rows that [`Session::feed_all`] holds at once: enough to read the head's weights seldom,
/// few enough for a vocabulary of 262,144 (16 MiB).
const ROWS_AT_ONCE: usize = 16;

/// One sequence: feed tokens, read logits, go back, fork.
///
/// Logits depend on the tokens in view alone (all of them, unless a [`Context`] says otherwise): fed
/// at once or one by one, kept, forked or recomputed, they have the same bits.
///
/// ```no_run
/// # fn main() -> kelvin_lm::Result<()> {
/// # let model = kelvin_lm::Model::load("smollm2.gguf", kelvin_lm::EngineOptions::default())?;
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
    view: View,
    scratch: Scratch,
}

impl<'m> Session<'m> {
    /// An empty sequence, with the model's whole context and an error at its end.
    pub fn new(model: &'m Model) -> Self {
        Self::with_scratch(model, Scratch::default())
    }

    /// An empty sequence that works in memory of the caller's making.
    pub fn with_scratch(model: &'m Model, scratch: Scratch) -> Self {
        Self { model, view: View::new(model), scratch }
    }

    /// A sequence with these tokens.
    pub(super) fn of(model: &'m Model, view: View) -> Self {
        Self { model, view, scratch: Scratch::default() }
    }

    /// How many tokens this sequence and `prompt` begin with in common.
    pub fn shared_with(&self, prompt: &[TokenId]) -> usize {
        self.ids().iter().zip(prompt).take_while(|(a, b)| a == b).count()
    }

    /// What is computed of `prompt`, all but its last token at most; none in another context.
    pub(super) fn view_for(&self, context: Context, prompt: &[TokenId]) -> Option<View> {
        let mut view = self.view.clone();
        view.truncate(self.shared_with(prompt).min(prompt.len().saturating_sub(1)));
        (view.context() == context).then_some(view)
    }

    /// The same sequence in another [`Context`]: a smaller one, or one that goes on at its end.
    ///
    /// Nothing computed so far is kept.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`](crate::ErrorKind::Parameter) for a limit beyond the model's,
    /// [`ErrorKind::Context`](crate::ErrorKind::Context) where the tokens do not fit.
    pub fn with_context(self, context: Context) -> Result<Self> {
        let Self { model, view, scratch } = self;
        Ok(Self { model, view: view.with_context(model, context)?, scratch })
    }

    /// Appends tokens; the logits that follow the last one, `[vocab_size]`.
    ///
    /// # Errors
    /// [`ErrorKind::Prompt`](crate::ErrorKind::Prompt) without tokens or for one outside the
    /// vocabulary, [`ErrorKind::Context`](crate::ErrorKind::Context) beyond a fixed context; the
    /// session is then as it was.
    pub fn feed(&mut self, ids: &[TokenId]) -> Result<&[f32]> {
        self.view.check(self.model, ids)?;
        self.view.push(ids);
        self.model.forward(&mut [self.view.row(0, Wanted::Last)], &mut self.scratch)
    }

    /// Appends tokens; calls `visit` with each one's position and the logits that follow it,
    /// `[vocab_size]`, in order. No tokens are no error here: there is nothing to visit.
    ///
    /// # Errors
    /// As [`feed`](Self::feed); nothing was visited then.
    pub fn feed_all(
        &mut self,
        ids: &[TokenId],
        mut visit: impl FnMut(usize, &[f32]),
    ) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.view.check(self.model, ids)?;
        let mut rest = ids;
        while !rest.is_empty() {
            let piece = self.view.next_piece(rest, ROWS_AT_ONCE);
            rest = &rest[piece.len()..];
            let pos = self.pos();
            let logits = self.feed_piece(piece)?;
            (pos..).zip(logits).for_each(|(pos, logits)| visit(pos, logits));
        }
        Ok(())
    }

    /// Appends tokens with no shift between them; the logits that follow each.
    fn feed_piece(&mut self, piece: &[TokenId]) -> Result<ChunksExact<'_, f32>> {
        self.view.push(piece);
        if self.view.behind() > piece.len() {
            let row = self.view.row(piece.len(), Wanted::Nothing);
            self.model.forward(&mut [row], &mut self.scratch)?;
        }
        let row = self.view.row(0, Wanted::All);
        let logits = self.model.forward(&mut [row], &mut self.scratch)?;
        Ok(logits.chunks_exact(self.model.config().vocab_size))
    }

    /// The position of the next token: how many there are, in view or not.
    pub fn pos(&self) -> usize {
        self.ids().len()
    }

    /// The tokens fed, in view or not.
    pub fn ids(&self) -> &[TokenId] {
        self.view.ids()
    }

    /// Which tokens the model sees.
    pub fn context(&self) -> Context {
        self.view.context()
    }

    /// The model.
    pub fn model(&self) -> &'m Model {
        self.model
    }

    /// Bytes of the cache's pages, those shared with forks included.
    pub fn cache_bytes(&self) -> usize {
        self.view.cache().bytes()
    }

    /// A second sequence with the same tokens, sharing their cache.
    #[must_use]
    pub fn fork(&self) -> Self {
        self.fork_at(self.pos())
    }

    /// A second sequence with the first `pos` tokens (all, where there are fewer), sharing their cache.
    #[must_use]
    pub fn fork_at(&self, pos: usize) -> Self {
        let mut view = self.view.clone();
        view.truncate(pos);
        Self { model: self.model, view, scratch: Scratch::default() }
    }

    /// Forgets all but the first `pos` tokens; nothing, where there are no more.
    pub fn rewind(&mut self, pos: usize) {
        self.view.truncate(pos);
    }
}
