//! The blueprint in a GGUF file's metadata.

use super::{EMBEDDING, HEAD, ROPE_FACTORS};
use crate::config::{
    Activation, Architecture, Biases, Config, FeedForward, NormKind, Positions, QueryScale, Rope,
    RopeScaling, Window,
};
use crate::format::Text;
use crate::format::gguf::Gguf;
use crate::kernel::Matrix;
use crate::{Error, ErrorKind, Result};

/// Positions between Gemma 3's layers that see everything, and the rotary base of the others:
/// llama.cpp's defaults, as most files leave them out.
const GEMMA3_EVERY: usize = 6;
const GEMMA3_LOCAL_BASE: f32 = 10_000.0;
/// The rotary base where a file names none.
const DEFAULT_ROPE_BASE: f32 = 10_000.0;
/// Gemma 3's 27 billion parameter model, known by its depth, scales queries by its own rule.
const GEMMA3_27B_LAYERS: usize = 62;

/// Settings that change the result and that this version does not know: refused, not ignored.
/// Each with the value that means nothing is changed.
const REFUSED_NUMBERS: [(&str, f32); 2] = [("attention.clamp_kqv", 0.0), ("logit_scale", 0.0)];

/// Reads the hyper-parameters of one architecture: `llama.block_count`, `gemma3.block_count`.
struct Keys<'a> {
    gguf: &'a Gguf,
    architecture: Architecture,
}

impl Keys<'_> {
    fn name(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.architecture)
    }

    fn size(&self, suffix: &str) -> Result<Option<usize>> {
        let found = self.gguf.metadata().u32(&self.name(suffix))?;
        Ok(found.map(|size| size as usize))
    }

    fn number(&self, suffix: &str) -> Result<Option<f32>> {
        self.gguf.metadata().f32(&self.name(suffix))
    }

    /// A number of which 0 means: none.
    fn number_above_0(&self, suffix: &str) -> Result<Option<f32>> {
        Ok(self.number(suffix)?.filter(|number| number.to_bits() != 0))
    }

    fn need<T>(&self, suffix: &str, found: Option<T>) -> Result<T> {
        found.ok_or_else(|| {
            let name = self.name(suffix);
            Error::new(ErrorKind::Format, format!("metadata lacks {name}"))
        })
    }

    fn needed_size(&self, suffix: &str) -> Result<usize> {
        self.need(suffix, self.size(suffix)?)
    }

    fn needed_number(&self, suffix: &str) -> Result<f32> {
        self.need(suffix, self.number(suffix)?)
    }

    fn refuse(&self) -> Result<()> {
        for (suffix, neutral) in REFUSED_NUMBERS {
            if let Some(given) =
                self.number(suffix)?.filter(|given| given.to_bits() != neutral.to_bits())
            {
                return Err(self.unsupported(suffix, &given.to_string(), &neutral.to_string()));
            }
        }
        match self.size("expert_count")?.filter(|experts| *experts > 0) {
            Some(experts) => Err(self.unsupported("expert_count", &experts.to_string(), "0")),
            None => Ok(()),
        }
    }

    fn unsupported(&self, suffix: &str, given: &str, known: &str) -> Error {
        let name = self.name(suffix);
        let given = Text(given.as_bytes());
        Error::new(ErrorKind::Unsupported, format!("{name} = {given}, but only {known} is known"))
    }

    fn head_dim(&self, d_model: usize, n_heads: usize) -> Result<usize> {
        let head_dim = match self.size("attention.key_length")? {
            Some(given) => given,
            None if d_model.is_multiple_of(n_heads.max(1)) => d_model / n_heads.max(1),
            None => {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("d_model = {d_model} is not a multiple of n_heads = {n_heads}"),
                ));
            }
        };
        for suffix in ["attention.value_length", "rope.dimension_count"] {
            if let Some(other) = self.size(suffix)?.filter(|other| *other != head_dim) {
                return Err(self.unsupported(suffix, &other.to_string(), &head_dim.to_string()));
            }
        }
        Ok(head_dim)
    }

    fn window(&self, n_layers: usize) -> Result<Option<Window>> {
        let Some(size) = self.size("attention.sliding_window")?.filter(|size| *size > 0) else {
            return Ok(None);
        };
        if self.architecture != Architecture::Gemma3 {
            return Err(self.unsupported("attention.sliding_window", &size.to_string(), "0"));
        }
        let every = self.size("attention.sliding_window_pattern")?.unwrap_or(GEMMA3_EVERY);
        let base = self.number("rope.freq_base_swa")?.unwrap_or(GEMMA3_LOCAL_BASE);
        let slides = Window::pattern(n_layers, every)?;
        Ok(Some(Window { size, slides, rope: Rope::new(base) }))
    }

    /// The rotary positions of the layers that see everything.
    fn rope(&self, head_dim: usize) -> Result<Rope> {
        let base = self.number("rope.freq_base")?.unwrap_or(DEFAULT_ROPE_BASE);
        let factor = match self.number_above_0("rope.scaling.factor")? {
            Some(factor) => Some(factor),
            None => self.number_above_0("rope.scale_linear")?,
        };
        let kind = self.gguf.metadata().str(&self.name("rope.scaling.type"))?;
        let scaling = match (kind.unwrap_or("linear"), factor) {
            ("none", _) | ("linear", None) => RopeScaling::None,
            ("linear", Some(factor)) => RopeScaling::Linear(factor),
            (other, _) => return Err(self.unsupported("rope.scaling.type", other, "linear")),
        };
        match (scaling, self.rope_factors(head_dim)?) {
            (scaling, None) => Ok(Rope { base, scaling }),
            (RopeScaling::None, Some(factors)) => {
                Ok(Rope { base, scaling: RopeScaling::Factors(factors) })
            }
            (RopeScaling::Linear(factor), Some(_)) if factor.to_bits() != 1_f32.to_bits() => {
                Err(self.unsupported("rope.scaling.factor", &factor.to_string(), "1"))
            }
            (_, Some(factors)) => Ok(Rope { base, scaling: RopeScaling::Factors(factors) }),
        }
    }

    /// What each frequency of Llama 3 is divided by, `[head_dim / 2]`.
    fn rope_factors(&self, head_dim: usize) -> Result<Option<Vec<f32>>> {
        let found = self.gguf.tensor(ROPE_FACTORS);
        let Some(tensor) = found.filter(|_| self.architecture == Architecture::Llama) else {
            return Ok(None);
        };
        let (given, pairs) = (tensor.shape(), head_dim / 2);
        if *given != [pairs as u64] || pairs == 0 {
            let detail = format!("tensor {ROPE_FACTORS} has shape {given:?}, expected [{pairs}]");
            return Err(Error::new(ErrorKind::Shape, detail).at(tensor.offset()));
        }
        let mut factors = vec![0.0; pairs];
        Matrix::new(tensor.dtype(), 1, pairs, tensor.bytes())
            .map_err(|error| error.at(tensor.offset()))?
            .row(0, &mut factors);
        Ok(Some(factors))
    }

    /// Which products have a bias, as the first layer has them.
    fn biases(&self) -> Biases {
        if self.architecture == Architecture::Gpt2 {
            return Biases::ALL;
        }
        let has = |name: &str| self.gguf.tensor(&format!("blk.0.{name}.bias")).is_some();
        Biases {
            query_key_value: has("attn_q"),
            attn_output: has("attn_output"),
            feed_forward: has("ffn_up"),
        }
    }

    /// Rows of the embedding, held to what the metadata and the tokenizer say.
    fn vocab_size(&self) -> Result<usize> {
        let Some(embedding) = self.gguf.tensor(EMBEDDING) else {
            return Err(Error::new(ErrorKind::Shape, format!("the file lacks tensor {EMBEDDING}")));
        };
        // what does not fit is beyond every limit that the blueprint is held to
        let rows = usize::try_from(embedding.shape()[0]).unwrap_or(usize::MAX);
        let tokens = self.gguf.metadata().strings("tokenizer.ggml.tokens")?;
        let given = [self.size("vocab_size")?, tokens.map(|tokens| tokens.len())];
        match given.into_iter().flatten().find(|given| *given != rows) {
            Some(given) => Err(Error::new(
                ErrorKind::Shape,
                format!("the vocabulary has {given} tokens, but {EMBEDDING} has {rows} rows"),
            )
            .at(embedding.offset())),
            None => Ok(rows),
        }
    }
}

impl Config {
    /// The blueprint in a file's metadata and in the shape of its embedding; no weights are read.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for an architecture or setting this version does not know,
    /// [`ErrorKind::Format`] for a missing key, [`ErrorKind::Shape`] for numbers that contradict
    /// each other.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self> {
        config(gguf)
    }
}

pub(in super::super) fn config(gguf: &Gguf) -> Result<Config> {
    let name = gguf.metadata().str("general.architecture")?;
    let Some(name) = name else {
        return Err(Error::new(ErrorKind::Format, "metadata lacks general.architecture"));
    };
    let architecture = Architecture::from_name(name)?;
    let keys = Keys { gguf, architecture };
    keys.refuse()?;
    let n_layers = Config::check_n_layers(keys.needed_size("block_count")?)?;
    let d_model = keys.needed_size("embedding_length")?;
    let n_heads = keys.needed_size("attention.head_count")?;
    let head_dim = keys.head_dim(d_model, n_heads)?;
    let gpt2 = architecture == Architecture::Gpt2;
    let gemma = architecture == Architecture::Gemma3;
    let query_width =
        if gemma && n_layers == GEMMA3_27B_LAYERS { d_model / n_heads.max(1) } else { head_dim };
    let eps =
        if gpt2 { "attention.layer_norm_epsilon" } else { "attention.layer_norm_rms_epsilon" };
    let config = Config {
        architecture,
        n_layers,
        d_model,
        n_heads,
        n_kv_heads: keys.size("attention.head_count_kv")?.unwrap_or(n_heads),
        head_dim,
        d_ff: keys.needed_size("feed_forward_length")?,
        vocab_size: keys.vocab_size()?,
        max_seq: keys.needed_size("context_length")?,
        norm: if gpt2 { NormKind::Layer } else { NormKind::Rms },
        norm_eps: keys.needed_number(eps)?,
        positions: if gpt2 { Positions::Learned } else { Positions::Rotary(keys.rope(head_dim)?) },
        window: keys.window(n_layers)?,
        activation: match architecture {
            Architecture::Gpt2 | Architecture::Gemma3 => Activation::GeluTanh,
            Architecture::Llama => Activation::Silu,
        },
        feed_forward: if gpt2 { FeedForward::Plain } else { FeedForward::Gated },
        biases: keys.biases(),
        embedding_scale: if gemma { (d_model as f32).sqrt() } else { 1.0 },
        query_scale: QueryScale::Uniform(1.0 / (query_width as f32).sqrt()),
        attn_softcap: keys.number_above_0("attn_logit_softcapping")?,
        logit_softcap: keys.number_above_0("final_logit_softcapping")?,
        qk_norm: gemma,
        post_norms: gemma,
        tied_head: gguf.tensor(HEAD).is_none(),
    };
    config.check()?;
    Ok(config)
}
