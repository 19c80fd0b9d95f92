//! Where the lines of a conversation come from: a terminal with an editor, or a pipe.

use std::io::{self, BufRead, Write as _};

use anyhow::Result;
use rustyline::config::{Behavior, Config};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;

use crate::chat::{MOST_TYPED, read_line, too_long};
use crate::exit::Failure;

/// What one waits for.
#[derive(Debug)]
pub(crate) enum Line {
    Text(String),
    /// Nothing that can be understood; the lines behind it may be.
    Bad(Failure),
    /// Ctrl-C, before the line was done.
    Interrupted,
    /// Ctrl-D, or the end of a pipe.
    End,
}

/// A source of lines.
pub(crate) trait Lines {
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
pub(crate) struct Terminal {
    editor: rustyline::Editor<(), MemHistory>,
    /// Whether nothing can be edited there, and the editor would write the prompt among the data.
    dumb: bool,
}

impl Terminal {
    /// # Errors
    ///
    /// Those of the terminal.
    pub(crate) fn new(term: &str) -> Result<Self> {
        let config = Config::builder()
            .behavior(Behavior::PreferTerm) // stdout may be a file: the prompt is no data
            .auto_add_history(true)
            .build();
        let history = MemHistory::with_config(&config);
        let editor = rustyline::Editor::with_history(config, history)?;
        Ok(Self { editor, dumb: is_dumb(term) })
    }
}

/// Whether such a terminal can do nothing but print, as the editor has it.
fn is_dumb(term: &str) -> bool {
    ["dumb", "cons25", "emacs"].iter().any(|dumb| term.eq_ignore_ascii_case(dumb))
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
        if self.dumb {
            let mut err = io::stderr();
            write!(err, "{prompt}").and_then(|()| err.flush())?;
            return line(self.editor.readline(""));
        }
        line(self.editor.readline(prompt))
    }

    fn edit(&mut self, prompt: &str, text: &str) -> Result<Line> {
        if self.dumb {
            return Err(uneditable().into());
        }
        line(self.editor.readline_with_initial(prompt, (text, "")))
    }

    fn is_terminal(&self) -> bool {
        true
    }
}

fn uneditable() -> Failure {
    Failure::typed("/edit: there is no terminal to edit on").hint("/edit TEXT gives the new text")
}

/// A pipe or a file: lines as they are, and nobody to edit them.
pub(crate) struct Piped<R> {
    reader: R,
    /// Lines read so far.
    n_lines: usize,
}

impl<R: BufRead> Piped<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, n_lines: 0 }
    }
}

impl<R: BufRead> Lines for Piped<R> {
    fn next(&mut self, _: &str) -> Result<Line> {
        let read = read_line(&mut self.reader);
        let read = read.map_err(|error| Failure::read("cannot read stdin").caused_by(error))?;
        self.n_lines += 1;
        let place = format!("line {}", self.n_lines);
        let text = match read.map(String::from_utf8) {
            Ok(Ok(text)) if text.is_empty() => return Ok(Line::End),
            Ok(Ok(text)) => text,
            Ok(Err(error)) => {
                let byte = error.utf8_error().valid_up_to();
                let what = format!("{place} is not UTF-8, byte {byte}");
                return Ok(Line::Bad(Failure::typed(what)));
            }
            Err(failure) => return Ok(Line::Bad(failure.inside(&place))),
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Ok(Line::Text(text.strip_suffix('\r').unwrap_or(text).to_owned()))
    }

    fn edit(&mut self, _: &str, _: &str) -> Result<Line> {
        Err(uneditable().into())
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
pub(crate) fn read(lines: &mut dyn Lines, prompt: &str, more: &str) -> Result<Line> {
    let mut whole = String::new();
    let mut prompt = prompt;
    loop {
        match lines.next(prompt)? {
            Line::Text(text) => match text.strip_suffix('\\') {
                Some(part) => {
                    whole.push_str(part);
                    whole.push('\n');
                    prompt = more;
                    if whole.len() as u64 > MOST_TYPED {
                        return Ok(Line::Bad(too_long("a line")));
                    }
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
        of_bytes(text.as_bytes())
    }

    /// The lines, and what is said of those that are none.
    fn of_bytes(bytes: &[u8]) -> Vec<String> {
        let mut lines = Piped::new(bytes);
        let mut all = Vec::new();
        loop {
            match read(&mut lines, "", "").expect("readable") {
                Line::Text(line) => all.push(line),
                Line::Bad(failure) => all.push(failure.to_string()),
                Line::End | Line::Interrupted => return all,
            }
        }
    }

    #[test]
    fn a_bad_line_is_told_and_those_behind_it_are_read() {
        assert_eq!(of_bytes(b"a\nb\xFFc\nd\n"), ["a", "line 2 is not UTF-8, byte 1", "d"]);
        let long = [&vec![b'a'; 5 << 20][..], b"\nb\n", &vec![b'a'; 4 << 20], b"\nc"].concat();
        let told = "has more than 4194304 bytes, the most of a conversation";
        let expected =
            [&format!("line 1: a line {told}"), "b", &format!("line 3: a line {told}"), "c"];
        assert_eq!(of_bytes(&long), expected);
        let going_on = [b"aaaaaaa\\\n".repeat(600_000), b"b\nc".to_vec()].concat();
        let all = of_bytes(&going_on);
        assert_eq!(all[0], format!("a line {told}"));
        assert_eq!(all.last().map(String::as_str), Some("c"));
    }

    /// Where it were not known to be dumb, the editor would write the prompt to stdout.
    #[test]
    fn terminals_that_only_print_are_known() {
        assert!(is_dumb("dumb") && is_dumb("Emacs") && !is_dumb("xterm-256color") && !is_dumb(""));
    }

    #[test]
    fn a_backslash_goes_on() {
        assert_eq!(all("a\nb\r\n\nc"), ["a", "b", "", "c"]);
        assert_eq!(all("a\\\nb\\\n c\nd"), ["a\nb\n c", "d"]);
        assert_eq!(all("a\\"), ["a"]);
        assert_eq!(all(""), [""; 0]);
    }
}
