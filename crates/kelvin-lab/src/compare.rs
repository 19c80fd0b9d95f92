//! How sure a number is, and whether two policies differ: intervals, exact tests, exact expectations.
//!
//! Nothing here draws from a clock or a state: a bootstrap picks its samples by counter, so the same
//! samples give the same bytes. Distribution functions are Kelvin's own, over [`kelvin::math`], because
//! those of the platform differ in their last bits.
//!
//! ```
//! use kelvin_lab::compare::Binomial;
//!
//! // "pizza" came 67 times of 100 where its exact probability is 0.685
//! let law = Binomial::new(100, 0.6849381644449536).unwrap();
//! assert_eq!(law.central(0.95), (59, 77));
//! assert!((law.two_sided_p(67) - 0.7474).abs() < 1e-4);
//! ```

mod beta;
mod binomial;
mod bootstrap;
mod chi_square;
mod divergence;
mod estimate;
mod expectation;
mod gamma;
mod jackknife;
mod law;
mod verdict;

pub use beta::incomplete_beta;
pub use binomial::{Binomial, clopper_pearson};
pub use bootstrap::{N_RESAMPLES, Resamples, percentile};
pub use chi_square::{ChiSquare, Goodness, chi_square_tail};
pub use divergence::{Divergence, first_divergence};
pub use estimate::{Estimate, Interval, LEVEL, difference, estimate};
pub use expectation::{expected_distinct_over, expected_mode_share};
pub use gamma::{incomplete_gamma, ln_gamma};
pub use jackknife::{N_BLOCKS, standard_error};
pub use law::{Distance, Law};
pub use verdict::{Verdict, n_for_standard_error};
