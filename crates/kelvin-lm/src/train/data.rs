//! What is trained on: tokens in two parts, and which window of them a step reads.

use std::fmt::Write as _;

use kelvin::rng::{Counter, Domain, Draw};
use kelvin::{Seed, TokenId};
use sha2::{Digest as _, Sha256};

use super::settings::Settings;
use crate::{Error, ErrorKind, Result};

/// The tokens of a data set: those that are trained on, then those that only losses are measured on.
///
/// Both parts are encoded apart, so that no token stands on both sides.
///
/// ```
/// use kelvin_lm::train::{Corpus, Size};
///
/// let corpus = Corpus::new((0..100).collect(), 90)?;
/// let settings = Size::from_name("char-tiny")?.settings;
/// corpus.fits(settings.block_size)?;
/// let window = corpus.window(&settings, 0);
/// assert_eq!(window.len(), 49); // what 48 predictions are made of, and the last answer
/// assert_eq!(window, corpus.window(&settings, 0));
/// assert!(corpus.fits(90).is_err());
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corpus {
    /// Those of training first, then those of validation.
    ids: Vec<TokenId>,
    n_train: usize,
    largest: TokenId,
    hash: String,
}

impl Corpus {
    /// These tokens, of which the first `n_train` are trained on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] without tokens, [`ErrorKind::Parameter`] for an `n_train` that is none of
    /// them, or more than there are.
    pub fn new(ids: Vec<TokenId>, n_train: usize) -> Result<Self> {
        let Some(largest) = ids.iter().copied().max() else {
            return Err(Error::new(ErrorKind::Format, "the data is empty, nothing to train on"));
        };
        if !(1..=ids.len()).contains(&n_train) {
            let n = ids.len();
            let detail = format!("{n_train} tokens to train on, outside 1 to {n}, all there are");
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        let hash = sha256(&ids, n_train);
        Ok(Self { ids, n_train, largest, hash })
    }

    /// The tokens that are trained on.
    pub fn train(&self) -> &[TokenId] {
        &self.ids[..self.n_train]
    }

    /// The tokens that are held out; may be none. Two give one loss, the least there is.
    pub fn validation(&self) -> &[TokenId] {
        &self.ids[self.n_train..]
    }

    /// The largest id of both parts: below the vocabulary size of any model that can read them.
    pub fn largest_id(&self) -> TokenId {
        self.largest
    }

    /// SHA-256 of the ids as little-endian u32 and then the number trained on as little-endian u64, in
    /// hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether there is a window of so many predictions to train on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] where the training part has fewer than `block_size + 1` tokens.
    pub fn fits(&self, block_size: usize) -> Result<()> {
        let n = self.n_train;
        if block_size < n {
            return Ok(());
        }
        let detail = format!(
            "block-size = {block_size} takes {block_size} tokens and the one after them, but the data has \
             {n} to train on"
        );
        let hint = match n - 1 {
            0 => "train on more text".to_owned(),
            most => format!("train on more text, or with --block-size {most}"),
        };
        Err(Error::new(ErrorKind::Parameter, detail).hint(hint))
    }

    /// Window `index` of a run: `block_size + 1` neighbouring tokens of the training part. Step s reads
    /// those from s × `windows_per_step` on.
    ///
    /// It begins anywhere, each place as likely as any other. The place is a function of (seed, epoch,
    /// index within the epoch), where an epoch is ⌈tokens ÷ `block_size`⌉ windows: about as many tokens
    /// as there are. From epoch 2³² − 1 on, all epochs have the windows of that one.
    ///
    /// # Panics
    ///
    /// Where the block does not fit: see [`fits`](Self::fits).
    pub fn window(&self, settings: &Settings, index: u64) -> &[TokenId] {
        let block_size = settings.block_size;
        let n_offsets = self.n_train.saturating_sub(block_size); // the last one leaves block_size + 1
        let per_epoch = self.n_train.div_ceil(block_size) as u64;
        let epoch = u32::try_from(index / per_epoch).unwrap_or(u32::MAX);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an epoch of 2^32 windows has more tokens than memory holds"
        )]
        let position = (index % per_epoch) as u32;
        let counter = Counter { block: epoch, ..Counter::new(position, Domain::Shuffle) };
        let draw = Draw::below(n_offsets as u64, Seed::new(settings.seed), counter);
        let start = usize::try_from(draw.r).expect("below a length in memory");
        &self.train()[start..=start + block_size]
    }
}

/// Tokens that are hashed at a time.
const PIECE: usize = 1 << 14;

fn sha256(ids: &[TokenId], n_train: usize) -> String {
    let mut hash = Sha256::new();
    let mut bytes = Vec::with_capacity(PIECE * size_of::<TokenId>());
    for piece in ids.chunks(PIECE) {
        bytes.clear();
        bytes.extend(piece.iter().flat_map(|id| id.to_le_bytes()));
        hash.update(&bytes);
    }
    hash.update((n_train as u64).to_le_bytes());
    hash.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}
