//! Other engines' order, defaults and boundary rules, as pipelines.
//!
//! A dialect reproduces an engine's *rule* in exact arithmetic, and not the rounding of its floats. It says
//! which stages there are and in which order they run, what is set where nobody says otherwise, and what
//! happens at the edge of a cut. All of that shows in the text of the pipeline it makes, so the text alone
//! means the same everywhere.
//!
//! ```
//! use kelvin::dialect;
//! use kelvin::pipeline::Pick;
//!
//! let given = [("top-p", "0.9"), ("temperature", "0.7")];
//! let text = |name: &str| -> kelvin::Result<String> {
//!     let dialect = dialect::find(name).expect("it is in the table");
//!     Ok(dialect.pipeline(&given, Pick::Draw)?.to_string())
//! };
//! assert_eq!(text("native")?, "temperature(0.7) | top-p(0.9)");
//! assert_eq!(text("hf")?, "temperature(0.7) | top-k(50, ties=all) | top-p(0.9, ties=last)");
//! assert_eq!(text("seed4")?, "temperature(0.7) | top-p(0.9, crossing=drop)");
//! # Ok::<(), kelvin::Error>(())
//! ```

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::pipeline::Pick;
use crate::stage::{self, Effect, Stage, StageInfo};
use crate::{Error, Pipeline, Result};

/// An engine's way to run a pipeline.
#[derive(Debug)]
pub struct Dialect {
    /// Its name.
    pub name: &'static str,
    /// Other names it is understood by.
    pub aliases: &'static [&'static str],
    /// Which version of the engine it describes.
    pub version: &'static str,
    /// One line, at most 79 columns.
    pub summary: &'static str,
    /// The floats that its cuts are decided in; `None` for exact integers.
    pub floats: Option<Floats>,
    /// Its stages, in order; `None` for every stage, in the default order and with the default rules.
    entries: Option<&'static [Entry]>,
}

/// The floats in which an engine computes and sums probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floats {
    /// What they are called.
    pub name: &'static str,
    /// The largest relative error of one rounding.
    pub unit: f64,
    /// Whether the running sum of top-p begins at the least probable token.
    pub upwards: bool,
}

/// f32, summed from the least probable token.
const F32_UPWARDS: Floats = Floats { name: "f32", unit: 1.0 / 16_777_216.0, upwards: true };
/// f32, summed from the most probable token.
const F32_DOWNWARDS: Floats = Floats { upwards: false, ..F32_UPWARDS };
/// f64, summed from the most probable token.
const F64_DOWNWARDS: Floats =
    Floats { name: "f64", unit: 1.0 / 9_007_199_254_740_992.0, upwards: false };

/// A stage of a dialect.
#[derive(Debug)]
struct Entry {
    /// The stage's canonical name.
    stage: &'static str,
    /// Its value where a token is drawn and nobody says anything.
    default: Option<&'static str>,
    /// Boundary rules, as `name=value`.
    rules: &'static [&'static str],
}

/// A stage without a default, with the native rules.
const fn plain(stage: &'static str) -> Entry {
    with(stage, &[])
}

/// A stage without a default, with rules of its own.
const fn with(stage: &'static str, rules: &'static [&'static str]) -> Entry {
    Entry { stage, default: None, rules }
}

/// Every dialect, the native one first.
pub static ALL: &[&Dialect] = &[&NATIVE, &HF, &SEED1, &SEED2, &SEED3, &SEED4];

/// Kelvin's own.
pub static NATIVE: Dialect = Dialect {
    name: "native",
    aliases: &["kelvin"],
    version: concat!("kelvin ", env!("CARGO_PKG_VERSION")),
    summary: "Kelvin's own: every stage, no defaults, one total order at every edge",
    floats: None,
    entries: None,
};

static HF: Dialect = Dialect {
    name: "hf",
    aliases: &["transformers"],
    version: "Hugging Face transformers 5.23.0, generate",
    summary: "Hugging Face transformers 5.23: top-k 50 unless told, tied tokens stay",
    floats: Some(F32_UPWARDS),
    entries: Some(&[
        plain("logit-bias"),
        plain("repetition-penalty"),
        plain("no-repeat-ngram-size"),
        plain("banned-tokens"),
        plain("allowed-tokens"),
        plain("temperature"),
        Entry { stage: "top-k", default: Some("50"), rules: &["ties=all"] },
        with("top-p", &["ties=last"]),
        plain("min-p"),
        with("typical-p", &["ties=all"]),
        with("epsilon-cutoff", &["ties=all"]),
        with("eta-cutoff", &["ties=all"]),
    ]),
};

static SEED1: Dialect = Dialect {
    name: "seed1",
    aliases: &[],
    version: "the first course's notebook (numpy)",
    summary: "the first course: temperature, exactly k, the crossing token kept",
    floats: Some(F64_DOWNWARDS),
    entries: Some(&[plain("temperature"), plain("top-k"), plain("top-p")]),
};

static SEED2: Dialect = Dialect {
    name: "seed2",
    aliases: &[],
    version: "the second course's notebook (PyTorch)",
    summary: "the second course: temperature, then top-k that keeps ties, or top-p",
    floats: Some(F32_DOWNWARDS),
    entries: Some(&[plain("temperature"), with("top-k", &["ties=all"]), plain("top-p")]),
};

static SEED3: Dialect = Dialect {
    name: "seed3",
    aliases: &[],
    version: "the third course's notebook (numpy)",
    summary: "the third course: top-p before top-k, and top-k keeps ties",
    floats: Some(F64_DOWNWARDS),
    entries: Some(&[plain("temperature"), plain("top-p"), with("top-k", &["ties=all"])]),
};

static SEED4: Dialect = Dialect {
    name: "seed4",
    aliases: &[],
    version: "the fourth course's figure code (numpy)",
    summary: "the fourth course's figure: top-p drops the crossing token",
    floats: Some(F64_DOWNWARDS),
    entries: Some(&[plain("temperature"), plain("top-k"), with("top-p", &["crossing=drop"])]),
};

/// The dialect of this name or alias.
///
/// ```
/// assert_eq!(kelvin::dialect::find("kelvin").unwrap().name, "native");
/// assert!(kelvin::dialect::find("vlmm").is_none());
/// ```
pub fn find(name: &str) -> Option<&'static Dialect> {
    ALL.iter().copied().find(|dialect| dialect.name == name || dialect.aliases.contains(&name))
}

impl Dialect {
    /// The stages it has, in its order.
    pub fn stages(&self) -> Vec<&'static StageInfo> {
        match self.entries {
            None => stage::ALL.to_vec(),
            Some(entries) => entries.iter().filter_map(|entry| stage::find(entry.stage)).collect(),
        }
    }

    /// Whether it has this stage.
    pub fn has(&self, info: &StageInfo) -> bool {
        self.entries.is_none() || self.entry(info).is_some()
    }

    /// The value that a stage has where a token is drawn and nobody says anything; `None` for a neutral
    /// one.
    pub fn default_of(&self, info: &StageInfo) -> Option<&'static str> {
        self.entry(info)?.default
    }

    /// The boundary rules of a stage that are not the native ones, as `name=value`.
    pub fn rules_of(&self, info: &StageInfo) -> &'static [&'static str] {
        self.entry(info).map_or(&[], |entry| entry.rules)
    }

    fn entry(&self, info: &StageInfo) -> Option<&'static Entry> {
        self.entries?.iter().find(|entry| entry.stage == info.name)
    }

    /// A stage from its name (or alias) and the text of its arguments, with this dialect's rules where
    /// the arguments name none.
    ///
    /// # Errors
    ///
    /// [`Error::NotInDialect`] for a stage that it lacks, and those of
    /// [`build_stage`](crate::build_stage).
    pub fn build_stage(&self, name: &str, arguments: &str) -> Result<Box<dyn Stage>> {
        let Some(info) = stage::find(name) else { return crate::build_stage(name, arguments) };
        if !self.has(info) {
            let has = self.stages().iter().map(|info| info.name).collect::<Vec<_>>().join(", ");
            return Err(Error::NotInDialect { dialect: self.name, stage: info.name, has });
        }
        let mut text = String::from(arguments);
        for rule in self.rules_of(info).iter().filter(|rule| !is_named(rule, arguments)) {
            if !text.trim().is_empty() {
                text.push_str(", ");
            }
            text.push_str(rule);
        }
        crate::build_stage(info.name, &text)
    }

    /// The pipeline of these stages, each a name and the text of its arguments in any order, and of what
    /// is set by default. Under greedy, what only a draw heeds has no default.
    ///
    /// # Errors
    ///
    /// Those of [`Dialect::build_stage`].
    pub fn pipeline(&self, given: &[(&str, &str)], pick: Pick) -> Result<Pipeline> {
        let mut stages = Vec::new();
        for (name, arguments) in given {
            stages.push(self.build_stage(name, arguments)?);
        }
        let is_given = |info: &StageInfo| given.iter().any(|(name, _)| is_called(info, name));
        for info in self.stages().into_iter().filter(|info| !is_given(info)) {
            let heeded = pick == Pick::Draw || !is_about_drawing(info);
            if let Some(default) = self.default_of(info).filter(|_| heeded) {
                stages.push(self.build_stage(info.name, default)?);
            }
        }
        let order = self.stages();
        stages.sort_by_key(|stage| order.iter().position(|info| info.name == stage.info().name));
        Ok(Pipeline::new(stages, pick))
    }
}

/// Whether arguments name the parameter of this rule.
fn is_named(rule: &str, arguments: &str) -> bool {
    let key = |text: &str| text.split_once('=').map(|(key, _)| String::from(key.trim()));
    arguments.split(',').any(|argument| key(argument) == key(rule) && key(rule).is_some())
}

fn is_called(info: &StageInfo, name: &str) -> bool {
    stage::find(name).is_some_and(|found| found.name == info.name)
}

/// Whether a stage has a say only where a token is drawn.
fn is_about_drawing(info: &StageInfo) -> bool {
    matches!(info.effect, Effect::Temperature | Effect::Truncation)
}
