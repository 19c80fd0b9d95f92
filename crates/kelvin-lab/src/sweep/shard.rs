//! A part of a sweep, for one of several machines.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// One of `of` parts of a sweep: of its samples, in the order of their keys, every `of`-th from the
/// `index`-th on.
///
/// ```
/// use kelvin_lab::sweep::Shard;
///
/// let shard: Shard = "2/3".parse()?;
/// assert_eq!((0..7).filter(|&at| shard.takes(at)).collect::<Vec<_>>(), [1, 4]);
/// # Ok::<(), kelvin_lab::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Shard {
    index: usize,
    of: usize,
}

/// More parts than this are taken for a slip of the finger.
const MOST: usize = 10_000;

/// The numbers of a shard, which nobody has looked at yet.
#[derive(Deserialize)]
struct Parts {
    index: usize,
    of: usize,
}

impl TryFrom<Parts> for Shard {
    type Error = Error;

    fn try_from(Parts { index, of }: Parts) -> Result<Self, Error> {
        Self::new(index, of).ok_or_else(|| refusal(&format!("{index}/{of}")))
    }
}

fn refusal(text: &str) -> Error {
    Error::new(format!("shard {text:?} is not i/n with 1 ≤ i ≤ n ≤ {MOST}, such as 3/16"))
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { index: 1, of: 1 };

    fn new(index: usize, of: usize) -> Option<Self> {
        (1 <= index && index <= of && of <= MOST).then_some(Self { index, of })
    }

    /// Which part, from 1 on.
    pub fn index(self) -> usize {
        self.index
    }

    /// How many parts there are.
    pub fn of(self) -> usize {
        self.of
    }

    /// Whether the sample at this place among all samples belongs to the part.
    pub fn takes(self, at: usize) -> bool {
        at % self.of == self.index - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = text.split_once('/');
        let parts = parts.and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        parts.and_then(|(index, of)| Self::new(index, of)).ok_or_else(|| refusal(text))
    }
}
