//! The styles. Colour never carries meaning alone: each coloured thing is also a word or a shape.

use anstyle::{AnsiColor, Style};

/// `error:`
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// `warning:`
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// `hint:`
pub(crate) const HINT: Style = AnsiColor::Green.on_default().bold();
/// Talk, headings of columns, what was removed.
pub(crate) const QUIET: Style = Style::new().dimmed();
/// The name of a thing.
pub(crate) const NAME: Style = Style::new().bold();
/// The final distribution.
pub(crate) const FINAL: Style = AnsiColor::Cyan.on_default();
/// The token drawn.
pub(crate) const CHOSEN: Style = AnsiColor::Green.on_default().bold();
/// What belongs in the text as it is.
pub(crate) const PLAIN: Style = Style::new();
