//! The blueprint in a folder's `config.json`: names and defaults are those of transformers.

use std::fmt::Display;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::rope::{ByLayerType, Parameters};
use crate::config::{
    Activation, Architecture, Biases, Config, FeedForward, NormKind, Positions, QueryScale, Rope,
    Window,
};
use crate::format::json::{self, Limits};
use crate::format::{Folder, Text};
use crate::{Error, ErrorKind, Result};

/// The values of `model_type` that are known.
const MODEL_TYPES: [&str; 4] = ["gpt2", "llama", "gemma3_text", "gemma3"];

/// What `hidden_act` and its like may be; several names are one function.
pub(super) const ACTIVATIONS: [(&str, Activation); 8] = [
    ("gelu_new", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("gelu_fast", Activation::GeluTanh),
    ("gelu", Activation::GeluErf),
    ("gelu_python", Activation::GeluErf),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
    ("relu", Activation::Relu),
];

impl Config {
    /// The blueprint in a folder's `config.json`.
    ///
    /// What a file leaves out has the value that transformers gives it.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for an architecture or setting this version does not know,
    /// [`ErrorKind::Format`] for what is no JSON or no such setting, [`ErrorKind::Shape`] for
    /// numbers that contradict each other; each names the file.
    pub fn from_folder(folder: &Folder) -> Result<Self> {
        config(folder)
    }

    /// The blueprint in the bytes of a `config.json`.
    ///
    /// ```
    /// use kelvin_lm::Config;
    ///
    /// let gpt2 = Config::from_json(br#"{"model_type": "gpt2"}"#)?;
    /// assert_eq!((gpt2.n_layers, gpt2.d_model, gpt2.vocab_size), (12, 768, 50_257));
    /// assert!(Config::from_json(br#"{"model_type": "bert"}"#).is_err());
    /// # Ok::<(), kelvin_lm::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Config::from_folder`], without the file's name.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let config = of_json(bytes)?;
        config.check()?;
        Ok(config)
    }
}

pub(in super::super) fn config(folder: &Folder) -> Result<Config> {
    Config::from_json(folder.config_json()).map_err(|error| error.in_file(folder.config_path()))
}

/// What every family has.
#[derive(Deserialize)]
struct Common {
    model_type: Option<String>,
    quantization_config: Option<IgnoredAny>,
}

fn of_json(bytes: &[u8]) -> Result<Config> {
    let common: Common = read(bytes)?;
    let Some(model_type) = common.model_type else {
        let hint = "take the folder that save_pretrained wrote, with its own config.json";
        return Err(Error::new(ErrorKind::Format, "config.json lacks model_type").hint(hint));
    };
    if common.quantization_config.is_some() {
        return Err(unsupported("quantization_config", &"a table", "null")
            .hint("take the model in F32, F16 or BF16, or as a GGUF file"));
    }
    match &*model_type {
        "gpt2" => read::<Gpt2>(bytes)?.config(),
        "llama" => read::<Llama>(bytes)?.config(),
        "gemma3_text" => {
            let text: Gemma3 = read(bytes)?;
            let tied = text.tie_word_embeddings;
            text.config(tied)
        }
        "gemma3" => {
            let Whole { text_config, tie_word_embeddings } = read(bytes)?;
            text_config.unwrap_or_default().config(tie_word_embeddings)
        }
        other => Err(Architecture::unknown(other, &MODEL_TYPES)),
    }
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T> {
    json::object(bytes, "config.json", Limits::SETTINGS)
}

/// A setting whose value this version does not know.
pub(super) fn unsupported(name: &str, given: &dyn Display, known: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{name} = {given}, but only {known} is known"))
}

/// The function of that name, under a setting called `setting`.
fn activation(setting: &str, name: &str) -> Result<Activation> {
    let found = ACTIVATIONS.iter().find(|(known, _)| *known == name);
    found.map(|(_, activation)| *activation).ok_or_else(|| {
        let known = ACTIVATIONS.map(|(known, _)| known).join(", ");
        let name = Text(name.as_bytes());
        let detail = format!("{setting} = \"{name}\" is not one of those known: {known}");
        Error::new(ErrorKind::Unsupported, detail)
    })
}

/// The width of one of `n_heads` heads, where all are as wide as the model.
fn even_split(d_model: usize, n_heads: usize) -> Result<usize> {
    if n_heads > 0 && d_model.is_multiple_of(n_heads) {
        return Ok(d_model / n_heads);
    }
    let detail = format!("d_model = {d_model} is not a multiple of n_heads = {n_heads}");
    Err(Error::new(ErrorKind::Shape, detail))
}

/// 1 / √x.
fn inverse_root(x: f32) -> f32 {
    1.0 / x.sqrt()
}

/// The settings of `GPT2Config` that decide a logit. Dropout is for training;
/// `reorder_and_upcast_attn` changes how a half-precision product is rounded, and here it is f32.
#[derive(Deserialize)]
struct Gpt2 {
    vocab_size: Option<usize>,
    #[serde(alias = "max_position_embeddings")]
    n_positions: Option<usize>,
    #[serde(alias = "hidden_size")]
    n_embd: Option<usize>,
    #[serde(alias = "num_hidden_layers")]
    n_layer: Option<usize>,
    #[serde(alias = "num_attention_heads")]
    n_head: Option<usize>,
    n_inner: Option<usize>,
    activation_function: Option<String>,
    layer_norm_epsilon: Option<f32>,
    scale_attn_weights: Option<bool>,
    scale_attn_by_inverse_layer_idx: Option<bool>,
    add_cross_attention: Option<bool>,
    tie_word_embeddings: Option<bool>,
}

impl Gpt2 {
    fn config(&self) -> Result<Config> {
        if self.add_cross_attention == Some(true) {
            return Err(unsupported("add_cross_attention", &true, "false"));
        }
        let (d_model, n_heads) = (self.n_embd.unwrap_or(768), self.n_head.unwrap_or(12));
        let head_dim = even_split(d_model, n_heads)?;
        let scaled = self.scale_attn_weights.unwrap_or(true);
        let scale = if scaled { inverse_root(head_dim as f32) } else { 1.0 };
        let by_depth = self.scale_attn_by_inverse_layer_idx == Some(true);
        let name = self.activation_function.as_deref().unwrap_or("gelu_new");
        Ok(Config {
            architecture: Architecture::Gpt2,
            n_layers: self.n_layer.unwrap_or(12),
            d_model,
            n_heads,
            n_kv_heads: n_heads,
            head_dim,
            d_ff: self.n_inner.unwrap_or(d_model.saturating_mul(4)),
            vocab_size: self.vocab_size.unwrap_or(50_257),
            max_seq: self.n_positions.unwrap_or(1024),
            norm: NormKind::Layer,
            norm_eps: self.layer_norm_epsilon.unwrap_or(1e-5),
            positions: Positions::Learned,
            window: None,
            activation: activation("activation_function", name)?,
            feed_forward: FeedForward::Plain,
            biases: Biases::ALL,
            embedding_scale: 1.0,
            query_scale: if by_depth {
                QueryScale::ByDepth(scale)
            } else {
                QueryScale::Uniform(scale)
            },
            attn_softcap: None,
            logit_softcap: None,
            qk_norm: false,
            post_norms: false,
            tied_head: self.tie_word_embeddings.unwrap_or(true),
        })
    }
}

/// The settings of `LlamaConfig` that decide a logit.
#[derive(Deserialize)]
struct Llama {
    vocab_size: Option<usize>,
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    hidden_act: Option<String>,
    max_position_embeddings: Option<usize>,
    rms_norm_eps: Option<f32>,
    rope_theta: Option<f32>,
    #[serde(default, deserialize_with = "json::nested")]
    rope_scaling: Option<Parameters>,
    #[serde(default, deserialize_with = "json::nested")]
    rope_parameters: Option<Parameters>,
    original_max_position_embeddings: Option<usize>,
    partial_rotary_factor: Option<f32>,
    sliding_window: Option<usize>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    tie_word_embeddings: Option<bool>,
}

impl Llama {
    fn config(&self) -> Result<Config> {
        let d_model = self.hidden_size.unwrap_or(4096);
        let n_heads = self.num_attention_heads.unwrap_or(32);
        let head_dim = match self.head_dim {
            Some(given) => given,
            None => even_split(d_model, n_heads)?,
        };
        let max_seq = self.max_position_embeddings.unwrap_or(2048);
        if let Some(size) = self.sliding_window.filter(|&size| size < max_seq) {
            return Err(unsupported("sliding_window", &size, "null"));
        }
        let rope = self.rope(max_seq)?;
        let attention_bias = self.attention_bias == Some(true);
        let name = self.hidden_act.as_deref().unwrap_or("silu");
        Ok(Config {
            architecture: Architecture::Llama,
            n_layers: self.num_hidden_layers.unwrap_or(32),
            d_model,
            n_heads,
            n_kv_heads: self.num_key_value_heads.unwrap_or(n_heads),
            head_dim,
            d_ff: self.intermediate_size.unwrap_or(11_008),
            vocab_size: self.vocab_size.unwrap_or(32_000),
            max_seq,
            norm: NormKind::Rms,
            norm_eps: self.rms_norm_eps.unwrap_or(1e-6),
            positions: Positions::Rotary(rope),
            window: None,
            activation: activation("hidden_act", name)?,
            feed_forward: FeedForward::Gated,
            biases: Biases {
                query_key_value: attention_bias,
                attn_output: attention_bias,
                feed_forward: self.mlp_bias == Some(true),
            },
            embedding_scale: 1.0,
            query_scale: QueryScale::Uniform(inverse_root(head_dim as f32)),
            attn_softcap: None,
            logit_softcap: None,
            qk_norm: false,
            post_norms: false,
            tied_head: self.tie_word_embeddings.unwrap_or(false),
        })
    }

    fn rope(&self, max_seq: usize) -> Result<Rope> {
        let scaling = self.rope_scaling.as_ref().filter(|scaling| !scaling.is_empty());
        let parameters = scaling.or(self.rope_parameters.as_ref()).cloned().unwrap_or_default();
        parameters
            .inside(self.original_max_position_embeddings, self.partial_rotary_factor)
            .rope(self.rope_theta.unwrap_or(10_000.0), max_seq)
    }
}

/// The settings of `Gemma3Config` that decide a logit of text.
#[derive(Deserialize)]
struct Whole {
    #[serde(default, deserialize_with = "json::nested")]
    text_config: Option<Gemma3>,
    tie_word_embeddings: Option<bool>,
}

/// The settings of `Gemma3TextConfig` that decide a logit.
#[derive(Default, Deserialize)]
struct Gemma3 {
    vocab_size: Option<usize>,
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    hidden_activation: Option<String>,
    max_position_embeddings: Option<usize>,
    rms_norm_eps: Option<f32>,
    query_pre_attn_scalar: Option<f32>,
    #[serde(default = "Setting::absent")]
    sliding_window: Setting<usize>,
    sliding_window_pattern: Option<usize>,
    layer_types: Option<Vec<String>>,
    rope_theta: Option<f32>,
    rope_local_base_freq: Option<f32>,
    #[serde(default, deserialize_with = "json::nested")]
    rope_scaling: Option<Parameters>,
    #[serde(default, deserialize_with = "json::nested")]
    rope_parameters: Option<ByLayerType>,
    partial_rotary_factor: Option<f32>,
    attention_bias: Option<bool>,
    attn_logit_softcapping: Option<f32>,
    final_logit_softcapping: Option<f32>,
    use_bidirectional_attention: Option<bool>,
    tie_word_embeddings: Option<bool>,
}

impl Gemma3 {
    fn config(&self, tied: Option<bool>) -> Result<Config> {
        if self.use_bidirectional_attention == Some(true) {
            return Err(unsupported("use_bidirectional_attention", &true, "false"));
        }
        let d_model = self.hidden_size.unwrap_or(2304);
        let n_layers = Config::check_n_layers(self.num_hidden_layers.unwrap_or(26))?;
        let max_seq = self.max_position_embeddings.unwrap_or(131_072);
        let (global, sliding) = self.ropes(max_seq)?;
        let attention_bias = self.attention_bias == Some(true);
        let name = self.hidden_activation.as_deref().unwrap_or("gelu_pytorch_tanh");
        let scalar = self.query_pre_attn_scalar.unwrap_or(256.0);
        Ok(Config {
            architecture: Architecture::Gemma3,
            n_layers,
            d_model,
            n_heads: self.num_attention_heads.unwrap_or(8),
            n_kv_heads: self.num_key_value_heads.unwrap_or(4),
            head_dim: self.head_dim.unwrap_or(256),
            d_ff: self.intermediate_size.unwrap_or(9216),
            vocab_size: self.vocab_size.unwrap_or(262_208),
            max_seq,
            norm: NormKind::Rms,
            norm_eps: self.rms_norm_eps.unwrap_or(1e-6),
            positions: Positions::Rotary(global),
            window: self.window(n_layers, sliding)?,
            activation: activation("hidden_activation", name)?,
            feed_forward: FeedForward::Gated,
            biases: Biases {
                query_key_value: attention_bias,
                attn_output: attention_bias,
                feed_forward: false,
            },
            embedding_scale: (d_model as f32).sqrt(),
            query_scale: QueryScale::Uniform(inverse_root(scalar)),
            attn_softcap: self.attn_logit_softcapping,
            logit_softcap: self.final_logit_softcapping,
            qk_norm: true,
            post_norms: true,
            tied_head: tied.unwrap_or(true),
        })
    }

    /// The rotary positions of the layers that see everything, and of those that slide.
    fn ropes(&self, max_seq: usize) -> Result<(Rope, Rope)> {
        let by_type = self.rope_parameters.clone().unwrap_or_default();
        by_type.check()?;
        let scaling = self.rope_scaling.clone().filter(|scaling| !scaling.is_empty());
        if by_type.full_attention.is_some() && scaling.is_some() {
            return Err(unsupported("rope_scaling", &"a table beside rope_parameters", "null"));
        }
        let whole = |parameters: Option<Parameters>| {
            parameters.unwrap_or_default().inside(None, self.partial_rotary_factor)
        };
        let (full, sliding) =
            (whole(scaling.or(by_type.full_attention)), whole(by_type.sliding_attention));
        Ok((
            full.rope(self.rope_theta.unwrap_or(1_000_000.0), max_seq)?,
            sliding.rope(self.rope_local_base_freq.unwrap_or(10_000.0), max_seq)?,
        ))
    }

    fn window(&self, n_layers: usize, rope: Rope) -> Result<Option<Window>> {
        let slides = match &self.layer_types {
            None => Window::pattern(n_layers, self.sliding_window_pattern.unwrap_or(6))?,
            Some(types) => types.iter().map(|name| slides(name)).collect::<Result<_>>()?,
        };
        if !slides.contains(&true) {
            return Ok(None);
        }
        let size = match self.sliding_window {
            Setting::Absent => 4096,
            Setting::Given(Some(size)) => size,
            Setting::Given(None) => return Err(unsupported("sliding_window", &"null", "a size")),
        };
        Ok(Some(Window { size, slides, rope }))
    }
}

/// A setting of which null is a value.
#[derive(Clone, Copy, Default)]
enum Setting<T> {
    #[default]
    Absent,
    Given(Option<T>),
}

impl<T> Setting<T> {
    const fn absent() -> Self {
        Self::Absent
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Setting<T> {
    fn deserialize<D: serde::Deserializer<'de>>(json: D) -> std::result::Result<Self, D::Error> {
        Option::deserialize(json).map(Self::Given)
    }
}

/// Whether layers of that type slide.
fn slides(layer_type: &str) -> Result<bool> {
    match layer_type {
        "sliding_attention" => Ok(true),
        "full_attention" => Ok(false),
        other => {
            let given = format!("\"{}\"", Text(other.as_bytes()));
            Err(unsupported("layer_types", &given, "sliding_attention, full_attention"))
        }
    }
}
