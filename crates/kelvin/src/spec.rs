//! The text form of a pipeline: `repetition-penalty(1.1, last=64) | temperature(0.8) | top-p(0.9)`.
//!
//! Stages stand in order between bars. Arguments go by place or by name. `greedy` may stand last;
//! `neutral` alone is the empty pipeline. Aliases of other engines are understood and printed
//! canonically.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

use crate::arguments::Arguments;
use crate::pipeline::{Pick, Pipeline};
use crate::stage::{self, Stage};
use crate::{Error, Result, nearest};

impl FromStr for Pipeline {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.trim() == "neutral" {
            return Ok(Self::neutral());
        }
        let mut stages = Vec::new();
        let mut pick = Pick::Draw;
        let mut at = 0;
        for piece in text.split('|') {
            let start = at + (piece.len() - piece.trim_start().len());
            at += piece.len() + 1;
            if pick == Pick::Greedy {
                return Err(Error::Spec {
                    at: start,
                    expected: "greedy must be the last word".into(),
                });
            }
            match piece.trim() {
                "greedy" => pick = Pick::Greedy,
                "" => {
                    let expected = format!("a stage was expected; they are {}", names());
                    return Err(Error::Spec { at: start.min(text.len()), expected });
                }
                piece => stages.push(parse_stage(piece, start)?),
            }
        }
        Ok(Self::new(stages, pick))
    }
}

/// One stage from its text, `name(arguments)` or `name`; `start` is where it stands.
fn parse_stage(text: &str, start: usize) -> Result<Box<dyn Stage>> {
    let (name, arguments) = match text.split_once('(') {
        None => (text, ""),
        Some((name, rest)) => {
            let arguments = rest.strip_suffix(')').ok_or_else(|| {
                let expected = format!("{name}( has no closing parenthesis at its end");
                Error::Spec { at: start + text.len(), expected }
            })?;
            (name.trim_end(), arguments)
        }
    };
    build_stage(name, arguments).map_err(|error| match error {
        Error::Spec { expected, .. } => Error::Spec { at: start, expected },
        other => other,
    })
}

/// A stage from its name (or alias) and the text of its arguments.
///
/// ```
/// let stage = kelvin::build_stage("repeat_penalty", "1.1, last=64").unwrap();
/// assert_eq!(stage.info().name, "repetition-penalty");
/// ```
///
/// # Errors
///
/// [`Error::Spec`] (with `at` 0) for an unknown name or misplaced arguments, [`Error::Parameter`] for a
/// value outside its range.
pub fn build_stage(name: &str, arguments: &str) -> Result<Box<dyn Stage>> {
    let refuse = |expected: String| Error::Spec { at: 0, expected };
    let info = stage::find(name).ok_or_else(|| refuse(unknown(name)))?;
    let arguments = Arguments::read(info, arguments).map_err(refuse)?;
    (info.build)(&arguments)
}

fn names() -> String {
    let names: Vec<&str> = stage::ALL.iter().map(|info| info.name).collect();
    names.join(", ")
}

/// What to say of a name that no stage has: the nearest one, and all of them.
fn unknown(name: &str) -> String {
    match nearest(name, stage::ALL.iter().map(|info| info.name)) {
        Some(known) => format!("no stage {name:?}; did you mean {known}?"),
        None => format!("no stage {name:?}; they are {}", names()),
    }
}
