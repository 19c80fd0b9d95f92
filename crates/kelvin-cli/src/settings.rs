//! The policy of a run: every value with its origin, and the warnings it deserves.
//!
//! A value comes from a flag, else the preset, else the model file, else it stays neutral. An
//! explicit `off` is a value like any other, so it beats what stands below it.

use std::fmt::{self, Write as _};

use anyhow::Result;
use clap::ArgMatches;
use kelvin::pipeline::{Pick, Shown};
use kelvin::preset::{self, Preset};
use kelvin::stage::{self, Stage, StageInfo};
use kelvin::{Error, Pipeline};
use kelvin_lm::format::gguf::{Metadata, Value};

use crate::args::policy::{flag, text};
use crate::exit::Failure;
use crate::suggest;

/// The temperature above which a warning is due.
const HOT: f64 = 2.0;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Its own flag.
    Flag,
    /// The text of `--pipeline`.
    Pipeline,
    /// A named preset.
    Preset(&'static str),
    /// `general.sampling.*` of the model file.
    Gguf,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Pipeline => f.write_str("pipeline"),
            Self::Preset(name) => write!(f, "preset {name}"),
            Self::Gguf => f.write_str("GGUF (--raw to ignore)"),
        }
    }
}

/// One stage's value (or the pick, where it is greedy) and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The stage's name.
    pub(crate) name: &'static str,
    /// The stage in its text form.
    pub(crate) shown: String,
    /// Where the value comes from.
    pub(crate) origin: Origin,
}

impl Setting {
    fn of(stage: &dyn Stage, origin: Origin) -> Self {
        Self { name: stage.info().name, shown: Shown(stage).to_string(), origin }
    }

    fn greedy(origin: Origin) -> Self {
        Self { name: "greedy", shown: "greedy".to_owned(), origin }
    }
}

/// How tokens are chosen in this run.
#[derive(Debug)]
pub(crate) struct Policy {
    /// The recipe.
    pub(crate) pipeline: Pipeline,
    /// Its values, in its order.
    pub(crate) settings: Vec<Setting>,
    /// What the user should know about them.
    pub(crate) warnings: Vec<String>,
}

impl Policy {
    /// Merges flags, preset and the model file's defaults.
    ///
    /// # Errors
    ///
    /// Something typed (exit 2): a value outside its range, an unknown preset or dialect. Something
    /// read (exit 3): a default of the model file outside its range.
    pub(crate) fn resolve(matches: &ArgMatches, defaults: Option<&Metadata>) -> Result<Self> {
        check_dialect(matches)?;
        let defaults = defaults.filter(|_| !matches.get_flag("raw"));
        let (stages, pick) = match text(matches, "pipeline") {
            Some(text) => return Ok(Self::of_pipeline(text.parse()?)),
            None => (Layers::new(matches, defaults)?.stages()?, matches.get_flag("greedy")),
        };
        let greedy = pick.then(|| Setting::greedy(Origin::Flag));
        let settings = stages.iter().map(|(stage, origin)| Setting::of(stage.as_ref(), *origin));
        let settings = settings.chain(greedy).collect();
        let stages = stages.into_iter().map(|(stage, _)| stage).collect();
        let pick = if pick { Pick::Greedy } else { Pick::Draw };
        let mut policy = Self::new(Pipeline::in_default_order(stages, pick), settings);
        policy.warnings.extend(defaults.into_iter().flat_map(unused_defaults));
        Ok(policy)
    }

    /// A policy given as a whole.
    pub(crate) fn of_pipeline(pipeline: Pipeline) -> Self {
        let stages = pipeline.stages().iter();
        let settings = stages.map(|stage| Setting::of(stage.as_ref(), Origin::Pipeline));
        let greedy = pipeline.to_string().ends_with("greedy");
        let greedy = greedy.then(|| Setting::greedy(Origin::Pipeline));
        let settings = settings.chain(greedy).collect();
        Self::new(pipeline, settings)
    }

    fn new(pipeline: Pipeline, settings: Vec<Setting>) -> Self {
        let ignored: Vec<&str> =
            pipeline.ignored_by_greedy().map(|stage| stage.info().name).collect();
        let mut warnings = Vec::new();
        if !ignored.is_empty() {
            warnings.push(format!("greedy ignores {}", ignored.join(", ")));
        }
        if let Some(t) = temperatures(&pipeline).find(|&t| t > HOT) {
            let what = "little of the model's opinion is left above 2";
            warnings.push(format!("temperature {t} is very high: {what}"));
        }
        Self { pipeline, settings, warnings }
    }

    /// Whether nobody asked for anything.
    pub(crate) fn is_untouched(&self) -> bool {
        self.settings.is_empty()
    }
}

/// The one hint for a run without any policy.
pub(crate) const UNTOUCHED: &str = "sampling the untouched distribution; try --preset balanced";

fn check_dialect(matches: &ArgMatches) -> Result<(), Failure> {
    match text(matches, "dialect") {
        None | Some("native") => Ok(()),
        Some(name) => Err(Failure::typed(format!("no dialect {name:?} in this version"))
            .hint("native is the one there is so far")),
    }
}

fn temperatures(pipeline: &Pipeline) -> impl Iterator<Item = f64> {
    let stages = pipeline.stages().iter().filter(|stage| stage.info().name == "temperature");
    stages.filter_map(|stage| {
        let mut text = String::new();
        stage.write_arguments(&mut text).ok()?;
        text.parse().ok()
    })
}

/// The places where a value may stand, highest first.
struct Layers<'a> {
    matches: &'a ArgMatches,
    preset: Option<&'static Preset>,
    defaults: Option<&'a Metadata>,
}

impl<'a> Layers<'a> {
    fn new(matches: &'a ArgMatches, defaults: Option<&'a Metadata>) -> Result<Self, Failure> {
        let preset = match text(matches, "preset") {
            None => None,
            Some(name) => Some(preset::find(name).ok_or_else(|| unknown_preset(name))?),
        };
        Ok(Self { matches, preset, defaults })
    }

    /// The stages that any layer asks for, in the default order.
    fn stages(&self) -> Result<Vec<(Box<dyn Stage>, Origin)>> {
        stage::ALL.iter().filter_map(|info| self.stage(info).transpose()).collect()
    }

    fn stage(&self, info: &'static StageInfo) -> Result<Option<(Box<dyn Stage>, Origin)>> {
        let flag_extras = self.extras(info);
        let Some((mut arguments, origin)) = self.value(info) else {
            return match flag_extras.first() {
                None => Ok(None),
                Some(_) if info.params[0].default.is_some() => {
                    Ok(Some((build(info, &flag_extras.join(", "), Origin::Flag)?, Origin::Flag)))
                }
                Some(extra) => Err(lonely(info, extra).into()),
            };
        };
        for extra in flag_extras {
            write!(arguments, ", {extra}")?;
        }
        Ok(Some((build(info, &arguments, origin)?, origin)))
    }

    /// The further parameters that have flags, as `name=value`.
    fn extras(&self, info: &StageInfo) -> Vec<String> {
        let given = |param: &stage::Param| {
            text(self.matches, &flag(info, param)).map(|value| format!("{}={value}", param.name))
        };
        info.params[1..].iter().filter_map(given).collect()
    }

    /// The stage's own value, from the highest layer that has one.
    fn value(&self, info: &StageInfo) -> Option<(String, Origin)> {
        if let Some(text) = text(self.matches, info.name) {
            return Some((text.to_owned(), Origin::Flag));
        }
        if let Some(preset) = self.preset {
            let value = match info.name {
                "temperature" => Some(preset.temperature),
                "top-p" => Some(preset.top_p),
                _ => None,
            };
            if let Some(value) = value {
                return Some((value.to_string(), Origin::Preset(preset.name)));
            }
        }
        let defaults = self.defaults?;
        let (key, _) = GGUF.iter().find(|(_, name)| *name == info.name)?;
        let value = number(defaults.get(&format!("{SAMPLING}{key}"))?)?;
        let last = defaults.get("general.sampling.penalty_last_n").and_then(number);
        let last = last.filter(|_| info.name == "repetition-penalty");
        Some(match last.as_deref() {
            Some("0") => ("off".to_owned(), Origin::Gguf),
            None | Some("-1") => (value, Origin::Gguf),
            Some(last) => (format!("{value}, last={last}"), Origin::Gguf),
        })
    }
}

fn build(info: &StageInfo, arguments: &str, origin: Origin) -> Result<Box<dyn Stage>> {
    kelvin::build_stage(info.name, arguments).map_err(|error| match (error, origin) {
        (error, Origin::Gguf) => Failure::read(format!("the model file's defaults: {error}"))
            .hint("--raw ignores them")
            .into(),
        (Error::Spec { expected, .. }, _) => {
            Failure::typed(format!("--{}: {expected}", info.name)).into()
        }
        (error, _) => error.into(),
    })
}

fn lonely(info: &StageInfo, extra: &str) -> Failure {
    let name = extra.split('=').next().unwrap_or(extra);
    Failure::typed(format!("--{0}-{name} needs --{0}", info.name))
        .hint(format!("{}: {}", info.name, info.params[0].range))
}

fn unknown_preset(name: &str) -> Failure {
    suggest::unknown("preset", name, preset::ALL.iter().map(|preset| preset.name))
}

const SAMPLING: &str = "general.sampling.";

/// The keys of a model file's defaults, and the stages they set.
const GGUF: [(&str, &str); 5] = [
    ("temp", "temperature"),
    ("top_k", "top-k"),
    ("top_p", "top-p"),
    ("min_p", "min-p"),
    ("penalty_repeat", "repetition-penalty"),
];

/// A number as text; an f32 as its shortest decimal, 0.95 and not 0.949999988.
fn number(value: Value<'_>) -> Option<String> {
    match value {
        Value::Int(n) => Some(n.to_string()),
        Value::F32(x) => Some(x.to_string()),
        Value::F64(x) => Some(x.to_string()),
        _ => None,
    }
}

/// The model file's defaults that this version cannot honour, by name.
fn unused_defaults(defaults: &Metadata) -> Vec<String> {
    let used = |key: &str| key == "penalty_last_n" || GGUF.iter().any(|(known, _)| *known == key);
    let off = |value| number(value).is_some_and(|text| text.parse() == Ok(0.0));
    let sampling = defaults.iter().filter_map(|(key, value)| {
        let name = key.strip_prefix(SAMPLING).filter(|name| !used(name))?;
        (!off(value)).then(|| format!("the model file's default {SAMPLING}{name} is not applied"))
    });
    sampling.collect()
}

/// `temperature, top-k: flag` for each origin, each value as `told`, and what is said of the rest.
pub(crate) fn origins(settings: &[Setting], told: impl Fn(&Setting) -> &str) -> Vec<String> {
    let mut groups: Vec<(Origin, Vec<&str>)> = Vec::new();
    for setting in settings {
        match groups.iter_mut().find(|(origin, _)| *origin == setting.origin) {
            Some((_, names)) => names.push(told(setting)),
            None => groups.push((setting.origin, vec![told(setting)])),
        }
    }
    let group = |(origin, names): (Origin, Vec<&str>)| format!("{}: {origin}", names.join(", "));
    let rest =
        if settings.is_empty() { "everything off: built-in" } else { "all else off: built-in" };
    groups.into_iter().map(group).chain([rest.to_owned()]).collect()
}
