//! Training: a decoder in GPT-2 layout, its gradients written by hand, the same to the last bit every time.
//!
//! A run's state is a function of blueprint, settings, data and the number of steps taken: random
//! numbers are named by the step, never carried along. So a run that was stopped anywhere and resumed
//! ends with the bits of one that never was.

mod activations;
mod backward;
mod batch;
mod checkpoint;
mod data;
mod first;
mod forward;
mod head;
mod inference;
mod layout;
mod metrics;
mod run;
mod schedule;
mod settings;
mod size;
mod state;
mod text_files;
mod trainer;

pub use checkpoint::{Checkpoints, Latest, Provenance, Saved, TokenizerFiles, check_free, export};
pub use data::Corpus;
pub use layout::{Layout, Params, Tensor};
pub use metrics::{Metric, Metrics, Resumed};
pub use run::{Ended, Evaluation, Event, Flow, Plan, Run};
pub use settings::Settings;
pub use size::Size;
pub use state::State;
pub use text_files::TextFiles;
pub use trainer::{Report, Trainer};
