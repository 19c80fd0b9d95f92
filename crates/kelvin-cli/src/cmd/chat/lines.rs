//! Where the lines of a conversation come from: a terminal with an editor, or a pipe.

use std::io::{self, BufRead};

use anyhow::Result;
use rustyline::config::{Behavior, Config};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;

use crate::exit::Failure;

/// What one waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    Text(String),
    /// Ctrl-C, before the line was done.
    Interrupted,
    /// Ctrl-D, or the end of a pipe.
    End,
}

/// A source of lines.
pub(super) trait Lines {
    /// The next line, without its end; `prompt` is shown to people.
    ///
    /// # Errors
    ///
    /// Those of the terminal or the pipe.
    fn next(&mut self, prompt: &str) -> Result<Line>;

    /// A line that begins as `text` and is edited.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next); something typed where nobody can edit.
    fn edit(&mut self, prompt: &str, text: &str) -> Result<Line>;

    /// Whether somebody sits there.
    fn is_terminal(&self) -> bool;
}

/// A terminal, with line editing and the lines of this run to go back to. Nothing is written to disk.
pub(super) struct Terminal(rustyline::Editor<(), MemHistory>);

impl Terminal {
    /// # Errors
    ///
    /// Those of the terminal.
    pub(super) fn new() -> Result<Self> {
        let config = Config::builder()
            .behavior(Behavior::PreferTerm) // stdout may be a file: the prompt is no data
            .auto_add_history(true)
            .build();
        let history = MemHistory::with_config(&config);
        Ok(Self(rustyline::Editor::with_history(config, history)?))
    }
}

fn line(read: rustyline::Result<String>) -> Result<Line> {
    match read {
        Ok(text) => Ok(Line::Text(text)),
        Err(ReadlineError::Interrupted) => Ok(Line::Interrupted),
        Err(ReadlineError::Eof) => Ok(Line::End),
        Err(error) => Err(Failure::read("cannot read the terminal").caused_by(error).into()),
    }
}

impl Lines for Terminal {
    fn next(&mut self, prompt: &str) -> Result<Line> {
        line(self.0.readline(prompt))
    }

    fn edit(&mut self, prompt: &str, text: &str) -> Result<Line> {
        let text = text.replace('\n', " "); // the editor has one line
        line(self.0.readline_with_initial(prompt, (&text, "")))
    }

    fn is_terminal(&self) -> bool {
        true
    }
}

/// A pipe or a file: lines as they are, and nobody to edit them.
pub(super) struct Piped<R>(pub(super) R);

impl<R: BufRead> Lines for Piped<R> {
    fn next(&mut self, _: &str) -> Result<Line> {
        let mut text = String::new();
        let read = self.0.read_line(&mut text);
        let n =
            read.map_err(|error: io::Error| Failure::read("cannot read stdin").caused_by(error))?;
        if n == 0 {
            return Ok(Line::End);
        }
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Ok(Line::Text(text.strip_suffix('\r').unwrap_or(text).to_owned()))
    }

    fn edit(&mut self, _: &str, _: &str) -> Result<Line> {
        let failure = Failure::typed("/edit: there is no terminal to edit on");
        Err(failure.hint("/edit TEXT gives the new text").into())
    }

    fn is_terminal(&self) -> bool {
        false
    }
}

/// A line, and those behind it while they end in `\`, with a line end between them.
///
/// # Errors
///
/// Those of the lines.
pub(super) fn read(lines: &mut dyn Lines, prompt: &str, more: &str) -> Result<Line> {
    let mut whole = String::new();
    let mut prompt = prompt;
    loop {
        match lines.next(prompt)? {
            Line::Text(text) => match text.strip_suffix('\\') {
                Some(part) => {
                    whole.push_str(part);
                    whole.push('\n');
                    prompt = more;
                }
                None => return Ok(Line::Text(whole + &text)),
            },
            Line::End if !whole.is_empty() => return Ok(Line::Text(whole.trim_end().to_owned())),
            other => return Ok(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let mut lines = Piped(text.as_bytes());
        let mut all = Vec::new();
        while let Line::Text(line) = read(&mut lines, "", "").expect("readable") {
            all.push(line);
        }
        all
    }

    #[test]
    fn a_backslash_goes_on() {
        assert_eq!(all("a\nb\r\n\nc"), ["a", "b", "", "c"]);
        assert_eq!(all("a\\\nb\\\n c\nd"), ["a\nb\n c", "d"]);
        assert_eq!(all("a\\"), ["a"]);
        assert_eq!(all(""), [""; 0]);
    }
}
