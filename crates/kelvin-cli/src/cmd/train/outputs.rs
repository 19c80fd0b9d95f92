//! What a run leaves in its folder besides checkpoints: metrics, figure, config file.

use std::fs::{self, File};
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Result;
use kelvin_lab::figure::{LossCurves, Theme};
use kelvin_lm::train::{Checkpoints, Metric, Metrics};

use crate::exit::Failure;
use crate::term::number::counted;

/// The run's folder.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// A folder that need not be there yet.
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Every value of the run, as its last start decided it.
    pub(super) fn config(&self) -> PathBuf {
        self.0.join("train.toml")
    }

    /// How the loss fell.
    pub(super) fn figure(&self) -> PathBuf {
        self.0.join("loss.svg")
    }

    /// A line for each step.
    pub(super) fn metrics(&self) -> PathBuf {
        self.0.join("metrics.jsonl")
    }

    /// The latest step with a folder of its own, whole or not.
    pub(super) fn latest_step(&self) -> Option<u32> {
        Checkpoints::new(&self.0, 2).ok()?.newest_step()
    }

    /// What is there of a run that never saved: its metrics or its config file.
    pub(super) fn leftover(&self) -> Option<PathBuf> {
        [self.metrics(), self.config()].into_iter().find(|path| path.symlink_metadata().is_ok())
    }

    /// Writes a file of it, whole or not at all, whenever the power goes.
    ///
    /// # Errors
    ///
    /// Something that broke: the disk is full or refuses.
    pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".partial");
        let aside = PathBuf::from(aside);
        let written = File::create(&aside).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&aside, path)).map_err(|cause| {
            fs::remove_file(&aside).ok(); // what could not be written may not be there
            Failure::failed(format!("cannot write {}", path.display())).caused_by(cause)
        })
    }
}

/// The metrics of a run, in their file and as curves.
#[derive(Debug)]
pub(super) struct Log {
    metrics: Metrics,
    losses: LossCurves,
    folder: Folder,
    title: String,
}

impl Log {
    /// An empty one.
    ///
    /// # Errors
    ///
    /// Those of [`Metrics::create`].
    pub(super) fn create(folder: Folder, title: String) -> Result<Self> {
        let metrics = Metrics::create(folder.metrics())?;
        Ok(Self { metrics, losses: LossCurves::default(), folder, title })
    }

    /// That of a run which began after step `taken.start` and goes on after `taken.end`; warnings where it has a
    /// gap before that, or holds what no run wrote.
    ///
    /// # Errors
    ///
    /// Those of [`Metrics::resume`].
    pub(super) fn resume(
        folder: Folder,
        title: String,
        taken: Range<u32>,
        evaluates: bool,
    ) -> Result<(Self, Vec<String>)> {
        let resumed = Metrics::resume(folder.metrics(), taken, evaluates)?;
        let mut losses = LossCurves::default();
        resumed.lines.iter().for_each(|line| add(&mut losses, line));
        let path = folder.metrics();
        let path = path.display();
        let foreign = resumed.set_aside.map(|old| {
            let old = old.display();
            format!(
                "{path}: holds lines that are not this run's, cut there; all it held is in {old}"
            )
        });
        let gap = (resumed.n_missing > 0).then(|| {
            format!(
                "{path}: the lines of the last {} are lost",
                counted(resumed.n_missing as usize, "step")
            )
        });
        let warnings = foreign.into_iter().chain(gap).collect();
        Ok((Self { metrics: resumed.metrics, losses, folder, title }, warnings))
    }

    /// Adds a line.
    ///
    /// # Errors
    ///
    /// Those of [`Metrics::add`].
    pub(super) fn add(&mut self, metric: &Metric) -> Result<()> {
        add(&mut self.losses, metric);
        Ok(self.metrics.add(metric)?)
    }

    /// Makes the lines durable.
    ///
    /// # Errors
    ///
    /// Those of [`Metrics::sync`].
    pub(super) fn sync(&mut self) -> Result<()> {
        Ok(self.metrics.sync()?)
    }

    /// Draws the figure anew.
    ///
    /// # Errors
    ///
    /// Those of [`Folder::write`].
    pub(super) fn draw(&self) -> Result<()> {
        let svg = self.losses.figure(&self.title).to_svg(Theme::Light);
        Ok(Folder::write(&self.folder.figure(), &svg)?)
    }

    /// The lowest validation loss so far and its step.
    pub(super) fn lowest(&self) -> Option<(u32, f64)> {
        self.losses.lowest()
    }
}

fn add(losses: &mut LossCurves, metric: &Metric) {
    match *metric {
        Metric::Step { step, loss, .. } => losses.train(step, loss),
        Metric::Evaluation { step, validation_loss, .. } => losses.validate(step, validation_loss),
    }
}
