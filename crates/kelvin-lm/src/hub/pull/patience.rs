//! How often something is tried again, and after which pause.

use std::thread;
use std::time::Duration;

use super::http::{Attempt, Trouble};
use super::{Event, Watch};
use crate::Result;

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often a failing request is tried, and how long is waited in between.
///
/// ```
/// use kelvin_lm::hub::pull::Patience;
///
/// let patience = Patience::default();
/// assert_eq!((patience.tries, patience.pause.as_secs()), (5, 1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Tries in a row without progress; at least one is made.
    pub tries: u32,
    /// The pause after the first; it doubles with each, up to half a minute. A server that asks for
    /// a longer one has it, up to a minute.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { tries: 5, pause: Duration::from_secs(1) }
    }
}

/// What is left of a [`Patience`].
#[derive(Debug)]
pub(super) struct Budget<'p> {
    patience: &'p Patience,
    failures: u32,
}

impl<'p> Budget<'p> {
    pub(super) fn new(patience: &'p Patience) -> Self {
        Self { patience, failures: 0 }
    }

    /// There was progress: earlier failures no longer count.
    pub(super) fn refill(&mut self) {
        self.failures = 0;
    }

    /// Waits before another try, as long as the server asks if that is longer.
    ///
    /// # Errors
    /// That of the trouble, where it lasts or this was the last try.
    pub(super) fn spend(&mut self, trouble: Trouble, watch: &mut Watch<'_>) -> Result<()> {
        let (error, asked) = match trouble {
            Trouble::Lasting(error) => return Err(error),
            Trouble::Passing(error) => (error, Duration::ZERO),
            Trouble::Later(error, pause) => (error, pause),
        };
        self.failures += 1;
        if self.failures >= self.patience.tries {
            return Err(error);
        }
        let doubled = 1_u32.checked_shl(self.failures - 1).unwrap_or(u32::MAX);
        let pause = self.patience.pause.saturating_mul(doubled).min(LONGEST_PAUSE).max(asked);
        watch(Event::Retry { cause: &error, pause });
        thread::sleep(pause);
        Ok(())
    }

    /// Tries until it works, fails for good, or patience ends.
    ///
    /// # Errors
    /// The last one.
    pub(super) fn persist<T>(
        &mut self,
        watch: &mut Watch<'_>,
        mut attempt: impl FnMut() -> Attempt<T>,
    ) -> Result<T> {
        loop {
            match attempt() {
                Ok(found) => return Ok(found),
                Err(trouble) => self.spend(trouble, watch)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorKind};

    #[test]
    fn pauses_double_and_tries_end() {
        let mut pauses = Vec::new();
        let mut tries = 0;
        let patience = Patience { tries: 4, pause: Duration::from_nanos(1) };
        let ended = Budget::new(&patience).persist::<()>(
            &mut |event| match event {
                Event::Retry { pause, .. } => pauses.push(pause.as_nanos()),
                other => unreachable!("{other:?}"),
            },
            || {
                tries += 1;
                let error = Error::new(ErrorKind::Network, format!("try {tries}"));
                // a server that asks for 3 has it where that is longer
                Err(match tries {
                    1 | 3 => Trouble::Later(error, Duration::from_nanos(3)),
                    _ => Trouble::Passing(error),
                })
            },
        );
        assert_eq!(ended.expect_err("it never works").to_string(), "try 4");
        assert_eq!(pauses, [3, 2, 4]);
    }
}
