//! The row of logits, borrowed and dense, with a short list of edits on top.

use alloc::vec::Vec;

use crate::simd::{BLOCK, BlockMaxima, Level};
use crate::{Error, TokenId};

/// A token's logit, changed by a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Edit {
    pub(crate) token: TokenId,
    pub(crate) logit: f32,
}

/// Buffers of the row that outlive one token.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowBuffers {
    /// In id order, one for each changed token.
    pub(crate) edits: Vec<Edit>,
    spare: Vec<Edit>,
    /// The largest edited logit of each block.
    pub(crate) maxima: Vec<f32>,
}

impl RowBuffers {
    /// Makes room for edits of this many more tokens.
    pub(crate) fn reserve(&mut self, tokens: usize) {
        self.edits.reserve(tokens);
        self.spare.reserve(tokens);
    }

    /// Takes a row, in one pass that finds the maxima and anything that is not a number.
    pub(crate) fn read(&mut self, logits: &[f32], level: Level) -> Result<(), RowFault> {
        self.edits.clear();
        self.maxima.resize(logits.len().div_ceil(BLOCK), f32::NEG_INFINITY);
        let nan = level.run(BlockMaxima { logits, maxima: &mut self.maxima });
        match self.maxima.iter().copied().fold(f32::NEG_INFINITY, f32::max) {
            _ if nan => Err(RowFault::NotANumber),
            f32::INFINITY => Err(RowFault::NotANumber),
            f32::NEG_INFINITY => Err(RowFault::NothingLeft),
            _ => Ok(()),
        }
    }
}

/// The logits as stages see them.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    logits: &'a [f32],
    buffers: &'a mut RowBuffers,
    level: Level,
    maxima_are_stale: bool,
}

/// What stands in the way of using a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowFault {
    NotANumber,
    NothingLeft,
}

impl RowFault {
    /// Says which logits are at fault: the slow pass, taken only then.
    pub(crate) fn explain(self, logits: &[f32]) -> Error {
        let is_bad = |z: &f32| z.is_nan() || *z == f32::INFINITY;
        match (self, (0..).zip(logits).find(|(_, z)| is_bad(z))) {
            (Self::NotANumber, Some((token, _))) => {
                Error::NotANumber { token, count: logits.iter().filter(|z| is_bad(z)).count() }
            }
            _ => Error::NothingLeft { stage: "logits" },
        }
    }
}

impl<'a> Row<'a> {
    /// A row that the buffers have read.
    pub(crate) fn new(logits: &'a [f32], buffers: &'a mut RowBuffers, level: Level) -> Self {
        Self { logits, buffers, level, maxima_are_stale: false }
    }

    /// Reads the row into other buffers, if no stage has touched it yet.
    pub(crate) fn read_into(&self, buffers: &mut RowBuffers) {
        debug_assert!(self.buffers.edits.is_empty(), "maxima before any edit");
        buffers.edits.clear();
        buffers.maxima.clone_from(&self.buffers.maxima);
    }

    pub(crate) fn len(&self) -> usize {
        self.logits.len()
    }

    pub(crate) fn raw(&self) -> &'a [f32] {
        self.logits
    }

    pub(crate) fn edits(&self) -> &[Edit] {
        &self.buffers.edits
    }

    /// The logit of a token, edits included.
    pub(crate) fn logit(&self, token: TokenId) -> f32 {
        match self.buffers.edits.binary_search_by_key(&token, |edit| edit.token) {
            Ok(at) => self.buffers.edits[at].logit,
            Err(_) => self.logits[token as usize],
        }
    }

    /// Changes the logits of some tokens, given in id order without repeats.
    pub(crate) fn revise<A>(
        &mut self,
        tokens: impl Iterator<Item = (TokenId, A)>,
        rule: impl Fn(f32, A) -> f32,
    ) {
        let RowBuffers { edits, spare, .. } = &mut *self.buffers;
        spare.clear();
        let mut old = edits.iter().copied().peekable();
        for (token, argument) in tokens {
            while let Some(edit) = old.next_if(|edit| edit.token < token) {
                spare.push(edit);
            }
            let before = match old.next_if(|edit| edit.token == token) {
                Some(edit) => edit.logit,
                None => self.logits[token as usize],
            };
            spare.push(Edit { token, logit: rule(before, argument) });
        }
        spare.extend(old);
        core::mem::swap(edits, spare);
        self.maxima_are_stale = true;
    }

    /// The largest logit of each block of [`BLOCK`] tokens.
    pub(crate) fn maxima(&mut self) -> &[f32] {
        if core::mem::take(&mut self.maxima_are_stale) {
            let mut block = usize::MAX;
            for at in 0..self.buffers.edits.len() {
                let next = self.buffers.edits[at].token as usize / BLOCK;
                if next != block {
                    block = next;
                    self.refresh_maximum(block, at);
                }
            }
        }
        &self.buffers.maxima
    }

    fn refresh_maximum(&mut self, block: usize, first_edit: usize) {
        let mut space = [0.0; BLOCK];
        let len = copy_block(self.logits, block, &mut space);
        apply_edits(&self.buffers.edits[first_edit..], block, &mut space);
        let maxima = &mut self.buffers.maxima[block..=block];
        self.level.run(BlockMaxima { logits: &space[..len], maxima });
    }

    /// Calls `visit` with the first id, the maximum and the edited logits of each block whose maximum
    /// is at least `least`, in id order.
    pub(crate) fn visit_blocks(&mut self, least: f32, mut visit: impl FnMut(usize, &[f32])) {
        self.maxima();
        let mut space = [0.0; BLOCK];
        let mut edit = 0;
        for (block, &maximum) in self.buffers.maxima.iter().enumerate() {
            let start = block * BLOCK;
            let end = (start + BLOCK).min(self.logits.len());
            let edits = &self.buffers.edits[edit..];
            let inside = edits.iter().take_while(|edit| (edit.token as usize) < end).count();
            edit += inside;
            if maximum < least {
                continue;
            }
            if inside == 0 {
                visit(block, &self.logits[start..end]);
            } else {
                let len = copy_block(self.logits, block, &mut space);
                apply_edits(&edits[..inside], block, &mut space);
                visit(block, &space[..len]);
            }
        }
    }
}

fn copy_block(logits: &[f32], block: usize, space: &mut [f32; BLOCK]) -> usize {
    let start = block * BLOCK;
    let len = (logits.len() - start).min(BLOCK);
    space[..len].copy_from_slice(&logits[start..start + len]);
    len
}

/// Writes the edits of this block, which come first in `edits`.
fn apply_edits(edits: &[Edit], block: usize, space: &mut [f32; BLOCK]) {
    for edit in edits.iter().take_while(|edit| edit.token as usize / BLOCK == block) {
        space[edit.token as usize % BLOCK] = edit.logit;
    }
}
