//! The commands, one file each: read the flags, call the library, write the answer.

pub(crate) mod bench;
pub(crate) mod chat;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod examples;
pub(crate) mod explain;
pub(crate) mod generate;
pub(crate) mod lesson;
pub(crate) mod merge;
pub(crate) mod models;
pub(crate) mod next;
pub(crate) mod plot;
pub(crate) mod presets;
pub(crate) mod replay;
pub(crate) mod rescore;
pub(crate) mod score;
pub(crate) mod stages;
pub(crate) mod sweep;
pub(crate) mod tour;
pub(crate) mod train;
