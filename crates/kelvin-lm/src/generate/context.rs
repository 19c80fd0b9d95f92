//! Which tokens of a sequence the model sees.

use std::ops::Range;

use crate::{Error, ErrorKind, Result};

/// How many tokens of a sequence the model sees, and which where there are more.
///
/// A *fixed* context sees everything up to a limit; a longer sequence is an error. A *shifting* one
/// goes on: when more than `limit` tokens stand before the next one, it leaves out `drop` tokens
/// behind the first `keep`, and the rest is read again as if it were a sequence of its own, from
/// position 0. (No rotated keys are moved in the cache: what a model says after tokens in view is
/// what it says after these tokens in any sequence.)
///
/// With C = `limit`, k = `keep`, d = `drop`, of `len` tokens there are in view
///
/// ```text
/// shifts(len)  = 0 for len ≤ C, else ⌈(len − C) / d⌉
/// in_view(len) = [0, k) and [k + d · shifts(len), len)
/// ```
///
/// so between C − d + 1 and C tokens after the first shift. A pure function of the length: fed at once
/// or one by one, rewound, forked or in a batch, the same tokens are in view.
///
/// ```
/// use kelvin_lm::generate::Context;
///
/// let context = Context::shifting(8, 2)?; // drops half of the six that it does not keep
/// assert_eq!(context.in_view(8), [0..2, 2..8]);
/// assert_eq!(context.in_view(9), [0..2, 5..9]);
/// assert_eq!(context.in_view(11), [0..2, 5..11]);
/// assert_eq!(context.in_view(12), [0..2, 8..12]);
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    limit: usize,
    shift: Option<Shift>,
}

/// What a shift leaves out: `drop` tokens behind the first `keep`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shift {
    keep: usize,
    /// At least 1; keep + drop ≤ limit.
    drop: usize,
}

impl Context {
    /// Everything is in view, and there are at most `limit` tokens.
    pub const fn fixed(limit: usize) -> Self {
        Self { limit, shift: None }
    }

    /// The first `keep` tokens stay in view; each shift drops half of the others (the larger half,
    /// where their number is odd).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] unless `keep` < `limit`.
    pub fn shifting(limit: usize, keep: usize) -> Result<Self> {
        Self::dropping(limit, keep, limit.saturating_sub(keep).div_ceil(2))
    }

    /// The first `keep` tokens stay in view; each shift drops `drop` of the others.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] unless `keep` < `limit` and 1 ≤ `drop` ≤ `limit` − `keep`.
    pub fn dropping(limit: usize, keep: usize, drop: usize) -> Result<Self> {
        if keep >= limit {
            let detail = format!("{keep} tokens to keep leave no room in a context of {limit}");
            return Err(Error::new(ErrorKind::Parameter, detail).hint("keep fewer"));
        }
        if drop == 0 || drop > limit - keep {
            let most = limit - keep;
            let detail = format!("{drop} tokens to drop at a time is outside 1 to {most}");
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        Ok(Self { limit, shift: Some(Shift { keep, drop }) })
    }

    /// The most tokens in view.
    pub fn limit(self) -> usize {
        self.limit
    }

    /// Whether a sequence may grow beyond the limit.
    pub fn is_shifting(self) -> bool {
        self.shift.is_some()
    }

    /// The tokens that every view begins with, as far as there are so many.
    pub fn keep(self) -> usize {
        self.shift.map_or(0, |shift| shift.keep)
    }

    /// The tokens that a shift leaves out; 0 for a fixed context.
    pub fn drop(self) -> usize {
        self.shift.map_or(0, |shift| shift.drop)
    }

    /// How often tokens were dropped when `len` tokens stand before the next one.
    pub fn shifts(self, len: usize) -> usize {
        let beyond = len.saturating_sub(self.limit);
        self.shift.map_or(0, |shift| beyond.div_ceil(shift.drop))
    }

    /// The tokens in view when `len` stand before the next one, as ranges of positions in the
    /// sequence: the kept ones and the latest ones. Together they are the model's positions from 0 on.
    pub fn in_view(self, len: usize) -> [Range<usize>; 2] {
        let keep = self.keep().min(len);
        [0..keep, keep + self.dropped(self.shifts(len))..len]
    }

    /// The tokens out of view after so many shifts.
    pub(super) fn dropped(self, shifts: usize) -> usize {
        shifts * self.drop()
    }

    /// The longest sequence with no more shifts than one of `len` tokens.
    pub(super) fn until_next_shift(self, len: usize) -> usize {
        self.limit + self.dropped(self.shifts(len))
    }

    /// How many tokens may follow `len` tokens.
    pub(super) fn room(self, len: usize) -> usize {
        if self.is_shifting() { usize::MAX } else { self.limit.saturating_sub(len) }
    }

    /// Whether a sequence may have `len` tokens.
    pub(super) fn check(self, len: usize) -> Result<()> {
        if len <= self.limit || self.is_shifting() {
            return Ok(());
        }
        let detail = format!("{len} tokens exceed the context of {}", self.limit);
        Err(Error::new(ErrorKind::Context, detail)
            .hint("shorten the prompt or ask for fewer new tokens"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the definition says in words, one token after the other.
    fn grown(limit: usize, keep: usize, drop: usize, len: usize) -> Vec<usize> {
        let mut view: Vec<usize> = Vec::new();
        for token in 0..len {
            view.push(token);
            if view.len() > limit {
                view.drain(keep..keep + drop);
            }
        }
        view
    }

    #[test]
    fn the_view_is_that_of_a_sequence_which_grew_token_by_token() {
        for limit in 1..=7 {
            for keep in 0..limit {
                for drop in 1..=limit - keep {
                    let context = Context::dropping(limit, keep, drop).expect("in range");
                    for len in 0..40 {
                        let [kept, rest] = context.in_view(len);
                        let view: Vec<usize> = kept.chain(rest).collect();
                        let name = format!("limit {limit}, keep {keep}, drop {drop}, len {len}");
                        assert_eq!(view, grown(limit, keep, drop, len), "{name}");
                        let longest =
                            (len..).take_while(|&m| context.shifts(m) == context.shifts(len));
                        assert_eq!(longest.last(), Some(context.until_next_shift(len)), "{name}");
                    }
                }
            }
        }
    }

    #[test]
    fn half_of_what_is_not_kept_is_dropped() {
        let drop = |limit, keep| Context::shifting(limit, keep).map(|it| it.dropped(1)).ok();
        assert_eq!([drop(8, 0), drop(8, 1), drop(9, 2), drop(2, 1)], [4, 4, 4, 1].map(Some));
        assert_eq!([drop(8, 8), drop(0, 0)], [None, None]);
    }

    #[test]
    fn parameters_out_of_range_are_said_with_both_numbers() {
        let told = |context: Result<Context>| context.expect_err("out of range").to_string();
        assert_eq!(
            told(Context::shifting(8, 9)),
            "9 tokens to keep leave no room in a context of 8"
        );
        let zero = told(Context::dropping(8, 1, 0));
        assert_eq!(zero, "0 tokens to drop at a time is outside 1 to 7");
        assert_eq!(
            told(Context::dropping(8, 1, 8)),
            "8 tokens to drop at a time is outside 1 to 7"
        );
    }

    #[test]
    fn a_fixed_context_never_shifts_and_has_an_end() {
        let context = Context::fixed(8);
        assert_eq!((context.shifts(9), context.room(5), context.room(9)), (0, 3, 0));
        assert_eq!(context.in_view(8), [0..0, 0..8]);
        assert!(context.check(8).is_ok());
        let error = context.check(9).expect_err("one too many");
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Context, "9 tokens exceed the context of 8")
        );
    }
}
