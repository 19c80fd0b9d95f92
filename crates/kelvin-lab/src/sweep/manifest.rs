//! Everything that the samples of a sweep depend on.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Grid, Shard};
use crate::{Error, Key, Result};

/// More samples than this are taken for a slip of the finger.
const MOST_SAMPLES: usize = 10_000_000;
/// Tokens of a prompt or of a sample, at most: their places are 32-bit numbers in the tables.
const MOST_TOKENS: usize = u32::MAX as usize;

/// What a sweep is: two sweeps with equal manifests have equal samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA`](super::SCHEMA).
    pub schema: String,
    /// The version of Kelvin.
    pub kelvin: String,
    /// What decodes.
    pub model: ModelId,
    /// What reads the texts afterwards, where something does.
    #[serde(default)]
    pub judge: Option<JudgeId>,
    /// What varies.
    pub grid: Grid,
    /// The policy of each cell: its pipeline in text form, whatever is fixed included.
    pub pipelines: Vec<String>,
    /// What is continued.
    pub prompts: Vec<PromptId>,
    /// Samples of each cell and prompt.
    pub n: u32,
    /// The seed of all of them.
    pub seed: u64,
    /// Tokens after which a sample ends.
    pub max_new_tokens: usize,
    /// Texts that a sample ends before.
    pub stop: Vec<String>,
    /// The part of the sweep that the folder holds.
    pub shard: Shard,
}

/// A model with all that its logits depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelId {
    /// What it is called.
    pub name: String,
    /// The hash of each of its files, tokenizer included, by name.
    pub sha256: Value,
    /// What its weights are held in.
    pub dtype: String,
    /// What its weights meet.
    pub activations: String,
    /// How multiply and add are rounded.
    pub profile: String,
}

/// A model that judges texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeId {
    /// The model.
    #[serde(flatten)]
    pub model: ModelId,
    /// Whether control tokens that a prompt spells are such to it.
    pub parse_special: bool,
}

/// A prompt with all that its samples depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromptId {
    /// As it was given.
    pub text: String,
    /// How many tokens it has.
    pub n_tokens: usize,
    /// The hash of its tokens.
    pub hash: u64,
    /// The random stream of its samples.
    pub stream: u64,
}

impl Manifest {
    /// Reads one that was written as JSON.
    ///
    /// # Errors
    ///
    /// What is no manifest, one of a later schema, one that no sweep has: [`check`](Self::check).
    pub fn read(json: &str) -> Result<Self> {
        let manifest: Self = serde_json::from_str(json)
            .map_err(|cause| Error::new("not the manifest of a sweep").caused_by(cause))?;
        if manifest.schema != super::SCHEMA {
            let (given, known) = (&manifest.schema, super::SCHEMA);
            return Err(Error::new(format!("a manifest of schema {given:?}, this is {known:?}")));
        }
        let (cells, pipelines) = (manifest.grid.n_cells(), manifest.pipelines.len());
        if cells != pipelines {
            return Err(Error::new(format!(
                "a manifest of {cells} cells and {pipelines} policies"
            )));
        }
        manifest.check()?;
        Ok(manifest)
    }

    /// Whether there are not too many samples, or tokens of one.
    ///
    /// # Errors
    ///
    /// There are, with the numbers.
    pub fn check(&self) -> Result<()> {
        if self.n_samples().is_none_or(|n_samples| n_samples > MOST_SAMPLES) {
            let (cells, prompts, n) = (self.pipelines.len(), self.prompts.len(), self.n);
            let what = format!("{cells} cells × {prompts} prompts × {n} samples are too many");
            return Err(Error::new(format!("{what}, at most {MOST_SAMPLES} together")));
        }
        let of_prompts = self.prompts.iter().map(|prompt| prompt.n_tokens);
        match of_prompts.chain([self.max_new_tokens]).find(|&n_tokens| n_tokens > MOST_TOKENS) {
            Some(n_tokens) => {
                Err(Error::new(format!("{n_tokens} tokens are too many, at most {MOST_TOKENS}")))
            }
            None => Ok(()),
        }
    }

    /// As JSON, for its file.
    ///
    /// # Panics
    ///
    /// Never: numbers and texts are JSON.
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("numbers and texts are JSON") + "\n"
    }

    /// The whole that this is a part of.
    #[must_use]
    pub fn whole(&self) -> Self {
        Self { shard: Shard::WHOLE, ..self.clone() }
    }

    /// How many samples there are in all parts together; `None` beyond all counting.
    pub fn n_samples(&self) -> Option<usize> {
        let n = usize::try_from(self.n).ok()?;
        self.pipelines.len().checked_mul(self.prompts.len())?.checked_mul(n)
    }

    /// The samples of this part, in the order of their keys.
    pub fn keys(&self) -> impl Iterator<Item = Key> + use<> {
        let Self { n, shard, .. } = *self;
        let (cells, prompts) = (self.pipelines.len(), self.prompts.len());
        let of = move |cell, prompt| (0..n).map(move |sample| Key { cell, prompt, sample });
        let all =
            (0..cells).flat_map(move |cell| (0..prompts).flat_map(move |prompt| of(cell, prompt)));
        all.enumerate().filter(move |(at, _)| shard.takes(*at)).map(|(_, key)| key)
    }

    /// Whether a sample is one of this part.
    pub fn has(&self, key: Key) -> bool {
        let Key { cell, prompt, sample } = key;
        let (prompts, n) = (self.prompts.len(), self.n as usize);
        let inside = cell < self.pipelines.len() && prompt < prompts && sample < self.n;
        inside && self.shard.takes((cell * prompts + prompt) * n + sample as usize)
    }

    /// What differs in another manifest, a line each: `seed: 1 here, 2 there`.
    pub fn differences(&self, there: &Self) -> Vec<String> {
        let [here, there] = [self, there].map(|it| serde_json::to_value(it).unwrap_or_default());
        let mut found = Vec::new();
        compare("", &here, &there, &mut found);
        found
    }
}

/// Adds a line for each leaf that is not the same.
fn compare(path: &str, here: &Value, there: &Value, found: &mut Vec<String>) {
    let inside = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match (here, there) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            a.iter().zip(b.values()).for_each(|((name, a), b)| compare(&inside(name), a, b, found));
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.for_each(|(at, (a, b))| compare(&inside(&at.to_string()), a, b, found));
        }
        (here, there) if here == there => {}
        (Value::Array(a), Value::Array(b)) => {
            found.push(format!("{path}: {} here, {} there", a.len(), b.len()));
        }
        (here, there) => {
            let [here, there] = [here, there].map(shown);
            found.push(format!("{path}: {here} here, {there} there"));
        }
    }
}

/// A value that something else stands in place of: of what has a name, the name.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        value => value.get("name").unwrap_or(value).to_string(),
    }
}
