//! Chat templates: rendered as in Python, bounded, and never fooled by what a message spells.

mod bounds;
mod control;
mod rendered;
mod snippets;
mod sources;
mod tokens;
