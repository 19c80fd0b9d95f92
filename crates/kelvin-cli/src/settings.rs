//! The policy of a run: every value with its origin, and the warnings it deserves.
//!
//! A value comes from a flag, else the preset, else the defaults of a named dialect, else
//! `generation_config.json`, else `general.sampling.*` of a GGUF file, else it stays neutral. An explicit `off` is a value like any other, so it beats
//! what stands below it.

use std::fmt;

use anyhow::Result;
use clap::ArgMatches;
use kelvin::pipeline::{Pick, Shown};
use kelvin::preset::{self, Preset};
use kelvin::stage::{self, Effect, Stage, StageInfo};
use kelvin::{Dialect, Error, Pipeline, dialect};
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
    /// What a named dialect sets where nobody says anything.
    Dialect(&'static str),
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
            Self::Dialect(name) => write!(f, "dialect {name}"),
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
    /// Whose order, defaults and boundary rules it has.
    pub(crate) dialect: &'static Dialect,
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
    /// Something typed (exit 2): a value outside its range, an unknown preset or dialect, a stage that
    /// the dialect lacks. Something read (exit 3): a default of the model outside its range.
    pub(crate) fn resolve(
        matches: &ArgMatches,
        defaults: Option<&GenerationDefaults>,
    ) -> Result<Self> {
        Self::resolve_under(named_dialect(matches)?, matches, defaults)
    }

    /// The same under a dialect that no flag names.
    ///
    /// # Errors
    ///
    /// Those of [`resolve`](Self::resolve).
    pub(crate) fn resolve_under(
        dialect: &'static Dialect,
        matches: &ArgMatches,
        defaults: Option<&GenerationDefaults>,
    ) -> Result<Self> {
        let defaults = defaults.filter(|_| !matches.get_flag("raw"));
        let policy = match text(matches, "pipeline") {
            Some(text) => Self::of_pipeline(text.parse()?),
            None => Self::of_layers(&Layers::new(dialect, matches, defaults)?)?,
        };
        Ok(match defaults {
            Some(defaults) => policy.with_defaults(defaults),
            None => policy,
        })
    }

    /// What can be said of the flags before a model is known.
    ///
    /// # Errors
    ///
    /// Those of [`resolve`](Self::resolve), but for flags that refine a value which the model may have.
    pub(crate) fn check(matches: &ArgMatches) -> Result<()> {
        let dialect = named_dialect(matches)?;
        if let Some(text) = text(matches, "pipeline") {
            return text.parse::<Pipeline>().map(drop).map_err(Into::into);
        }
        let layers = Layers::new(dialect, matches, None)?;
        Layers { is_whole: false, ..layers }.stages().map(drop)
    }

    /// A policy put together value by value.
    fn of_layers(layers: &Layers<'_>) -> Result<Self> {
        let (stages, greedy) = (layers.stages()?, layers.greedy());
        let settings = stages.iter().map(|(stage, origin)| Setting::of(stage.as_ref(), *origin));
        let settings = settings.chain(greedy.map(Setting::greedy)).collect();
        let stages = stages.into_iter().map(|(stage, _)| stage).collect();
        let pick = if greedy.is_some() { Pick::Greedy } else { Pick::Draw };
        let policy = Self::new(layers.dialect, Pipeline::new(stages, pick), settings);
        let warnings = [policy.warnings, layers.lacking()].concat();
        Ok(Self { warnings, ..policy })
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
        Self::new(&dialect::NATIVE, pipeline, settings)
    }

    fn new(dialect: &'static Dialect, pipeline: Pipeline, settings: Vec<Setting>) -> Self {
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
        Self { pipeline, dialect, settings, warnings, length: None, stops: None }
    }

    /// Whether nobody asked for anything.
    pub(crate) fn is_untouched(&self) -> bool {
        self.settings.is_empty()
    }
}

/// The one hint for a run without any policy.
pub(crate) const UNTOUCHED: &str = "sampling the untouched distribution; try --preset balanced";

/// The dialect of `--dialect`. With `--pipeline` it is the native one: the text holds order and rules.
///
/// # Errors
///
/// Something typed: an unknown dialect, or another than the native one with `--pipeline`.
fn named_dialect(matches: &ArgMatches) -> Result<&'static Dialect, Failure> {
    let dialect = find_dialect(text(matches, "dialect").unwrap_or(dialect::NATIVE.name))?;
    if dialect.name != dialect::NATIVE.name && text(matches, "pipeline").is_some() {
        let name = dialect.name;
        let what =
            format!("--dialect {name} has no say in --pipeline: its text holds order and rules");
        return Err(
            Failure::typed(what).hint("take the flags of single stages, or leave --dialect out")
        );
    }
    Ok(dialect)
}

/// The dialect of this name.
///
/// # Errors
///
/// Something typed: there is none.
pub(crate) fn find_dialect(name: &str) -> Result<&'static Dialect, Failure> {
    dialect::find(name).ok_or_else(|| {
        let names: Vec<&str> = dialect::ALL.iter().map(|dialect| dialect.name).collect();
        let near = kelvin::nearest(name, names.iter().copied());
        let near = near.map(|near| format!("did you mean {near}? ")).unwrap_or_default();
        Failure::typed(format!("no dialect {name:?}"))
            .hint(format!("{near}the dialects are {}", names.join(", ")))
    })
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
    dialect: &'static Dialect,
    matches: &'a ArgMatches,
    preset: Option<&'static Preset>,
    defaults: Option<&'a GenerationDefaults>,
    /// Whether no lower layer is still to come.
    is_whole: bool,
}

impl<'a> Layers<'a> {
    fn new(
        dialect: &'static Dialect,
        matches: &'a ArgMatches,
        defaults: Option<&'a GenerationDefaults>,
    ) -> Result<Self, Failure> {
        let preset = match text(matches, "preset") {
            None => None,
            Some(name) => Some(preset::find(name).ok_or_else(|| unknown_preset(name))?),
        };
        Ok(Self { dialect, matches, preset, defaults, is_whole: true })
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
        let mut stages = stage::ALL.iter().filter(|info| is_about_drawing(info));
        self.preset.is_some() || stages.any(|info| text(self.matches, info.name).is_some())
    }

    /// The stages that any layer asks for, in the dialect's order.
    fn stages(&self) -> Result<Vec<(Box<dyn Stage>, Origin)>> {
        let flags = |info: &StageInfo| text(self.matches, info.name).is_some();
        let asked = |info: &&&StageInfo| flags(info) || !self.extras(info).is_empty();
        for info in stage::ALL.iter().filter(|info| !self.dialect.has(info)).filter(asked) {
            self.dialect.build_stage(info.name, "")?; // says what there is
        }
        let stages = self.dialect.stages().into_iter();
        stages.filter_map(|info| self.stage(info).transpose()).collect()
    }

    /// What to say of the model's values for stages that the dialect lacks.
    fn lacking(&self) -> Vec<String> {
        let lacking = stage::ALL.iter().filter(|info| !self.dialect.has(info));
        let values = lacking.filter_map(|info| Some((info, self.defaults?.setting(info.name)?)));
        let acts = |default: &DefaultSetting| {
            let stage = kelvin::build_stage(default.stage, &default.arguments);
            stage.is_ok_and(|stage| !stage.is_neutral())
        };
        let values = values.filter(|(_, default)| acts(default));
        let line = |(info, default): (&&StageInfo, &DefaultSetting)| {
            let (name, arguments, dialect) = (info.name, &default.arguments, self.dialect.name);
            let source = default.source;
            format!(
                "{source}: {name}({arguments}) is not applied: dialect {dialect} has no such stage"
            )
        };
        values.map(line).collect()
    }

    fn stage(&self, info: &'static StageInfo) -> Result<Option<(Box<dyn Stage>, Origin)>> {
        let flag_extras = self.extras(info);
        let Some((arguments, origin)) = self.value(info)? else {
            return match flag_extras.first() {
                None => Ok(None),
                Some(_) if !self.is_whole => Ok(None),
                Some(_) if info.params[0].default.is_some() => {
                    Ok(Some((self.build(info, &flag_extras.join(", "))?, Origin::Flag)))
                }
                Some(extra) => Err(lonely(info, extra).into()),
            };
        };
        let origin = if flag_extras.is_empty() { origin } else { Origin::Flag };
        let lower = arguments.split(", ").filter(|lower| {
            let refined = |flag: &String| key(flag).is_some() && key(flag) == key(lower);
            !flag_extras.iter().any(refined)
        });
        let arguments: Vec<&str> = lower.chain(flag_extras.iter().map(String::as_str)).collect();
        Ok(Some((self.build(info, &arguments.join(", "))?, origin)))
    }

    /// A stage with the dialect's rules.
    fn build(&self, info: &StageInfo, arguments: &str) -> Result<Box<dyn Stage>> {
        self.dialect.build_stage(info.name, arguments).map_err(|error| match error {
            Error::Spec { expected, .. } => {
                Failure::typed(format!("--{}: {expected}", info.name)).into()
            }
            error => error.into(),
        })
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
        let heeded = !is_about_drawing(info) || self.greedy().is_none();
        if let Some(value) = self.dialect.default_of(info).filter(|_| heeded) {
            return Ok(Some((value.to_owned(), Origin::Dialect(self.dialect.name))));
        }
        let default = self.defaults.and_then(|defaults| defaults.setting(info.name));
        default.map(|default| checked(default).map_err(Into::into)).transpose()
    }
}

/// The name of an argument that has one.
fn key(argument: &str) -> Option<&str> {
    argument.split_once('=').map(|(key, _)| key)
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

/// Whether a stage has a say only where a token is drawn.
fn is_about_drawing(info: &StageInfo) -> bool {
    matches!(info.effect, Effect::Temperature | Effect::Truncation)
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
    let settings = settings.iter().map(|setting| (told(setting), setting.origin.to_string()));
    let settings: Vec<(&str, String)> = settings.collect();
    grouped(&settings)
}

/// The same for values and their origins, as a trace has them.
pub(crate) fn grouped(settings: &[(&str, String)]) -> Vec<String> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (told, origin) in settings {
        match groups.iter_mut().find(|(known, _)| known == origin) {
            Some((_, names)) => names.push(told),
            None => groups.push((origin, vec![told])),
        }
    }
    let group = |(origin, names): (&str, Vec<&str>)| format!("{}: {origin}", names.join(", "));
    let rest =
        if settings.is_empty() { "everything off: built-in" } else { "all else off: built-in" };
    groups.into_iter().map(group).chain([rest.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use kelvin_lm::format::gguf::Gguf;

    use super::*;

    /// One parameter: its value and its off in each layer that can have them.
    struct Case {
        stage: &'static str,
        flag: [&'static str; 2],
        config: [&'static str; 2],
        gguf: (&'static str, [f32; 2]),
    }

    const CASES: [Case; 5] = [
        Case {
            stage: "temperature",
            flag: ["0.25", "off"],
            config: ["\"temperature\": 0.35", "\"temperature\": 1.0"],
            gguf: ("temp", [0.45, 1.0]),
        },
        Case {
            stage: "top-k",
            flag: ["11", "off"],
            config: ["\"top_k\": 12", "\"top_k\": 0"],
            gguf: ("top_k", [13.0, 0.0]),
        },
        Case {
            stage: "top-p",
            flag: ["0.21", "off"],
            config: ["\"top_p\": 0.95", "\"top_p\": 1"],
            gguf: ("top_p", [0.94, 1.0]),
        },
        Case {
            stage: "min-p",
            flag: ["0.01", "off"],
            config: ["\"min_p\": 0.02", "\"min_p\": 0.0"],
            gguf: ("min_p", [0.03, 0.0]),
        },
        Case {
            stage: "repetition-penalty",
            flag: ["1.1", "off"],
            config: ["\"repetition_penalty\": 1.2", "\"repetition_penalty\": 1.0"],
            gguf: ("penalty_repeat", [1.3, 1.0]),
        },
    ];

    /// A GGUF file with one `general.sampling` number, and nothing else.
    fn gguf(key: &str, value: f32) -> GenerationDefaults {
        let key = format!("general.sampling.{key}");
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend([0_u64, 1, key.len() as u64].map(u64::to_le_bytes).concat());
        file.extend(key.as_bytes());
        file.extend(6_u32.to_le_bytes());
        file.extend(value.to_le_bytes());
        let gguf = Gguf::parse(file).expect("well formed");
        GenerationDefaults::from_gguf(gguf.metadata())
    }

    fn config(json: &str) -> GenerationDefaults {
        let json = format!("{{{json}}}");
        GenerationDefaults::from_generation_config(json.as_bytes()).expect("a sound file")
    }

    fn policy(args: &[&str], defaults: &GenerationDefaults) -> Policy {
        let line = ["kelvin", "generate", "-m", "x", "prompt"].iter().chain(args);
        let matches = crate::args::command().try_get_matches_from(line).expect("sound flags");
        let (_, matches) = matches.subcommand().expect("generate");
        Policy::resolve(matches, Some(defaults)).expect("sound values")
    }

    /// The stage as it must be, in its text form.
    fn built(stage: &str, value: &str) -> String {
        Shown(kelvin::build_stage(stage, value).expect("in range").as_ref()).to_string()
    }

    fn preset_value(stage: &str) -> Option<&'static str> {
        match stage {
            "temperature" => Some("0.7"),
            "top-p" => Some("0.9"),
            _ => None,
        }
    }

    #[test]
    fn a_flag_refines_what_the_model_sets() {
        let defaults = config("\"repetition_penalty\": 1.2").over(gguf("penalty_last_n", 64.0));
        let flag = ["--repetition-penalty-last", "4"];
        let policy = policy(&flag, &defaults);
        let shown: Vec<_> =
            policy.settings.iter().map(|it| (it.shown.as_str(), it.origin)).collect();
        assert_eq!(shown, [("repetition-penalty(1.2, last=4, scope=all)", Origin::Flag)]);
        let line = ["kelvin", "generate", "-m", "x", "prompt"].iter().chain(&flag);
        let matches = crate::args::command().try_get_matches_from(line).expect("sound flags");
        let (_, matches) = matches.subcommand().expect("generate");
        assert!(Policy::check(matches).is_ok(), "a model may have the value");
        let error = Policy::resolve(matches, None).expect_err("nobody has");
        assert!(error.to_string().contains("needs --repetition-penalty"), "{error}");
    }

    /// Every way to set or not to set a parameter in each layer, off included: the highest one that
    /// says anything wins, with its own value and its name.
    #[test]
    fn the_highest_layer_that_says_anything_wins() {
        let ways = [None, Some(0), Some(1)];
        let mut n_cases = 0;
        for case in &CASES {
            let all = ways.map(|flag| ways.map(|config| ways.map(|gguf| (flag, config, gguf))));
            for (flag, file, model) in all.into_iter().flatten().flatten() {
                for preset in [false, true] {
                    let lower = model.map(|at| gguf(case.gguf.0, case.gguf.1[at]));
                    let upper = file.map(|at| config(case.config[at]));
                    let defaults = upper.unwrap_or_default().over(lower.unwrap_or_default());
                    let flag_name = format!("--{}", case.stage);
                    let mut args = Vec::new();
                    args.extend(
                        flag.into_iter().flat_map(|at| [flag_name.as_str(), case.flag[at]]),
                    );
                    args.extend(if preset { &["--preset", "balanced"][..] } else { &[] });
                    let in_config =
                        |at: usize| case.config[at].split(' ').nth(1).expect("a value").to_owned();
                    let off = |text: String| {
                        if text == "0" && case.stage == "top-k" { "off".to_owned() } else { text }
                    };
                    let expected = flag
                        .map(|at| (case.flag[at].to_owned(), Origin::Flag))
                        .or_else(|| {
                            let value = preset_value(case.stage).filter(|_| preset)?;
                            Some((value.to_owned(), Origin::Preset("balanced")))
                        })
                        .or_else(|| {
                            Some((off(in_config(file?)), Origin::Model(Source::GenerationConfig)))
                        })
                        .or_else(|| {
                            Some((
                                off(case.gguf.1[model?].to_string()),
                                Origin::Model(Source::Gguf),
                            ))
                        });
                    let expected =
                        expected.map(|(value, origin)| (built(case.stage, &value), origin));
                    let found = policy(&args, &defaults);
                    let setting = found.settings.iter().find(|setting| setting.name == case.stage);
                    let setting = setting.map(|setting| (setting.shown.clone(), setting.origin));
                    assert_eq!(setting, expected, "{}: {args:?}, {defaults:?}", case.stage);
                    args.push("--raw");
                    let raw = policy(&args, &defaults);
                    let of_model = |setting: &Setting| matches!(setting.origin, Origin::Model(_));
                    assert!(!raw.settings.iter().any(of_model), "{args:?}");
                    n_cases += 1;
                }
            }
        }
        assert_eq!(n_cases, 5 * 27 * 2);
    }

    #[test]
    fn a_model_may_be_greedy_until_somebody_asks_to_draw() {
        let greedy = |args: &[&str], json: &str| {
            let policy = policy(args, &config(json));
            let setting = policy.settings.iter().find(|setting| setting.name == "greedy");
            assert_eq!(policy.pipeline.is_greedy(), setting.is_some());
            setting.map(|setting| setting.origin)
        };
        let model = Some(Origin::Model(Source::GenerationConfig));
        let cold = "\"do_sample\": false, \"top_p\": 0.9";
        assert_eq!(greedy(&[], cold), model);
        assert_eq!(greedy(&["--repetition-penalty", "1.1"], cold), model, "greedy heeds penalties");
        assert_eq!(greedy(&["--greedy"], cold), Some(Origin::Flag));
        let asking = [
            ["--temperature", "0.8"],
            ["--top-k", "40"],
            ["--min-p", "off"],
            ["--preset", "factual"],
            ["--pipeline", "top-k(2)"],
        ];
        for args in asking {
            assert_eq!(greedy(&args, cold), None, "{args:?}");
        }
        assert_eq!(greedy(&["--raw"], cold), None);
        for json in ["", "\"do_sample\": true", "\"do_sample\": null"] {
            assert_eq!(greedy(&[], json), None, "{json}");
        }
        let drawn = policy(&["--top-k", "40"], &config(cold));
        assert_eq!(drawn.pipeline.to_string(), "top-k(40) | top-p(0.9)");
        let warned = policy(&[], &config(cold));
        assert_eq!(warned.warnings, ["greedy ignores top-p"]);
    }

    #[test]
    fn a_dialect_stands_between_a_preset_and_the_model() {
        let shown = |args: &[&str], json: &str| {
            let found = policy(args, &config(json));
            let settings = found.settings.iter();
            settings.map(|it| format!("{}: {}", it.shown, it.origin)).collect::<Vec<_>>()
        };
        let hf = ["--dialect", "hf"];
        let json = "\"top_k\": 20, \"top_p\": 0.8";
        let expected = [
            "top-k(50, ties=all): dialect hf",
            "top-p(0.8, ties=last): generation_config.json (--raw to ignore)",
        ];
        assert_eq!(shown(&hf, json), expected);
        let own = [&hf[..], &["--top-k", "off", "--preset", "balanced"]].concat();
        let expected = [
            "temperature(0.7): preset balanced",
            "top-k(off): flag",
            "top-p(0.9, ties=last): preset balanced",
        ];
        assert_eq!(shown(&own, json), expected);
        let ties = [&hf[..], &["--top-k-ties", "first"]].concat();
        assert_eq!(shown(&ties, "")[0], "top-k(50): flag");
        assert_eq!(shown(&[&hf[..], &["--greedy"]].concat(), ""), ["greedy: flag"]);
        assert_eq!(
            policy(&["--dialect", "seed3", "--top-k", "2", "--top-p", "0.9"], &config(""))
                .pipeline
                .to_string(),
            "top-p(0.9) | top-k(2, ties=all)"
        );
    }

    #[test]
    fn what_a_dialect_lacks_is_refused_where_it_was_typed_and_named_where_it_was_read() {
        let line = ["kelvin", "generate", "-m", "x", "prompt", "--dialect", "seed1"];
        let refused = |flag: &[&str]| {
            let line = line.iter().chain(flag);
            let matches = crate::args::command().try_get_matches_from(line).expect("sound flags");
            let (_, matches) = matches.subcommand().expect("generate");
            let error = Policy::check(matches).expect_err("seed 1 has three stages");
            assert_eq!(crate::exit::code_of(&error), crate::exit::Code::Typed);
            error.to_string()
        };
        let has = "it has temperature, top-k, top-p";
        let min_p = format!("dialect seed1 has no min-p; {has}");
        assert_eq!(refused(&["--min-p", "0.1"]), min_p);
        let last = ["--repetition-penalty-last", "4"];
        assert_eq!(refused(&last), format!("dialect seed1 has no repetition-penalty; {has}"));
        let whole = "--dialect seed1 has no say in --pipeline: its text holds order and rules";
        assert_eq!(refused(&["--pipeline", "top-k(2)"]), whole);
        let json = "\"repetition_penalty\": 1.2, \"min_p\": 0.0, \"top_p\": 0.9";
        let found = policy(&["--dialect", "seed1"], &config(json));
        assert_eq!(found.pipeline.to_string(), "top-p(0.9)");
        let warning = "generation_config.json: repetition-penalty(1.2) is not applied: dialect seed1 has no \
                       such stage";
        assert_eq!(found.warnings, [warning]);
    }

    #[test]
    fn what_the_model_says_of_more_than_the_pipeline_is_passed_on() {
        let json = "\"max_new_tokens\": 9, \"stop_strings\": [\"END\"], \"num_beams\": 4";
        for args in [&[][..], &["--pipeline", "top-k(2)"]] {
            let found = policy(args, &config(json));
            assert_eq!(found.length, Some((Length::MaxNewTokens(9), Source::GenerationConfig)));
            assert_eq!(found.stops.map(|(stops, _)| stops), Some(vec!["END".to_owned()]));
            assert_eq!(found.warnings, ["generation_config.json: num_beams = 4 is not applied"]);
        }
        let raw = policy(&["--raw"], &config(json));
        assert_eq!((raw.length, raw.stops, raw.warnings.len()), (None, None, 0));
    }

    #[test]
    fn a_value_outside_its_range_is_something_read_and_a_flag_above_it_hides_it() {
        let bad = config("\"top_p\": 1.5");
        let line = ["kelvin", "generate", "-m", "x", "prompt"];
        let matches = crate::args::command().try_get_matches_from(line).expect("sound flags");
        let (_, matches) = matches.subcommand().expect("generate");
        let error = Policy::resolve(matches, Some(&bad)).expect_err("outside");
        assert_eq!(crate::exit::code_of(&error), crate::exit::Code::Read);
        let expected =
            "generation_config.json: top_p = 1.5 is outside 0 < p ≤ 1 (use 1 to keep every token)";
        assert_eq!(error.to_string(), expected);
        assert_eq!(policy(&["--top-p", "0.5"], &bad).pipeline.to_string(), "top-p(0.5)");
    }

    #[test]
    fn origins_are_told_by_group() {
        let found = policy(&["--top-k", "5"], &config("\"top_p\": 0.95, \"temperature\": 0.6"));
        let told = origins(&found.settings, |setting| &setting.shown);
        let expected = [
            "temperature(0.6), top-p(0.95): generation_config.json (--raw to ignore)",
            "top-k(5): flag",
            "all else off: built-in",
        ];
        assert_eq!(told, expected);
    }
}
