//! What a model's publisher wants generation to be like, where nobody says otherwise.

#![forbid(unsafe_code)]

mod ends;
mod generation_config;
mod gguf;
mod keys;

use std::fmt;

use kelvin::TokenId;

use crate::format::gguf::Metadata;
use crate::{Error, ErrorKind, Result};

/// The file that a default stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `generation_config.json` of a folder in Hugging Face layout.
    GenerationConfig,
    /// `general.sampling.*` of a GGUF file.
    Gguf,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GenerationConfig => "generation_config.json",
            Self::Gguf => "GGUF",
        })
    }
}

/// A value of one stage, in its text form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultSetting {
    /// The stage's name.
    pub stage: &'static str,
    /// Its arguments as a pipeline has them, each number as the decimal that the file means: `0.95`.
    pub arguments: String,
    /// The file's word for it.
    pub key: &'static str,
    /// Where it stands.
    pub source: Source,
}

impl DefaultSetting {
    /// Whether the value is in its stage's range.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`], naming file, key and range.
    pub fn check(&self) -> Result<()> {
        let Err(error) = kelvin::build_stage(self.stage, &self.arguments) else { return Ok(()) };
        let Self { key, source, .. } = self;
        let detail = match &error {
            kelvin::Error::Parameter { given, range, .. } => {
                format!("{source}: {key} = {given} is outside {range}")
            }
            error => format!("{source}: {key}: {error}"),
        };
        Err(Error::new(ErrorKind::Format, detail))
    }
}

/// How long a text is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// At most so many tokens after the prompt.
    MaxNewTokens(usize),
    /// At most so many, the prompt counted.
    MaxLength(usize),
}

impl Length {
    /// The tokens that may follow a prompt; none where the prompt is that long itself.
    ///
    /// ```
    /// use kelvin_lm::defaults::Length;
    ///
    /// assert_eq!(Length::MaxLength(100).max_new_tokens(60), Some(40));
    /// assert_eq!(Length::MaxLength(100).max_new_tokens(100), None);
    /// assert_eq!(Length::MaxNewTokens(100).max_new_tokens(60), Some(100));
    /// ```
    pub fn max_new_tokens(self, n_prompt: usize) -> Option<usize> {
        match self {
            Self::MaxNewTokens(n) => Some(n),
            Self::MaxLength(n) => n.checked_sub(n_prompt).filter(|&n| n > 0),
        }
    }
}

/// What a model's files ask for, each value with the file it stands in.
///
/// Nothing in a file is passed over in silence: what this version knows is here, what it does not
/// apply is among the [`warnings`](Self::warnings), and what cannot change a token is left out.
///
/// ```
/// use kelvin_lm::defaults::GenerationDefaults;
///
/// let file = br#"{"do_sample": true, "temperature": 0.6, "top_k": 0, "eos_token_id": [1, 106], "num_beams": 4}"#;
/// let defaults = GenerationDefaults::from_generation_config(file)?;
/// assert_eq!(defaults.setting("temperature").unwrap().arguments, "0.6");
/// assert_eq!(defaults.setting("top-k").unwrap().arguments, "off");
/// assert_eq!(defaults.ends(), [1, 106]);
/// assert_eq!(defaults.warnings(), ["generation_config.json: num_beams = 4 is not applied"]);
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GenerationDefaults {
    settings: Vec<DefaultSetting>,
    /// `do_sample`, where it is said.
    samples: Option<(bool, Source)>,
    length: Option<(Length, Source)>,
    stops: Option<(Vec<String>, Source)>,
    ends: Vec<TokenId>,
    /// Every token that is named, with the key that names it.
    tokens: Vec<(&'static str, TokenId)>,
    warnings: Vec<String>,
}

impl GenerationDefaults {
    /// What a GGUF file's `general.sampling.*` ask for. A value of a type that makes no sense is not
    /// applied, and a warning says so.
    pub fn from_gguf(metadata: &Metadata) -> Self {
        gguf::read(metadata)
    }

    /// What `generation_config.json` asks for, in transformers' words.
    ///
    /// `do_sample: false` is greedy, as there. Where the key is absent, transformers is greedy; here
    /// that leaves everything as it is without the file. Stage values are not checked against their
    /// ranges yet: see [`DefaultSetting::check`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] for a file that is no JSON object, and for a key whose value is of
    /// another type than it has to be.
    pub fn from_generation_config(bytes: &[u8]) -> Result<Self> {
        generation_config::read(bytes)
    }

    /// Nothing but the ends that a JSON file in Hugging Face layout has under `eos_token_id`; `what` names
    /// it in errors.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] for a file that is no JSON object, and where the key is no token id and no
    /// list of them.
    pub(crate) fn of_ends(bytes: &[u8], what: &str) -> Result<Self> {
        let ends = ends::read(bytes, what)?;
        let tokens = ends.iter().map(|&token| ("eos_token_id", token)).collect();
        Ok(Self { ends, tokens, ..Self::default() })
    }

    /// These defaults, and below them others, which count where these say nothing. Ends and warnings
    /// are those of both.
    #[must_use]
    pub fn over(mut self, lower: Self) -> Self {
        let said = |setting: &DefaultSetting| self.setting(setting.stage).is_some();
        let more: Vec<_> = lower.settings.into_iter().filter(|setting| !said(setting)).collect();
        self.settings.extend(more);
        self.samples = self.samples.or(lower.samples);
        self.length = self.length.or(lower.length);
        self.stops = self.stops.or(lower.stops);
        self.ends.extend(lower.ends);
        self.ends.sort_unstable();
        self.ends.dedup();
        self.tokens.extend(lower.tokens);
        self.warnings.extend(lower.warnings);
        self
    }

    /// The value of the stage of this name.
    pub fn setting(&self, stage: &str) -> Option<&DefaultSetting> {
        self.settings.iter().find(|setting| setting.stage == stage)
    }

    /// The values of all stages.
    pub fn settings(&self) -> &[DefaultSetting] {
        &self.settings
    }

    /// Whether tokens are to be drawn (or else taken greedily), where a file says so.
    pub fn samples(&self) -> Option<(bool, Source)> {
        self.samples
    }

    /// How long a text is to be, where a file says so.
    pub fn length(&self) -> Option<(Length, Source)> {
        self.length
    }

    /// Strings that end a text, where a file names any.
    pub fn stops(&self) -> Option<(&[String], Source)> {
        self.stops.as_ref().map(|(stops, source)| (&stops[..], *source))
    }

    /// Tokens that end a text, in addition to the tokenizer's own; by id, each once.
    pub fn ends(&self) -> &[TokenId] {
        &self.ends
    }

    /// What the files ask for and this version does not do, a line each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether the vocabulary has every token that the files name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`], naming file and key.
    pub fn check_tokens(&self, vocab_size: usize) -> Result<()> {
        let outside = |(_, token): &&(_, TokenId)| *token as usize >= vocab_size;
        let Some((key, token)) = self.tokens.iter().find(outside) else { return Ok(()) };
        let (source, last) = (Source::GenerationConfig, vocab_size.saturating_sub(1));
        let detail = format!("{source}: {key} has token {token}, outside 0 to {last}");
        Err(Error::new(ErrorKind::Format, detail))
    }
}
