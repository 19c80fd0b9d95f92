//! Records, metrics, comparisons and figures, from the outside.

mod compare;
mod figures;
mod golden;
mod measure;
mod reports;
mod rescore;
mod sweeps;
mod traces;
