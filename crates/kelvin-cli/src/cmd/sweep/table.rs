//! What a sweep came to, for people.

use std::io;

use kelvin_lab::sweep::Summary;

use crate::console::Console;
use crate::term::number::count;
use crate::term::table::{Align, Table};

/// The metrics that a table has room for: their names, and the decimals shown. The last is of a judge.
const SHOWN: [(&str, usize); 7] = [
    ("unique-ratio", 2),
    ("distinct-2", 2),
    ("rep-4", 2),
    ("nats-per-token", 3),
    ("kept", 1),
    ("length", 1),
    ("judge-perplexity", 2),
];

/// Prints the table, or everything as one JSON object.
///
/// # Errors
///
/// Those of the console.
pub(crate) fn report(
    summary: &Summary<'_>,
    json: bool,
    console: &mut Console<'_>,
) -> io::Result<()> {
    if json { console.json(&summary.to_json()) } else { table(summary).write(console.out) }
}

/// A line for each cell.
fn table(summary: &Summary<'_>) -> Table {
    let mut columns = vec![("cell", Align::Left), ("samples", Align::Right)];
    let n_shown = SHOWN.len() - usize::from(summary.manifest.judge.is_none());
    let metrics = &SHOWN[..n_shown];
    columns.extend(metrics.iter().map(|&(name, _)| (name, Align::Right)));
    let mut table = Table::new(&columns);
    let grid = &summary.manifest.grid;
    for cell in &summary.cells {
        let label = match grid.label(cell.cell) {
            label if label.is_empty() => summary.manifest.pipelines[cell.cell].clone(),
            label => label,
        };
        let shown = metrics.iter().map(|&(name, decimals)| {
            cell.metric(name).map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}"))
        });
        let mut cells = vec![label, count(cell.n_samples)];
        cells.extend(shown);
        table.push(cells);
    }
    table
}
