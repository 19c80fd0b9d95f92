//! How much memory a model needs, before it is loaded: arithmetic on its blueprint, nothing read.

use crate::cache::KvCache;
use crate::config::Config;
use crate::model::Scratch;

/// The memory of one model and one sequence, in bytes.
///
/// ```
/// use kelvin_lm::memory::MemoryNeed;
///
/// let need = MemoryNeed { weights: 500, cache_per_position: 3, scratch: 40, scratch_per_position: 1 };
/// assert_eq!(need.at(100), 500 + 300 + 40 + 100);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryNeed {
    /// Weights, as they lie in memory.
    pub weights: u64,
    /// Keys and values of one position, in all layers.
    pub cache_per_position: u64,
    /// What a pass works in, whatever the length of the sequence; at most.
    pub scratch: u64,
    /// What a pass works in for each position it looks back on; at most.
    pub scratch_per_position: u64,
}

impl MemoryNeed {
    /// The need of a model whose weights take `weights` bytes
    /// ([`Model::weight_bytes`](crate::Model::weight_bytes)), on so many threads.
    pub fn of(config: &Config, weights: u64, threads: usize) -> Self {
        Self {
            weights,
            cache_per_position: KvCache::bytes_per_position(config),
            scratch: Scratch::bytes_for(config),
            scratch_per_position: Scratch::bytes_per_position(threads),
        }
    }

    /// Everything together with a sequence of so many positions.
    pub fn at(&self, positions: u64) -> u64 {
        let for_each = self.cache_per_position.saturating_add(self.scratch_per_position);
        self.weights.saturating_add(self.scratch).saturating_add(for_each.saturating_mul(positions))
    }
}

/// The memory of a machine, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// All there is.
    pub total: u64,
    /// What can be had without swapping.
    pub available: u64,
}

/// Whether something fits into a [`Room`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It does.
    Fits,
    /// It exceeds what is available now: others must give way, or the disk is used as memory.
    Tight,
    /// The weights alone exceed all there is.
    Never,
}

impl Room {
    /// Reads what Linux says in `/proc/meminfo`; `None` where it says something else.
    ///
    /// ```
    /// use kelvin_lm::memory::Room;
    ///
    /// let room = Room::from_meminfo("MemTotal:  8 kB\nMemFree:  1 kB\nMemAvailable:  5 kB\n");
    /// assert_eq!(room, Some(Room { total: 8192, available: 5120 }));
    /// ```
    pub fn from_meminfo(text: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
        };
        Some(Self { total: field("MemTotal")?, available: field("MemAvailable")? })
    }

    /// The same for a group of processes that may use `max` bytes and uses `current` of them.
    ///
    /// ```
    /// use kelvin_lm::memory::Room;
    ///
    /// let machine = Room { total: 64, available: 50 };
    /// assert_eq!(machine.within(16, 6), Room { total: 16, available: 10 });
    /// assert_eq!(machine.within(1000, 6), machine);
    /// ```
    #[must_use]
    pub fn within(self, max: u64, current: u64) -> Self {
        let left = max.saturating_sub(current);
        Self { total: self.total.min(max), available: self.available.min(left) }
    }

    /// Whether weights of so many bytes, and with all that goes with them `needed`, fit.
    ///
    /// ```
    /// use kelvin_lm::memory::{Fit, Room};
    ///
    /// let room = Room { total: 8, available: 5 };
    /// assert_eq!([room.fit(4, 5), room.fit(4, 6), room.fit(9, 10)], [Fit::Fits, Fit::Tight, Fit::Never]);
    /// ```
    pub fn fit(&self, weights: u64, needed: u64) -> Fit {
        if weights > self.total {
            Fit::Never
        } else if needed > self.available {
            Fit::Tight
        } else {
            Fit::Fits
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::kernel::Matrix;

    #[test]
    fn numbers_beyond_all_memory_do_not_wrap() {
        assert_eq!(Matrix::bytes_for(Dtype::F32, u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(Matrix::bytes_for(Dtype::Q4K, 1 << 40, 1 << 40), u64::MAX);
        let need = MemoryNeed {
            weights: u64::MAX,
            cache_per_position: u64::MAX,
            scratch: 1,
            scratch_per_position: 1,
        };
        assert_eq!(need.at(u64::MAX), u64::MAX);
    }

    #[test]
    fn what_is_not_linux_is_unknown() {
        for text in [
            "",
            "MemTotal: 8 kB",
            "MemTotal: x kB\nMemAvailable: 1 kB",
            "MemTotal 8\nMemAvailable 5",
        ] {
            assert_eq!(Room::from_meminfo(text), None, "{text}");
        }
    }
}
