//! `metrics.jsonl`: what a run says of itself, a line for each step and for each evaluation.

#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::run::Evaluation;
use super::trainer::Report;
use crate::{Error, ErrorKind, Result};

/// The most bytes of a line that is one of ours; more than ten times what one takes.
const LONGEST: u64 = 4096;

/// One line of the file. It says nothing of time or place, so that a run that was stopped and went on
/// leaves the same bytes as one that never was.
///
/// ```
/// use kelvin_lm::train::Metric;
///
/// let line = r#"{"step":7,"validation_loss":1.5,"tokens":4800}"#;
/// let metric: Metric = serde_json::from_str(line).unwrap();
/// assert_eq!(metric, Metric::Evaluation { step: 7, validation_loss: 1.5, tokens: 4800 });
/// assert_eq!(metric.to_string(), line);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Metric {
    /// A step.
    Step {
        /// Which, counted from 1.
        step: u32,
        /// Nats per token over its batch, before the update.
        loss: f64,
        /// The rate of its update.
        learning_rate: f64,
        /// Norm of the gradient, before it is cut.
        grad_norm: f64,
    },
    /// An evaluation.
    Evaluation {
        /// Steps taken by then.
        step: u32,
        /// Nats per token of what is held out.
        validation_loss: f64,
        /// Tokens that were predicted.
        tokens: usize,
    },
}

impl Metric {
    /// The line of a step.
    pub fn of_step(report: Report) -> Self {
        let Report { step, loss, learning_rate, grad_norm } = report;
        Self::Step { step, loss, learning_rate, grad_norm }
    }

    /// The line of an evaluation; none where nothing was held out.
    pub fn of_evaluation(evaluation: Evaluation) -> Option<Self> {
        let Evaluation { step, loss, n_tokens } = evaluation;
        Some(Self::Evaluation { step, validation_loss: loss?, tokens: n_tokens })
    }

    /// Whether a run writes this line behind that one: a later step, or the evaluation after a step.
    fn follows(&self, before: &Self) -> bool {
        match (self, before) {
            (Self::Evaluation { step, .. }, Self::Step { step: taken, .. }) => step >= taken,
            _ => self.step() > before.step(),
        }
    }

    /// Steps taken by then.
    pub fn step(&self) -> u32 {
        match *self {
            Self::Step { step, .. } | Self::Evaluation { step, .. } => step,
        }
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self).expect("numbers are JSON"))
    }
}

/// The file, at its end.
#[derive(Debug)]
pub struct Metrics {
    file: File,
    path: PathBuf,
}

/// A file that goes on, and what it says so far.
#[derive(Debug)]
pub struct Resumed {
    /// The file, cut behind its last line that counts.
    pub metrics: Metrics,
    /// Its lines, in their order.
    pub lines: Vec<Metric>,
    /// Steps up to the checkpoint that have no line behind the last one, all of them where there is no line:
    /// none, unless the file was changed or the power went.
    pub n_missing: u32,
    /// A copy of the file as it was, where a line was none of ours or out of order: it is cut there.
    pub set_aside: Option<PathBuf>,
}

impl Metrics {
    /// An empty file, whatever was there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Write`] where the folder or the disk refuses, or another run writes to the file.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let metrics = Self::lock(path.into())?;
        metrics.file.set_len(0).map_err(|cause| refused(&metrics.path, cause))?;
        Ok(metrics)
    }

    /// The file of a run that began after step `taken.start` and goes on after `taken.end`, cut behind its last
    /// line of a step up to that. An evaluation at `taken.end` itself stays only where `evaluates`, that is
    /// where every run makes it; one that was made because the run ended there goes. So does a line that a
    /// kill cut in two. A line that is none of ours, or does not follow from the one before it, cuts the file
    /// too, and a copy of all that it held is kept beside it, under its name with `.old`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Write`] where the file cannot be read or cut, another run writes to it, or there is such
    /// a copy already.
    pub fn resume(path: impl Into<PathBuf>, taken: Range<u32>, evaluates: bool) -> Result<Resumed> {
        let mut metrics = Self::lock(path.into())?;
        let Self { file, path } = &mut metrics;
        let Read { lines, end, is_foreign } =
            Read::until(file, taken.end, evaluates).map_err(|cause| refused(path, cause))?;
        let set_aside = is_foreign.then(|| copy(file, path)).transpose()?;
        let cut = file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end)));
        cut.map_err(|cause| refused(path, cause))?;
        let n_missing = taken.end.saturating_sub(lines.last().map_or(taken.start, Metric::step));
        Ok(Resumed { metrics, lines, n_missing, set_aside })
    }

    /// The file at its beginning, this run's alone as long as it is open.
    fn lock(path: PathBuf) -> Result<Self> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(|cause| refused(&path, cause))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::new(ErrorKind::Write, "another run is writing here")
                    .in_file(path)
                    .hint("wait until it ends, or name a folder of its own for this run"))
            }
            // a file system without locks
            Err(TryLockError::Error(cause)) if cause.kind() == io::ErrorKind::Unsupported => {
                Ok(Self { file, path })
            }
            Err(TryLockError::Error(cause)) => Err(refused(&path, cause)),
        }
    }

    /// Adds a line, which is with the operating system when this returns.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Write`] where the disk is full or refuses.
    pub fn add(&mut self, metric: &Metric) -> Result<()> {
        let line = format!("{metric}\n");
        self.file.write_all(line.as_bytes()).map_err(|cause| refused(&self.path, cause))
    }

    /// Makes all lines durable.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(|cause| refused(&self.path, cause))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The lines of a file that count.
struct Read {
    lines: Vec<Metric>,
    /// Bytes up to the end of the last of them.
    end: u64,
    /// Whether what comes then is no line that a run wrote there.
    is_foreign: bool,
}

impl Read {
    /// Those of steps up to `step`; see [`Metrics::resume`].
    fn until(file: &mut File, step: u32, evaluates: bool) -> io::Result<Self> {
        let mut read = Self { lines: Vec::new(), end: 0, is_foreign: false };
        let mut reader = BufReader::new(file);
        let mut newest = None;
        let mut is_beyond = false;
        loop {
            let (metric, n_bytes) = match next_line(&mut reader)? {
                Next::End => break,
                Next::Ours(metric, n_bytes) if newest.is_none_or(|it| metric.follows(&it)) => {
                    (metric, n_bytes)
                }
                Next::Ours(..) | Next::Foreign => {
                    read.is_foreign = true;
                    break;
                }
            };
            newest = Some(metric);
            let early = matches!(metric, Metric::Evaluation { .. }) && !evaluates;
            is_beyond |= metric.step() > step || early && metric.step() == step;
            if !is_beyond {
                read.lines.push(metric);
                read.end += n_bytes;
            }
        }
        Ok(read)
    }
}

/// What a file goes on with.
enum Next {
    /// A line, and its bytes.
    Ours(Metric, u64),
    /// A line that no run wrote.
    Foreign,
    /// Nothing, or a line that was not finished.
    End,
}

fn next_line(reader: &mut impl io::BufRead) -> io::Result<Next> {
    let mut line = Vec::new();
    io::Read::take(reader, LONGEST).read_until(b'\n', &mut line)?;
    let n_bytes = line.len() as u64;
    Ok(match line.strip_suffix(b"\n") {
        None if n_bytes < LONGEST => Next::End,
        None => Next::Foreign,
        Some(text) => {
            serde_json::from_slice(text).map_or(Next::Foreign, |metric| Next::Ours(metric, n_bytes))
        }
    })
}

/// Keeps what a file holds under its name with `.old`, where nothing has that.
fn copy(file: &mut File, path: &Path) -> Result<PathBuf> {
    let mut old = path.as_os_str().to_owned();
    old.push(".old");
    let old = PathBuf::from(old);
    let copied = file.rewind().and_then(|()| {
        let mut to = OpenOptions::new().write(true).create_new(true).open(&old)?;
        io::copy(file, &mut to)?;
        to.sync_all()
    });
    match copied {
        Ok(()) => Ok(old),
        Err(cause) => {
            let detail =
                "the metrics hold lines of something else, and a copy of them cannot be made";
            let hint = format!("move {} and {} to another place", path.display(), old.display());
            Err(Error::new(ErrorKind::Write, detail).in_file(old).hint(hint).caused_by(cause))
        }
    }
}

fn refused(path: &Path, cause: io::Error) -> Error {
    let detail = "the metrics cannot be written";
    Error::new(ErrorKind::Write, detail).in_file(path).caused_by(cause)
}
