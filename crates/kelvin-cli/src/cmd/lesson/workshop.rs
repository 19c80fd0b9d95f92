//! Where a lesson's commands run: a folder of their own, the streams caught, the user's past runs untouched.

use std::cell::RefCell;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anstream::ColorChoice;
use anyhow::{Context as _, Result};
use kelvin_lm::hub::Environment;
use serde_json::Value;
use tempfile::TempDir;

use super::exercise::{Answer, Exercise, Source};
use super::script::{Block, Commands, Lesson, Manner, Station};
use crate::console::Console;
use crate::exit::{self, Code, Failure};
use crate::runs::Runs;

/// The folder of a lesson, gone with it.
#[derive(Debug)]
pub(super) struct Workshop {
    folder: TempDir,
    width: usize,
    models: PathBuf,
    hub: Environment,
}

/// What a command left behind, with its styles.
#[derive(Debug)]
pub(super) struct Told {
    /// What it printed on stdout.
    pub(super) data: String,
    /// Both streams, as they came.
    pub(super) all: String,
    pub(super) code: Code,
}

impl Workshop {
    /// Makes the folder, with the lesson's files.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub(super) fn open(lesson: &Lesson, console: &Console<'_>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("kelvin-lesson-").tempdir();
        let folder = folder
            .map_err(|error| Failure::failed("cannot make a folder to work in").caused_by(error))?;
        for (name, text) in lesson.files() {
            let write = fs::write(folder.path().join(name), text);
            write.with_context(|| format!("cannot write the lesson's {name}"))?;
        }
        let models = std::path::absolute(&console.models)?;
        Ok(Self { folder, width: console.width, models, hub: console.hub.clone() })
    }

    /// The same folder with other columns.
    #[must_use]
    pub(super) fn with_width(mut self, columns: usize) -> Self {
        self.width = columns;
        self
    }

    /// Runs what these stations leave for later ones, and shows nothing of it.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub(super) fn catch_up(&mut self, stations: &[Station]) -> Result<()> {
        for block in stations.iter().flat_map(|station| &station.blocks) {
            if let Block::Commands(commands) = block
                && commands.is_kept
            {
                for line in &commands.lines {
                    self.run_as(line, commands.manner)?;
                }
            }
        }
        Ok(())
    }

    /// Runs a command of a block.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); and it ended as it should not.
    pub(super) fn run_as(&mut self, line: &str, manner: Manner) -> Result<Told> {
        let told = self.run(line)?;
        let is_fine = match told.code {
            Code::Done => manner != Manner::Fails,
            Code::Interrupted => true,
            _ => manner == Manner::Fails,
        };
        if is_fine {
            return Ok(told);
        }
        let said = anstream::adapter::strip_str(&told.all).to_string();
        Err(Failure::failed(format!("{line}: it ended otherwise than the lesson says\n{said}"))
            .into())
    }

    /// Runs a command line as the shell would, in the folder, and catches what it says.
    ///
    /// # Errors
    ///
    /// The line is none of `kelvin`; the operating system's. An error of the command is none: it is told.
    fn run(&mut self, line: &str) -> Result<Told> {
        let words =
            shlex::split(line).filter(|words| words.first().is_some_and(|it| it == "kelvin"));
        let words = words.with_context(|| format!("{line:?} is no command line of kelvin"))?;
        let (data, all) = (RefCell::default(), RefCell::default());
        let mut console = Console {
            out: &mut Both(&data, &all),
            text: &mut Both(&data, &all),
            terminal: false,
            color: ColorChoice::AlwaysAnsi,
            err: &mut Stream(&all),
            err_terminal: false,
            term: "dumb".to_owned(),
            width: self.width,
            quiet: false,
            models: self.models.clone(),
            runs: Runs::in_folder(self.folder.path().join("runs")),
            hub: self.hub.clone(),
        };
        let matches = crate::args::command().try_get_matches_from(words);
        let inside = Inside::enter(self.folder.path())?;
        let ended = crate::run(matches, &mut console);
        drop(inside);
        let code = ended.or_else(|error| exit::report(&error, &mut console.err))?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Told { data: text(data.into_inner()), all: text(all.into_inner()), code })
    }

    /// The right answer to a question.
    ///
    /// # Errors
    ///
    /// As [`run_as`](Self::run_as); and no line of the command's JSON has a number or a word there.
    pub(super) fn answer(&mut self, exercise: &Exercise) -> Result<Answer> {
        let value = match &exercise.source {
            Source::Value(value) => value.clone(),
            Source::Command { line, pointer } => {
                let told = self.run_as(line, Manner::Data)?;
                let lines =
                    told.data.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                let mut found = lines.filter_map(|json| json.pointer(pointer).cloned());
                found.next().unwrap_or_default()
            }
        };
        Answer::new(&value, exercise.within)
            .with_context(|| format!("{:?} gives {value}, no answer", exercise.source))
    }
}

/// What stdout and stderr have of a command: the lines that a block shows.
pub(super) fn shown(told: &Told, commands: &Commands) -> String {
    let text = match commands.manner {
        Manner::Talk | Manner::Fails => &told.all,
        _ => &told.data,
    };
    let text = text.trim_matches('\n');
    if text.lines().count() <= commands.head {
        return text.to_owned();
    }
    let lines: Vec<&str> = text.lines().take(commands.head).collect();
    format!("{}\n…", lines.join("\n"))
}

/// The folder that the process is in for as long as this lives.
struct Inside {
    /// Where it was before; nothing where that is gone.
    before: Option<PathBuf>,
}

impl Inside {
    fn enter(folder: &Path) -> io::Result<Self> {
        let before = env::current_dir().ok();
        env::set_current_dir(folder)?;
        Ok(Self { before })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            env::set_current_dir(before).ok(); // gone meanwhile: nothing of a lesson needs it
        }
    }
}

/// A stream that is caught.
struct Stream<'a>(&'a RefCell<Vec<u8>>);

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream that is caught twice: by itself, and among all.
struct Both<'a>(&'a RefCell<Vec<u8>>, &'a RefCell<Vec<u8>>);

impl Write for Both<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.borrow_mut().extend_from_slice(bytes);
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
