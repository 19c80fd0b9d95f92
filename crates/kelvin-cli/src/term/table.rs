//! Plain tables: a dim heading, columns that line up in every script, no lines drawn.

use std::io::{self, Write};

use anstyle::Style;

use super::text::{padding, width};
use super::theme;

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows of cells under headings. The first column is the name of the row's thing.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table; a heading may be empty.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        Self::of(columns.iter().map(|(name, align)| ((*name).to_owned(), *align)).collect())
    }

    /// The same, for headings that are made.
    pub(crate) fn of(columns: Vec<(String, Align)>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row, one cell for each column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.push(cells.into());
    }

    /// Adds a row of as many cells as there are columns.
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "one cell for each column");
        self.rows.push(cells);
    }

    /// Writes the table; the last column is not padded, so lines have no trailing spaces.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let headings: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|at| self.rows.iter().chain([&headings]).map(|row| width(&row[at])).max())
            .map(|widest| widest.unwrap_or(0))
            .collect();
        if headings.iter().any(|heading| !heading.is_empty()) {
            let quiet = theme::QUIET;
            writeln!(out, "{quiet}{}{quiet:#}", self.line(&headings, &widths, theme::PLAIN))?;
        }
        for row in &self.rows {
            writeln!(out, "{}", self.line(row, &widths, theme::NAME))?;
        }
        Ok(())
    }

    fn line(&self, cells: &[String], widths: &[usize], first: Style) -> String {
        let columns = cells.iter().zip(widths).zip(&self.columns).enumerate();
        let line: Vec<String> = columns
            .map(|(at, ((cell, &columns), (_, align)))| {
                let style = if at == 0 { first } else { theme::PLAIN };
                let (pad, cell) = (padding(cell, columns), format!("{style}{cell}{style:#}"));
                if *align == Align::Right { pad + &cell } else { cell + &pad }
            })
            .collect();
        line.join("  ").trim_end().to_owned()
    }
}
