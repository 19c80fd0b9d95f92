//! The figures, as they are written.

mod figures;
mod traces;
