//! The figures, as they are written.

mod figures;
mod rescore;
mod traces;
