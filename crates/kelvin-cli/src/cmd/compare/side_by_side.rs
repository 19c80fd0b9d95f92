//! Texts in columns, with a sign where each leaves the first.

use std::io;

use super::All;
use super::page::{letter, name, title};
use super::row::{Parting, Row};
use crate::console::Console;
use crate::term::text::{cut, harmless, padding, width};
use crate::term::theme;

/// What stands where a text leaves the first.
const PARTING: &str = "╳";
/// Between two columns.
const BETWEEN: &str = " │ ";
/// The narrowest column.
const NARROWEST: usize = 18;
/// Lines of a text.
const LINES: usize = 16;

/// Writes the first samples of each prompt.
///
/// # Errors
///
/// Those of the writer.
pub(super) fn write(all: &All<'_>, console: &mut Console<'_>) -> io::Result<()> {
    let room = console.width.saturating_add(width(BETWEEN));
    let most = (room / (NARROWEST + width(BETWEEN))).max(1);
    for (at, prompt) in all.prompts.iter().enumerate() {
        for number in 0..all.plan.show.min(all.plan.n) {
            let sample = format!("sample {} of {}", number + 1, all.plan.n);
            let prompt = cut(&format!("{prompt:?}"), console.width.saturating_sub(30));
            title(&format!("{prompt} · {sample}"), console)?;
            for (first, rows) in (0..).step_by(most).zip(all.rows.chunks(most)) {
                columns((all, first), rows, (at, number), console)?;
            }
            writeln!(console.out)?;
        }
    }
    Ok(())
}

/// One band of columns; `first` is the place of its first row.
fn columns(
    (all, first): (&All<'_>, usize),
    rows: &[Row],
    (prompt, number): (usize, u32),
    console: &mut Console<'_>,
) -> io::Result<()> {
    let between = width(BETWEEN) * (rows.len() - 1);
    let columns = console.width.saturating_sub(between) / rows.len();
    let heading = |(at, row): (usize, &Row)| {
        cut(&format!("{} {}", letter(first + at), name(all, row)), columns)
    };
    let headings: Vec<String> = rows.iter().enumerate().map(heading).collect();
    let quiet = theme::QUIET;
    writeln!(console.out, "{quiet}{}{quiet:#}", line(&headings, columns))?;
    let texts: Vec<Vec<String>> =
        rows.iter().map(|row| lines(&text(row, prompt, number), columns)).collect();
    for at in 0..texts.iter().map(Vec::len).max().unwrap_or(0) {
        let cells: Vec<String> =
            texts.iter().map(|lines| lines.get(at).cloned().unwrap_or_default()).collect();
        writeln!(console.out, "{}", line(&cells, columns))?;
    }
    Ok(())
}

fn line(cells: &[String], columns: usize) -> String {
    let padded: Vec<String> =
        cells.iter().map(|cell| format!("{cell}{}", padding(cell, columns))).collect();
    padded.join(BETWEEN).trim_end().to_owned()
}

/// A sample's text, the sign in it where it leaves the first row's.
fn text(row: &Row, prompt: usize, number: u32) -> String {
    let is_it = |sample: &kelvin_lab::Sample| (sample.prompt, sample.sample) == (prompt, number);
    let mut samples = row.samples.iter().zip(&row.partings);
    match samples.find(|(sample, _)| is_it(sample)) {
        None => "(failed)".to_owned(),
        Some((sample, Parting::After { bytes, .. })) => {
            let (same, own) = sample.text.split_at(*bytes);
            harmless(&format!("{same}{PARTING}{own}")).into_owned()
        }
        Some((sample, Parting::Never | Parting::Alone)) => harmless(&sample.text).into_owned(),
    }
}

/// Lines of a text of at most so many columns, broken between words where that is possible; the last
/// one says where lines are left out.
fn lines(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.trim().lines() {
        let mut line = String::new();
        for word in paragraph.replace('\t', " ").split_inclusive(' ') {
            if width(&line) + width(word.trim_end()) > columns && !line.is_empty() {
                lines.push(line.trim_end().to_owned());
                line.clear();
            }
            line.push_str(word);
            while width(line.trim_end()) > columns {
                let (head, rest) = split_at_width(&line, columns);
                lines.push(head);
                line = rest;
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    if lines.len() > LINES {
        lines.truncate(LINES - 1);
        lines.push("…".to_owned());
    }
    lines
}

/// The longest beginning of a text in so many columns, at least one character, and the rest.
fn split_at_width(text: &str, columns: usize) -> (String, String) {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let fits = ends.take_while(|&end| width(&text[..end]) <= columns).last();
    let at = fits.or_else(|| text.chars().next().map(char::len_utf8)).unwrap_or(0);
    (text[..at].to_owned(), text[at..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_inside_long_ones() {
        assert_eq!(lines("one two  three\nfour", 8), ["one two", "three", "four"]);
        assert_eq!(lines("incompressible", 6), ["incomp", "ressib", "le"]);
        assert_eq!(lines("猫猫猫", 3), ["猫", "猫", "猫"]);
        assert_eq!(lines("  \n", 9), [""; 0]);
        assert_eq!(lines(&"x\n".repeat(40), 9).len(), LINES);
    }
}
