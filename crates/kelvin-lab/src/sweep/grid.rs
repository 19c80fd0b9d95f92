//! Which values of which parameters a sweep combines.

use std::collections::BTreeSet;

use kelvin::stage;
use serde::{Deserialize, Serialize};

use super::range;
use crate::{Error, Result};

/// More cells than this are taken for a slip of the finger.
const MOST_CELLS: usize = 10_000;
/// What a grid may vary besides the parameters of stages: a value of each is a policy of its own.
const WHOLE: [&str; 3] = ["pipeline", "preset", "dialect"];

/// One parameter and the values that it takes in turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// The name of its flag: `top-p`, `repetition-penalty-last`, `pipeline`.
    pub name: String,
    /// Its values as they would be typed, no two the same.
    pub values: Vec<String>,
}

/// Every combination of the values of some parameters: a cell each, the last parameter changing
/// fastest.
///
/// ```
/// use kelvin_lab::sweep::Grid;
///
/// let grid = Grid::parse(["temperature=0.2:0.6:0.2", "top_p=0.9,off"])?;
/// assert_eq!(grid.n_cells(), 6);
/// assert_eq!(grid.label(1), "temperature=0.2 top-p=off");
/// assert_eq!(grid.cell(5), [("temperature", "0.6"), ("top-p", "off")]);
/// # Ok::<(), kelvin_lab::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Axis>", into = "Vec<Axis>")]
pub struct Grid {
    axes: Vec<Axis>,
}

impl From<Grid> for Vec<Axis> {
    fn from(grid: Grid) -> Self {
        grid.axes
    }
}

impl TryFrom<Vec<Axis>> for Grid {
    type Error = Error;

    /// Each parameter once, by its own name, each of its values once, and not too many cells.
    fn try_from(axes: Vec<Axis>) -> Result<Self> {
        let mut names = BTreeSet::new();
        for Axis { name, .. } in &axes {
            let known = parameter(name)?;
            if known != *name {
                return Err(Error::new(format!("the grid has {name}, whose name is {known}")));
            }
            if !names.insert(name) {
                return Err(twice(name));
            }
        }
        count_cells(&axes)?;
        axes.iter().try_for_each(check)?;
        Ok(Self { axes })
    }
}

/// Whether there are not too many cells.
fn count_cells(axes: &[Axis]) -> Result<()> {
    let counts = || axes.iter().map(|axis| axis.values.len());
    let n_cells = counts().try_fold(1_usize, usize::checked_mul);
    if n_cells.is_some_and(|n_cells| n_cells <= MOST_CELLS) {
        return Ok(());
    }
    let factors: Vec<String> = counts().map(|n| n.to_string()).collect();
    let product = n_cells.map_or_else(|| "beyond counting".to_owned(), |n| n.to_string());
    let factors = factors.join(" × ");
    Err(Error::new(format!("the grid has {factors} = {product} cells, at most {MOST_CELLS}")))
}

fn twice(name: &str) -> Error {
    Error::new(format!("{name} is in the grid twice; give all its values together"))
}

impl Grid {
    /// Reads parameters with their values: `temperature=0.2:2.0:0.2` (first, last, step),
    /// `top-p=0.8,0.9,1`, several of them with `;` between. `pipeline=TEXT` is one value, the text whole;
    /// given again it is another. No texts make a grid of one cell that varies nothing.
    ///
    /// # Errors
    ///
    /// A text of another form, a parameter that no stage has or that comes twice, a range that holds
    /// nothing or too much, a value that comes twice, too many cells.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut grid = Self::default();
        for text in texts {
            if text.trim_start().starts_with("pipeline=") {
                grid.read(text)?;
            } else {
                text.split(';').try_for_each(|text| grid.read(text))?;
            }
        }
        Self::try_from(grid.axes)
    }

    /// Adds one parameter.
    fn read(&mut self, text: &str) -> Result<()> {
        let text = text.trim();
        let Some((name, values)) = text.split_once('=') else {
            let forms = "NAME=VALUES, such as temperature=0.2:2.0:0.2 or top-p=0.8,0.9,1";
            return Err(Error::new(format!("{text:?} is no part of a grid: {forms}")));
        };
        let name = parameter(name.trim())?;
        let is_pipeline = name == "pipeline";
        let values = if is_pipeline {
            vec![values.trim().to_owned()]
        } else {
            range::values(&name, values)?
        };
        match self.axes.iter_mut().find(|axis| axis.name == name) {
            None => self.axes.push(Axis { name, values }),
            Some(axis) if is_pipeline => axis.values.extend(values),
            Some(_) => return Err(twice(&name)),
        }
        Ok(())
    }

    /// The parameters with their values, as they were given.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// How many cells there are, at least one.
    pub fn n_cells(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).product()
    }

    /// Name and value of each parameter in a cell.
    ///
    /// # Panics
    ///
    /// If there are no more than `at` cells.
    pub fn cell(&self, at: usize) -> Vec<(&str, &str)> {
        assert!(at < self.n_cells(), "cell {at} of {}", self.n_cells());
        let mut rest = at;
        let mut settings: Vec<_> = self
            .axes
            .iter()
            .rev()
            .map(|Axis { name, values }| {
                let value = &values[rest % values.len()];
                rest /= values.len();
                (name.as_str(), value.as_str())
            })
            .collect();
        settings.reverse();
        settings
    }

    /// What people call a cell: `temperature=0.2 top-p=0.9`; empty where nothing varies.
    ///
    /// # Panics
    ///
    /// As [`cell`](Self::cell).
    pub fn label(&self, at: usize) -> String {
        let shown = |(name, value): (&str, &str)| match name {
            "pipeline" => value.to_owned(),
            name => format!("{name}={value}"),
        };
        self.cell(at).into_iter().map(shown).collect::<Vec<_>>().join(" ")
    }
}

/// At least one value of a parameter, each once.
fn check(axis: &Axis) -> Result<()> {
    let Axis { name, values } = axis;
    if values.is_empty() {
        return Err(Error::new(format!("{name} has no value")));
    }
    let mut seen = BTreeSet::new();
    match values.iter().find(|value| !seen.insert(*value)) {
        Some(value) => Err(Error::new(format!("{name} has the value {value} twice"))),
        None => Ok(()),
    }
}

/// The flag of a parameter, by its name or another engine's spelling of it.
fn parameter(name: &str) -> Result<String> {
    let typed = name.replace('_', "-");
    if let Some(whole) = WHOLE.into_iter().find(|whole| *whole == typed) {
        return Ok(whole.to_owned());
    }
    if let Some(info) = stage::find(&typed) {
        if info.takes_list() {
            let way_out = "vary pipeline=TEXT instead";
            return Err(Error::new(format!("{} takes a list of tokens; {way_out}", info.name)));
        }
        return Ok(info.name.to_owned());
    }
    let further = stage::ALL.iter().flat_map(|info| {
        info.params[1..].iter().map(|param| (format!("{}-{}", info.name, param.name), param))
    });
    let known: Vec<(String, &stage::Param)> = further.collect();
    let alias = |param: &stage::Param| param.aliases.iter().any(|it| it.replace('_', "-") == typed);
    if let Some((flag, _)) = known.iter().find(|(flag, param)| *flag == typed || alias(param)) {
        return Ok(flag.clone());
    }
    let stages = stage::ALL.iter().map(|info| info.name);
    let names = stages.chain(WHOLE).chain(known.iter().map(|(flag, _)| flag.as_str()));
    let way_out = kelvin::nearest(&typed, names).map_or_else(
        || "`kelvin stages` lists them".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    Err(Error::new(format!("no parameter {name:?}; {way_out}")))
}
