//! From a grid to policies: each cell is the command line's own flags, and those that it stands for.

use anyhow::{Context as _, Result};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use kelvin_lab::sweep::Grid;
use kelvin_lm::defaults::GenerationDefaults;

use crate::again;
use crate::args::policy;
use crate::exit::Failure;
use crate::experiment::Cell;
use crate::settings::Policy;
use crate::usage;

/// What `-g` says.
///
/// # Errors
///
/// Something typed: a grid that is none, or that varies what a flag fixes.
pub(super) fn grid(matches: &ArgMatches) -> Result<Grid, Failure> {
    let texts = matches.get_many::<String>("grid").into_iter().flatten();
    let grid = Grid::parse(texts.map(String::as_str));
    let grid = grid.map_err(|error| Failure::typed(format!("--grid: {error}")))?;
    let is_whole = |name: &str| name == "pipeline";
    for axis in grid.axes() {
        let name = &axis.name;
        if is_given(matches, name) {
            return Err(Failure::typed(format!("--{name} fixes what the grid varies"))
                .hint("leave one of the two out"));
        }
        let whole_beside = grid.axes().len() > 1 && is_whole(name);
        if whole_beside || is_given(matches, "pipeline") {
            let what = "a pipeline says everything, and the grid varies more";
            return Err(Failure::typed(what).hint("put all of it into -g pipeline=TEXT"));
        }
    }
    Ok(grid)
}

/// The policies of a grid's cells over a model's own defaults, and the warnings that they deserve, each
/// once.
///
/// # Errors
///
/// Those of [`Policy::resolve`], with the cell.
pub(super) fn policies(
    matches: &ArgMatches,
    grid: &Grid,
    defaults: &GenerationDefaults,
) -> Result<(Vec<Cell>, Vec<Policy>)> {
    let command = Command::new("cell").no_binary_name(true).args(args());
    let fixed = fixed(matches);
    let (mut cells, mut policies) = (Vec::new(), Vec::new());
    for at in 0..grid.n_cells() {
        let label = grid.label(at);
        let varied = grid.cell(at).into_iter().map(|(name, value)| format!("--{name}={value}"));
        let line: Vec<String> = fixed.iter().cloned().chain(varied).collect();
        let policy = command.clone().try_get_matches_from(line);
        let policy = policy.map_err(|error| usage::failure(&error).into());
        let policy = policy.and_then(|matches| Policy::resolve(&matches, Some(defaults)));
        let policy = match label.as_str() {
            "" => policy?,
            label => policy.with_context(|| format!("cell {label}"))?,
        };
        let label = if label.is_empty() { policy.pipeline.to_string() } else { label };
        cells.push(Cell { label, pipeline: policy.pipeline.clone() });
        policies.push(policy);
    }
    Ok((cells, policies))
}

/// The flags of a policy that a cell can have.
fn args() -> impl Iterator<Item = Arg> {
    policy::args().filter(|arg| arg.get_id() != "history")
}

/// The flags of the policy that were typed, as they would be typed again.
fn fixed(matches: &ArgMatches) -> Vec<String> {
    args().flat_map(|arg| again::words(&arg, matches)).collect()
}

fn is_given(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(name) == Some(ValueSource::CommandLine)
}
