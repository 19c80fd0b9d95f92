//! Markdown on a terminal: paragraphs, lists, remarks and code, wrapped; what a lesson's prose has.

use std::io::{self, Write};

use anstyle::Style;
use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use crate::term::text::width;
use crate::term::theme;

/// The widest line of prose: longer ones are hard to read.
const WIDEST: usize = 88;

/// Writes Markdown, with an empty line behind each block.
///
/// # Errors
///
/// Those of the writer.
pub(super) fn write(out: &mut dyn Write, markdown: &str, columns: usize) -> io::Result<()> {
    let mut page =
        Page { out, columns: columns.min(WIDEST), flow: Flow::default(), nesting: Vec::new() };
    Parser::new(markdown).try_for_each(|event| page.event(event))
}

/// What a block stands in.
enum Nesting {
    /// An item of a list, with the sign that its first line still has to get.
    Item {
        sign: String,
        is_new: bool,
    },
    /// A list, with the number of its next item.
    List(Option<u64>),
    Quote,
}

struct Page<'a> {
    out: &'a mut dyn Write,
    columns: usize,
    flow: Flow,
    nesting: Vec<Nesting>,
}

impl Page<'_> {
    fn event(&mut self, event: Event<'_>) -> io::Result<()> {
        match event {
            Event::Start(tag) => return self.start(&tag),
            Event::End(tag) => return self.end(tag),
            Event::Text(text) => self.flow.push(&text),
            Event::Code(code) => self.flow.styled(theme::FINAL, |flow| flow.push(&code)),
            Event::SoftBreak | Event::HardBreak => self.flow.push(" "),
            _ => (), // a lesson has nothing else, a test reads them all
        }
        Ok(())
    }

    fn start(&mut self, tag: &Tag<'_>) -> io::Result<()> {
        match tag {
            Tag::Strong | Tag::Heading { .. } => self.flow.styles.push(theme::NAME),
            Tag::Emphasis => self.flow.styles.push(Style::new().italic()),
            Tag::CodeBlock(_) => self.flow.is_verbatim = true,
            Tag::List(first) => {
                self.break_line()?; // the text of the item around it
                self.nesting.push(Nesting::List(*first));
            }
            Tag::BlockQuote(_) => self.nesting.push(Nesting::Quote),
            Tag::Item => {
                let sign = match self.nesting.last_mut() {
                    Some(Nesting::List(Some(number))) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "• ".to_owned(),
                };
                self.nesting.push(Nesting::Item { sign, is_new: true });
            }
            _ => (),
        }
        Ok(())
    }

    fn end(&mut self, tag: TagEnd) -> io::Result<()> {
        match tag {
            TagEnd::Strong | TagEnd::Emphasis => {
                self.flow.styles.pop();
            }
            TagEnd::Heading(_) => {
                self.flow.styles.pop();
                self.break_paragraph()?;
            }
            TagEnd::Paragraph => self.break_paragraph()?,
            TagEnd::CodeBlock => {
                self.flow.is_verbatim = false;
                self.break_paragraph()?;
            }
            TagEnd::Item => {
                self.break_line()?;
                self.nesting.pop();
            }
            TagEnd::List(_) => {
                self.nesting.pop();
                if self.nesting.is_empty() {
                    writeln!(self.out)?;
                }
            }
            TagEnd::BlockQuote(_) => {
                self.nesting.pop();
            }
            _ => (),
        }
        Ok(())
    }

    fn break_paragraph(&mut self) -> io::Result<()> {
        self.break_line()?;
        writeln!(self.out)
    }

    /// Writes the text so far.
    fn break_line(&mut self) -> io::Result<()> {
        let indent: usize = self.nesting.iter().map(Nesting::columns).sum();
        for line in self.flow.take(self.columns.saturating_sub(indent).max(20)) {
            for nesting in &mut self.nesting {
                nesting.write(self.out)?;
            }
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }
}

impl Nesting {
    fn columns(&self) -> usize {
        match self {
            Self::Item { sign, .. } => width(sign),
            Self::List(_) => 0,
            Self::Quote => 2,
        }
    }

    fn write(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let quiet = theme::QUIET;
        match self {
            Self::Item { sign, is_new } => {
                let sign =
                    if std::mem::take(is_new) { sign.clone() } else { " ".repeat(width(sign)) };
                write!(out, "{sign}")
            }
            Self::List(_) => Ok(()),
            Self::Quote => write!(out, "{quiet}│{quiet:#} "),
        }
    }
}

/// Words that wait for their line.
#[derive(Default)]
struct Flow {
    /// Words with their styles, and the columns that they take.
    words: Vec<(String, usize)>,
    /// Whether the last word is still open: no space has come behind it.
    is_open: bool,
    styles: Vec<Style>,
    /// Whether lines stay as they are.
    is_verbatim: bool,
}

impl Flow {
    fn push(&mut self, text: &str) {
        if self.is_verbatim {
            self.words.extend(text.lines().map(|line| (format!("  {line}"), usize::MAX / 2)));
            return;
        }
        for (at, part) in text.split(char::is_whitespace).enumerate() {
            if at > 0 {
                self.is_open = false;
            }
            if part.is_empty() {
                continue;
            }
            let style = self.styles.last().copied().unwrap_or(theme::PLAIN);
            let styled = format!("{style}{part}{style:#}");
            match self.words.last_mut().filter(|_| self.is_open) {
                Some((word, columns)) => {
                    word.push_str(&styled);
                    *columns += width(part);
                }
                None => self.words.push((styled, width(part))),
            }
            self.is_open = true;
        }
    }

    fn styled(&mut self, style: Style, push: impl FnOnce(&mut Self)) {
        self.styles.push(style);
        push(self);
        self.styles.pop();
    }

    /// The words in lines of at most `columns`, where a word fits at all.
    fn take(&mut self, columns: usize) -> Vec<String> {
        let mut lines: Vec<(String, usize)> = Vec::new();
        for (word, wide) in self.words.drain(..) {
            match lines.last_mut().filter(|(_, used)| used.saturating_add(wide) < columns) {
                Some((line, used)) => {
                    line.push(' ');
                    line.push_str(&word);
                    *used += wide + 1;
                }
                None => lines.push((word, wide)),
            }
        }
        self.is_open = false;
        lines.into_iter().map(|(line, _)| line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(markdown: &str, columns: usize) -> String {
        let mut out = Vec::new();
        write(&mut out, markdown, columns).expect("a Vec takes everything");
        let text = anstream::adapter::strip_bytes(&out).into_vec();
        String::from_utf8(text).expect("UTF-8 in, UTF-8 out")
    }

    #[test]
    fn paragraphs_are_wrapped_and_words_stay_whole() {
        let text = told("One **two** three\n`four` (*five*), six.\n\nSeven", 22);
        assert_eq!(text, "One two three four\n(five), six.\n\nSeven\n\n");
    }

    #[test]
    fn lists_remarks_and_code_keep_their_shape() {
        let list = told("- one two three four five\n- six\n\n1. a\n2. b", 20);
        assert_eq!(list, "• one two three four\n  five\n• six\n\n1. a\n2. b\n\n");
        assert_eq!(told("> one two three four five", 22), "│ one two three four\n│ five\n\n");
        assert_eq!(told("```text\na  b\n c\n```", 40), "  a  b\n   c\n\n");
    }

    #[test]
    fn emphasis_is_styled() {
        let mut out = Vec::new();
        write(&mut out, "a **b**", 40).expect("a Vec takes everything");
        assert_eq!(String::from_utf8(out).expect("UTF-8"), "a \x1b[1mb\x1b[0m\n\n");
    }
}
