//! Chat templates: rendered as in Python, bounded, and never fooled by what a message spells.

mod rendered;
mod snippets;
mod tokens;
