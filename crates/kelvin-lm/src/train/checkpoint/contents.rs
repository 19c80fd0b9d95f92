//! What the files of a folder hold, before any is written.

use serde::Serialize;

use super::provenance::{Provenance, TokenizerFiles};
use super::record::Record;
use crate::dtype::Dtype;
use crate::format::{SafetensorsWriter, TensorNumbers};
use crate::train::{Layout, Params, State};
use crate::{Config, ConfigNotes, Error, ErrorKind, Result, TokenId};

pub(super) const CONFIG: &str = "config.json";
const GENERATION: &str = "generation_config.json";
pub(super) const WEIGHTS: &str = "model.safetensors";
pub(super) const OPTIMIZER: &str = "optimizer.safetensors";
pub(super) const STATE: &str = "state.json";
pub(super) const TOKENIZER: &str = "tokenizer.json";
pub(super) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// Every file of a checkpoint but its manifest, in the order of their names.
pub(super) const FILES: [&str; 7] =
    [CONFIG, GENERATION, WEIGHTS, OPTIMIZER, STATE, TOKENIZER, TOKENIZER_CONFIG];

/// What stands before the names of the tensors in `optimizer.safetensors`.
pub(super) const MOMENTS: [&str; 2] = ["exp_avg.", "exp_avg_sq."];

/// A file to be written.
pub(super) struct Planned<'a> {
    pub(super) name: &'static str,
    content: Content<'a>,
}

enum Content<'a> {
    Text(Vec<u8>),
    Given(&'a [u8]),
    Tensors(SafetensorsWriter<'a>),
}

impl Planned<'_> {
    /// A file of these bytes.
    pub(super) fn text(name: &'static str, bytes: Vec<u8>) -> Self {
        Self { name, content: Content::Text(bytes) }
    }

    /// The size that the file will have.
    pub(super) fn n_bytes(&self) -> u64 {
        match &self.content {
            Content::Text(bytes) => bytes.len() as u64,
            Content::Given(bytes) => bytes.len() as u64,
            Content::Tensors(tensors) => tensors.n_bytes(),
        }
    }

    /// Gives the file's bytes, from the first to the last, to `take`.
    ///
    /// # Errors
    ///
    /// Those of `take` and of [`SafetensorsWriter::write`].
    pub(super) fn write(&self, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match &self.content {
            Content::Text(bytes) => take(bytes),
            Content::Given(bytes) => take(bytes),
            Content::Tensors(tensors) => tensors.write(take),
        }
    }
}

/// The files of a model in Hugging Face layout.
///
/// # Errors
///
/// [`ErrorKind::Logits`] for a weight that is not finite, [`ErrorKind::Shape`] for other numbers than the
/// blueprint has, and those of [`Config::to_json`].
pub(super) fn of_model<'a>(
    config: &Config,
    layout: &Layout,
    params: &'a Params,
    tokenizer: &'a TokenizerFiles,
    dtype: Dtype,
) -> Result<Vec<Planned<'a>>> {
    let (bos, eos) = tokenizer.ends();
    tokenizer.check_rows(config.vocab_size)?;
    check(layout, params, "")?;
    let config = config.to_json(ConfigNotes { dtype, bos, eos })?;
    let weights = SafetensorsWriter::new(dtype, tensors(layout, params, ""))?;
    Ok(vec![
        Planned::text(CONFIG, config.into_bytes()),
        Planned::text(GENERATION, json(&Generation { bos_token_id: bos, eos_token_id: eos })),
        Planned { name: WEIGHTS, content: Content::Tensors(weights) },
        Planned { name: TOKENIZER, content: Content::Given(tokenizer.json()) },
        Planned { name: TOKENIZER_CONFIG, content: Content::Given(tokenizer.config()) },
    ])
}

/// The files of a checkpoint but for its manifest, in the order of [`FILES`].
///
/// # Errors
///
/// Those of [`of_model`], for the moments too.
pub(super) fn of_run<'a>(state: &'a State, provenance: &'a Provenance) -> Result<Vec<Planned<'a>>> {
    let State { config, layout, params, .. } = state;
    let mut files = of_model(config, layout, params, &provenance.tokenizer, Dtype::F32)?;
    let moments = MOMENTS.into_iter().zip([&state.exp_avg, &state.exp_avg_sq]);
    let mut numbers = Vec::new();
    for (prefix, moments) in moments {
        check(layout, moments, prefix)?;
        numbers.extend(tensors(layout, moments, prefix));
    }
    let optimizer = SafetensorsWriter::new(Dtype::F32, numbers)?;
    files.push(Planned { name: OPTIMIZER, content: Content::Tensors(optimizer) });
    files.push(Planned::text(STATE, Record::new(state, provenance).to_bytes()));
    files.sort_by_key(|file| file.name);
    Ok(files)
}

/// Holds numbers to the layout, and each to being one.
///
/// # Errors
///
/// As [`of_model`].
pub(super) fn check(layout: &Layout, params: &Params, prefix: &str) -> Result<()> {
    let (given, expected) = (params.as_slice().len(), layout.n_params());
    if given != expected {
        let detail = format!("{given} numbers are given, but the blueprint has {expected}");
        return Err(Error::new(ErrorKind::Shape, detail));
    }
    let numbers = |tensor: &crate::train::Tensor| &params[&tensor.range()];
    for tensor in layout.tensors() {
        if let Some((at, x)) = numbers(tensor).iter().enumerate().find(|(_, x)| !x.is_finite()) {
            let name = tensor.name();
            let detail = format!("number {at} of {prefix}{name} is {x}: such a state is not saved");
            let hint = "begin again, or from the last checkpoint with --init step-N, at a lower learning rate";
            return Err(Error::new(ErrorKind::Logits, detail).hint(hint));
        }
    }
    Ok(())
}

fn tensors<'a>(layout: &Layout, params: &'a Params, prefix: &str) -> Vec<TensorNumbers<'a>> {
    let named = |tensor: &crate::train::Tensor| TensorNumbers {
        name: format!("{prefix}{}", tensor.name()),
        shape: tensor.shape().to_vec(),
        numbers: &params[&tensor.range()],
    };
    layout.tensors().iter().map(named).collect()
}

/// `generation_config.json`: where a text ends, and nothing about sampling.
#[derive(Serialize)]
struct Generation {
    #[serde(skip_serializing_if = "Option::is_none")]
    bos_token_id: Option<TokenId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eos_token_id: Option<TokenId>,
}

/// A value as a file of JSON, for programs and people.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("strings, numbers and lists are JSON");
    bytes.push(b'\n');
    bytes
}
