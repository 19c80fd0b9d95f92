//! A whole trace, read from its lines.

use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

use kelvin::TokenId;

use super::{Done, Failed, Header, Line, SCHEMA, Step, Text};
use crate::error::{Error, Result};

/// The sequences of a file, in the order of their headers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// The sequences.
    pub sequences: Vec<Sequence>,
    /// What its tokens are called.
    pub names: Names,
    /// Whether the last line ends in the middle: whoever wrote it was stopped.
    pub is_cut: bool,
}

/// One sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// What ran.
    pub header: Header,
    /// Its tokens.
    pub steps: Vec<Step>,
    /// Its end; nothing where the file ends before it.
    pub done: Option<Done>,
    /// What went wrong, where something did.
    pub failed: Option<Failed>,
}

/// Texts of tokens.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Names(BTreeMap<TokenId, Text>);

/// The longest line that is read: more than a prompt of a million tokens takes.
const LONGEST: u64 = 64 << 20;

impl Sequence {
    /// Its tokens without the one that ended the text: what metrics of tokens look at.
    pub fn body(&self) -> Vec<TokenId> {
        let is_end = self.done.as_ref().is_some_and(|done| done.finish_reason == "eos");
        let n = self.steps.len() - usize::from(is_end && !self.steps.is_empty());
        self.steps[..n].iter().map(|step| step.id).collect()
    }
}

impl Names {
    /// The text of a token, where the file names it.
    pub fn get(&self, token: TokenId) -> Option<&Text> {
        self.0.get(&token)
    }
}

impl Trace {
    /// Reads the lines of a file.
    ///
    /// A last line without an end that does not parse is left out, and [`is_cut`](Self::is_cut) says so.
    ///
    /// ```
    /// use kelvin_lab::trace::Trace;
    ///
    /// let error = Trace::read("{\"type\": \"step\"}\n".as_bytes()).unwrap_err();
    /// assert!(error.to_string().starts_with("line 1: "));
    /// ```
    ///
    /// # Errors
    ///
    /// A line that is no line of a trace or longer than 64 MiB, one of a sequence without a header,
    /// another schema, no line.
    pub fn read(mut from: impl BufRead) -> Result<Self> {
        let mut reading = Reading::default();
        let mut text = Vec::new();
        for number in 1.. {
            text.clear();
            let n_read = from.by_ref().take(LONGEST).read_until(b'\n', &mut text);
            let n_read = n_read.map_err(|error| Error::new("cannot be read").caused_by(error))?;
            if n_read == 0 {
                break;
            }
            let is_whole = text.ends_with(b"\n");
            if !is_whole && n_read as u64 == LONGEST {
                let what = format!("no line of a trace: longer than {} MiB", LONGEST >> 20);
                return Err(Error::new(what).in_line(number));
            }
            match serde_json::from_slice(&text) {
                Ok(line) => reading.push(line).map_err(|error| error.in_line(number))?,
                Err(_) if !is_whole && number > 1 => reading.trace.is_cut = true,
                Err(error) => {
                    let what = format!("no line of a trace: {error}");
                    return Err(Error::new(what).in_line(number));
                }
            }
        }
        if reading.trace.sequences.is_empty() {
            return Err(Error::new("a trace begins with a header, and there is none"));
        }
        Ok(reading.trace)
    }

    /// The sequence of this prompt and sample, by their places.
    pub fn sequence(&self, prompt: usize, sample: usize) -> Option<&Sequence> {
        let is_it = |it: &&Sequence| (it.header.prompt, it.header.sample) == (prompt, sample);
        self.sequences.iter().find(is_it)
    }
}

/// A trace so far.
#[derive(Default)]
struct Reading {
    trace: Trace,
    /// Where the sequence of each prompt and sample is.
    places: BTreeMap<(usize, usize), usize>,
}

impl Reading {
    fn push(&mut self, line: Line) -> Result<()> {
        let place = line.place();
        if let Line::Header(header) = line {
            if header.schema != SCHEMA {
                let what = format!("schema {:?} is not {SCHEMA:?}", header.schema);
                return Err(Error::new(what));
            }
            if self.places.insert(place, self.trace.sequences.len()).is_some() {
                let what = format!("a second header of prompt {}, sample {}", place.0, place.1);
                return Err(Error::new(what));
            }
            let (steps, done, failed) = (Vec::new(), None, None);
            self.trace.sequences.push(Sequence { header: *header, steps, done, failed });
            return Ok(());
        }
        let unknown = || {
            let what = format!("prompt {}, sample {} has no header", place.0, place.1);
            Error::new(what)
        };
        let &at = self.places.get(&place).ok_or_else(unknown)?;
        let sequence = &mut self.trace.sequences[at];
        match line {
            Line::Step(mut step) => {
                self.trace.names.0.extend(std::mem::take(&mut step.names));
                sequence.steps.push(*step);
            }
            Line::Done(done) => sequence.done = Some(done),
            Line::Error(failed) => sequence.failed = Some(failed),
            Line::ContextShift(_) | Line::Header(_) => (),
        }
        Ok(())
    }
}
