//! From the flags to a model that is ready to run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lm::chat::ChatTemplate;
use kelvin_lm::defaults::GenerationDefaults;
use kelvin_lm::kernel::{Activations, EngineOptions, Level};
use kelvin_lm::tokenizer::{SpecialTokens, Tokenizer};
use kelvin_lm::{Checkpoint, Model, ModelOptions, Stored, TokenId, WeightDtype, embedded};
use serde_json::{Value, json};

use crate::args::policy::text;
use crate::args::trace;
use crate::console::Console;
use crate::exit::Failure;
use crate::memory;
use crate::models::digest::Digest;
use crate::models::{self, Location};
use crate::settings::Policy;
use crate::term::number::parameters;

/// A model with its tokenizer, and what the run's header says of it.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Tokens to logits.
    pub(crate) model: Model,
    /// Text to tokens and back.
    pub(crate) tokenizer: Tokenizer,
    /// Messages to prompts; asked for only in conversations, so that a bad one is no matter elsewhere.
    pub(crate) template: kelvin_lm::Result<Option<ChatTemplate>>,
    /// What its publisher wants of a policy; nothing where no policy was asked for.
    pub(crate) defaults: GenerationDefaults,
    /// Name, file, type and size.
    pub(crate) card: Card,
    /// The hashes of its files, by name; null where the run is not recorded.
    pub(crate) sha256: Value,
}

/// What a model is called and made of.
#[derive(Debug)]
pub(crate) struct Card {
    /// What the user called it.
    pub(crate) name: String,
    /// Its file or folder.
    pub(crate) location: Location,
    /// The mix of types that the file says it is (`Q4_K_M`), or the type of most of its weights.
    pub(crate) dtype: String,
    /// How many weights it has.
    pub(crate) n_params: u64,
}

/// The model that `-m` names, checked, its weights unread; the embedded one where nothing is named.
///
/// # Errors
///
/// Something read: nothing of that name, or not a model.
pub(crate) fn open(matches: &ArgMatches, console: &mut Console<'_>) -> Result<(Checkpoint, Card)> {
    let name = text(matches, "model");
    if name.is_none() {
        console.hint(models::UNNAMED)?;
    }
    open_named(name, console)
}

/// The model of this name, checked, its weights unread; the embedded one without a name.
///
/// # Errors
///
/// Something read: nothing of that name, or not a model.
pub(crate) fn open_named(name: Option<&str>, console: &Console<'_>) -> Result<(Checkpoint, Card)> {
    let location = models::locate(name, console.places())?;
    memory::check_file(&location)?;
    let checkpoint = location.checkpoint()?;
    let name = match (name, &location) {
        (Some(name), Location::Path(path)) => called(name, path),
        _ => embedded::NAME.to_owned(),
    };
    let (dtype, n_params) = (mix(&checkpoint), n_params(&checkpoint));
    Ok((checkpoint, Card { name, location, dtype, n_params }))
}

/// What a model is called: the last part of a path, or the name as it was given.
pub(crate) fn called(name: &str, path: &Path) -> String {
    let part = if path.is_dir() { path.file_name() } else { path.file_stem() };
    match part {
        Some(part) if Path::new(name) == path => part.to_string_lossy().into_owned(),
        _ => name.trim_end_matches(".gguf").to_owned(),
    }
}

/// The model, its tokenizer and the policy for it.
///
/// # Errors
///
/// Those of [`open`], of the policy, and of a file that is no model of a known architecture.
pub(crate) fn with_policy(
    matches: &ArgMatches,
    console: &mut Console<'_>,
) -> Result<(Loaded, Policy)> {
    Policy::check(matches)?; // what is typed wrong is said before a model is read
    with_policies(matches, console, |defaults, console| {
        let policy = Policy::resolve(matches, Some(defaults))?;
        console.warn_all(&policy.warnings)?;
        Ok(policy)
    })
}

/// The model, its tokenizer, and what `resolve` makes of its publisher's defaults before its weights
/// are read.
///
/// # Errors
///
/// Those of [`open`], of `resolve`, and of a file that is no model of a known architecture.
pub(crate) fn with_policies<P>(
    matches: &ArgMatches,
    console: &mut Console<'_>,
    resolve: impl FnOnce(&GenerationDefaults, &mut Console<'_>) -> Result<P>,
) -> Result<(Loaded, P)> {
    let (checkpoint, card) = open(matches, console)?;
    let raw = matches.get_flag("raw");
    let defaults = match checkpoint.generation_defaults() {
        Err(_) if raw => checkpoint.ends()?, // what is ignored may be wrong
        defaults => defaults?,
    };
    let policies = resolve(&defaults, console)?;
    let options = model_options(matches)?;
    memory::check(&checkpoint, &card, options.dtype, console)?;
    let digest = trace::is_on(matches, console).then(|| Digest::start(&card.location));
    let mut loaded = assemble(&checkpoint, card, options)?;
    loaded.sha256 = digest.map_or(Value::Null, Digest::wait);
    if !raw {
        defaults.check_tokens(loaded.model.config().vocab_size)?;
    }
    let mut loaded = loaded.with_ends(&defaults)?;
    loaded.defaults = defaults;
    if let Some(name) = text(matches, "chat-template").filter(|name| names_template(name)) {
        loaded.template = ChatTemplate::open(&checkpoint, Some(name));
    }
    Ok((loaded, policies))
}

/// Whether `--chat-template` names one of the model's own: where no file is called so.
pub(crate) fn names_template(name: &str) -> bool {
    !Path::new(name).exists()
}

/// The model and its tokenizer, from their files.
///
/// # Errors
///
/// Those of a file that is no model of a known architecture, or of a tokenizer with more tokens than
/// the model has rows.
pub(crate) fn assemble(
    checkpoint: &Checkpoint,
    card: Card,
    options: ModelOptions,
) -> Result<Loaded> {
    let in_file = |error| card.location.blame(error);
    // side by side: the one packs weights, the other builds tables
    let (model, tokenizer) = std::thread::scope(|scope| {
        let tokenizer = scope.spawn(|| Tokenizer::open(checkpoint));
        (Model::open(checkpoint, options), tokenizer.join())
    });
    let tokenizer = tokenizer.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let (model, tokenizer) = (model.map_err(in_file)?, tokenizer.map_err(in_file)?);
    tokenizer.check_rows(model.config().vocab_size).map_err(in_file)?;
    let template = ChatTemplate::open(checkpoint, None).map_err(in_file);
    let defaults = GenerationDefaults::default();
    let dtype = held(&model, card.dtype, options.dtype);
    let card = Card { dtype, ..card };
    Ok(Loaded { model, tokenizer, template, defaults, card, sha256: Value::Null })
}

/// The formats that weights are held in, of those they are stored in: `Q8_0 of BF16`, and `F16 and
/// Q8_0 of BF16` where not every row is made of whole blocks.
fn held(model: &Model, stored: String, asked: WeightDtype) -> String {
    if asked == WeightDtype::Auto {
        return stored;
    }
    let held: Vec<&str> = model.dtypes().iter().map(|(dtype, _)| dtype.name()).collect();
    let held = held.join(" and ");
    if held == stored { stored } else { format!("{held} of {stored}") }
}

/// Everything that the flags say about how a model is loaded and run.
///
/// # Errors
///
/// Those of [`engine_options`].
pub(crate) fn model_options(matches: &ArgMatches) -> Result<ModelOptions> {
    Ok(ModelOptions { engine: engine_options(matches)?, dtype: weight_dtype(matches)? })
}

/// The format that weights are to be held in.
fn weight_dtype(matches: &ArgMatches) -> Result<WeightDtype> {
    let asked = matches.try_get_one::<String>("dtype").ok().flatten(); // inspecting has no such flag
    Ok(asked.map_or(Ok(WeightDtype::Auto), |name| name.parse())?)
}

/// Threads, instruction set and activations from their flags.
///
/// # Errors
///
/// Something typed: a level that this machine lacks.
pub(crate) fn engine_options(matches: &ArgMatches) -> Result<EngineOptions> {
    crate::engine::level(matches)?;
    let level = text(matches, "simd").map(str::parse::<Level>).transpose()?;
    let activations = match text(matches, "activations") {
        Some("f32") => Activations::F32,
        _ => Activations::Int8,
    };
    let threads = matches.get_one::<u16>("threads").map(|&n| usize::from(n));
    Ok(EngineOptions { threads, level, activations, ..EngineOptions::default() })
}

/// The tokens of something typed, which an error names.
///
/// # Errors
///
/// Something typed: a text that the vocabulary cannot spell.
pub(crate) fn encoded(ids: kelvin_lm::Result<Vec<TokenId>>, what: &str) -> Result<Vec<TokenId>> {
    let ids = ids.map_err(|error| {
        let failure = Failure::typed(format!("{what}: {error}"));
        match error.way_out() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    });
    Ok(ids?)
}

impl Loaded {
    /// The same model, whose texts also end where its publisher says.
    ///
    /// # Errors
    ///
    /// Something read: a token that the vocabulary lacks.
    pub(crate) fn with_ends(self, defaults: &GenerationDefaults) -> kelvin_lm::Result<Self> {
        let tokenizer = self.tokenizer.with_ends(defaults.ends(), "the model's eos_token_id")?;
        Ok(Self { tokenizer, ..self })
    }

    /// The tokens of a prompt, BOS included where the model wants it.
    ///
    /// # Errors
    ///
    /// Something typed: a text that the vocabulary cannot spell, or one without a single token.
    pub(crate) fn encode(&self, prompt: &str, special: SpecialTokens) -> Result<Vec<TokenId>> {
        let ids = encoded(self.tokenizer.encode_prompt(prompt, special), "the prompt")?;
        if ids.is_empty() {
            let what = "the prompt is empty, and this model puts no token of its own before it";
            return Err(Failure::typed(what).hint("give at least one character").into());
        }
        Ok(ids)
    }

    /// The model's facts for a header: `gemma3-270m · Q4_K · 268M · fast`.
    pub(crate) fn facts(&self) -> Vec<String> {
        let Card { name, location, dtype, n_params } = &self.card;
        let name = match location {
            Location::Path(_) => name.clone(),
            Location::Embedded => format!("{name} ({location})"),
        };
        let profile = self.model.engine().profile();
        vec![name, dtype.clone(), parameters(*n_params), profile.to_string()]
    }

    /// The model's facts for JSON.
    pub(crate) fn json(&self) -> Value {
        let Card { name, location, dtype, n_params } = &self.card;
        let engine = self.model.engine();
        json!({
            "name": name,
            "path": location.json(),
            "architecture": self.model.config().architecture.name(),
            "dtype": dtype,
            "n_params": n_params,
            "profile": engine.profile().name(),
            "activations": activations_name(engine.activations()),
            "simd": engine.level().name(),
            "threads": engine.threads(),
            "vocab_size": self.model.config().vocab_size,
            "sha256": self.sha256,
        })
    }
}

/// The name of a kind of activations, as `--activations` takes it.
pub(crate) fn activations_name(activations: Activations) -> &'static str {
    match activations {
        Activations::Int8 => "int8",
        Activations::F32 => "f32",
    }
}

/// How the flags read control tokens in a prompt.
pub(crate) fn special_tokens(matches: &ArgMatches) -> SpecialTokens {
    if matches.get_flag("parse-special") { SpecialTokens::Parse } else { SpecialTokens::Text }
}

/// The names of `general.file_type`, as llama.cpp numbers them.
const MIXES: [(u32, &str); 16] = [
    (0, "F32"),
    (1, "F16"),
    (2, "Q4_0"),
    (3, "Q4_1"),
    (7, "Q8_0"),
    (8, "Q5_0"),
    (9, "Q5_1"),
    (11, "Q3_K_S"),
    (12, "Q3_K_M"),
    (13, "Q3_K_L"),
    (14, "Q4_K_S"),
    (15, "Q4_K_M"),
    (16, "Q5_K_S"),
    (17, "Q5_K_M"),
    (18, "Q6_K"),
    (32, "BF16"),
];

/// The mix of types that the file says it is, or the type of most of its weights.
fn mix(checkpoint: &Checkpoint) -> String {
    let Checkpoint::Gguf(gguf) = checkpoint else { return dominant(checkpoint) };
    let said = gguf.metadata().u32("general.file_type").ok().flatten();
    let known = said.and_then(|said| MIXES.iter().find(|(number, _)| *number == said));
    known.map_or_else(|| dominant(checkpoint), |(_, name)| (*name).to_owned())
}

/// The type that holds most of the weights.
fn dominant(checkpoint: &Checkpoint) -> String {
    let mut held = BTreeMap::new();
    for tensor in checkpoint.tensors() {
        *held.entry(tensor.dtype_name.clone()).or_insert(0_u64) += tensor.n_numbers();
    }
    held.into_iter().max_by_key(|(_, n)| *n).map_or_else(String::new, |(dtype, _)| dtype)
}

/// How many weights the model has; how many numbers its files hold, where it is none known here.
fn n_params(checkpoint: &Checkpoint) -> u64 {
    let stored = || checkpoint.tensors().iter().map(Stored::n_numbers).sum();
    checkpoint.config().map_or_else(|_| stored(), |config| config.n_params())
}
