//! The stages: what narrows or reweighs the candidates, one file each, and the registry of them all.
//!
//! A stage is described once, in its [`StageInfo`]. The text form, command-line flags, JSON fields and
//! the reference page are read from there, so adding a stage touches its file and [`ALL`].

mod adaptive_temperature;
mod allowed_tokens;
mod banned_tokens;
mod edt;
mod epsilon_cutoff;
mod eta_cutoff;
mod frequency_penalty;
mod logit_bias;
mod min_p;
mod no_repeat_ngram_size;
mod presence_penalty;
mod repetition_penalty;
mod temperature;
mod temperature_schedule;
mod top_k;
mod top_n_sigma;
mod top_p;
mod typical_p;

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;

pub use adaptive_temperature::AdaptiveTemperature;
pub use allowed_tokens::AllowedTokens;
pub use banned_tokens::BannedTokens;
pub use edt::Edt;
pub use epsilon_cutoff::EpsilonCutoff;
pub use eta_cutoff::EtaCutoff;
pub use frequency_penalty::FrequencyPenalty;
pub use logit_bias::LogitBias;
pub use min_p::MinP;
pub use no_repeat_ngram_size::NoRepeatNgramSize;
pub use presence_penalty::PresencePenalty;
pub use repetition_penalty::RepetitionPenalty;
pub use temperature::Temperature;
pub use temperature_schedule::{Shape, TemperatureSchedule};
pub use top_k::TopK;
pub use top_n_sigma::TopNSigma;
pub use top_p::TopP;
pub use typical_p::TypicalP;

use crate::arguments::Arguments;
use crate::candidates::Candidates;
use crate::history::Part;
use crate::{Crossing, Error, History, Result, Scope, Ties, TokenId};

/// One step of a pipeline: narrows or reweighs the candidates.
///
/// `apply` cannot fail: parameters are checked when the stage is built. A stage that bans may leave
/// nothing, which the sampler reports with the stage's name; a truncation keeps at least one token.
pub trait Stage: fmt::Debug + Send + Sync {
    /// The static facts.
    fn info(&self) -> &'static StageInfo;

    /// Narrows or reweighs the candidates.
    fn apply(&self, candidates: &mut Candidates<'_>, step: &Step<'_>);

    /// Writes the arguments as they stand between the parentheses of the text form.
    ///
    /// # Errors
    ///
    /// Only those of the writer.
    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result;

    /// Whether these parameters change nothing; such a stage is shown and skipped.
    fn is_neutral(&self) -> bool;

    /// What it multiplies the temperature by at this place of a text; `None` where it looks at the row for
    /// that, and where it leaves the temperature alone.
    fn temperature(&self, history: &History) -> Option<f64> {
        let _ = history;
        None
    }

    /// The tokens of the history that the stage wants counted.
    fn scope(&self) -> Option<Scope> {
        None
    }

    /// The largest token id among the parameters, which must lie inside the vocabulary.
    fn largest_token(&self) -> Option<TokenId> {
        None
    }

    /// Whether the stage asks for the first token of the total order instead of a draw.
    fn is_greedy(&self) -> bool {
        false
    }
}

/// What a stage is lent for one token.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The sequence so far.
    pub history: &'a History,
}

/// What a stage does to the candidates; decides what greedy skips and how a trace counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Changes logits, or bans by −∞.
    Logits,
    /// Bans all but some.
    Mask,
    /// Sets the temperature.
    Temperature,
    /// Keeps the best part.
    Truncation,
}

/// Everything there is to know about a kind of stage.
pub struct StageInfo {
    /// Canonical name: Hugging Face's where there is one, with hyphens.
    pub name: &'static str,
    /// Other engines' spellings.
    pub aliases: &'static [&'static str],
    /// One line, at most 79 columns.
    pub summary: &'static str,
    /// The parameters; the first is the one that the stage's own flag sets.
    pub params: &'static [Param],
    /// What it does to the candidates.
    pub effect: Effect,
    /// Whether the first token of the total order always stays first, under the default rules.
    pub keeps_argmax: bool,
    /// Paper, pull request or document it comes from.
    pub origin: &'static str,
    /// Builds the stage from the text of its arguments.
    pub build: fn(&Arguments<'_>) -> Result<Box<dyn Stage>>,
}

impl fmt::Debug for StageInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageInfo").field("name", &self.name).finish_non_exhaustive()
    }
}

impl StageInfo {
    /// The name as JSON and Python spell it.
    pub fn json_name(&self) -> String {
        self.name.replace('-', "_")
    }

    /// The error for a value outside the range of the parameter at this place.
    pub(crate) fn refuse(&self, at: usize, given: impl fmt::Display) -> Error {
        let Param { name, range, .. } = self.params[at];
        Error::Parameter { stage: self.name, name, given: given.to_string(), range }
    }

    /// Whether the one parameter is a list that takes every argument.
    pub fn takes_list(&self) -> bool {
        matches!(self.params[0].kind, Kind::Tokens | Kind::Biases)
    }
}

/// A parameter of a stage.
#[derive(Debug)]
pub struct Param {
    /// Its name inside the parentheses; the flag is the stage's name, and for all but the first
    /// parameter a hyphen and this.
    pub name: &'static str,
    /// Other engines' spellings of the flag.
    pub aliases: &'static [&'static str],
    /// What is written.
    pub kind: Kind,
    /// The allowed range, in words, with the way out.
    pub range: &'static str,
    /// The value where none is given; `None` where one must be.
    pub default: Option<&'static str>,
    /// The value that changes nothing, for the first parameter.
    pub neutral: &'static str,
}

/// What kind of value a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A decimal number.
    Number,
    /// A whole number.
    Integer,
    /// Token ids.
    Tokens,
    /// Token ids with a bias each.
    Biases,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// Every stage, in the default order.
pub static ALL: &[&StageInfo] = &[
    &logit_bias::INFO,
    &allowed_tokens::INFO,
    &banned_tokens::INFO,
    &repetition_penalty::INFO,
    &presence_penalty::INFO,
    &frequency_penalty::INFO,
    &no_repeat_ngram_size::INFO,
    &temperature::INFO,
    &temperature_schedule::INFO,
    &adaptive_temperature::INFO,
    &edt::INFO,
    &top_k::INFO,
    &top_p::INFO,
    &min_p::INFO,
    &typical_p::INFO,
    &epsilon_cutoff::INFO,
    &eta_cutoff::INFO,
    &top_n_sigma::INFO,
];

/// The window of a penalty.
const LAST: Param = Param {
    name: "last",
    aliases: &[],
    kind: Kind::Integer,
    range: "whole numbers ≥ 0 (off for all tokens)",
    default: Some("off"),
    neutral: "",
};

/// The scope of a penalty that looks at everything.
const SCOPE_ALL: Param = Param {
    name: "scope",
    aliases: &[],
    kind: Kind::Choice(Part::NAMES),
    range: "the words prompt, output and all",
    default: Some("all"),
    neutral: "",
};

/// The scope of a penalty that looks at the output.
const SCOPE_OUTPUT: Param = Param { default: Some("output"), ..SCOPE_ALL };

/// Which of the tokens that tie at the edge stay.
const TIES: Param = Param {
    name: "ties",
    aliases: &[],
    kind: Kind::Choice(Ties::NAMES),
    range: "the words first, last and all (which stay of the tokens that tie at the edge)",
    default: Some("first"),
    neutral: "",
};

/// Whether the token that crosses the mass stays.
const CROSSING: Param = Param {
    name: "crossing",
    aliases: &[],
    kind: Kind::Choice(Crossing::NAMES),
    range: "the words keep and drop (whether the token that crosses the mass stays)",
    default: Some("keep"),
    neutral: "",
};

/// The rule for ties, where it is not the native one.
fn write_ties(out: &mut dyn fmt::Write, ties: Ties) -> fmt::Result {
    if ties == Ties::First { Ok(()) } else { write!(out, ", ties={ties}") }
}

/// The arguments of a penalty, all of them: nothing about its scope is left to be guessed.
fn write_penalty(out: &mut dyn fmt::Write, value: f64, scope: Scope) -> fmt::Result {
    write!(out, "{value}")?;
    if let Some(last) = scope.last {
        write!(out, ", last={last}")?;
    }
    write!(out, ", scope={}", scope.part)
}

/// A list of token ids as arguments.
fn write_tokens(out: &mut dyn fmt::Write, tokens: &[TokenId]) -> fmt::Result {
    if tokens.is_empty() {
        return out.write_str("off");
    }
    for (at, token) in tokens.iter().enumerate() {
        write!(out, "{}{token}", if at == 0 { "" } else { ", " })?;
    }
    Ok(())
}

/// The stage of this name or alias; hyphens and underscores are the same here.
pub fn find(name: &str) -> Option<&'static StageInfo> {
    let name = name.replace('_', "-");
    let is_alias = |aliases: &[&str]| aliases.iter().any(|alias| alias.replace('_', "-") == name);
    ALL.iter().copied().find(|info| info.name == name || is_alias(info.aliases))
}
