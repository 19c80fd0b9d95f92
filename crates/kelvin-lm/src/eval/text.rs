//! A text as a model reads it.

use crate::tokenizer::{SpecialTokens, Tokenizer};
use crate::{Error, ErrorKind, Result, TokenId};

/// The tokens of a text, and the BOS before them where the model begins with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// BOS included; at least 2.
    ids: Vec<TokenId>,
    has_bos: bool,
    n_bytes: usize,
}

impl Text {
    /// The tokens of `text`, after BOS where the model's prompts begin with it. No EOS is added.
    ///
    /// # Errors
    ///
    /// Those of [`Tokenizer::encode`], and [`ErrorKind::Prompt`] where nothing can be scored: an empty
    /// text, or one of a single token with nothing before it.
    pub fn new(tokenizer: &Tokenizer, text: &str, special: SpecialTokens) -> Result<Self> {
        let mut ids = tokenizer.encode(text, special)?;
        let bos = tokenizer.bos().filter(|_| tokenizer.add_bos());
        let first = ids.first().copied();
        if bos.is_some() && bos == first {
            ids.remove(0); // the text spells it itself
        }
        let unscored = first.filter(|_| bos.is_none() || bos == first);
        let spelled = unscored.map_or(0, |first| spelled_bytes(tokenizer, first));
        let n_bytes = text.len().saturating_sub(spelled);
        Self::from_ids(bos, &ids, n_bytes)
    }

    /// A text that is tokens already. `n_bytes` of it are scored: all with a `bos`, and all but the
    /// first token's without.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Prompt`] where nothing can be scored.
    ///
    /// ```
    /// use kelvin_lm::eval::Text;
    ///
    /// let text = Text::from_ids(Some(1), &[22, 7, 7], 9)?;
    /// assert_eq!((text.ids(), text.n_tokens(), text.n_scored()), (&[1, 22, 7, 7][..], 3, 3));
    /// assert_eq!(Text::from_ids(None, &[22, 7, 7], 9)?.n_scored(), 2);
    /// assert!(Text::from_ids(None, &[22], 0).is_err());
    /// # Ok::<(), kelvin_lm::Error>(())
    /// ```
    pub fn from_ids(bos: Option<TokenId>, ids: &[TokenId], n_bytes: usize) -> Result<Self> {
        let refuse = |what: &str| Err(Error::new(ErrorKind::Prompt, what));
        match (ids.len(), bos) {
            (0, _) => refuse("the text is empty, nothing to score"),
            (1, None) => refuse(
                "the text is one token, and this model puts none before it: nothing to score",
            ),
            _ => {
                let has_bos = bos.is_some();
                let ids = bos.into_iter().chain(ids.iter().copied()).collect();
                Ok(Self { ids, has_bos, n_bytes })
            }
        }
    }

    /// All tokens, BOS included.
    pub fn ids(&self) -> &[TokenId] {
        &self.ids
    }

    /// Whether BOS stands before the text.
    pub fn has_bos(&self) -> bool {
        self.has_bos
    }

    /// How many tokens the text has, BOS not counted.
    pub fn n_tokens(&self) -> usize {
        self.ids.len() - usize::from(self.has_bos)
    }

    /// How many of them are scored: all but the first of a text without BOS.
    pub fn n_scored(&self) -> usize {
        self.ids.len() - 1
    }

    /// Bytes of the text that the scored tokens stand for.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }
}

/// The bytes of a text that a token at its start stands for: those of its text, or a control token's
/// spelling.
fn spelled_bytes(tokenizer: &Tokenizer, token: TokenId) -> usize {
    match tokenizer.bytes(token) {
        Some(bytes) if !bytes.is_empty() => bytes.len(),
        _ => tokenizer.piece(token).map_or(0, str::len),
    }
}
