//! How much of a long text each token is predicted from.

use crate::generate::Context;
use crate::{Error, ErrorKind, Model, Result};

/// Overlapping windows over a text: windows of `size` tokens, each `stride` tokens after the last.
///
/// These are the sliding windows of Hugging Face's guide to perplexity: a window scores what the one
/// before it did not reach. So a token of the first window is predicted from all tokens before it, and
/// any other from at least `size` − `stride` and at most `size` − 1 tokens. A smaller stride is nearer
/// to what the model can do, and slower; a text of up to `size` tokens is one window, whatever the
/// stride. A BOS stays in front of every window (it counts among the `size`).
///
/// In terms of a [`Context`]: limit `size` − 1, keeping the BOS, dropping `stride` tokens at a time.
///
/// ```
/// use kelvin_lm::eval::Windows;
///
/// let windows = Windows::new(1024, 512)?;
/// assert_eq!((windows.size(), windows.stride()), (1024, 512));
/// assert!(Windows::new(1024, 1023).is_err()); // a window's first token would have nothing before it
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    size: usize,
    stride: usize,
}

impl Windows {
    /// Windows of `size` tokens, `stride` apart.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] unless `size` ≥ 3 and 1 ≤ `stride` ≤ `size` − 2.
    pub fn new(size: usize, stride: usize) -> Result<Self> {
        if size < 3 {
            let detail = format!("a window of {size} tokens is too small, expected at least 3");
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        if stride == 0 || stride > size - 2 {
            let most = size - 2;
            let detail =
                format!("a stride of {stride} is outside 1 to {most} for windows of {size}");
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        Ok(Self { size, stride })
    }

    /// Windows of `size` tokens, half a window apart.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] unless `size` ≥ 3.
    pub fn halves(size: usize) -> Result<Self> {
        Self::new(size, (size / 2).max(1))
    }

    /// Windows of a model's whole context, half of it apart.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] for a model whose context is below 3.
    pub fn of(model: &Model) -> Result<Self> {
        Self::halves(model.config().max_seq)
    }

    /// Tokens in a window.
    pub fn size(self) -> usize {
        self.size
    }

    /// Tokens from the beginning of a window to that of the next.
    pub fn stride(self) -> usize {
        self.stride
    }

    /// What is in view of each token, where the first `keep` (0 or 1) tokens are in all windows.
    pub(super) fn context(self, keep: usize) -> Result<Context> {
        Context::dropping(self.size - 1, keep, self.stride)
    }
}
