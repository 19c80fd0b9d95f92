//! The figures, as they are written.

mod figures;
mod sweeps;
mod traces;
