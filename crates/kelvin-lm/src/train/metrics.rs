//! `metrics.jsonl`: what a run says of itself, a line for each step and for each evaluation.

#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
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
    /// Steps up to the checkpoint that have no line behind the last one: none, unless the file was
    /// changed or the power went.
    pub n_missing: u32,
}

impl Metrics {
    /// An empty file, whatever was there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Write`] where the folder or the disk refuses.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let file = File::create(&path).map_err(|cause| refused(&path, cause))?;
        Ok(Self { file, path })
    }

    /// The file of a run that goes on after `step`: cut behind the last line of a step up to it. An
    /// evaluation at `step` itself stays only where `evaluates`, that is where every run makes it; one
    /// that was made because the run ended there goes. So does a line that a kill cut in two, and
    /// anything that is no line of ours, with all behind it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Write`] where the file cannot be read or cut.
    pub fn resume(path: impl Into<PathBuf>, step: u32, evaluates: bool) -> Result<Resumed> {
        let path = path.into();
        let refused = |cause| refused(&path, cause);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(refused)?;
        let (mut lines, mut end) = (Vec::new(), 0);
        let mut reader = BufReader::new(&mut file);
        while let Some((metric, n_bytes)) = next_line(&mut reader).map_err(refused)? {
            let early = matches!(metric, Metric::Evaluation { .. }) && !evaluates;
            if metric.step() > step || early && metric.step() == step {
                break;
            }
            lines.push(metric);
            end += n_bytes;
        }
        file.set_len(end).map_err(refused)?;
        file.seek(SeekFrom::Start(end)).map_err(refused)?;
        let n_missing = lines.last().map_or(0, |line| step - line.step());
        Ok(Resumed { metrics: Self { file, path }, lines, n_missing })
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

/// The next line and its bytes; none at the end, or where what follows is no line of ours.
fn next_line(reader: &mut impl std::io::BufRead) -> std::io::Result<Option<(Metric, u64)>> {
    let mut line = Vec::new();
    std::io::Read::take(reader, LONGEST).read_until(b'\n', &mut line)?;
    let Some(text) = line.strip_suffix(b"\n") else { return Ok(None) };
    let metric = serde_json::from_slice(text).ok();
    Ok(metric.map(|metric| (metric, line.len() as u64)))
}

fn refused(path: &Path, cause: std::io::Error) -> Error {
    let detail = "the metrics cannot be written";
    Error::new(ErrorKind::Write, detail).in_file(path).caused_by(cause)
}
