//! Reports: one self-contained HTML file that opens from disk, without script or network.

mod comparison;
mod page;
mod story;

pub use comparison::{Compared, Comparison, Measured};
pub use story::{Alternative, Story, Word};

/// A report, section by section.
///
/// ```
/// use kelvin_lab::report::{Block, Report, Section};
///
/// let report = Report::new("Two policies", "What a higher temperature costs.").section(
///     Section::new("Summary").block(Block::Table {
///         columns: vec!["policy".into(), "nats/token".into()],
///         rows: vec![vec!["greedy & <sober>".into(), "0.62".into()]],
///     }),
/// );
/// let html = report.to_html();
/// assert!(html.starts_with("<!DOCTYPE html>") && html.contains("greedy &amp; &lt;sober&gt;"));
/// assert!(!html.contains("<script") && !html.contains("http"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    title: String,
    lead: String,
    sections: Vec<Section>,
}

/// A part of a report with a heading.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    heading: String,
    blocks: Vec<Block>,
}

/// Something in a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Prose.
    Paragraph(String),
    /// Names and values.
    Facts(Vec<(String, String)>),
    /// Rows under headings; the first column names the row, the others hold numbers.
    Table {
        /// The headings.
        columns: Vec<String>,
        /// A cell for each column.
        rows: Vec<Vec<String>>,
    },
    /// A figure, drawn for light pages and for dark ones.
    Figure {
        /// The SVG for light pages.
        light: String,
        /// The SVG for dark pages.
        dark: String,
        /// What it shows.
        caption: String,
    },
    /// A text whose tokens are coloured by their surprisal.
    Story(Story),
    /// A command line, as it is typed.
    Command(String),
}

impl Report {
    /// A report with nothing in it but its title and a sentence on what it is about.
    pub fn new(title: impl Into<String>, lead: impl Into<String>) -> Self {
        Self { title: title.into(), lead: lead.into(), sections: Vec::new() }
    }

    /// The same report with one more section.
    #[must_use]
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// The whole file.
    pub fn to_html(&self) -> String {
        page::html(self).into_string()
    }
}

impl Section {
    /// A section with nothing in it.
    pub fn new(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), blocks: Vec::new() }
    }

    /// The same section with one more block.
    #[must_use]
    pub fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// The same section with these blocks at its end.
    #[must_use]
    pub fn blocks(mut self, blocks: impl IntoIterator<Item = Block>) -> Self {
        self.blocks.extend(blocks);
        self
    }
}
