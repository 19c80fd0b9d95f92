//! What happens at the edge of a cut: to tokens that tie there, and to the one that crosses a mass.

use core::fmt;
use core::str::FromStr;

/// Which of the tokens that tie at the edge of a cut stay.
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let kept = |pipeline: &str| -> kelvin::Result<Vec<u32>> {
///     let pipeline: Pipeline = pipeline.parse()?;
///     let weights = Sampler::new(pipeline, 4)?.weights(&[2.0, 1.0, 1.0, 1.0])?;
///     Ok(weights.iter().map(|&(token, _)| token).collect())
/// };
/// assert_eq!(kept("top-k(2)")?, [0, 1]); // ties=first
/// assert_eq!(kept("top-k(2, ties=last)")?, [0, 3]);
/// assert_eq!(kept("top-k(2, ties=all)")?, [0, 1, 2, 3]);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ties {
    /// Those that come first in the total order, as many as there is room for.
    #[default]
    First,
    /// As many, but those that come last.
    Last,
    /// All of them.
    All,
}

impl Ties {
    /// The names that the text form knows.
    pub const NAMES: &'static [&'static str] = &["first", "last", "all"];
}

impl fmt::Display for Ties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}

impl FromStr for Ties {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "first" => Ok(Self::First),
            "last" => Ok(Self::Last),
            "all" => Ok(Self::All),
            _ => Err(()),
        }
    }
}

/// Whether the token with which a prefix crosses the mass that is asked for stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Crossing {
    /// It stays: the prefix has at least the mass.
    #[default]
    Keep,
    /// It goes, unless it is the first: the prefix has at most the mass.
    Drop,
}

impl Crossing {
    /// The names that the text form knows.
    pub const NAMES: &'static [&'static str] = &["keep", "drop"];
}

impl fmt::Display for Crossing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}

impl FromStr for Crossing {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "keep" => Ok(Self::Keep),
            "drop" => Ok(Self::Drop),
            _ => Err(()),
        }
    }
}
