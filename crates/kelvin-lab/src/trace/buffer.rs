//! Lines that wait to be written together.

use std::time::{Duration, Instant};

use super::Line;

/// Lines as they stand in a file, held until they are written together: a write costs more than its
/// bytes do.
///
/// ```
/// use kelvin_lab::trace::{ContextShift, Line, LineBuffer};
///
/// let mut buffer = LineBuffer::new();
/// buffer.push(&Line::ContextShift(ContextShift { prompt: 0, sample: 0, pos: 9, dropped: 4 }));
/// assert!(buffer.bytes().ends_with(b"\"dropped\":4}\n"));
/// buffer.clear();
/// assert!(buffer.bytes().is_empty());
/// ```
#[derive(Debug)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    emptied: Instant,
    /// Whether a line is in it that should not wait.
    is_urgent: bool,
}

impl LineBuffer {
    /// How long lines wait at most while others follow.
    pub const WAIT: Duration = Duration::from_millis(50);

    /// No lines.
    pub fn new() -> Self {
        Self { bytes: Vec::new(), emptied: Instant::now(), is_urgent: false }
    }

    /// Adds a line.
    ///
    /// # Panics
    ///
    /// Never: a line is plain data, and memory takes every byte.
    pub fn push(&mut self, line: &Line) {
        serde_json::to_writer(&mut self.bytes, line).expect("plain data: no key that is no text");
        self.bytes.push(b'\n');
        self.is_urgent |= matches!(line, Line::Header(_) | Line::Done(_) | Line::Error(_));
    }

    /// Whether the lines should be written now: a sequence begins or ends, or they have waited for
    /// [`WAIT`](Self::WAIT).
    pub fn is_due(&self) -> bool {
        self.is_urgent || self.emptied.elapsed() >= Self::WAIT
    }

    /// The lines, each with its end.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets the lines, which are written.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.emptied = Instant::now();
        self.is_urgent = false;
    }
}

impl Default for LineBuffer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::LineBuffer;
    use crate::trace::{ContextShift, Done, Line};

    fn shift() -> Line {
        Line::ContextShift(ContextShift { prompt: 0, sample: 0, pos: 1, dropped: 1 })
    }

    #[test]
    fn a_line_waits_for_a_while_and_no_longer() {
        let mut buffer = LineBuffer::new();
        buffer.emptied += LineBuffer::WAIT * 1000;
        buffer.push(&shift());
        assert!(!buffer.is_due());
        buffer.emptied -= LineBuffer::WAIT * 1001;
        assert!(buffer.is_due());
    }

    #[test]
    fn the_end_of_a_sequence_does_not_wait_and_takes_along_what_did() {
        let mut buffer = LineBuffer::new();
        buffer.emptied += LineBuffer::WAIT * 1000;
        buffer.push(&shift());
        buffer.push(&Line::Done(Done {
            prompt: 0,
            sample: 0,
            text: String::new(),
            token_ids: Vec::new(),
            prompt_ids: Vec::new(),
            finish_reason: "eos".to_owned(),
            context_shifts: 0,
        }));
        assert!(buffer.is_due());
        assert_eq!(
            buffer.bytes().split(|&byte| byte == b'\n').count(),
            3,
            "two lines and their ends"
        );
        buffer.clear();
        buffer.emptied += LineBuffer::WAIT * 1000;
        assert!(!buffer.is_due(), "urgency goes with the line");
    }
}
