//! What chooses a sequence's next token.

use kelvin::Sampler;

use crate::{Error, ErrorKind, Result, TokenId};

/// Chooses the next token of one sequence, and remembers that it did.
///
/// [`kelvin::Sampler`] is the one to use; another may wrap it, to keep traces or to force tokens. The
/// choosers of a batch may run at the same time, on the engine's threads.
pub trait Chooser: Send {
    /// The next token, given the logits that follow those before, `[vocab_size]`.
    ///
    /// # Errors
    /// Whatever makes the sequence impossible to continue; it ends with this error.
    fn choose(&mut self, logits: &[f32]) -> Result<TokenId>;
}

impl Chooser for Sampler {
    fn choose(&mut self, logits: &[f32]) -> Result<TokenId> {
        let token = self.sample(logits)?;
        self.accept(token)?;
        Ok(token)
    }
}

impl From<kelvin::Error> for Error {
    fn from(error: kelvin::Error) -> Self {
        let kind = match &error {
            kelvin::Error::NotANumber { .. } | kelvin::Error::NothingLeft { .. } => {
                ErrorKind::Logits
            }
            _ => ErrorKind::Parameter,
        };
        Self::new(kind, error.to_string()).caused_by(error)
    }
}
