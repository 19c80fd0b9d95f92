//! `kelvin lesson`: five courses on decoding as guided lessons, their commands run as they are told.

mod catalog;
mod exercise;
mod guide;
mod page;
mod prose;
mod script;
mod workshop;

use std::fs;
use std::io::{self, IsTerminal as _};

use anyhow::Result;
use clap::ArgMatches;

use self::guide::Guide;
use self::script::Lesson;
use self::workshop::Workshop;
use crate::args::policy::text;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::lines::{Lines, Piped, Terminal};
use crate::playback;
use crate::term::number::counted;
use crate::term::table::{Align, Table};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let Some(number) = text(matches, "number") else { return list(console) };
    let lesson = catalog::find(number)?;
    playback::listen_for_interrupts()?;
    if matches.contains_id("export") {
        return export(&lesson, text(matches, "output"), console);
    }
    let from = matches.get_one::<u32>("from").map_or(0, |&station| station as usize - 1);
    if from >= lesson.stations.len() {
        let n = lesson.stations.len();
        let what = format!("--from {}: the lesson has {}", from + 1, counted(n, "station"));
        return Err(Failure::typed(what).hint(format!("1 to {n}")).into());
    }
    let mut workshop = Workshop::open(&lesson, console)?;
    workshop.catch_up(&lesson.stations[..from])?;
    let is_guided = console.terminal && !matches.get_flag("all");
    let mut lines = if is_guided { Some(lines(console)?) } else { None };
    let lines = lines.as_mut().map(|lines| &mut **lines as &mut dyn Lines);
    Guide::new(&lesson, &mut workshop, console).tell(from, lines)
}

/// Where answers come from.
fn lines(console: &Console<'_>) -> Result<Box<dyn Lines>> {
    if io::stdin().is_terminal() {
        return Ok(Box::new(Terminal::new(&console.term)?));
    }
    Ok(Box::new(Piped::new(io::stdin().lock())))
}

/// The lessons, one a line.
fn list(console: &mut Console<'_>) -> Result<Code> {
    let mut table =
        Table::new(&[("lesson", Align::Left), ("minutes", Align::Right), ("", Align::Left)]);
    for (number, lesson) in catalog::all().enumerate() {
        let minutes = lesson.minutes.to_string();
        table.row([number.to_string(), minutes, lesson.title.clone()]);
        table.row([String::new(), String::new(), format!("  {}", lesson.summary)]);
    }
    table.write(console.out)?;
    console
        .talk("\nkelvin lesson 1 begins; --all tells a lesson at once, --export html as a page")?;
    Ok(Code::Done)
}

/// The lesson as one page.
fn export(lesson: &Lesson, file: Option<&str>, console: &mut Console<'_>) -> Result<Code> {
    let mut workshop = Workshop::open(lesson, console)?.with_width(page::COLUMNS);
    let Some(page) = page::write(lesson, &mut workshop)? else { return Ok(Code::Interrupted) };
    drop(workshop); // a relative name means the folder that the command was given in
    match file {
        None => write!(console.text, "{page}")?,
        Some(file) => fs::write(file, page)
            .map_err(|error| Failure::failed(format!("cannot write {file}")).caused_by(error))?,
    }
    Ok(Code::Done)
}
