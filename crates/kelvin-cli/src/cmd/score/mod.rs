//! `kelvin score`: how well models predict a text.

mod heat_map;
mod json;
mod report;
mod row;
mod subject;

use std::path::Path;

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lm::eval::Windows;

use self::json::JsonLines;
use self::report::Report;
use self::row::{Figures, Row};
use self::subject::Subject;
use crate::args::context;
use crate::args::policy::text;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::load::{self, Loaded};
use crate::memory;
use crate::models;
use crate::playback;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let gate = Gate::from_matches(matches)?;
    let subject = Subject::from_matches(matches)?;
    let mut teller = Teller::from_matches(matches);
    playback::listen_for_interrupts()?;
    let mut all = Vec::new();
    let scored = score_all(matches, &subject, console, |row, console| {
        all.push(teller.tell(row, console)?);
        Ok(())
    });
    teller.finish(&all, console)?; // what was done before something failed is still worth a row
    scored?;
    if playback::is_interrupted() {
        return Ok(Code::Interrupted);
    }
    gate.check(&all)?;
    Ok(Code::Done)
}

/// Each model on each part, until the user ends the run.
fn score_all(
    matches: &ArgMatches,
    subject: &Subject,
    console: &mut Console<'_>,
    mut tell: impl FnMut(&Row<'_>, &mut Console<'_>) -> Result<()>,
) -> Result<()> {
    let names = model_names(matches);
    if names == [None] {
        console.hint(models::UNNAMED)?;
    }
    for name in &names {
        models::locate(*name, console.places())?; // before any is scored, which may take hours
    }
    for name in names {
        let loaded = load_model(name, matches, console)?;
        let windows = windows(matches, &loaded)?;
        console.talk(&introduction(&loaded, windows))?;
        for part in subject.parts() {
            let tokens = subject.tokens(part, &loaded.tokenizer, load::special_tokens(matches))?;
            let row = Row { loaded: &loaded, subject, part, tokens: &tokens, windows };
            tell(&row, console)?;
            if playback::is_interrupted() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// What `-m` names; nothing, once, where nobody names a model.
fn model_names(matches: &ArgMatches) -> Vec<Option<&str>> {
    let named = matches.get_many::<String>("model");
    named.map_or_else(|| vec![None], |names| names.map(|name| Some(name.as_str())).collect())
}

/// Who says what each row comes to.
enum Teller {
    Report(Report),
    Json(JsonLines),
}

impl Teller {
    fn from_matches(matches: &ArgMatches) -> Self {
        let show = matches.get_one::<u32>("show").map(|&n| n as usize);
        if matches.get_flag("json") {
            return Self::Json(JsonLines::new(show));
        }
        Self::Report(Report::new(show, model_names(matches).len() == 1))
    }

    fn tell(&mut self, row: &Row<'_>, console: &mut Console<'_>) -> Result<Figures> {
        match self {
            Self::Report(report) => report.tell(row, console),
            Self::Json(lines) => lines.tell(row, console),
        }
    }

    fn finish(&self, all: &[Figures], console: &mut Console<'_>) -> Result<()> {
        match self {
            Self::Report(_) if !all.is_empty() => Ok(report::table(all).write(console.out)?),
            Self::Report(_) | Self::Json(_) => Ok(()),
        }
    }
}

fn load_model(
    name: Option<&str>,
    matches: &ArgMatches,
    console: &mut Console<'_>,
) -> Result<Loaded> {
    let (checkpoint, mut card) = load::open_named(name, console)?;
    let called_so = |other: &&str| load::called(other, Path::new(other)) == card.name;
    let n_called_so = model_names(matches).into_iter().flatten().filter(called_so).count();
    if let Some(name) = name.filter(|_| n_called_so > 1) {
        name.clone_into(&mut card.name); // files of one name in several folders
    }
    let options = load::model_options(matches)?;
    memory::check(&checkpoint, &card, options.dtype, console)?;
    load::assemble(&checkpoint, card, options)
}

fn windows(matches: &ArgMatches, loaded: &Loaded) -> Result<Windows> {
    let size = context::limit(matches, loaded)?;
    let stride = matches.get_one::<u32>("stride").map(|&n| n as usize);
    Ok(stride.map_or_else(|| Windows::halves(size), |stride| Windows::new(size, stride))?)
}

/// `smollm2 · Q4_1 · 135M · fast · windows of 8192 tokens, 4096 apart`.
fn introduction(loaded: &Loaded, windows: Windows) -> String {
    let mut facts = loaded.facts();
    facts.push(format!("windows of {} tokens, {} apart", windows.size(), windows.stride()));
    facts.join(" · ")
}

/// The highest perplexity that passes.
struct Gate {
    max_ppl: Option<f64>,
}

impl Gate {
    fn from_matches(matches: &ArgMatches) -> Result<Self, Failure> {
        let read = |text: &str| {
            let max: Option<f64> = text.parse().ok().filter(|max| (1.0..f64::MAX).contains(max));
            max.ok_or_else(|| {
                Failure::typed(format!("--max-ppl {text} is outside 1 ≤ X"))
                    .hint("a perplexity is at least 1, that of a text without surprise")
            })
        };
        Ok(Self { max_ppl: text(matches, "max-ppl").map(read).transpose()? })
    }

    /// Something that did not pass, all of it in one line.
    fn check(&self, all: &[Figures]) -> Result<(), Failure> {
        let Some(max) = self.max_ppl else { return Ok(()) };
        let above = |figures: &&Figures| figures.totals.perplexity() > max;
        let told = all.iter().filter(above).map(|figures| {
            let ppl = figures.totals.perplexity();
            let (label, over) = (figures.label(), ppl - max);
            format!("{label}: perplexity {ppl:.3} is {over:.3} above --max-ppl {max}")
        });
        let told: Vec<String> = told.collect();
        if told.is_empty() { Ok(()) } else { Err(Failure::failed(told.join("; "))) }
    }
}
