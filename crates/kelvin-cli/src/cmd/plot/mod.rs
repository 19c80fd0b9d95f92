//! `kelvin plot`: a figure by its name, as SVG, PNG or numbers.

mod flags;
mod kind;
mod live;
mod rows;
mod runs;

use std::fs;
use std::path::Path;

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lab::Figure;
use kelvin_lab::figure::{Animation, Theme};
use serde_json::{Value, json};

use self::kind::{ALL, Kind};
use crate::args::policy::text;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::term::table::{Align, Table};

/// Something drawn.
#[derive(Debug)]
enum Picture {
    /// It stands still.
    Still(Figure),
    /// It moves.
    Film(Animation),
}

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let Some(name) = text(matches, "name").filter(|_| !matches.get_flag("list")) else {
        list(matches, console)?;
        return Ok(Code::Done);
    };
    let kind = kind::find(name)?;
    let format = Format::of(matches)?;
    let picture = (kind.draw)(matches, console)?;
    if matches.get_flag("json") {
        console.json(&picture.data()?)?;
        return Ok(Code::Done);
    }
    write(&picture, format, matches, console)?;
    Ok(Code::Done)
}

fn list(matches: &ArgMatches, console: &mut Console<'_>) -> Result<()> {
    if matches.get_flag("json") {
        let object =
            |kind: &Kind| json!({"name": kind.name, "reads": kind.reads, "summary": kind.summary});
        return Ok(console.json(&ALL.iter().map(object).collect())?);
    }
    let mut table =
        Table::new(&[("figure", Align::Left), ("reads", Align::Left), ("", Align::Left)]);
    for kind in ALL {
        table.row([kind.name.into(), kind.reads.into(), kind.summary.into()]);
    }
    table.write(console.out)?;
    Ok(console.talk(
        "\nkelvin plot NAME -o FILE.svg draws one; FILE.png too; --data prints its numbers",
    )?)
}

/// What kind of file is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
}

impl Format {
    /// By the end of the file's name; stdout has SVG.
    fn of(matches: &ArgMatches) -> Result<Self, Failure> {
        let Some(path) = text(matches, "output").filter(|path| *path != "-") else {
            return Ok(Self::Svg);
        };
        let ending = Path::new(path).extension().map(|it| it.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(Failure::typed(format!("-o {path}: no kind of picture that is known"))
                .hint("end it in .svg or .png")),
        }
    }
}

impl Picture {
    fn data(&self) -> Result<Value> {
        Ok(match self {
            Self::Still(figure) => serde_json::to_value(figure)?,
            Self::Film(film) => serde_json::to_value(film)?,
        })
    }

    fn svg(&self, theme: Theme) -> String {
        match self {
            Self::Still(figure) => figure.to_svg(theme),
            Self::Film(film) => film.to_svg(theme),
        }
    }

    fn png(&self, theme: Theme, scale: f32) -> Result<Vec<u8>> {
        let last = match self {
            Self::Still(figure) => figure.clone(),
            Self::Film(film) => film
                .last()
                .ok_or_else(|| Failure::failed("no token was drawn, so there is no picture"))?,
        };
        Ok(last.to_png(theme, scale)?)
    }
}

fn write(
    picture: &Picture,
    format: Format,
    matches: &ArgMatches,
    console: &mut Console<'_>,
) -> Result<()> {
    let theme = match text(matches, "theme") {
        Some("dark") => Theme::Dark,
        _ => Theme::Light,
    };
    let scale = matches.get_one::<u8>("scale").copied().unwrap_or(2);
    let bytes = match format {
        Format::Svg => (picture.svg(theme) + "\n").into_bytes(),
        Format::Png => {
            if matches!(picture, Picture::Film(_)) {
                console.hint("a PNG stands still: this is the last picture; SVG moves")?;
            }
            picture.png(theme, f32::from(scale))?
        }
    };
    match text(matches, "output").filter(|path| *path != "-") {
        None => console.text.write_all(&bytes)?,
        Some(path) => fs::write(path, &bytes)
            .map_err(|error| Failure::failed(format!("cannot write {path}")).caused_by(error))?,
    }
    Ok(())
}
