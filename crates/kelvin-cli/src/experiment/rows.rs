//! How many samples grow at the same time: a question of memory.

use kelvin_lm::memory::MemoryNeed;
use kelvin_lm::{Config, Model};

use crate::memory;

/// Beyond this, more rows of a batch make no token cheaper.
const MOST: usize = 64;
/// Bytes that a sampler needs for each token of the vocabulary, where no stage cuts before it sorts.
const SAMPLER: u64 = 64;
/// The share of the free memory that samples may take, as its divisor.
const SHARE: u64 = 2;
/// Free memory, where nobody knows.
const UNKNOWN: u64 = 2 << 30;

/// How many samples grow at the same time, and the memory that takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rows {
    n: usize,
    bytes_per_row: u64,
}

impl Rows {
    /// As many as pay, and fit the memory that is free when each grows to so many positions. At least
    /// one.
    pub(crate) fn that_fit(model: &Model, positions: usize) -> Self {
        let available = memory::room().map_or(UNKNOWN, |room| room.available);
        Self::within(available / SHARE, model.config(), positions)
    }

    fn within(bytes: u64, config: &Config, positions: usize) -> Self {
        let cache = MemoryNeed::of(config, 0, 1).cache_per_position;
        let logits = config.vocab_size as u64 * (size_of::<f32>() as u64 + SAMPLER);
        let bytes_per_row = cache.saturating_mul(positions as u64).saturating_add(logits);
        let fit = usize::try_from(bytes / bytes_per_row.max(1)).unwrap_or(MOST);
        Self { n: fit.clamp(1, MOST), bytes_per_row }
    }

    /// The same for no more samples than there are.
    #[must_use]
    pub(crate) fn at_most(self, n_samples: usize) -> Self {
        Self { n: self.n.min(n_samples.max(1)), ..self }
    }

    /// Exactly so many, at least one.
    #[cfg(test)]
    pub(super) fn exactly(n: usize) -> Self {
        Self { n, bytes_per_row: 0 }
    }

    /// How many.
    pub(crate) fn n(self) -> usize {
        self.n
    }

    /// Bytes that they take together, besides the model; at most.
    pub(crate) fn bytes(self) -> u64 {
        self.bytes_per_row.saturating_mul(self.n as u64)
    }
}

#[cfg(test)]
mod tests {
    use kelvin_lm::embedded;

    use super::*;

    #[test]
    fn memory_bounds_the_rows_and_one_always_runs() {
        let config = embedded::checkpoint().and_then(|it| it.config()).expect("it is sound");
        let row = Rows::within(u64::MAX, &config, 100);
        assert_eq!(row.n(), MOST);
        let one = row.bytes() / MOST as u64;
        assert!(one > MemoryNeed::of(&config, 0, 1).cache_per_position * 100);
        assert_eq!(Rows::within(3 * one, &config, 100).n(), 3);
        assert_eq!(Rows::within(0, &config, 100).n(), 1);
        assert_eq!(row.at_most(5).bytes(), 5 * one);
    }
}
