//! The figures, as they are written.

mod figures;
mod reports;
mod rescore;
mod traces;
