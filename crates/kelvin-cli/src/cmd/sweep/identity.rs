//! What a sweep's samples depend on besides its settings: the model's files, the prompts' tokens.

use kelvin_lab::sweep::{JudgeId, ModelId, PromptId};

use crate::exit::Failure;
use crate::experiment::Prompt;
use crate::judge::Judge;
use crate::load::{self, Loaded};
use crate::models::digest;

/// What decodes, with the hashes of its files.
///
/// # Errors
///
/// Something read: a file that is gone meanwhile.
pub(super) fn of_model(loaded: &Loaded) -> Result<ModelId, Failure> {
    let engine = loaded.model.engine();
    let dtypes = loaded.model.dtypes();
    let held: Vec<&str> = dtypes.iter().map(|(dtype, _)| dtype.name()).collect();
    let location = &loaded.card.location;
    let sha256 = digest::of(location)
        .map_err(|cause| Failure::read(format!("cannot read {location} again")).caused_by(cause))?;
    Ok(ModelId {
        name: loaded.card.name.clone(),
        sha256,
        dtype: held.join(" "),
        activations: load::activations_name(engine.activations()).to_owned(),
        profile: engine.profile().name().to_owned(),
    })
}

/// What judges, with the hashes of its files.
///
/// # Errors
///
/// As [`of_model`].
pub(super) fn of_judge(judge: &Judge) -> Result<JudgeId, Failure> {
    Ok(JudgeId { model: of_model(judge.model())?, parse_special: judge.parses_special() })
}

/// A prompt with the hash of its tokens.
pub(super) fn of_prompt(prompt: &Prompt) -> PromptId {
    let Prompt { text, ids, seed } = prompt;
    let hash = kelvin::stream_of(ids);
    PromptId { text: text.clone(), n_tokens: ids.len(), hash, stream: seed.stream }
}
