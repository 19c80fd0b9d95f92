//! What a run leaves in its folder besides checkpoints: metrics, figure, config file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use kelvin_lab::figure::{LossCurves, Theme};
use kelvin_lm::train::{Metric, Metrics};

use crate::exit::Failure;

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
        let entries = fs::read_dir(&self.0).ok()?;
        let step = |entry: fs::DirEntry| {
            entry.file_name().to_str()?.strip_prefix("step-")?.parse::<u32>().ok()
        };
        entries.filter_map(Result::ok).filter_map(step).max()
    }

    /// Makes it, where it is not there.
    ///
    /// # Errors
    ///
    /// Something that broke: the disk refuses.
    pub(super) fn make(&self) -> Result<(), Failure> {
        let refused = |cause| {
            Failure::failed(format!("cannot make the folder {}", self.0.display())).caused_by(cause)
        };
        fs::create_dir_all(&self.0).map_err(refused)
    }

    /// Writes a file of it, whole or not at all.
    ///
    /// # Errors
    ///
    /// Something that broke: the disk is full or refuses.
    pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".partial");
        let aside = PathBuf::from(aside);
        fs::write(&aside, text).and_then(|()| fs::rename(&aside, path)).map_err(|cause| {
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

    /// That of a run which goes on after `step`, and a warning where it has a gap before that.
    ///
    /// # Errors
    ///
    /// Those of [`Metrics::resume`].
    pub(super) fn resume(
        folder: Folder,
        title: String,
        step: u32,
        evaluates: bool,
    ) -> Result<(Self, Option<String>)> {
        let resumed = Metrics::resume(folder.metrics(), step, evaluates)?;
        let mut losses = LossCurves::default();
        resumed.lines.iter().for_each(|line| add(&mut losses, line));
        let gap = (resumed.n_missing > 0).then(|| {
            let (path, n) = (folder.metrics(), resumed.n_missing);
            format!("{}: the lines of the last {n} steps are lost", path.display())
        });
        Ok((Self { metrics: resumed.metrics, losses, folder, title }, gap))
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
