//! Work that splits, on somebody else's threads.

/// Runs two pieces of work, perhaps at the same time.
///
/// This crate starts no threads. Whoever has some lends them: what is computed does not depend on it.
///
/// ```
/// use kelvin::{Join, Sampler, Serial};
///
/// /// A thread for each second piece.
/// struct Scoped;
///
/// impl Join for Scoped {
///     fn join<A: Send, B: Send>(
///         &self,
///         first: impl FnOnce() -> A + Send,
///         second: impl FnOnce() -> B + Send,
///     ) -> (A, B) {
///         std::thread::scope(|scope| {
///             let second = scope.spawn(second);
///             (first(), second.join().expect("it does not panic"))
///         })
///     }
/// }
///
/// let mut sampler = Sampler::new("temperature(0.7)".parse()?, 3)?;
/// let row = [2.0, 1.0, 0.5];
/// assert_eq!(sampler.sample_traced_by(&Scoped, &row, 2)?, sampler.sample_traced_by(&Serial, &row, 2)?);
/// # Ok::<(), kelvin::Error>(())
/// ```
pub trait Join {
    /// Runs both; gives what each came to.
    fn join<A: Send, B: Send>(
        &self,
        first: impl FnOnce() -> A + Send,
        second: impl FnOnce() -> B + Send,
    ) -> (A, B);
}

/// One after the other, on the thread that asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Serial;

impl Join for Serial {
    fn join<A: Send, B: Send>(
        &self,
        first: impl FnOnce() -> A + Send,
        second: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        (first(), second())
    }
}
