//! What a template may cost, and how it fails.
//!
//! One budget bounds time and memory alike, without a clock: the same template and conversation end
//! the same way on every machine. A unit is a character copied or compared; a node of the template
//! that is evaluated costs [`NODE`], a value stored costs [`VALUE`].

use std::cell::Cell;

use minijinja::machinery::Span;

/// What anything may fail with.
pub(in crate::chat) type Outcome<T> = Result<T, Fault>;

/// Units for a template with an empty conversation.
pub(super) const BASE: u64 = 1 << 20;
/// Units for each byte of the conversation: templates read and copy a message several times.
pub(super) const PER_BYTE: u64 = 32;
/// Units for each message: templates ask several things of each.
pub(super) const PER_MESSAGE: u64 = 1 << 12;
/// Bytes of a conversation: no template writes out more than [`OUTPUT`] characters of it.
pub(super) const BYTES: usize = 4 * OUTPUT;
/// Messages of a conversation: each is written with some forty characters around it.
pub(super) const MESSAGES: usize = 1 << 15;
/// Units of a node evaluated.
const NODE: usize = 4;
/// Units of a value stored in a list or a variable.
const VALUE: usize = 8;
/// Expressions, blocks and calls inside each other.
const DEPTH: usize = 200;
/// Characters of the rendered text.
pub(super) const OUTPUT: usize = 1 << 20;

/// Why a template was not rendered.
#[derive(Debug)]
pub(in crate::chat) struct Fault(Box<Inner>);

#[derive(Debug)]
struct Inner {
    cause: Cause,
    line: Option<usize>,
}

/// The kinds of failure.
#[derive(Debug)]
pub(in crate::chat) enum Cause {
    /// The template's own words: it called `raise_exception`.
    Refused(String),
    /// The conversation is larger than any that is written out.
    TooLong(String),
    /// It asks for the date, and none was given.
    NoDate,
    /// It does something that fails, such as calling what is undefined.
    Failed(String),
    /// It asks for something that is not implemented here.
    Unsupported(String),
    /// It costs more than a template may.
    Exhausted(String),
}

impl Fault {
    pub(super) fn new(cause: Cause) -> Self {
        Self(Box::new(Inner { cause, line: None }))
    }

    /// Something that fails, as it would in Python.
    pub(super) fn failed(what: impl Into<String>) -> Self {
        Self::new(Cause::Failed(what.into()))
    }

    /// Something that is not implemented here.
    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        Self::new(Cause::Unsupported(what.into()))
    }

    /// The same fault, at a place of the template; the innermost place stays.
    pub(super) fn at(self, span: Span) -> Self {
        self.at_line(usize::from(span.start_line))
    }

    /// The same fault, on a line of the template.
    pub(super) fn at_line(mut self, line: usize) -> Self {
        self.0.line.get_or_insert(line);
        self
    }

    pub(in crate::chat) fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// The line of the template, from 1.
    pub(in crate::chat) fn line(&self) -> Option<usize> {
        self.0.line
    }
}

/// The budget of one rendering.
#[derive(Debug)]
pub(super) struct Meter {
    left: Cell<u64>,
    depth: Cell<usize>,
}

impl Meter {
    pub(super) fn new(units: u64) -> Self {
        Self { left: Cell::new(units), depth: Cell::new(0) }
    }

    /// Pays for reading or writing `n` characters.
    pub(super) fn chars(&self, n: usize) -> Outcome<()> {
        let left = self.left.get().checked_sub(n as u64);
        self.left.set(left.unwrap_or(0));
        let exhausted = || Cause::Exhausted("it works too long or makes too much".to_owned());
        left.map(|_| ()).ok_or_else(|| Fault::new(exhausted()))
    }

    /// Pays for storing `n` values.
    pub(super) fn values(&self, n: usize) -> Outcome<()> {
        self.chars(n.saturating_mul(VALUE))
    }

    /// Pays for one step: a node of the template, or an item of a list that something is asked of.
    pub(super) fn step(&self) -> Outcome<()> {
        self.chars(NODE)
    }

    /// Pays for one node of the template, and goes into it.
    pub(super) fn enter(&self) -> Outcome<()> {
        self.step()?;
        if self.depth.get() == DEPTH {
            let what = format!("expressions, blocks and calls are nested deeper than {DEPTH}");
            return Err(Fault::new(Cause::Exhausted(what)));
        }
        self.depth.set(self.depth.get() + 1);
        Ok(())
    }

    /// Comes out of a node.
    pub(super) fn leave(&self) {
        self.depth.set(self.depth.get() - 1);
    }
}
