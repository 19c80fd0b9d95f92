//! All that training carries from one step to the next.

use super::layout::{Layout, Params};
use super::settings::Settings;
use crate::Config;

/// What a checkpoint holds: with the data and the tokenizer, all that the next step depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The blueprint.
    pub config: Config,
    /// The settings.
    pub settings: Settings,
    /// Where each tensor is.
    pub layout: Layout,
    /// Steps taken.
    pub step: u32,
    /// The weights.
    pub params: Params,
    /// Running mean of the gradients (`exp_avg` in PyTorch).
    pub exp_avg: Params,
    /// Running mean of their squares (`exp_avg_sq`).
    pub exp_avg_sq: Params,
}
