//! What things look like on a terminal.

pub(crate) mod bar;
pub(crate) mod number;
pub(crate) mod paragraph;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod theme;
