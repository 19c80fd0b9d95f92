//! A label and what is said under it, wrapped with a hanging indent.

use std::io::{self, Write};

use super::text::{padding, width, wrap};
use super::theme;

/// Columns of a label.
const LABEL: usize = 9;

/// Writes the parts behind their label, ` · ` between them; a line breaks between parts where it can,
/// else between words.
///
/// # Errors
///
/// Those of the writer.
pub(crate) fn write(
    out: &mut dyn Write,
    label: &str,
    parts: &[String],
    columns: usize,
) -> io::Result<()> {
    let room = columns.saturating_sub(LABEL).max(20);
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut().filter(|line| width(line) + 3 + width(part) <= room) {
            Some(line) => *line = format!("{line} · {part}"),
            None => lines.extend(wrap(part, room)),
        }
    }
    let (quiet, mut label) = (theme::QUIET, label);
    for line in lines {
        writeln!(out, "{quiet}{label}{quiet:#}{}{line}", padding(label, LABEL))?;
        label = "";
    }
    Ok(())
}
