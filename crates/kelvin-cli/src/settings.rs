//! The policy of a run: every value with its origin, and the warnings it deserves.
//!
//! A value comes from a flag, else the preset, else `generation_config.json`, else `general.sampling.*`
//! of a GGUF file, else it stays neutral. An explicit `off` is a value like any other, so it beats
//! what stands below it.

use std::fmt::{self, Write as _};

use anyhow::Result;
use clap::ArgMatches;
use kelvin::pipeline::{Pick, Shown};
use kelvin::preset::{self, Preset};
use kelvin::stage::{self, Effect, Stage, StageInfo};
use kelvin::{Error, Pipeline};
use kelvin_lm::defaults::{DefaultSetting, GenerationDefaults, Length, Source};

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
    /// `/set` in a conversation.
    Set,
    /// The text of `--pipeline`.
    Pipeline,
    /// A named preset.
    Preset(&'static str),
    /// What the model comes with.
    Model(Source),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Set => f.write_str("/set"),
            Self::Pipeline => f.write_str("pipeline"),
            Self::Preset(name) => write!(f, "preset {name}"),
            Self::Model(source) => write!(f, "{source} (--raw to ignore)"),
        }
    }
}

/// One stage's value (or the pick, where it is greedy, or a length) and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The stage's name, or that of the flag.
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
        Self::new("greedy", "greedy".to_owned(), origin)
    }

    /// A setting that is no stage.
    pub(crate) fn new(name: &'static str, shown: String, origin: Origin) -> Self {
        Self { name, shown, origin }
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
    /// How long the model wants a text to be.
    pub(crate) length: Option<(Length, Source)>,
    /// Strings that the model wants a text to end at.
    pub(crate) stops: Option<(Vec<String>, Source)>,
}

impl Policy {
    /// Merges flags, preset and the model's own defaults.
    ///
    /// # Errors
    ///
    /// Something typed (exit 2): a value outside its range, an unknown preset or dialect. Something
    /// read (exit 3): a default of the model outside its range.
    pub(crate) fn resolve(
        matches: &ArgMatches,
        defaults: Option<&GenerationDefaults>,
    ) -> Result<Self> {
        check_dialect(matches)?;
        let defaults = defaults.filter(|_| !matches.get_flag("raw"));
        let policy = match text(matches, "pipeline") {
            Some(text) => Self::of_pipeline(text.parse()?),
            None => Self::of_layers(&Layers::new(matches, defaults)?)?,
        };
        Ok(match defaults {
            Some(defaults) => policy.with_defaults(defaults),
            None => policy,
        })
    }

    /// A policy put together value by value.
    fn of_layers(layers: &Layers<'_>) -> Result<Self> {
        let (stages, greedy) = (layers.stages()?, layers.greedy());
        let settings = stages.iter().map(|(stage, origin)| Setting::of(stage.as_ref(), *origin));
        let settings = settings.chain(greedy.map(Setting::greedy)).collect();
        let stages = stages.into_iter().map(|(stage, _)| stage).collect();
        let pick = if greedy.is_some() { Pick::Greedy } else { Pick::Draw };
        Ok(Self::new(Pipeline::in_default_order(stages, pick), settings))
    }

    /// The same policy, with what the model says of more than the pipeline.
    fn with_defaults(mut self, defaults: &GenerationDefaults) -> Self {
        self.warnings.extend_from_slice(defaults.warnings());
        self.length = defaults.length();
        self.stops = defaults.stops().map(|(stops, source)| (stops.to_vec(), source));
        self
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
        Self { pipeline, settings, warnings, length: None, stops: None }
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
    defaults: Option<&'a GenerationDefaults>,
}

impl<'a> Layers<'a> {
    fn new(
        matches: &'a ArgMatches,
        defaults: Option<&'a GenerationDefaults>,
    ) -> Result<Self, Failure> {
        let preset = match text(matches, "preset") {
            None => None,
            Some(name) => Some(preset::find(name).ok_or_else(|| unknown_preset(name))?),
        };
        Ok(Self { matches, preset, defaults })
    }

    /// Who wants the most probable token instead of a draw. A flag does; the model may, unless a preset,
    /// or a flag for a temperature or a truncation, says that tokens are to be drawn.
    fn greedy(&self) -> Option<Origin> {
        if self.matches.get_flag("greedy") {
            return Some(Origin::Flag);
        }
        let (samples, source) = self.defaults?.samples()?;
        (!samples && !self.asks_to_draw()).then_some(Origin::Model(source))
    }

    fn asks_to_draw(&self) -> bool {
        let about_drawing =
            |info: &&&StageInfo| matches!(info.effect, Effect::Temperature | Effect::Truncation);
        let mut stages = stage::ALL.iter().filter(about_drawing);
        self.preset.is_some() || stages.any(|info| text(self.matches, info.name).is_some())
    }

    /// The stages that any layer asks for, in the default order.
    fn stages(&self) -> Result<Vec<(Box<dyn Stage>, Origin)>> {
        stage::ALL.iter().filter_map(|info| self.stage(info).transpose()).collect()
    }

    fn stage(&self, info: &'static StageInfo) -> Result<Option<(Box<dyn Stage>, Origin)>> {
        let flag_extras = self.extras(info);
        let Some((mut arguments, origin)) = self.value(info)? else {
            return match flag_extras.first() {
                None => Ok(None),
                Some(_) if info.params[0].default.is_some() => {
                    Ok(Some((build(info, &flag_extras.join(", "))?, Origin::Flag)))
                }
                Some(extra) => Err(lonely(info, extra).into()),
            };
        };
        for extra in flag_extras {
            write!(arguments, ", {extra}")?;
        }
        Ok(Some((build(info, &arguments)?, origin)))
    }

    /// The further parameters that have flags, as `name=value`.
    fn extras(&self, info: &StageInfo) -> Vec<String> {
        let given = |param: &stage::Param| {
            text(self.matches, &flag(info, param)).map(|value| format!("{}={value}", param.name))
        };
        info.params[1..].iter().filter_map(given).collect()
    }

    /// The stage's own value, from the highest layer that has one.
    fn value(&self, info: &StageInfo) -> Result<Option<(String, Origin)>> {
        if let Some(text) = text(self.matches, info.name) {
            return Ok(Some((text.to_owned(), Origin::Flag)));
        }
        if let Some((preset, value)) = self.preset.and_then(|it| Some((it, of_preset(it, info)?))) {
            return Ok(Some((value.to_string(), Origin::Preset(preset.name))));
        }
        let default = self.defaults.and_then(|defaults| defaults.setting(info.name));
        default.map(|default| checked(default).map_err(Into::into)).transpose()
    }
}

fn of_preset(preset: &Preset, info: &StageInfo) -> Option<f64> {
    match info.name {
        "temperature" => Some(preset.temperature),
        "top-p" => Some(preset.top_p),
        _ => None,
    }
}

/// A default of the model, in its range.
fn checked(default: &DefaultSetting) -> kelvin_lm::Result<(String, Origin)> {
    default.check().map_err(|error| error.hint("--raw ignores the model's own defaults"))?;
    Ok((default.arguments.clone(), Origin::Model(default.source)))
}

fn build(info: &StageInfo, arguments: &str) -> Result<Box<dyn Stage>> {
    kelvin::build_stage(info.name, arguments).map_err(|error| match error {
        Error::Spec { expected, .. } => {
            Failure::typed(format!("--{}: {expected}", info.name)).into()
        }
        error => error.into(),
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
